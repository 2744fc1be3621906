/** README.md: its code is that of examples, what it prints is what they print, its figures are those of docs/performance.md. */
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { endAll, millrace } from '../cli/command.ts';
import { page, root, tableBelow } from './pages.ts';

const README = page('README.md');
const EXAMPLE = 'examples/network-wordcount.ts';
const servers: Server[] = [];

afterEach(async () => {
  await endAll();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

/** The code of an example, without the comment at its head. */
function codeOf(file: string): string {
  return readFileSync(root + file, 'utf8').replace(/^\/\*\*[^]*?\*\/\n/, '');
}

describe('the word count', () => {
  it('is the example, and begins by line 20', () => {
    const [first] = README.fences;
    expect(first!.text).toBe(codeOf(EXAMPLE));
    expect(first!.line).toBeLessThanOrEqual(20);
  });

  it('on getting-started is the same, under another name', () => {
    const { fences } = page('docs/getting-started.md');
    const shown = fences.find(({ text }) => text.startsWith('// wordcount.ts\n'))!.text;
    expect(shown).toBe(
      `// wordcount.ts\n${codeOf(EXAMPLE).replace('network-wordcount', 'wordcount')}`,
    );
  });

  it('prints what is shown, run as is shown', async () => {
    const command = /^npx millrace (run \S+) --args '(.*)'$/m.exec(README.text)!;
    expect(command[1]).toBe(`run ${EXAMPLE}`);
    const shown = README.fences.find(({ text }) => text.startsWith('-'.repeat(43)))!.text;
    const lines = [
      ...README.text.matchAll(/lines typed into the first, `(.*)` and `(.*)`/g),
    ][0]!.slice(1);
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write(lines.map((line) => `${line}\n`).join(''));
    });
    servers.push(server);
    const port = await new Promise<number>((resolve) => {
      server.listen(0, 'localhost', () => resolve((server.address() as AddressInfo).port));
    });
    const args = command[2]!.replace('9999', String(port));
    const job = millrace([...command[1]!.split(' '), '-t', '2', '--args', args]);
    await job.said(/\(be,2\)[^]*\n\n/);
    job.signal('SIGINT');
    const { stdout, code } = await job.ended;
    expect(code).toBe(0);
    const printed = stdout.split(/(?=-{43}\nTime)/).find((batch) => batch.includes('(be,2)'))!;
    // Which thread counts a word is nobody's business; the time is another.
    const records = (text: string): string[] => text.split('\n').slice(3).sort();
    expect(records(printed)).toEqual(records(shown));
    expect(printed.split('\n')[1]).toMatch(/^Time: \d{13} ms$/);
  });
});

it('what stands for the embedding example is in it, in that order', () => {
  const [, shown] = README.fences.filter(({ language }) => language === 'ts');
  const code = codeOf('examples/embedded.ts');
  let from = 0;
  for (const part of shown!.text.split(/^\/\/ …\n/m)) {
    const at = code.indexOf(part, from);
    expect(at, part).toBeGreaterThanOrEqual(0);
    from = at + part.length;
  }
});

it('has no more than 200 lines, and its figures are those of docs/performance.md', () => {
  expect(README.text.split('\n').length).toBeLessThanOrEqual(200);
  const known = tableBelow(page('docs/performance.md'), 'Others on the same work').map((row) =>
    row.join(' '),
  );
  for (const [program, figure, from] of tableBelow(README, 'How it compares')) {
    if (from!.startsWith('node ') || !/\d/.test(figure!)) continue;
    const name = program!.replace(/ \(.*\)$/, '').split(/ (?=\d)/, 1)[0]!;
    expect(
      known.some((row) => row.startsWith(name) && row.includes(figure!)),
      program,
    ).toBe(true);
  }
});
