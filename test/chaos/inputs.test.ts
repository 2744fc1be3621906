/**
 * The in-process source under random deaths: what was accepted is there once, what was refused at most once, in whole
 * records from the front.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { MillraceError } from 'millrace';
import { expect, it } from 'vitest';
import { randomIntegers } from '../../src/testing/zipf-text.ts';
import { WatchedRun } from './watched-run.ts';

const MS = 6000;
const SEED = Number(process.env['CHAOS_SEED'] ?? 1);

interface Push {
  readonly from: number;
  readonly to: number;
  readonly accepted: boolean;
}

it(`numbers that were pushed while threads died (seed ${SEED})`, async () => {
  const next = randomIntegers(SEED);
  const watched = await WatchedRun.start(
    'faulty.js',
    {
      threads: 2,
      supervision: { maxRestarts: 1000, withinMs: 60_000, backoff: { maxMs: 50 } },
      args: {} as never,
    },
    ['all', 'sums'],
  );
  const pushes: Push[] = [];
  const refusals: string[] = [];
  const until = performance.now() + MS;
  const pushing = (async () => {
    for (let from = 0; performance.now() < until;) {
      const to = from + 1 + (next() % 200);
      const numbers = Array.from({ length: to - from }, (_, n) => from + n);
      try {
        await watched.run.input('numbers').push(numbers);
        pushes.push({ from, to, accepted: true });
      } catch (error) {
        refusals.push((error as MillraceError).code);
        pushes.push({ from, to, accepted: false });
      }
      from = to;
      await wait(1);
    }
  })();
  const killing = (async () => {
    while (performance.now() < until) {
      await wait(150);
      const alive = watched.run
        .threads()
        .filter(({ state }) => state === 'up' || state === 'spare');
      if (alive.length > 0)
        watched.run.kill(
          alive[next() % alive.length]!.slot,
          next() % 2 === 0 ? 'terminate' : 'throw',
        );
    }
  })();
  try {
    await Promise.all([pushing, killing]);
    expect(await watched.run.stop()).toMatchObject({ drained: true });
    await watched.ended();
  } finally {
    await watched.run.stop({ graceful: false });
  }

  const seen = watched.batches.get('all')!.flatMap(({ values }) => values as number[]);
  const times = new Map<number, number>();
  for (const n of seen) times.set(n, (times.get(n) ?? 0) + 1);
  const wrong = pushes.flatMap(({ from, to, accepted }) => {
    const counts = Array.from({ length: to - from }, (_, n) => times.get(from + n) ?? 0);
    const whole = counts.lastIndexOf(1) + 1;
    const good =
      counts.every((count, n) => count === (n < whole ? 1 : 0)) &&
      (!accepted || whole === counts.length);
    return good ? [] : [{ from, to, accepted, counts: counts.join('') }];
  });
  expect(wrong).toEqual([]);
  const sums = (
    watched.batches.get('sums')!.flatMap(({ values }) => values) as [number, number][]
  ).reduce((sum, [, n]) => sum + n, 0);
  expect(sums).toBe(seen.reduce((sum, n) => sum + 2 * n, 0));
  expect(watched.ofType('actorExited').length).toBeGreaterThan(10);
  expect(new Set(refusals)).toEqual(new Set(['ERR_MILLRACE_PEER_DOWN']));
  expect(pushes.filter(({ accepted }) => accepted).length).toBeGreaterThan(50);
}, 60_000);
