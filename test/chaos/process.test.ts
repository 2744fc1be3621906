/** A process whose run had its threads killed ends by itself, and leaves nothing in the temporary directory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';

const program = fileURLToPath(
  new URL('../fixtures/programs/killed-and-stopped.mjs', import.meta.url),
);
let room: string | undefined;

afterEach(() => {
  if (room !== undefined) rmSync(room, { recursive: true, force: true });
});

async function ended(...args: readonly string[]): Promise<unknown> {
  room = mkdtempSync(join(tmpdir(), 'chaos-'));
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, TMPDIR: room, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => (stdout += text));
  child.stderr.on('data', (text) => (stderr += text));
  const [code, signal] = await once(child, 'close');
  return { code, signal, stderr, said: JSON.parse(stdout), left: readdirSync(room) };
}

const inOrder = { code: 0, signal: null, stderr: '', left: [] };

it('after a run that was stopped', async () => {
  expect(await ended()).toEqual({
    ...inOrder,
    said: { drained: true, stuckThreads: [], exact: true, isAny: true },
  });
});

it('after a run that failed', async () => {
  expect(await ended('fail')).toEqual({
    ...inOrder,
    said: { code: 'ERR_MILLRACE_REACHED_MAX_RESTARTS' },
  });
});
