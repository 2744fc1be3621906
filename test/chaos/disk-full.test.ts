/**
 * A disk that is really full: a small file system of its own (tmpfs), filled to the last byte for ten seconds, and freed.
 * The job says that it is degraded, acknowledges nothing meanwhile, goes on by itself, and is exact. Mounting takes root
 * on Linux; elsewhere this is skipped.
 */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type Life, Trial } from './kill9/trial.ts';

const FULL_MS = 10_000;
const SIZE = '48m';

/** The disk is full for somebody, in an event of the job or the state of a source. */
const told = (life: Life): boolean =>
  life.words.some(
    (word) =>
      (word.type === 'degraded' || word['state'] === 'degraded') &&
      JSON.stringify(word).includes('ENOSPC'),
  );

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function mayMount(): boolean {
  const at = mkdtempSync(join(tmpdir(), 'mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at], { stdio: 'ignore' });
    execFileSync('umount', [at]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
}

/** Takes all that is free, again and again, since the job lets go of old files. */
function fill(path: string, ms: number): Promise<void> {
  const fd = openSync(path, 'a');
  const piece = Buffer.alloc(4096);
  const more = (): void => {
    try {
      for (;;) writeSync(fd, piece);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  };
  more();
  const timer = setInterval(more, 20);
  return wait(ms).then(() => {
    clearInterval(timer);
    closeSync(fd);
    rmSync(path);
  });
}

describe.skipIf(!mayMount())('a full disk', () => {
  it('for ten seconds: seen, nothing is acknowledged, and it goes on by itself', async () => {
    const room = mkdtempSync(join(tmpdir(), 'disk-full-'));
    const disk = join(room, 'disk');
    mkdirSync(disk);
    closing.push(() => rmSync(room, { recursive: true, force: true }));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', disk]);
    closing.push(() => void execFileSync('umount', ['-l', disk]));
    const trial = new Trial({ room, checkpointDir: join(disk, 'checkpoints') });
    closing.push(() => trial.close());
    await trial.listen();
    const life = trial.start();
    await life.until('checkpoints', () => life.ofType('checkpointCompleted').length >= 2);

    const filling = fill(join(disk, 'filler'), FULL_MS);
    await life.until('it is degraded', () => told(life));
    // What was on its way when the last byte went may still be told.
    await wait(1000);
    const { acked } = trial.acked;
    const completed = life.ofType('checkpointCompleted').length;
    await wait(FULL_MS - 3000);
    expect(statfsSync(disk).bavail).toBe(0);
    expect(trial.acked.acked).toBe(acked);
    expect(life.ofType('checkpointCompleted').length).toBe(completed);
    await filling;
    await life.until(
      'checkpoints',
      () => life.ofType('checkpointCompleted').length > completed + 1,
    );
    expect(life.ofType('actorExited')).toEqual([]);
    expect(life.ofType('batchFailed')).toEqual([]);
    expect(life.ofType('recovering')).toEqual([]);
    expect(await trial.finish(life)).toEqual([]);
  }, 120_000);

  it('and a kill while it is full: what was acknowledged is there', async () => {
    const room = mkdtempSync(join(tmpdir(), 'disk-full-'));
    const disk = join(room, 'disk');
    mkdirSync(disk);
    closing.push(() => rmSync(room, { recursive: true, force: true }));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', disk]);
    closing.push(() => void execFileSync('umount', ['-l', disk]));
    const trial = new Trial({ room, checkpointDir: join(disk, 'checkpoints') });
    closing.push(() => trial.close());
    await trial.listen();
    const life = trial.start();
    await life.until('checkpoints', () => life.ofType('checkpointCompleted').length >= 2);
    const filling = fill(join(disk, 'filler'), 2000);
    await life.until('it is degraded', () => told(life));
    await wait(500);
    await life.kill();
    await filling;
    expect(await trial.finish()).toEqual([]);
  }, 120_000);
});
