/** What the compiler infers. `npm run check` is the judge; running it only builds the graphs. */
import { expect, expectTypeOf, test } from 'vitest';
import type { Batch } from '../../src/dstream/batch.ts';
import { ContextBuilder } from '../../src/dstream/context-builder.ts';
import type { DStream } from '../../src/dstream/dstream.ts';
import { count, sum } from '../../src/dstream/reducers.ts';
import type { Widened } from '../../src/dstream/widened.ts';

const ssc = new ContextBuilder();
const lines = ssc.inputStream<string>('lines');
const numbers = ssc.queueStream([[1, 2]]);
const pairs = lines.map((word) => [word, 1] as const);

test('the word count needs no annotation', () => {
  const counts = lines
    .flatMap((line) => line.split(' '))
    .map((word) => [word, 1] as const)
    .reduceByKey((a, b) => a + b);
  expectTypeOf(counts).toEqualTypeOf<DStream<[string, number]>>();
  expectTypeOf(pairs).toEqualTypeOf<DStream<readonly [string, 1]>>();
});

test('operators on records infer what comes out', () => {
  expectTypeOf(lines.map((line) => line.length)).toEqualTypeOf<DStream<number>>();
  expectTypeOf(lines.flatMap((line) => new Set(line))).toEqualTypeOf<DStream<string>>();
  expectTypeOf(lines.filter((line) => line !== '')).toEqualTypeOf<DStream<string>>();
  const mixed = ssc.queueStream<string | undefined>([]);
  expectTypeOf(mixed.filter((each): each is string => each !== undefined)).toEqualTypeOf<
    DStream<string>
  >();
  expectTypeOf(lines.glom()).toEqualTypeOf<DStream<string[]>>();
  expectTypeOf(lines.mapPartitions((records) => [[...records].length])).toEqualTypeOf<
    DStream<number>
  >();
  expectTypeOf(lines.union(lines)).toEqualTypeOf<DStream<string>>();
  expectTypeOf(lines.union(numbers)).toEqualTypeOf<DStream<string | number>>();
  expectTypeOf(ssc.union([lines, lines])).toEqualTypeOf<DStream<string>>();
  expectTypeOf(numbers.reduce((a, b) => a + b)).toEqualTypeOf<DStream<number>>();
  expectTypeOf(lines.map(() => 1 as const).reduce((a, b) => a + b)).toEqualTypeOf<
    DStream<number>
  >();
  expectTypeOf(lines.count()).toEqualTypeOf<DStream<number>>();
  expectTypeOf(lines.countByValue()).toEqualTypeOf<DStream<[string, number]>>();
  expectTypeOf(lines.named('same')).toEqualTypeOf<DStream<string>>();
});

test('operators on pairs infer key and value, be the pair a tuple or readonly', () => {
  const tuples = ssc.queueStream<[string, number]>([]);
  expectTypeOf(tuples.reduceByKey(sum)).toEqualTypeOf<DStream<[string, number]>>();
  expectTypeOf(lines.map((l) => [l, l] as const).reduceByKey(count)).toEqualTypeOf<
    DStream<[string, number]>
  >();
  type Trend = 'up' | 'down';
  const trends = ssc.queueStream<readonly [string, Trend]>([]);
  expectTypeOf(trends.reduceByKey((_: Trend, b: Trend) => b)).toEqualTypeOf<
    DStream<[string, Trend]>
  >();
  expectTypeOf(tuples.groupByKey()).toEqualTypeOf<DStream<[string, number[]]>>();
  expectTypeOf(pairs.mapValues((n) => String(n))).toEqualTypeOf<DStream<[string, string]>>();
  expectTypeOf(pairs.flatMapValues((n) => [n, n])).toEqualTypeOf<DStream<[string, 1]>>();
  const averages = tuples.combineByKey(
    (value) => ({ total: value, n: 1 }),
    (each, value) => ({ total: each.total + value, n: each.n + 1 }),
    (a, b) => ({ total: a.total + b.total, n: a.n + b.n }),
  );
  expectTypeOf(averages).toEqualTypeOf<DStream<[string, { total: number; n: number }]>>();
});

test('operators by key and joins infer key and values of both sides', () => {
  const numbered = ssc.queueStream<readonly [string, number]>([]);
  const named = ssc.queueStream<[string, { name: string }]>([]);
  type Named = { name: string };
  expectTypeOf(numbered.join(named)).toEqualTypeOf<DStream<[string, [number, Named]]>>();
  expectTypeOf(numbered.leftOuterJoin(named)).toEqualTypeOf<
    DStream<[string, [number, Named | undefined]]>
  >();
  expectTypeOf(numbered.rightOuterJoin(named)).toEqualTypeOf<
    DStream<[string, [number | undefined, Named]]>
  >();
  expectTypeOf(numbered.fullOuterJoin(named)).toEqualTypeOf<
    DStream<[string, [number | undefined, Named | undefined]]>
  >();
  expectTypeOf(numbered.cogroup(named)).toEqualTypeOf<DStream<[string, [number[], Named[]]]>>();
  expectTypeOf(numbered.join(named).mapValues(([n, { name }]) => `${n} ${name}`)).toEqualTypeOf<
    DStream<[string, string]>
  >();
  expectTypeOf(numbered.window(1000).join(named.reduceByKey((a) => a))).toEqualTypeOf<
    DStream<[string, [number, Named]]>
  >();
  expectTypeOf(named.countByKey()).toEqualTypeOf<DStream<[string, number]>>();
  expectTypeOf(numbered.aggregateByKey(0, (all, n) => all + n, sum)).toEqualTypeOf<
    DStream<[string, number]>
  >();
  expectTypeOf(numbered.partitionBy(2)).toEqualTypeOf<DStream<readonly [string, number]>>();
  numbered.partitionBy({
    numPartitions: 2,
    partition: (key) => {
      expectTypeOf(key).toEqualTypeOf<string>();
      return 0;
    },
  });
  expectTypeOf(lines.peek(() => {})).toEqualTypeOf<DStream<string>>();
  expectTypeOf(
    lines.mapPartitionsWithIndex((n, records) => [[n, ...records] as const]),
  ).toEqualTypeOf<DStream<readonly [number, ...string[]]>>();
  // @ts-expect-error a stream that isn't of pairs
  expect(() => numbered.join(lines)).toBeTypeOf('function');
  // @ts-expect-error keys of another type
  expect(() => numbered.join(ssc.queueStream<readonly [Date, number]>([]))).toBeTypeOf('function');
  // @ts-expect-error a stream that isn't of pairs
  expect(() => lines.countByKey()).toBeTypeOf('function');
});

test('outputs get batches of the stream', () => {
  pairs.foreachBatch((batch, time) => {
    expectTypeOf(batch).toEqualTypeOf<Batch<readonly [string, 1]>>();
    expectTypeOf(time).toEqualTypeOf<number>();
  });
  lines.foreachRDD(async (batch) => {
    expectTypeOf(await batch.collect()).toEqualTypeOf<string[]>();
    expectTypeOf(await batch.first()).toEqualTypeOf<string>();
  });
});

test('what makes no sense does not compile', () => {
  // @ts-expect-error a stream of numbers has no keys
  numbers.reduceByKey((a: number, b: number) => a + b);
  // @ts-expect-error numbers have no words
  numbers.words();
  // @ts-expect-error strings don't add up
  lines.map((l) => [l, l] as const).reduceByKey(sum);
  // @ts-expect-error a number can't be iterated over
  expect(() => lines.flatMap((line) => line.length)).not.toThrow();
  // @ts-expect-error no such option
  expect(() => ssc.socketTextStream('h', 1, { maxLine: 1 })).toThrow(/maxLine/);
  // @ts-expect-error no such way to meet a long line
  expect(() => ssc.socketTextStream('h', 1, { onLongLine: 'drop' })).toThrow(/onLongLine/);
});

test('literals widen to what they are literals of, and nothing else does', () => {
  type Branded = string & { readonly brand: 'id' };
  expectTypeOf<Widened<1>>().toEqualTypeOf<number>();
  expectTypeOf<Widened<0 | 1>>().toEqualTypeOf<number>();
  expectTypeOf<Widened<'a'>>().toEqualTypeOf<string>();
  expectTypeOf<Widened<'a' | undefined>>().toEqualTypeOf<string | undefined>();
  expectTypeOf<Widened<'up' | 'down'>>().toEqualTypeOf<'up' | 'down'>();
  expectTypeOf<Widened<true>>().toEqualTypeOf<boolean>();
  expectTypeOf<Widened<1n>>().toEqualTypeOf<bigint>();
  expectTypeOf<Widened<Branded>>().toEqualTypeOf<Branded>();
  expectTypeOf<Widened<number | undefined>>().toEqualTypeOf<number | undefined>();
  expectTypeOf<Widened<{ n: 1 }>>().toEqualTypeOf<{ n: 1 }>();
});
