/** Joins of random batches, missing ones among them, give what a few lines over arrays give. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DStream, Partitioner } from '../../../src/index.ts';
import { runBatches } from '../../../src/testing/run-batches.ts';
import { byContent } from '../../semantics/compare.ts';

type Pair = readonly [unknown, number];
type Stream = DStream<Pair>;
type Rows = readonly (readonly [unknown, unknown])[];

const OPERATORS = ['cogroup', 'join', 'leftOuterJoin', 'rightOuterJoin', 'fullOuterJoin'] as const;
const by: Partitioner = { numPartitions: 2, partition: (key) => (key === 'a' ? 0 : 1) };

/** How a side lies before it is joined. None changes what it has, but for the order of keys. */
const WAYS: Readonly<Record<string, (s: Stream) => Stream>> = {
  'as it comes': (s) => s,
  'by hash': (s) => s.partitionBy(3),
  'by partitioner': (s) => s.partitionBy(by),
  'by key, behind more': (s) =>
    s
      .partitionBy(2)
      .mapValues((n) => n)
      .filter(() => true),
};
const way = fc.constantFrom(...Object.keys(WAYS));

const pair = fc.tuple(fc.constantFrom('a', 'b', 'c', 1, null), fc.nat(9));
const batches = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.array(pair, { maxLength: 8 }) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  { maxLength: 3 },
);

function model(operator: (typeof OPERATORS)[number], these: Rows, others: Rows): unknown[] {
  const of = (rows: Rows, key: unknown): unknown[] =>
    rows.filter(([k]) => k === key).map(([, value]) => value);
  return [...new Set([...these, ...others].map(([key]) => key))].flatMap((key): unknown[] => {
    const [a, b] = [of(these, key), of(others, key)];
    if (operator === 'cogroup') return [[key, [a, b]]];
    const isOuter = (side: string): boolean =>
      [`${side}OuterJoin`, 'fullOuterJoin'].includes(operator);
    const left = b.length === 0 && isOuter('left') ? [undefined] : b;
    const right = a.length === 0 && isOuter('right') ? [undefined] : a;
    return right.flatMap((x) => left.map((y) => [key, [x, y]]));
  });
}

test('any join of any two streams, however they lie', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        operator: fc.constantFrom(...OPERATORS),
        inputs: fc.tuple(batches, batches),
        ways: fc.tuple(way, way),
        partitions: fc.integer({ min: 1, max: 3 }),
        target: fc.constantFrom(undefined, 2, 3, by),
      }),
      async ({ operator, inputs, ways, partitions, target }) => {
        const out = await runBatches<readonly [(typeof inputs)[0], (typeof inputs)[1]], unknown>(
          { inputs, partitions },
          (_ssc, a, b) =>
            WAYS[ways[0]]!(a as Stream)[operator](
              WAYS[ways[1]]!(b as Stream),
              target as never,
            ) as DStream<unknown>,
        );
        const count = Math.max(...inputs.map((list) => list.length));
        const wanted = Array.from({ length: count }, (_, n) => {
          const [a, b] = inputs.map((list) => (n < list.length ? list[n]! : []));
          return a === null || b === null ? 'fails' : byContent(model(operator, a!, b!));
        });
        const given = wanted.map((_, n) => {
          const time = 1000 * (n + 1);
          const batch = out.batches.find((each) => each.time === time);
          const failed = out.errors.find((each) => each.time === time);
          return failed === undefined ? batch && byContent(batch.values) : 'fails';
        });
        expect(given).toEqual(wanted);
      },
    ),
    { numRuns: 60 },
  );
});
