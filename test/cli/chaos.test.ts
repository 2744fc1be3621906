/** `millrace chaos`: its exit codes, and what it prints and writes. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type Command, endAll, jobFile, millrace, root } from './command.ts';

const NUMBERS = `${root}chaos/numbers.ts`;
const room = mkdtempSync(join(tmpdir(), 'chaos-command-'));

afterEach(endAll);
afterAll(() => rmSync(room, { recursive: true }));

function script(name: string, claims: string): string {
  const file = join(room, name);
  writeFileSync(
    file,
    `import { chaos } from ${JSON.stringify(`${root}dist/testing/index.js`)};
export default chaos((c) => {
  c.serve('port', { rate: 5000 });
  c.for('1s');
  c.at('400ms').kill('worker');
  ${claims}
});
`,
  );
  return file;
}

describe('millrace chaos', () => {
  it('exits with 0 when all claims hold; prints the timeline, writes report and picture', async () => {
    const held = script('held.mjs', 'c.claim.ledgerExact(); c.claim.restarts(1);');
    const report = join(room, 'report');
    const { code, stdout, stderr } = await millrace([
      'chaos',
      NUMBERS,
      '--script',
      held,
      '--report',
      report,
    ]).ended;
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout).toMatch(/ 0\.\d\d s {2}kill worker .*worker died: killed.*recovered in \d+ ms/);
    expect(stdout).toMatch(/ ok {3}ledger of records exact: [\d,]+ records, each once/);
    expect(stdout).toMatch(/verdict: all claims hold/);
    expect(JSON.parse(readFileSync(join(report, 'chaos.json'), 'utf8'))).toMatchObject({
      ok: true,
      job: 'numbers',
      seed: 1,
      restarts: 1,
    });
    expect(readFileSync(join(report, 'chaos.svg'), 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s);
  });

  it('exits with 70 when one does not; --json is one object', async () => {
    const wrong = script('wrong.mjs', 'c.claim.restarts(2);');
    const { code, stdout } = await millrace([
      'chaos',
      NUMBERS,
      '--script',
      wrong,
      '--seed',
      '5',
      '--json',
    ]).ended;
    expect(code).toBe(70);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, seed: 5, failed: ['restarts: 2: 1'] });
  });

  it('exits with 2 when it is called wrongly', async () => {
    const calls = [
      ['chaos', NUMBERS],
      ['chaos', NUMBERS, '--script', join(room, 'missing.mjs')],
      ['chaos', NUMBERS, '--script', jobFile('no-job.mjs')],
      ['chaos', jobFile('no-job.mjs'), '--script', script('any.mjs', '')],
      ['chaos', NUMBERS, '--script', script('typo.mjs', "c.on('actorExitd').kill();")],
      ['chaos', NUMBERS, '--script', script('syntax.mjs', '}')],
      ['chaos', NUMBERS, '--script', script('fine.mjs', ''), '--report', join(room, 'fine.mjs')],
    ];
    for (const call of calls) expect((await millrace(call).ended).code, call.join(' ')).toBe(2);
  });

  it('says what is wrong with a script, and where', async () => {
    const typo = script('word.mjs', "c.at('1s').kill('wroker');");
    const { stderr } = await millrace(['chaos', NUMBERS, '--script', typo]).ended;
    expect(stderr).toMatch(
      /ERR_MILLRACE_BAD_SCRIPT: the chaos script: a fault: 'wroker' is none of worker, .*mean 'worker'\?, at .*word\.mjs:6/,
    );
  });

  it('judges what it has seen at the first Ctrl-C, and leaves at the second; nothing is left', async () => {
    const long = script('long.mjs', "c.for('60s'); c.claim.ledgerExact();");
    const left = (): string[] =>
      readdirSync(room).filter((name) => name.startsWith('millrace-chaos-'));
    const start = async (): Promise<Command> => {
      const command = millrace(['chaos', NUMBERS, '--script', long, '-v'], { TMPDIR: room });
      await command.said(/\d s {2}kill worker: worker \(thread \d+\)/);
      return command;
    };
    const first = await start();
    first.signal('SIGINT');
    const { code, stdout, stderr } = await first.ended;
    expect(stderr).toMatch(/SIGINT: no more faults, the job is drained/);
    expect(stdout).toMatch(/ ok {3}ledger of records exact/);
    expect(stdout).toMatch(/FAIL {2}the script runs to its end: it was cut short after \d+\.\d s/);
    expect(code).toBe(70);
    expect(left()).toEqual([]);

    const second = await start();
    expect(left()).toHaveLength(1);
    second.signal('SIGINT');
    await second.said(/no more faults/);
    second.signal('SIGTERM');
    expect((await second.ended).code).toBe(75);
    expect(left()).toEqual([]);
  });
});
