/** A batch that is given up leaves nothing in a window, and windows slide on at its time. */
import { expect, it } from 'vitest';
import type { DStream } from '../../../src/dstream/dstream.ts';
import { runBatches } from '../../../src/testing/run-batches.ts';

type Stream = DStream<number>;

const add = (a: number, b: number): number => a + b;
const subtract = (a: number, b: number): number => a - b;

function refuses13(n: number): number {
  if (n === 13) throw new RangeError('13 is not welcome');
  return n;
}

const inputs = [[[1, 2], [3, 13], [4], [5], [], []]];

it.each<[string, (s: Stream) => DStream<unknown>, unknown[]]>([
  ['window', (s) => s.window('2s'), [[1, 2], [4], [4, 5], [5], []]],
  ['reduceByWindow', (s) => s.reduceByWindow(add, { window: '2s' }), [[3], [4], [9], [5], []]],
  [
    'reduceByWindow with an inverse',
    (s) => s.reduceByWindow(add, { window: '2s', inverse: subtract }),
    [[3], [4], [9], [5], [0]],
  ],
  ['countByWindow', (s) => s.countByWindow('3s', '1s'), [[2], [3], [2], [2], [1]]],
  [
    'reduceByKeyAndWindow with an inverse',
    (s) =>
      s
        .map((n) => [n % 2, n] as const)
        .reduceByKeyAndWindow(add, { window: '2s', inverse: subtract }),
    [
      [
        [1, 1],
        [0, 2],
      ],
      [
        [1, 0],
        [0, 4],
      ],
      [
        [1, 5],
        [0, 4],
      ],
      [
        [1, 5],
        [0, 0],
      ],
      [
        [1, 0],
        [0, 0],
      ],
    ],
  ],
  [
    'groupByKeyAndWindow',
    (s) => s.map((n) => ['all', n] as const).groupByKeyAndWindow('3s'),
    [[['all', [1, 2]]], [['all', [1, 2, 4]]], [['all', [4, 5]]], [['all', [4, 5]]], [['all', [5]]]],
  ],
])('%s', async (_, build, gives) => {
  const out = await runBatches({ inputs }, (__, s: Stream) => build(s.map(refuses13)));
  expect(out.errors.map(({ time }) => time)).toEqual([2000]);
  expect(out.batches.map(({ time, values }) => [time, values])).toEqual(
    [1000, 3000, 4000, 5000, 6000].map((time, n) => [time, gives[n]]),
  );
});
