/** What the compiler infers of windows. `npm run check` is the judge; running it only builds the graphs. */
import { expect, expectTypeOf, test } from 'vitest';
import type { Batch } from '../../../src/dstream/batch.ts';
import { ContextBuilder } from '../../../src/dstream/context-builder.ts';
import type { DStream } from '../../../src/dstream/dstream.ts';
import { count, sum } from '../../../src/dstream/reducers.ts';

const ssc = new ContextBuilder();
const lines = ssc.inputStream<string>('lines');
const numbers = ssc.queueStream([[1, 2]]);
const pairs = lines.map((word) => [word, 1] as const);
const add = (a: number, b: number): number => a + b;

test('records keep their type in a window', () => {
  expectTypeOf(lines.window('10s')).toEqualTypeOf<DStream<string>>();
  expectTypeOf(pairs.window('10s', '5s').reduceByKey(add)).toEqualTypeOf<
    DStream<[string, number]>
  >();
  expectTypeOf(lines.countByWindow('10s', '1s')).toEqualTypeOf<DStream<number>>();
  expectTypeOf(lines.countByValueAndWindow(10, 5)).toEqualTypeOf<DStream<[string, number]>>();
  expectTypeOf(numbers.reduceByWindow((a, b) => a + b, { window: 10 })).toEqualTypeOf<
    DStream<number>
  >();
  // A literal is widened, as in reduce.
  expectTypeOf(
    lines
      .map(() => 1 as const)
      .reduceByWindow((a, b) => a + b, { window: 10, inverse: (a, b) => a - b }),
  ).toEqualTypeOf<DStream<number>>();
  expectTypeOf(lines.remember('1m').cache().persist().checkpoint('10s')).toEqualTypeOf<
    DStream<string>
  >();
  const sliced = (stream: DStream<string>): Promise<Batch<string>[]> => stream.slice(0, 1);
  expectTypeOf(sliced).returns.resolves.toEqualTypeOf<Batch<string>[]>();
});

test('key and value types flow through', () => {
  expectTypeOf(pairs.groupByKeyAndWindow('10s')).toEqualTypeOf<DStream<[string, 1[]]>>();
  expectTypeOf(
    pairs.reduceByKeyAndWindow((a, b) => a + b, {
      window: '10s',
      inverse: (whole, leaving) => whole - leaving,
      filter: ([key, total]) => key.length > 0 && total.toFixed() !== '0',
      partitioner: { numPartitions: 2, partition: (key) => key.length % 2 },
    }),
  ).toEqualTypeOf<DStream<[string, number]>>();
  expectTypeOf(pairs.reduceByKeyAndWindow(sum, { window: 1 })).toEqualTypeOf<
    DStream<[string, number]>
  >();
  expectTypeOf(
    lines.map((line) => [line, new Date(0)] as const).reduceByKeyAndWindow(count, { window: 1 }),
  ).toEqualTypeOf<DStream<[string, number]>>();
});

test('what is no pair, or of another type, does not compile', () => {
  const wrong = [
    // @ts-expect-error records are no pairs
    () => lines.reduceByKeyAndWindow(add, { window: 1 }),
    // @ts-expect-error records are no pairs
    () => numbers.groupByKeyAndWindow(1),
    // @ts-expect-error a slide is needed, as in Spark
    () => lines.countByWindow(10),
    // @ts-expect-error a window is needed
    () => numbers.reduceByWindow(add, { slide: 10 }),
    // @ts-expect-error values are numbers
    () => pairs.reduceByKeyAndWindow((a: string, b: string) => a + b, { window: 1 }),
    // @ts-expect-error the key is text
    () => pairs.reduceByKeyAndWindow(add, { window: 1, filter: ([key]) => key > 1n }),
  ];
  expect(wrong).toHaveLength(6);
});
