import { describe, expect, test } from 'vitest';
import { IntervalJoin } from '../../../src/dstream/event-time/interval-join.ts';
import { type DrivenBatch, driveOperator, picker, sorted } from './drive-operator.ts';

type Timed = readonly [key: unknown, timed: readonly [time: number, value: number]];

let late = 0;
const operatorOf = (lowerMs: number, upperMs: number) => (): IntervalJoin =>
  new IntervalJoin({
    lowerMs,
    upperMs,
    blame: (error) => {
      throw error;
    },
    count: (_what, count) => (late += count),
  });

function randomBatches(seed: number): DrivenBatch[] {
  const pick = picker(seed);
  const newest = [0, 0];
  const count = 30;
  return Array.from({ length: count }, (_, n): DrivenBatch => {
    const sides = [0, 1].map((side) => {
      // One side stands still for a while.
      if (side === 1 && n > 10 && n < 15) return [];
      return Array.from({ length: pick(8) }, (): Timed => {
        const time = Math.max(0, n * 50 + pick(50) - pick(60));
        newest[side] = Math.max(newest[side]!, time);
        return [pick(2) === 0 ? { k: pick(2) } : pick(3), [time, pick(1_000_000)]];
      });
    });
    return { sides, watermark: Math.min(newest[0]!, newest[1]!) - 50 };
  });
}

/** The pairs that match, of records that were not late. */
function model(batches: readonly DrivenBatch[], lowerMs: number, upperMs: number): unknown[] {
  let watermark = -Infinity;
  const [left, right]: [Timed[], Timed[]] = [[], []];
  for (const { sides, watermark: next } of batches) {
    left.push(...(sides[0] as Timed[]).filter(([, [time]]) => time >= watermark));
    right.push(...(sides[1] as Timed[]).filter(([, [time]]) => time >= watermark));
    watermark = Math.max(watermark, next!);
  }
  return left.flatMap(([key, [a, v]]) =>
    right
      .filter(
        ([other, [b]]) =>
          JSON.stringify(other) === JSON.stringify(key) && b >= a + lowerMs && b <= a + upperMs,
      )
      .map(([, [b, w]]) => [Math.max(a, b), [key, [v, w]]]),
  );
}

describe.each([
  [-30, 30],
  [0, 100],
  [20, 60],
  [-80, -20],
  [10, 10],
])('an interval join from %d to %d', (lowerMs, upperMs) => {
  test('gives each pair that matches once, recovered at any time or not', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const batches = randomBatches(seed);
      const plain = driveOperator(operatorOf(lowerMs, upperMs), batches);
      expect(sorted(plain.flat())).toEqual(sorted(model(batches, lowerMs, upperMs)));
      const options = { pick: picker(seed), recoverEvery: 1 + (seed % 3), discards: true };
      expect(driveOperator(operatorOf(lowerMs, upperMs), batches, options)).toEqual(plain);
    }
  });
});

test('I2: late records meet nobody and are counted', () => {
  late = 0;
  const given = driveOperator(operatorOf(-100, 100), [
    { sides: [[['a', [50, 1]]], []], watermark: 60 },
    {
      sides: [
        [],
        [
          ['a', [59, 2]],
          ['a', [60, 3]],
        ],
      ],
      watermark: 60,
    },
  ]);
  expect(given).toEqual([[], [[60, ['a', [1, 3]]]]]);
  expect(late).toBe(1);
});

test('what the watermark has passed is let go of', () => {
  const operator = operatorOf(-10, 10)();
  for (let n = 0; n < 200; n++) {
    const keys = Array.from({ length: 10 }, (_, i) => i);
    const timed = keys.map((i) => [n * 10 + i, i]);
    operator.pairs(0, keys, timed);
    operator.pairs(1, keys, timed);
    operator.end({ time: n, zeroTime: 0, missing: [], watermark: n * 10 });
  }
  expect(operator.cells['left']!.size).toBeLessThan(100);
  expect(operator.cells['right']!.size).toBeLessThan(100);
});
