/** What the compiler infers of operators with state. `npm run check` is the judge; running it only builds the graphs. */
import { expect, expectTypeOf, test } from 'vitest';
import { ContextBuilder } from '../../../src/dstream/context-builder.ts';
import type { DStream, MapWithStateStream } from '../../../src/dstream/dstream.ts';
import type { State } from '../../../src/dstream/state/state-handle.ts';

const ssc = new ContextBuilder();
const lines = ssc.inputStream<string>('lines');
const pairs = lines.map((line) => [line, line.length] as const);

test('updateStateByKey gives keys with their states', () => {
  const totals = pairs.updateStateByKey((values, state: number | undefined) => {
    expectTypeOf(values).toEqualTypeOf<number[]>();
    return (state ?? 0) + values.length;
  });
  expectTypeOf(totals).toEqualTypeOf<DStream<[string, number]>>();
  expectTypeOf(
    pairs.updateStateByKey((values, total: number = 0) => total + values.length),
  ).toEqualTypeOf<DStream<[string, number]>>();
  // Without a look at the state its type follows from what is given.
  expectTypeOf(pairs.updateStateByKey((values) => values.length)).toEqualTypeOf<
    DStream<[string, number]>
  >();
  expectTypeOf(
    pairs.updateStateByKey((values, state: Date | undefined, { key, time }) => {
      expectTypeOf(key).toEqualTypeOf<string>();
      expectTypeOf(time).toEqualTypeOf<number>();
      return values.length > 0 ? new Date(time) : state;
    }),
  ).toEqualTypeOf<DStream<[string, Date]>>();
  // undefined is no state: it drops the key.
  expectTypeOf(
    pairs.updateStateByKey((values, state: string | undefined) =>
      values.length === 0 ? undefined : `${state}`,
    ),
  ).toEqualTypeOf<DStream<[string, string]>>();
  expectTypeOf(
    pairs.updateStateByKey((values, state: number | undefined) => state ?? values.length, {
      initialState: [['a', 1]],
      partitioner: { numPartitions: 2, partition: (key) => key.length % 2 },
      ttl: '1h',
    }),
  ).toEqualTypeOf<DStream<[string, number]>>();
});

test('the iterator form may give other keys', () => {
  const renamed = pairs.updateStateByKey(
    function* (entries: Iterable<readonly [string, number[], bigint?]>) {
      for (const [key, values, state] of entries)
        yield [key.length, BigInt(values.length) + (state ?? 0n)] as const;
    },
    { iterator: true },
  );
  expectTypeOf(renamed).toEqualTypeOf<DStream<[number, bigint]>>();
});

test('mapWithState gives what its function gives, and snapshots of its states', () => {
  const mapped = pairs.mapWithState((key, value, state: State<number>, { time }) => {
    expectTypeOf(key).toEqualTypeOf<string>();
    expectTypeOf(value).toEqualTypeOf<number | undefined>();
    expectTypeOf(time).toEqualTypeOf<number>();
    state.update((state.getOption() ?? 0) + (value ?? 0));
    return [key, state.get()];
  });
  expectTypeOf(mapped).toEqualTypeOf<
    MapWithStateStream<string, number, readonly [string, number]>
  >();
  expectTypeOf(mapped.stateSnapshots()).toEqualTypeOf<DStream<[string, number]>>();
  expectTypeOf(mapped.reduceByKey((a, b) => Math.max(a, b))).toEqualTypeOf<
    DStream<[string, number]>
  >();
  expectTypeOf(mapped.named('totals').stateSnapshots()).toEqualTypeOf<DStream<[string, number]>>();
  // undefined gives no record.
  expectTypeOf(
    pairs.mapWithState((key, value, state: State<number>) => {
      state.update(value ?? 0);
      return value === 1 ? key : undefined;
    }),
  ).toEqualTypeOf<MapWithStateStream<string, number, string>>();
});

test('a stream that is not of pairs has no state by key', () => {
  // @ts-expect-error: records are text
  expect(() => lines.updateStateByKey((values: unknown[]) => values.length)).not.toThrow();
  // @ts-expect-error: records are text
  expect(() => lines.mapWithState((key: string) => key)).not.toThrow();
  expect(() =>
    // @ts-expect-error: the state is a number
    pairs.updateStateByKey((values, state: number | undefined) => state ?? values.length, {
      initialState: [['a', 'text']],
    }),
  ).not.toThrow();
});
