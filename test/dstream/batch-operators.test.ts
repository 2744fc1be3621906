/** Operators and actions of batches in user hands, against small models. */
import fc from 'fast-check';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { Batch } from '../../src/dstream/batch.ts';
import { isBatch } from '../../src/dstream/batch/core.ts';
import { arrayPartition } from '../../src/dstream/batch/sources.ts';
import { compareKeys } from '../../src/dstream/batch/ordered.ts';
import { partitionOf } from '../../src/dstream/keys/partitioner.ts';
import { count, sum } from '../../src/dstream/reducers.ts';
import { MemoryDisk } from '../../src/env/memory-disk.ts';

type Pair = readonly [string, number];
const of = <T>(...partitions: T[][]): Batch<T> =>
  new Batch<T>(1000, partitions.map(arrayPartition));
const pairs = (...partitions: Pair[][]): Batch<Pair> => of<Pair>(...partitions);
const byText = (rows: readonly unknown[]): string[] =>
  rows.map((row) => JSON.stringify(row) ?? 'undefined').sort();

describe('by partition', () => {
  test.each<[string, (b: Batch<number>) => Batch<unknown>, unknown[][]]>([
    ['map', (b) => b.map((n) => n * 2), [[2, 4, 6], [], [8]]],
    ['flatMap', (b) => b.flatMap((n) => new Set([n, -n])), [[1, -1, 2, -2, 3, -3], [], [4, -4]]],
    ['filter', (b) => b.filter((n) => n % 2 === 0), [[2], [], [4]]],
    ['mapPartitions', (b) => b.mapPartitions((all) => [[...all].length]), [[3], [0], [1]]],
    [
      'mapPartitionsWithIndex',
      (b) => b.mapPartitionsWithIndex((p, all) => [...all].map((n) => `${p}:${n}`)),
      [['0:1', '0:2', '0:3'], [], ['2:4']],
    ],
    ['glom', (b) => b.glom(), [[[1, 2, 3]], [[]], [[4]]]],
    ['union', (b) => b.union(Batch.of([9, 8, 7], 2)), [[1, 2, 3], [], [4], [9], [8, 7]]],
    [
      'zipWithIndex',
      (b) => b.filter((n) => n !== 2).zipWithIndex(),
      [
        [
          [1, 0],
          [3, 1],
        ],
        [],
        [[4, 2]],
      ],
    ],
    [
      'keyBy',
      (b) => b.keyBy((n) => n % 2),
      [
        [
          [1, 1],
          [0, 2],
          [1, 3],
        ],
        [],
        [[0, 4]],
      ],
    ],
    ['keys', (b) => b.keyBy((n) => -n).keys(), [[-1, -2, -3], [], [-4]]],
    ['values', (b) => b.keyBy((n) => -n).values(), [[1, 2, 3], [], [4]]],
    [
      'mapValues',
      (b) =>
        b
          .keyBy(() => 'k')
          .mapValues((n) => n + 1)
          .values(),
      [[2, 3, 4], [], [5]],
    ],
    [
      'flatMapValues',
      (b) =>
        b
          .keyBy(() => 'k')
          .flatMapValues((n) => Array<number>(n).fill(n))
          .values(),
      [[1, 2, 2, 3, 3, 3], [], [4, 4, 4, 4]],
    ],
    ['sortBy', (b) => b.sortBy((n) => -n), [[4], [3], [2, 1]]],
    ['sortBy, descending', (b) => b.sortBy((n) => n, { ascending: false }), [[4], [3], [2, 1]]],
    ['repartition', (b) => b.repartition(2), [[1, 3, 4], [2]]],
  ])('%s', (_name, operator, wanted) => {
    expect(operator(of([1, 2, 3], [], [4])).toPartitions()).toEqual(wanted);
  });

  test('cartesian has a partition for each pair of partitions', async () => {
    const crossed = of([1, 2], [3]).cartesian(of(['a'], ['b']));
    expect(crossed.toPartitions()).toEqual([
      [
        [1, 'a'],
        [2, 'a'],
      ],
      [
        [1, 'b'],
        [2, 'b'],
      ],
      [[3, 'a']],
      [[3, 'b']],
    ]);
    expect(await of([1]).cartesian(of<string>()).count()).toBe(0);
  });
});

describe('by key', () => {
  const some = pairs(
    [
      ['a', 1],
      ['b', 2],
    ],
    [
      ['a', 3],
      ['c', 4],
    ],
  );

  test('a key lies in the partition in which it lies of a stream', () => {
    const parts = some.reduceByKey(sum, 3).toPartitions();
    parts.forEach((rows, p) => {
      for (const [key] of rows) expect(partitionOf(key, 3)).toBe(p);
    });
    expect(byText(parts.flat())).toEqual(['["a",4]', '["b",2]', '["c",4]']);
    expect(some.reduceByKey(sum).partitions).toBe(2);
  });

  test.each<[string, () => Batch<unknown>, string[]]>([
    ['groupByKey', () => some.groupByKey(), ['["a",[1,3]]', '["b",[2]]', '["c",[4]]']],
    ['reduceByKey(count)', () => some.reduceByKey(count), ['["a",2]', '["b",1]', '["c",1]']],
    ['countByKey', () => some.countByKey(), ['["a",2]', '["b",1]', '["c",1]']],
    [
      'combineByKey',
      () =>
        some.combineByKey(
          (v) => `${v}`,
          (c, v) => `${c}+${v}`,
          (a, b) => `${a},${b}`,
        ),
      ['["a","1+3"]', '["b","2"]', '["c","4"]'],
    ],
    [
      'aggregateByKey begins each key with a zero of its own',
      () =>
        some.aggregateByKey(
          [0],
          (list, v) => (list.push(v), list),
          (a) => a,
        ),
      ['["a",[0,1,3]]', '["b",[0,2]]', '["c",[0,4]]'],
    ],
    ['countByValue', () => some.keys().countByValue(), ['["a",2]', '["b",1]', '["c",1]']],
    ['distinct', () => some.keys().distinct(), ['"a"', '"b"', '"c"']],
    [
      'subtractByKey',
      () => some.subtractByKey(Batch.of([['a', 'x'] as const])),
      ['["b",2]', '["c",4]'],
    ],
    ['partitionBy', () => some.partitionBy(5), ['["a",1]', '["a",3]', '["b",2]', '["c",4]']],
  ])('%s', (_name, act, wanted) => {
    expect(byText(act().toArray())).toEqual(wanted);
  });

  test('keys compare by value', async () => {
    const odd = of<[unknown, number]>([
      [{ a: 1, b: 2 }, 1],
      [{ b: 2, a: 1 }, 2],
      [-0, 3],
      [0, 4],
      [Number.NaN, 5],
      [Number.NaN, 6],
      ['1', 7],
      [1, 8],
    ]);
    expect((await odd.reduceByKey(sum).collect()).map(([, n]) => n)).toEqual([3, 7, 11, 7, 8]);
  });

  test('sortByKey orders over all partitions', async () => {
    expect(await some.sortByKey({ ascending: false }).keys().collect()).toEqual([
      'c',
      'b',
      'a',
      'a',
    ]);
  });

  const side = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(9)), { maxLength: 8 });

  test('joins and cogroup are what two loops give, whatever the partitions', () => {
    fc.assert(
      fc.property(side, side, fc.integer({ min: 1, max: 4 }), (left, right, n) => {
        const [here, there] = [Batch.of(left, 2), Batch.of(right, 3)];
        const inner = left.flatMap(([k, v]) =>
          right.filter(([other]) => other === k).map(([, w]) => [k, [v, w]]),
        );
        const onlyLeft = left
          .filter(([k]) => !right.some(([other]) => other === k))
          .map(([k, v]) => [k, [v, undefined]]);
        const onlyRight = right
          .filter(([k]) => !left.some(([other]) => other === k))
          .map(([k, w]) => [k, [undefined, w]]);
        const same = (batch: Batch<unknown>, rows: unknown[]): void =>
          expect(byText(batch.toArray())).toEqual(byText(rows));
        same(here.join(there, n), inner);
        same(here.leftOuterJoin(there, n), [...inner, ...onlyLeft]);
        same(here.rightOuterJoin(there, n), [...inner, ...onlyRight]);
        same(here.fullOuterJoin(there, n), [...inner, ...onlyLeft, ...onlyRight]);
        const keys = [...new Set([...left, ...right].map(([k]) => k))];
        same(
          here.cogroup(there, n),
          keys.map((k) => [
            k,
            [left, right].map((rows) => rows.filter(([each]) => each === k).map(([, v]) => v)),
          ]),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('an outer join gives undefined for the side that has none', async () => {
    const [[, row]] = (await pairs([['a', 1]])
      .leftOuterJoin(Batch.of([['b', 2] as const]))
      .collect()) as [[string, [number, number | undefined]]];
    expect(row).toEqual([1, undefined]);
    expect(row).toHaveLength(2);
  });
});

describe('transformations', () => {
  test('are lazy, and run again for each action', async () => {
    const seen: number[] = [];
    const noted = of([1, 2], [3]).peek((n) => void seen.push(n));
    expect(seen).toEqual([]);
    expect(await noted.count()).toBe(3);
    expect(seen).toEqual([1, 2, 3]);
    await noted.collect();
    expect(seen).toEqual([1, 2, 3, 1, 2, 3]);
  });

  test('make no more than a chunk beyond what is asked for', async () => {
    let made = 0;
    const many = Batch.of(Array.from({ length: 100_000 }, (_, n) => n)).map((n) => (made++, n));
    expect(await many.take(10)).toHaveLength(10);
    expect(made).toBeLessThanOrEqual(16);
    made = 0;
    expect(await many.first()).toBe(0);
    expect(await many.isEmpty()).toBe(false);
    expect(made).toBeLessThanOrEqual(32);
  });

  test('of a shared part that needs the whole batch run it once an action', async () => {
    let made = 0;
    const base = of([1, 2, 3]).map((n) => (made++, [n, n] as const));
    const grouped = base.groupByKey();
    expect(await grouped.union(grouped).count()).toBe(6);
    expect(made).toBe(3);
  });

  test('pass on what a function throws', async () => {
    const boom = new Error('boom');
    const broken = of([1]).map(() => {
      throw boom;
    });
    await expect(broken.collect()).rejects.toBe(boom);
  });
});

describe('actions', () => {
  test('reduce, top, takeOrdered, forEach', async () => {
    const numbers = of([3, 1], [], [2, 5]);
    expect(await numbers.reduce((a, b) => a + b)).toBe(11);
    expect(await numbers.reduce(sum)).toBe(11);
    expect(await numbers.top(2)).toEqual([5, 3]);
    expect(await numbers.takeOrdered(2)).toEqual([1, 2]);
    expect(await numbers.top(9, (n) => -n)).toEqual([1, 2, 3, 5]);
    const seen: number[] = [];
    await numbers.forEach(async (n) => {
      await Promise.resolve();
      seen.push(n);
    });
    expect(seen).toEqual([3, 1, 2, 5]);
    await expect(of<number>([], []).reduce(sum)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_EMPTY_BATCH',
    });
  });

  test('top holds what a full sort gives first, of any batch', () => {
    fc.assert(
      fc.asyncProperty(fc.array(fc.integer()), fc.nat(20), async (numbers, n) => {
        const wanted = numbers.toSorted((a, b) => b - a).slice(0, n);
        expect(await Batch.of(numbers, 3).top(n)).toEqual(wanted);
      }),
      { numRuns: 30 },
    );
  });

  test('sample draws the same for the same seed, about as much as it should', async () => {
    const many = Batch.of(
      Array.from({ length: 10_000 }, (_, n) => n),
      4,
    );
    const once = await many.sample(0.1, { seed: 7 }).collect();
    expect(await many.sample(0.1, { seed: 7 }).collect()).toEqual(once);
    expect(await many.sample(0.1, { seed: 8 }).collect()).not.toEqual(once);
    expect(await many.sample(false, 0.1, 7).collect(), 'as Spark has it').toEqual(once);
    expect(once.length).toBeGreaterThan(800);
    expect(once.length).toBeLessThan(1200);
    const often = await many.sample(2, { withReplacement: true, seed: 1 }).count();
    expect(often).toBeGreaterThan(19_000);
    expect(often).toBeLessThan(21_000);
  });

  test('save a file a partition, empty ones too, in place of what was there', async () => {
    const disk = new MemoryDisk();
    const home = { maxGatherBytes: 1 << 20, disk };
    disk.makeDirectory('/out');
    const batch = new Batch<unknown>(0, [[['a', 1], 'text'], []].map(arrayPartition), home);
    await batch.repartition(3).saveAsTextFile('/out/words');
    await batch.saveAsTextFile('/out/words');
    expect(disk.paths()).toEqual([
      '/out/words/_SUCCESS',
      '/out/words/part-00000',
      '/out/words/part-00001',
    ]);
    expect(Buffer.from(disk.read('/out/words/part-00000')).toString()).toBe('(a,1)\ntext\n');
    expect(disk.read('/out/words/part-00001')).toHaveLength(0);
  });
});

describe('a batch refuses', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['collect', () => large().map(String).collect()],
    [
      'sortBy',
      () =>
        large()
          .sortBy((n) => n)
          .first(),
    ],
    [
      'groupByKey',
      () =>
        large()
          .keyBy(() => 1)
          .groupByKey()
          .count(),
    ],
    ['distinct', () => large().distinct().count()],
    ['cartesian', () => large().cartesian(large()).first()],
    ['repartition', () => large().repartition(2).count()],
  ])('to hold more than maxGatherBytes: %s', async (operator, act) => {
    await expect(act()).rejects.toMatchObject({
      code: 'ERR_MILLRACE_BATCH_TOO_LARGE',
      message: expect.stringMatching(new RegExp(`^${operator} of a batch.*stream`)),
      context: { operator, maxGatherBytes: 1000 },
    });
  });

  test('and does not, where nothing has to be held', async () => {
    expect(
      await large()
        .filter((n) => n > 5)
        .count(),
    ).toBe(994);
    expect(
      await large()
        .keyBy((n) => n % 3)
        .reduceByKey(sum)
        .count(),
    ).toBe(3);
    expect(await large().top(3)).toEqual([999, 998, 997]);
  });

  test('keys that are none, and records that are no pairs', async () => {
    await expect(
      of([[new Date(0), 1] as const])
        .countByKey()
        .collect(),
    ).rejects.toMatchObject({
      code: 'ERR_MILLRACE_KEY_TYPE',
      message: expect.stringContaining('batch-operators.test.ts:'),
    });
    await expect((of([1]) as never as Batch<Pair>).keys().collect()).rejects.toMatchObject({
      code: 'ERR_MILLRACE_RECORD_TYPE',
      message: expect.stringContaining('keys of a batch'),
    });
    await expect(
      of([1])
        .flatMap((n) => n as never)
        .collect(),
    ).rejects.toMatchObject({
      code: 'ERR_MILLRACE_RECORD_TYPE',
    });
  });

  test('wrong arguments, at once', () => {
    const bad = { code: 'ERR_MILLRACE_BAD_OPTION' };
    for (const act of [
      () => of([1]).map(1 as never),
      () => of([1]).union([1] as never),
      () => of([1]).sample(2),
      () => of([1]).sortBy((n) => n, { asc: true } as never),
      () => pairs().join([] as never),
      () => pairs().groupByKey(0),
      () => Batch.of('text' as never),
    ])
      expect(act).toThrow(expect.objectContaining(bad));
  });
});

test('keys are in one order, whatever their kinds', () => {
  const ordered = [undefined, null, false, true, -1, 2n, 3, Number.NaN, '', 'a', [], [1], [1, 2]];
  expect(ordered.toReversed().toSorted(compareKeys)).toEqual(
    ordered.toReversed().toSorted(compareKeys),
  );
  for (let i = 0; i < ordered.length; i++)
    for (let j = 0; j < ordered.length; j++)
      expect(Math.sign(compareKeys(ordered[i], ordered[j])), `${i} ${j}`).toBe(Math.sign(i - j));
});

test('types follow what operators do', async () => {
  const some = pairs([['a', 1]]);
  expectTypeOf(some.reduceByKey((a, b) => a + b)).toEqualTypeOf<Batch<[string, number]>>();
  expectTypeOf(some.mapValues(String)).toEqualTypeOf<Batch<[string, string]>>();
  expectTypeOf(some.join(Batch.of([['a', true] as const]))).toEqualTypeOf<
    Batch<[string, [number, true]]>
  >();
  expectTypeOf(some.leftOuterJoin(some)).toEqualTypeOf<
    Batch<[string, [number, number | undefined]]>
  >();
  expectTypeOf(some.cogroup(some)).toEqualTypeOf<Batch<[string, [number[], number[]]]>>();
  expectTypeOf(some.keys().countByValue()).toEqualTypeOf<Batch<[string, number]>>();
  expectTypeOf(of([1]).cartesian(of(['a']))).toEqualTypeOf<Batch<[number, string]>>();
  expectTypeOf(of([1]).top(1)).resolves.toEqualTypeOf<number[]>();
  // @ts-expect-error numbers have no keys
  const grouped = of([1]).groupByKey();
  expect(await grouped.collect().catch(() => 'refused')).toBe('refused');
  expect([isBatch(some), isBatch([]), isBatch(null)]).toEqual([true, false, false]);
});

function large(): Batch<number> {
  const rows = Array.from({ length: 1000 }, (_, n) => n);
  const home = { maxGatherBytes: 1000, disk: new MemoryDisk() };
  return new Batch<number>(0, [arrayPartition(rows)], home);
}
