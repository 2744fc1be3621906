/**
 * A slow sink and a slow function hold the sender back through TCP, memory stays flat, and nothing is dropped. A main
 * thread that stands still holds nobody back.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
// @ts-expect-error plain JavaScript, as threads load it
import { OPEN, SEEN } from '../fixtures/jobs/slow.js';
import { TextLedger } from '../../src/testing/text-ledger.ts';
import { TextServer } from '../../src/testing/text-server.ts';
import { WatchedRun } from './watched-run.ts';
import { INTERVAL_MS, WordCount } from './word-count.ts';

const MIB = 1 << 20;
const TEXT = { vocabulary: 2000, loopBytes: MIB };
/** What the job keeps for a re-run (the least), what lies in its buffers, and the kernel's. */
const ON_ITS_WAY_BYTES = 40 * MIB;
const closing: (() => Promise<unknown> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function residentBytes(): number {
  return process.memoryUsage().rss;
}

describe('what is slow', () => {
  for (const slow of ['sink', 'map'] as const) {
    it(`a ${slow}: the server has to wait, memory is flat, and no line is lost`, async () => {
      const server = new TextServer({ ...TEXT, resumable: true });
      const port = await server.listen();
      const control = new Int32Array(new SharedArrayBuffer(8));
      const watched = await WatchedRun.start(
        'slow.js',
        {
          threads: 2,
          retainBytes: MIB,
          // A block of the map takes longer than that; its thread is slow, and does not hang.
          supervision: { hangTimeoutMs: 1000 },
          args: { port, slow, control } as never,
        },
        ['declared'],
      );
      const count = new WordCount(server, watched, ['declared'], control);
      closing.push(() => count.close());
      const intervals = async (n: number): Promise<void> => {
        const from = watched.ofType('batchSubmitted').length;
        await watched.until(
          `${n} intervals`,
          () => watched.ofType('batchSubmitted').length >= from + n,
        );
      };
      await watched.until('the server has to wait', () => server.stalled);
      let served: number;
      do {
        served = server.served;
        await intervals(4);
        // A slow function takes some all the time; a sink that stands still lets all buffers fill up.
      } while (slow === 'sink' && server.served > served);
      served = server.served;
      const resident = residentBytes();
      let most = resident;
      for (let n = 0; n < 8; n++) {
        await intervals(1);
        most = Math.max(most, residentBytes());
      }
      expect(server.stalled).toBe(true);
      expect(served).toBeLessThan(ON_ITS_WAY_BYTES);
      expect(server.served - served).toBeLessThan(slow === 'sink' ? 1 : 4 * MIB);
      expect(most - resident).toBeLessThan(32 * MIB);

      Atomics.store(control, OPEN, 1);
      Atomics.notify(control, OPEN);
      await watched.until('the server goes on', () => server.served > served + 8 * MIB);
      expect(await count.finishHeld()).toEqual([]);
      expect(watched.ofType('actorExited')).toEqual([]);
      expect(watched.run.metrics().restarts).toBe(0);
    });
  }
});

describe('a main thread that stands still', () => {
  it('for three seconds: batches go on at their times, and no thread is taken for hanging', async () => {
    const server = new Worker(new URL('../fixtures/threads/text-server.mjs', import.meta.url), {
      workerData: { ...TEXT, resumable: true, rate: 20_000 },
    });
    closing.push(() => {
      server.postMessage('stop');
      return once(server, 'exit');
    });
    const [port] = (await once(server, 'message')) as [number];
    const control = new Int32Array(new SharedArrayBuffer(8));
    const times = new Float64Array(new SharedArrayBuffer(8 * 2 * 1000));
    const watched = await WatchedRun.start(
      'slow.js',
      {
        threads: 2,
        supervision: { hangTimeoutMs: 1500 },
        args: { port, control, times } as never,
      },
      ['declared'],
    );
    closing.push(() => watched.run.stop({ graceful: false }));
    await watched.batchesPass(4);

    const from = Date.now();
    while (Date.now() < from + 3000);
    const seenMeanwhile: { readonly time: number; readonly at: number }[] = [];
    for (let n = 0; n < Atomics.load(control, SEEN); n++) {
      if (times[2 * n + 1]! > from)
        seenMeanwhile.push({ time: times[2 * n]!, at: times[2 * n + 1]! });
    }
    expect(seenMeanwhile.length).toBeGreaterThanOrEqual(8);
    expect(seenMeanwhile.map(({ time }) => time)).toEqual(
      seenMeanwhile.map((_, n) => seenMeanwhile[0]!.time + n * INTERVAL_MS),
    );
    const waits = seenMeanwhile.map(
      ({ at }, n) => at - (n === 0 ? from : seenMeanwhile[n - 1]!.at),
    );
    expect(Math.max(...waits)).toBeLessThan(1000);

    await watched.batchesPass(4);
    server.postMessage('hold');
    const [position] = (await once(server, 'message')) as [number];
    const ledger = new TextLedger(TEXT).countsAt(position);
    const counted = (): Map<string, number> => {
      const counts = new Map<string, number>();
      for (const { values } of watched.batches.get('declared')!) {
        for (const [word, n] of values as [string, number][])
          counts.set(word, (counts.get(word) ?? 0) + n);
      }
      return counts;
    };
    const sum = (counts: Map<string, number>): number =>
      [...counts.values()].reduce((a, b) => a + b, 0);
    await watched.until('all is counted', () => sum(counted()) >= sum(ledger));
    expect(await watched.run.stop()).toMatchObject({ drained: true });
    await watched.ended();
    expect(counted()).toEqual(ledger);
    expect(watched.ofType('actorExited')).toEqual([]);
  });
});
