/** The command looks into a directory of a job that was killed, changes its state, and begins again from that. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { endAll, jobFile, millrace } from './command.ts';

let directory: string;
let server: Server;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-cli-inspect-'));
});
afterEach(async () => {
  await endAll();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

const at = (name: string): string => join(directory, name);

/** Five lines, and none of them again for those who have them. */
function served(): Promise<number> {
  const all = ['a', 'b', 'c', 'd', 'e'];
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (data) => {
      const from = Number(/from (\d+)/.exec(data.toString())![1]);
      socket.write(
        all
          .slice(from)
          .map((line) => `${line}\n`)
          .join(''),
      );
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
}

it('shows it, takes state out and puts it in, and a run goes on from what was made', async () => {
  const args = JSON.stringify({ port: await served(), died: at('died') });
  const job = ['run', jobFile('totals.mjs'), '-t', '1', '--args', args, '-c'];
  const first = millrace([...job, at('job')]);
  await first.said(/\(lines,5\)/);
  first.signal('SIGTERM');
  expect((await first.ended).code).toBe(0);

  const shown = await millrace(['inspect', at('job')]).ended;
  expect(shown).toMatchObject({ code: 0, stderr: '' });
  expect(shown.stdout).toMatch(/Checkpoints of the job totals: 1 run/);
  expect(shown.stdout).toMatch(
    /updateStateByKey#1 {2}1 entry, .* updateStateByKey at .*totals\.mjs:\d+:\d+/,
  );
  expect(shown.stdout).toMatch(/socketTextStream#1 {2}good .*\n {5}at \{"bytes":10,"lines":5\}/);
  const json = JSON.parse(
    (await millrace(['inspect', at('job'), '--json']).ended).stdout,
  ) as object;
  expect(json).toMatchObject({
    job: 'totals',
    operators: [{ uid: 'updateStateByKey#1', entries: 1 }],
  });

  const file = at('state.jsonl');
  const uid = 'updateStateByKey#1';
  await millrace(['inspect', at('job'), '--export', uid, '--out', file]).ended;
  const entry = JSON.parse(readFileSync(file, 'utf8')) as { value: number };
  expect(entry).toMatchObject({ operator: uid, key: 'lines', value: 5 });
  writeFileSync(file, `${JSON.stringify({ ...entry, value: 105 })}\n`);
  const imported = await millrace([
    'inspect',
    at('job'),
    '--import',
    uid,
    file,
    '--out',
    at('saved'),
  ]).ended;
  expect(imported).toMatchObject({ code: 0 });

  const second = millrace([...job, at('second'), '--savepoint', at('saved')]);
  await second.said(/\(lines,105\)/);
  second.signal('SIGTERM');
  expect((await second.ended).code).toBe(0);

  expect((await millrace(['inspect', at('nothing')]).ended).code).toBe(70);
  const wrong = await millrace(['inspect', at('job'), '--import', uid, file]).ended;
  expect(wrong).toMatchObject({ code: 2 });
});
