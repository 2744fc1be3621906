/** Whole programs of windows against models: random batches, partitions, lengths and slides, on one thread and several. */
import { runBatches } from 'millrace/testing';
import { expect, it } from 'vitest';
import randomWindows, { add, planOf, subtract } from '../../fixtures/jobs/random-windows.ts';
import { byContent } from '../../semantics/compare.ts';
import { type Batches, type Pair, randomFrom, randomPairs } from './drive.ts';
import * as models from './models.ts';

const BATCHES = 14;

function inputOf(seed: number): Batches<Pair> {
  const random = randomFrom(seed);
  return randomPairs(random, () => 1 + random(9), { batches: BATCHES, keys: 6 });
}

/** By batch; undefined where there is none. */
function expectedOf(seed: number): (readonly unknown[] | undefined)[] {
  const { kind, ...of } = planOf(seed);
  const batches = inputOf(seed);
  const counted = (key: (pair: Pair) => unknown): Batches<Pair> =>
    batches.map((batch) => batch && batch.map((pair): Pair => [key(pair), 1]));
  switch (kind) {
    case 'rows':
      return models.rows(batches, of);
    case 'group':
      return models.grouped(batches, of);
    case 'reduce':
      return models.reduced(batches, of, add);
    case 'inverse':
      return models.withInverse(batches, of, add, subtract);
    case 'filter':
      return models.withInverse(batches, of, add, subtract, ([, total]) => total !== 0);
    case 'count':
      return models
        .withInverse(
          counted(() => 'all'),
          of,
          add,
          subtract,
        )
        .map((pairs) => pairs?.map(([, total]) => total));
    case 'values':
      return models.reduced(
        counted(([key]) => key),
        of,
        add,
      );
  }
}

/** Lists of values too have an order of partitions, which the model doesn't know. */
function unordered(values: readonly unknown[]): readonly unknown[] {
  return byContent(
    values.map((record) =>
      Array.isArray(record) && Array.isArray(record[1])
        ? [record[0], (record[1] as number[]).toSorted()]
        : record,
    ),
  );
}

it.each([
  [0, 1],
  [0, 2],
  [0, 3],
  [2, 2],
])('programs of windows, threads: %i, partitions: %i', async (threads, partitions) => {
  const seeds = Array.from({ length: threads > 0 ? 28 : 70 }, (_, n) => 1000 * partitions + n);
  const out = await runBatches(
    { inputs: seeds.map(inputOf), batches: BATCHES, threads, partitions, args: { seeds } },
    randomWindows,
  );
  expect(out.errors).toEqual([]);
  for (const seed of seeds) {
    const got = out.collected[`${seed}`]!.map(({ time, values }) => [time, unordered(values)]);
    const wanted = expectedOf(seed).flatMap((values, b) =>
      values === undefined ? [] : [[(b + 1) * 1000, unordered(values)]],
    );
    expect(got, `seed ${seed}: ${JSON.stringify(planOf(seed))}`).toEqual(wanted);
  }
});
