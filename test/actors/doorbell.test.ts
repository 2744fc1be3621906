import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { createDoorbells, LocalBell, RemoteBell, Sleeper } from '../../src/actors/doorbell.ts';

/** Notifies that happen while `run` runs. */
function notifiesIn(run: () => void): number {
  const { notify } = Atomics;
  let count = 0;
  Atomics.notify = ((...args: Parameters<typeof notify>) => {
    count++;
    return notify(...args);
  }) as typeof notify;
  try {
    run();
  } finally {
    Atomics.notify = notify;
  }
  return count;
}

describe('a doorbell', () => {
  it('costs nobody a notify while its thread is awake, and one in all when many ring a sleeper', () => {
    const memory = createDoorbells(3);
    const sleeper = new Sleeper(memory, 1);
    const bells = [new RemoteBell(memory, 1), new RemoteBell(memory, 1)];
    const ringAll = (): void => bells.forEach((bell) => bell.ring());
    expect(notifiesIn(ringAll)).toBe(0);
    sleeper.prepare();
    expect(notifiesIn(() => new RemoteBell(memory, 2).ring())).toBe(0);
    expect(notifiesIn(ringAll)).toBe(1);
    expect(notifiesIn(ringAll)).toBe(0);
    sleeper.awake();
    expect(notifiesIn(ringAll)).toBe(0);
  });

  it('I1: a ring between the last look and the wait is not slept over', () => {
    const memory = createDoorbells(1);
    const sleeper = new Sleeper(memory, 0);
    sleeper.prepare();
    new RemoteBell(memory, 0).ring();
    const before = process.hrtime.bigint();
    sleeper.park(60_000);
    expect(Number(process.hrtime.bigint() - before) / 1e6).toBeLessThan(10_000);
  });

  it('a park without a ring ends at its bound', () => {
    const sleeper = new Sleeper(createDoorbells(1), 0);
    sleeper.prepare();
    expect(() => sleeper.park(1)).not.toThrow();
  });

  it('a ring left behind from before does not end the next park', async () => {
    const memory = createDoorbells(1);
    const sleeper = new Sleeper(memory, 0);
    sleeper.prepare();
    new RemoteBell(memory, 0).ring();
    sleeper.awake();
    sleeper.prepare();
    expect(await sleeper.parkAsync(1)).toBe('timeout');
  });

  it('wakes a thread that lives in its event loop', async () => {
    const memory = createDoorbells(1);
    const sleeper = new Sleeper(memory, 0);
    sleeper.prepare();
    const parked = sleeper.parkAsync(60_000);
    expect(sleeper.parkAsync(60_000)).toBe(parked);
    new RemoteBell(memory, 0).ring();
    expect(await parked).toBe('rung');
    sleeper.prepare();
    new RemoteBell(memory, 0).ring();
    expect(await sleeper.parkAsync(60_000)).toBe('rung');
  });

  it('in the calling thread it is a callback', () => {
    let rung = 0;
    new LocalBell(() => rung++).ring();
    expect(rung).toBe(1);
  });

  it('two threads that wake each other lose no ring in thousands', async () => {
    const memory = createDoorbells(2);
    const turn = new SharedArrayBuffer(4);
    const rounds = 3000;
    const worker = new Worker(new URL('../litmus/doorbell-worker.mjs', import.meta.url), {
      workerData: { memory, turn, rounds },
    });
    const [longest] = await new Promise<[number]>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    await worker.terminate();
    // A lost ring would have cost the whole park of 20 s.
    expect(longest).toBeLessThan(20_000);
    expect(Atomics.load(new Int32Array(turn), 0)).toBe(2 * rounds);
  });
});
