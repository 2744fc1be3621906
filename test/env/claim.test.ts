/** One process at a time has a directory, whoever comes when, and whatever the one before died of. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { claimDirectory } from '../../src/env/claim.ts';

let directory: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-claim-'));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

const MODULE = fileURLToPath(new URL('../../dist/env/claim.js', import.meta.url));

/** Another process that tries; `got` is `yes` or `no`. It stays until it is killed. */
function claimant(): { child: ChildProcess; got: Promise<string> } {
  const program = `
    import { claimDirectory } from ${JSON.stringify(MODULE)};
    const claim = await claimDirectory(${JSON.stringify(directory)});
    process.stdout.write(claim === undefined ? 'no' : 'yes');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const got = new Promise<string>((resolve) => {
    child.stdout!.once('data', (data: Buffer) => resolve(data.toString()));
  });
  return { child, got };
}

async function killed({ child }: { child: ChildProcess }): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

it('of many at once exactly one has it, and the next when that lets go (I1, I2)', async () => {
  for (let round = 0; round < 3; round++) {
    const claims = await Promise.all(Array.from({ length: 20 }, () => claimDirectory(directory)));
    const [claim, ...others] = claims.filter((each) => each !== undefined);
    expect([claim !== undefined, others]).toEqual([true, []]);
    expect(await claimDirectory(directory)).toBe(undefined);
    claim!.release();
  }
  expect(readdirSync(directory)).toEqual(['claim-3']);
});

it('of several processes exactly one has it; a stopped one keeps it, a killed one does not', async () => {
  let rivals = Array.from({ length: 4 }, claimant);
  for (let round = 0; round < 2; round++) {
    const answers = await Promise.all(rivals.map(({ got }) => got));
    expect(answers.toSorted()).toEqual(['no', 'no', 'no', 'yes']);
    const owner = rivals[answers.indexOf('yes')]!;
    owner.child.kill('SIGSTOP');
    expect(await claimDirectory(directory)).toBe(undefined);
    await Promise.all(rivals.map(killed));
    rivals = round === 0 ? Array.from({ length: 4 }, claimant) : [];
  }
  const claim = await claimDirectory(directory);
  expect(claim).toBeDefined();
  claim!.release();
});

it('its path may be longer than that of a socket', async () => {
  const long = join(directory, 'long'.repeat(40));
  mkdirSync(long);
  const claim = await claimDirectory(long);
  expect(claim).toBeDefined();
  expect(await claimDirectory(long)).toBe(undefined);
  claim!.release();
});
