/** What the command does when there is nothing better left: it ends its own process, and says what its code would be. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { endAll, jobFile, millrace } from './command.ts';

const room = mkdtempSync(join(tmpdir(), 'last-resorts-'));

afterEach(endAll);
afterAll(() => rmSync(room, { recursive: true }));

function native(name: string, ...flags: string[]): readonly [ReturnType<typeof millrace>, string] {
  const fifo = join(room, `${name}.fifo`);
  const status = join(room, `${name}.json`);
  execFileSync('mkfifo', [fifo]);
  const args = JSON.stringify({ fifo });
  const file = jobFile('native.mjs');
  return [millrace(['run', file, '--args', args, '--status', status, ...flags]), status];
}

const code = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));
const stuckThreads = [expect.stringMatching(/worker/)];

describe('a thread in a native call', () => {
  it('SIGTERM, the deadline passes: what is left is told, the code 75 is written, and the process ends', async () => {
    const [command, status] = native('deadline', '--deadline', '500ms');
    await command.said(/reads the FIFO/);
    command.signal('SIGTERM');
    const { signal, stderr } = await command.ended;
    expect(signal).toBe('SIGKILL');
    expect(code(status)).toEqual({ code: 75, stuckThreads });
    expect(stderr).toMatch(/SIGTERM: draining/);
    expect(stderr).toMatch(
      /left: barrier \d+ \(batch .*\) was not through; behind it: queueStream/,
    );
    expect(stderr).toMatch(
      /can't be ended, so this process ends itself with SIGKILL; its exit code would be 75\n$/,
    );
  });

  it('a second signal: now means now', async () => {
    const [command, status] = native('twice');
    await command.said(/reads the FIFO/);
    command.signal('SIGTERM');
    await command.said(/SIGTERM: draining/);
    command.signal('SIGTERM');
    const { signal, stderr } = await command.ended;
    expect(signal).toBe('SIGKILL');
    expect(stderr).toMatch(/SIGTERM again: stopping now/);
    expect(code(status)).toEqual({ code: 75, stuckThreads });
  });
});

it('more memory than maxRssMb: exit code 71, and what was taken in is out', async () => {
  const status = join(room, 'memory.json');
  const ended = await millrace(['run', jobFile('too-large.mjs'), '--status', status]).ended;
  expect(ended.code).toBe(71);
  expect(code(status)).toEqual({ code: 71, stuckThreads: [] });
  expect(ended.stderr).toMatch(/takes in no more, finishes what it has, and then fails/);
  expect(ended.stderr).toMatch(
    /ERR_MILLRACE_RSS_LIMIT: the process has \d+ MiB in memory; maxRssMb is 64/,
  );
});
