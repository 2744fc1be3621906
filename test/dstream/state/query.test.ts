/** The state of a key, asked for while the job runs, in the calling thread and on workers, and what kills do to it. */
import type { Run } from 'millrace';
import { StreamingContext } from 'millrace';
import { afterEach, describe, expect, it } from 'vitest';
import { WatchedRun } from '../../chaos/watched-run.ts';

const runs: WatchedRun[] = [];
afterEach(async () => {
  for (const { run } of runs.splice(0)) await run.stop({ graceful: false });
});

async function start(threads: number): Promise<WatchedRun> {
  const options = {
    threads,
    supervision: { maxRestarts: 100, backoff: { maxMs: 50 }, hangTimeoutMs: 5000 },
  };
  const watched = await WatchedRun.start('visits.js', options as never, ['visits', 'latest']);
  runs.push(watched);
  return watched;
}

const push = (run: Run, pairs: readonly (readonly [unknown, number])[]): Promise<void> =>
  run.input('in').push(pairs);

/** Until what was pushed has been through a batch. */
async function throughABatch(watched: WatchedRun): Promise<void> {
  await watched.batchesPass(2);
}

describe.each([0, 2])('threads: %i: a query', (threads) => {
  it('gives the state of a key, as of the end of a batch', async () => {
    const watched = await start(threads);
    const { run } = watched;
    expect(await run.query('visits', 'alice')).toBeUndefined();
    await push(run, [
      ['alice', 2],
      ['bob', 5],
      ['alice', 3],
      [['a', 1] as never, 7],
    ]);
    await throughABatch(watched);
    expect(await run.query('visits', 'alice')).toBe(5);
    expect(await run.query('visits', 'bob')).toBe(5);
    expect(await run.query('visits', ['a', 1])).toBe(7);
    expect(await run.query('visits', 'carol')).toBeUndefined();
    expect(await run.query('grouped', 'alice')).toEqual({ list: [5] });
    expect(await run.query('latest', 'alice')).toEqual({ count: 2, value: 3 });
  });

  it('gives a copy', async () => {
    const watched = await start(threads);
    const { run } = watched;
    await push(run, [['alice', 2]]);
    await throughABatch(watched);
    const got = await run.query<{ list: number[] }>('grouped', 'alice');
    got!.list.push(99);
    expect(await run.query('grouped', 'alice')).toEqual({ list: [2] });
  });

  it('refuses what it can not answer, and says why', async () => {
    const { run } = await start(threads);
    await expect(run.query('visit', 'alice')).rejects.toMatchObject({
      code: 'ERR_MILLRACE_NO_SUCH_STATE',
      message: expect.stringMatching(
        /no state 'visit'; there is 'visits', 'grouped', 'latest', 'updateStateByKey#3'/,
      ),
    });
    await expect(run.query('updateStateByKey#3', 'alice')).rejects.toMatchObject({
      code: 'ERR_MILLRACE_NO_SUCH_STATE',
      message: expect.stringMatching(/does not run/),
    });
    await expect(run.query('visits', new Map())).rejects.toMatchObject({
      code: 'ERR_MILLRACE_KEY_TYPE',
    });
    await run.stop({ graceful: false });
    await expect(run.query('visits', 'alice')).rejects.toMatchObject({
      code: 'ERR_MILLRACE_STOPPED',
    });
  });
});

describe('state on workers that are killed', () => {
  it('is at last what it would have been, and is told while the job recovers', async () => {
    const watched = await start(2);
    const { run } = watched;
    const totals = new Map<string, number>();
    const counts = new Map<string, number>();
    const ways = ['terminate', 'exit', 'throw', 'task'] as const;
    let n = 0;
    for (let kill = 0; kill < ways.length; kill++) {
      for (let round = 0; round < 4; round++) {
        const pairs = Array.from({ length: 500 }, () => {
          const key = `key-${(n * n + 7 * n) % 97}`;
          const value = n++ % 10;
          totals.set(key, (totals.get(key) ?? 0) + value);
          counts.set(key, (counts.get(key) ?? 0) + 1);
          return [key, value] as const;
        });
        await push(run, pairs);
        await watched.batchesPass(1);
      }
      await watched.until('all threads are up', () => watched.isWhole);
      run.kill(watched.thread('worker', kill % 2)!.slot, ways[kill]!);
      // It waits for whoever takes over.
      expect(await run.query<number>('visits', 'key-0')).toBeLessThanOrEqual(totals.get('key-0')!);
    }
    await throughABatch(watched);
    await watched.until('all threads are up', () => watched.isWhole);
    expect(run.metrics().restarts).toBeGreaterThanOrEqual(3);
    await throughABatch(watched);
    for (const [key, total] of totals) {
      expect([key, await run.query('visits', key)]).toEqual([key, total]);
      expect(await run.query('latest', key)).toMatchObject({ count: counts.get(key)! });
    }
    const [report] = [await run.stop()];
    expect(report.drained).toBe(true);
    await watched.ended();
    const last = new Map(watched.batches.get('visits')!.at(-1)!.values as [string, number][]);
    expect(last).toEqual(totals);
    // Each record was mapped once, in the order of its key.
    const told = new Map<string, number>();
    for (const { values } of watched.batches.get('latest')!) {
      for (const [key, count] of values as [string, number][]) {
        expect(count).toBe((told.get(key) ?? 0) + 1);
        told.set(key, count);
      }
    }
    expect(told).toEqual(counts);
  });
});

describe('a streaming context', () => {
  it('is asked like a run, once it has started', async () => {
    const ssc = new StreamingContext({ batchInterval: '50ms' });
    ssc
      .inputStream<readonly [string, number]>('in')
      .updateStateByKey((values, state: number = 0) => state + values.length)
      .named('counts')
      .collectAs('out');
    await expect(ssc.query('counts', 'a')).rejects.toMatchObject({
      code: 'ERR_MILLRACE_NOT_STARTED',
    });
    await ssc.start();
    await ssc.input('in').push([['a', 1]]);
    for await (const batch of ssc.results('out')) if (batch.values.length > 0) break;
    expect(await ssc.query('counts', 'a')).toBe(1);
    await ssc.stop();
  });
});
