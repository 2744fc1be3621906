import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../../src/errors.ts';
import type { DStream } from '../../../src/dstream/dstream.ts';
import { count, sum } from '../../../src/dstream/reducers.ts';
import { drive, partitionsOf, planOf, results, sortedOf, type SourceBatch } from './drive.ts';

type Stream = DStream<never>;
const MISSING = undefined;

/** A batch of two partitions of one block each. */
const two = (a: readonly unknown[], b: readonly unknown[]): SourceBatch => [[a], [b]];
const rows = (...pairs: unknown[]): string[] => pairs.map((row) => JSON.stringify(row)).sort();

/** The code of the error in place of a batch's result. */
const codes = (all: unknown[]): unknown[] =>
  all.map((one) => (one instanceof MillraceError ? one.code : one));

describe.each(['compiled', 'closures'] as const)('%s loops', (form) => {
  const partitioned = async (
    build: (s: Stream) => DStream<unknown>,
    ...batches: SourceBatch[]
  ): Promise<unknown[]> => codes(partitionsOf(await results(build, batches, { form })));
  const sorted = async (
    build: (s: Stream) => DStream<unknown>,
    ...batches: SourceBatch[]
  ): Promise<unknown[]> => codes(sortedOf(await results(build, batches, { form })));

  describe('narrow operators keep partitions and order', () => {
    test('map, filter and flatMap, of arrays and of anything iterable', async () => {
      const numbers = (s: Stream): DStream<number> => s as unknown as DStream<number>;
      expect(await partitioned((s) => numbers(s).map((n) => n * 2), two([1, 2], [3]))).toEqual([
        [[2, 4], [6]],
      ]);
      expect(
        await partitioned((s) => numbers(s).filter((n) => n % 2 === 1), two([1, 2], [3])),
      ).toEqual([[[1], [3]]]);
      expect(
        await partitioned((s) => numbers(s).flatMap((n) => [n, -n]), two([1, 2], [3])),
      ).toEqual([
        [
          [1, -1, 2, -2],
          [3, -3],
        ],
      ]);
      expect(
        await partitioned((s) => numbers(s).flatMap((n) => new Set([n, n, 7])), two([1], [])),
      ).toEqual([[[1, 7], []]]);
      expect(
        await partitioned(
          (s) =>
            numbers(s).flatMap(function* (n) {
              for (let i = 0; i < n; i++) yield i;
            }),
          two([1, 3], [0]),
        ),
      ).toEqual([[[0, 0, 1, 2], []]]);
    });

    test('mapValues and flatMapValues keep keys', async () => {
      const pairs = (s: Stream): DStream<[string, number]> =>
        s as unknown as DStream<[string, number]>;
      const batch = two(
        [
          ['a', 1],
          ['b', 2],
        ],
        [['a', 3]],
      );
      expect(await partitioned((s) => pairs(s).mapValues((n) => n * 10), batch)).toEqual([
        [
          [
            ['a', 10],
            ['b', 20],
          ],
          [['a', 30]],
        ],
      ]);
      expect(
        await partitioned(
          (s) =>
            pairs(s)
              .flatMapValues((n) => [n, n])
              .mapValues(String),
          batch,
        ),
      ).toEqual([
        [
          [
            ['a', '1'],
            ['a', '1'],
            ['b', '2'],
            ['b', '2'],
          ],
          [
            ['a', '3'],
            ['a', '3'],
          ],
        ],
      ]);
    });

    test('the text operators', async () => {
      const lines = (s: Stream): DStream<string> => s as unknown as DStream<string>;
      expect(
        await partitioned((s) => lines(s).words(), two([' a\t b\u00a0c ', ''], ['\vd'])),
      ).toEqual([[['a', 'b\u00a0c'], ['d']]]);
      expect(await partitioned((s) => lines(s).split(','), two(['a,,b', ''], [',']))).toEqual([
        [
          ['a', '', 'b', ''],
          ['', ''],
        ],
      ]);
      expect(
        await partitioned((s) => lines(s).grep('b').trim().toLowerCase(), two([' AbC ', 'x'], [])),
      ).toEqual([[['abc'], []]]);
      expect(await partitioned((s) => lines(s).grep(/^x/i), two(['X1', 'ax', 'x2'], []))).toEqual([
        [['X1', 'x2'], []],
      ]);
    });

    test('mapPartitions sees each partition once, an empty one too', async () => {
      const numbers = (s: Stream): DStream<number> => s as unknown as DStream<number>;
      expect(
        await partitioned(
          (s) =>
            numbers(s)
              .mapPartitions(function* (all) {
                let total = 0;
                for (const n of all) total += n;
                yield total;
              })
              .map((n) => n + 0.5),
          [[[1, 2], [3]], []],
        ),
      ).toEqual([[[6.5], [0.5]]]);
    });

    test('glom makes one array of each partition', async () => {
      expect(await partitioned((s) => s.glom(), [[[1], [2]], [[3]]], two([], []))).toEqual([
        [[[1, 2]], [[3]]],
        [[[]], [[]]],
      ]);
    });

    test('union has the partitions of one stream, then of the other', async () => {
      const numbers = (s: Stream): DStream<number> => s as unknown as DStream<number>;
      expect(
        await partitioned((s) => numbers(s).union(numbers(s).map((n) => -n)), two([1], [2])),
      ).toEqual([[[1], [2], [-1], [-2]]]);
    });

    test('branches see the same records', async () => {
      const planned = planOf((ssc) => {
        const numbers = ssc.inputStream<number>('in').map((n) => n + 1);
        numbers.filter((n) => n % 2 === 0).collectAs('even');
        numbers.count().collectAs('count');
        numbers.collectAs('all');
      });
      const { batches } = await drive(planned, [[two([1, 2], [3])]], { form });
      expect(batches[0]!.results).toEqual({ even: [[2], [4]], count: [[3]], all: [[2, 3], [4]] });
    });
  });

  describe('wide operators', () => {
    const pairs = (s: Stream): DStream<[string, number]> =>
      s as unknown as DStream<[string, number]>;
    const batch = two(
      [
        ['a', 1],
        ['b', 2],
        ['a', 3],
      ],
      [
        ['a', 4],
        ['c', 5],
      ],
    );

    test('reduceByKey, by function and by name', async () => {
      const want = rows(['a', 8], ['b', 2], ['c', 5]);
      expect(await sorted((s) => pairs(s).reduceByKey((a, b) => a + b), batch)).toEqual([want]);
      expect(await sorted((s) => pairs(s).reduceByKey(sum), batch)).toEqual([want]);
      expect(await sorted((s) => pairs(s).reduceByKey(count), batch)).toEqual([
        rows(['a', 3], ['b', 1], ['c', 1]),
      ]);
    });

    test('combineByKey makes combiners, with and without combining before the exchange', async () => {
      for (const mapSideCombine of [true, false]) {
        const built = (s: Stream): DStream<unknown> =>
          pairs(s).combineByKey(
            (n) => [n],
            (list, n) => [...list, n],
            (a, b) => [...a, ...b],
            undefined,
            mapSideCombine,
          );
        expect(await sorted(built, batch)).toEqual([
          rows(['a', [1, 3, 4]], ['b', [2]], ['c', [5]]),
        ]);
      }
    });

    test('groupByKey lists values by sender, in order there', async () => {
      expect(await sorted((s) => pairs(s).groupByKey(), batch)).toEqual([
        rows(['a', [1, 3, 4]], ['b', [2]], ['c', [5]]),
      ]);
    });

    test('countByValue counts by value', async () => {
      expect(
        await sorted(
          (s) => s.countByValue(),
          two([1, '1', -0, [1, 2]], [0, Number.NaN, Number.NaN, [1, 2]]),
        ),
      ).toEqual([rows([1, 1], ['1', 1], [0, 2], [[1, 2], 2], [Number.NaN, 2])]);
    });

    test('keys that are objects compare by value', async () => {
      const input = two(
        [[{ x: 1, y: [2] }, 1]],
        [
          [{ y: [2], x: 1 }, 2],
          [[1], 3],
          [null, 4],
          [true, 5],
          [7n, 6],
        ],
      );
      const out = await results((s) => pairs(s).reduceByKey((a, b) => a + b), [input], { form });
      const all = (out.batches[0]!.results['out']!.flat() as [unknown, number][]).sort(
        (a, b) => a[1] - b[1],
      );
      expect(all).toEqual([
        [{ x: 1, y: [2] }, 3],
        [[1], 3],
        [null, 4],
        [true, 5],
        [7n, 6],
      ]);
    });

    test('repartition deals records out evenly', async () => {
      const out = await results((s) => s.repartition(3), [two([1, 2, 3, 4, 5, 6], [7, 8, 9])], {
        form,
      });
      const parts = out.batches[0]!.results['out']!;
      expect(parts.map((part) => part.length)).toEqual([3, 3, 3]);
      expect(parts.flat().sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });

    test('reduce and count make one record in one partition', async () => {
      const texts = (s: Stream): DStream<string> => s as unknown as DStream<string>;
      expect(
        await partitioned((s) => texts(s).reduce((a, b) => a + b), two(['a', 'b'], ['c'])),
      ).toEqual([[['abc']]]);
      expect(
        await partitioned((s) => (s as unknown as DStream<number>).reduce(sum), two([1, 2], [3])),
      ).toEqual([[[6]]]);
      expect(await partitioned((s) => s.count(), two([1, 2], [3]))).toEqual([[[3]]]);
    });

    test('wide operators follow one another', async () => {
      expect(
        await sorted(
          (s) =>
            pairs(s)
              .reduceByKey(sum)
              .map(([, n]) => n)
              .countByValue(),
          batch,
        ),
      ).toEqual([rows([8, 1], [2, 1], [5, 1])]);
    });
  });

  describe('an empty batch', () => {
    const empty = two([], []);
    const pairs = (s: Stream): DStream<[string, number]> =>
      s as unknown as DStream<[string, number]>;

    test('gives an empty result, [0] from count', async () => {
      expect(await sorted((s) => pairs(s).reduceByKey((a, b) => a + b), empty)).toEqual([[]]);
      expect(await sorted((s) => pairs(s).groupByKey(), empty)).toEqual([[]]);
      expect(await sorted((s) => s.countByValue(), empty)).toEqual([[]]);
      expect(await sorted((s) => s.repartition(3), empty)).toEqual([[]]);
      expect(await partitioned((s) => s.count(), empty)).toEqual([[[0]]]);
      expect(await partitioned((s) => pairs(s).reduce((a) => a), empty)).toEqual([[[]]]);
    });

    test('leaves nothing of the batch before', async () => {
      const batch = two([['a', 1]], [['b', 2]]);
      expect(
        await sorted((s) => pairs(s).reduceByKey((a, b) => a + b), batch, empty, batch),
      ).toEqual([rows(['a', 1], ['b', 2]), [], rows(['a', 1], ['b', 2])]);
      expect(await partitioned((s) => s.count(), batch, empty, batch)).toEqual([
        [[2]],
        [[0]],
        [[2]],
      ]);
    });
  });

  describe('a missing batch', () => {
    const pairs = (s: Stream): DStream<[string, number]> =>
      s as unknown as DStream<[string, number]>;
    const batch = two([['a', 1]], [['a', 2]]);

    test('gives no output at all behind operators that pass it on', async () => {
      const operators: ((s: Stream) => DStream<unknown>)[] = [
        (s) => s.map((x) => x),
        (s) => s.glom(),
        (s) => s.mapPartitions((all) => all),
        (s) =>
          pairs(s)
            .reduceByKey((a, b) => a + b)
            .mapValues((n) => n),
        (s) => pairs(s).groupByKey(),
        (s) =>
          pairs(s).combineByKey(
            (n) => n,
            (a) => a,
            (a) => a,
          ),
        (s) => s.countByValue(),
        (s) => pairs(s).reduce((a) => a),
      ];
      for (const operator of operators) {
        const out = await results(operator, [batch, MISSING, batch], { form });
        expect(out.batches.map(({ results: all, error }) => error ?? Object.keys(all))).toEqual([
          ['out'],
          [],
          ['out'],
        ]);
      }
    });

    test('fails behind union, count and repartition, and later batches go on', async () => {
      const codeOf = 'ERR_MILLRACE_MISSING_BATCH';
      expect(await sorted((s) => s.count(), batch, MISSING, batch)).toEqual([
        rows(2),
        codeOf,
        rows(2),
      ]);
      expect((await sorted((s) => s.repartition(1), batch, MISSING, batch))[1]).toBe(codeOf);
      expect((await sorted((s) => s.union(s), batch, MISSING, batch))[1]).toBe(codeOf);
      const out = await results((s) => s.map((x) => x).count(), [MISSING], { form });
      expect(String((out.batches[0]!.error as Error).message)).toMatch(
        /count#1.* at .*operators\.test\.ts:\d+:\d+ needs a batch .* 1000 ms/,
      );
    });

    test('of one source leaves the outputs of another', async () => {
      const planned = planOf((ssc) => {
        ssc
          .inputStream<number>('a')
          .map((n) => n)
          .collectAs('a');
        ssc.inputStream<number>('b').count().collectAs('b');
      });
      const { batches } = await drive(planned, [[MISSING], [two([1], [2])]], { form });
      expect(batches).toEqual([{ time: 1000, results: { b: [[2]] } }]);
    });
  });
});
