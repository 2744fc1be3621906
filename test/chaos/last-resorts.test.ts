/** Threads that can't be ended, memory that runs out, drains that can't: what is left of the job, and what is said of it. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunOptions } from 'millrace';
import { MillraceError } from 'millrace';
import { afterEach, describe, expect, it } from 'vitest';
import { fromWire } from '../../src/errors.ts';
import { WatchedRun } from './watched-run.ts';

const HANG_MS = 300;
const closing: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, n) => from + n);
}

/** A FIFO whose readers are let go at the end. */
function fifo(): string {
  const room = mkdtempSync(join(tmpdir(), 'fifo-'));
  const path = join(room, 'never');
  execFileSync('mkfifo', [path]);
  closing.push(() => {
    for (let reader = 0; reader < 8; reader++) {
      try {
        closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
      } catch {
        // Nobody reads any more.
        break;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30);
    }
    rmSync(room, { recursive: true });
  });
  return path;
}

async function stuck(calls: number, options: Omit<RunOptions<never>, 'args'> = {}) {
  const left = new Int32Array(new SharedArrayBuffer(4)).fill(calls);
  const args = { fifo: fifo(), calls: left } as never;
  const watched = await WatchedRun.start(
    'stuck.js',
    {
      threads: 1,
      ...options,
      args,
      supervision: { hangTimeoutMs: HANG_MS, killTimeoutMs: 200, ...options.supervision },
    },
    ['all'],
  );
  closing.push(() => watched.run.stop({ graceful: false }));
  return watched;
}

const all = (watched: WatchedRun): unknown[] =>
  watched.batches
    .get('all')!
    .flatMap(({ values }) => values)
    .sort((a, b) => Number(a) - Number(b));

describe('a thread in a native call', () => {
  it('is left behind, counted and named; its work is done by another, each record once', async () => {
    const watched = await stuck(1);
    await watched.run.input('numbers').push([-1, ...range(0, 100)]);
    await watched.until('it is lost', () => watched.run.metrics().quarantined === 1);
    await watched.run.input('numbers').push(range(100, 200));
    await watched.until('all are out', () => all(watched).length === 201);
    const report = await watched.run.stop();
    await watched.ended();
    expect(report).toEqual({ drained: true, stuckThreads: [expect.stringMatching(/^worker-\d$/)] });
    expect(all(watched)).toEqual([-1, ...range(0, 200)]);
    expect(watched.ofType('actorExited').map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^lost: /),
    ]);
    expect(watched.ofType('recovering')).toHaveLength(1);
  });

  it('more of them than may be: the job finishes what it has, and fails', async () => {
    const watched = await stuck(2, { supervision: { maxQuarantined: 1 } });
    await watched.run.input('numbers').push([-1, ...range(0, 100)]);
    const error = await watched.failure();
    await watched.ended();
    expect(error).toBeInstanceOf(MillraceError);
    expect(error).toMatchObject({
      code: 'ERR_MILLRACE_QUARANTINE_FULL',
      context: { quarantined: 2, maxQuarantined: 1 },
    });
    expect(all(watched)).toEqual([-1, ...range(0, 100)]);
    expect(watched.ofType('givingUp')).toHaveLength(1);
    expect(watched.ofType('drained')).toHaveLength(1);
    expect(watched.run.state).toBe('failed');
  });
});

describe('memory above maxRssMb', () => {
  it('the job takes in no more, finishes what it has, and fails', async () => {
    const maxRssMb = Math.ceil(process.memoryUsage.rss() / 2 ** 20) + 220;
    const watched = await stuck(0, { maxRssMb, supervision: { hangTimeoutMs: 20_000 } });
    await watched.run.input('numbers').push(range(0, 100));
    await watched.run.input('numbers').push(Array(8).fill(50 * 2 ** 20));
    const error = await watched.failure();
    await watched.ended();
    expect(error).toMatchObject({ code: 'ERR_MILLRACE_RSS_LIMIT', context: { maxRssMb } });
    expect(all(watched)).toHaveLength(108);
    expect(fromWire(watched.ofType('givingUp')[0]!.error).message).toMatch(
      /^the process has \d+ MiB/,
    );
  });
});

describe('a drain that can not end', () => {
  it('by its deadline: the report names the barrier, the tasks behind it and what was not read', async () => {
    const watched = await stuck(1, { supervision: { hangTimeoutMs: 20_000, killTimeoutMs: 100 } });
    await watched.run.input('numbers').push([-1, ...range(0, 100)]);
    await watched.batchesPass(0);
    const { drained, left, stuckThreads } = await watched.run.stop({ deadline: 300 });
    expect(drained).toBe(false);
    expect(stuckThreads).toEqual([expect.stringMatching(/^worker-\d$/)]);
    expect(left!.openBarrier!.number).toBeGreaterThan(0);
    expect(left!.openBarrier!.time % 100).toBe(0);
    expect(left!.tasksBehind).toContain('inputStream#1[0]');
    expect(left!.sources).toEqual([
      { source: 'inputStream#1', unreadBytes: expect.any(Number) as number },
    ]);
    expect(left!.sources[0]!.unreadBytes).toBeGreaterThan(100);
    expect(watched.run.state).toBe('stopped');
  });

  it('that ends has nothing left to report', async () => {
    const watched = await stuck(0);
    await watched.run.input('numbers').push(range(0, 10));
    expect(await watched.run.stop()).toEqual({ drained: true, stuckThreads: [] });
  });
});
