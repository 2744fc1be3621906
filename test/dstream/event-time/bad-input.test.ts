/** What is wrong is said before the start, with the operator and its call site; what is no pair of types does not compile. */
import { describe, expect, expectTypeOf, test } from 'vitest';
import { ContextBuilder } from '../../../src/dstream/context-builder.ts';
import type { DStream } from '../../../src/dstream/dstream.ts';
import { onCount, session, sliding, tumbling } from '../../../src/dstream/event-time/window.ts';

type Pair = readonly [string, number];

const pairs = (): DStream<Pair> => new ContextBuilder('job "clicks"').inputStream<Pair>('in');
const timed = () => pairs().withTimestamps(([, time]) => time);

const CALLS: readonly (readonly [string, string, () => unknown])[] = [
  ['withTimestamps', 'f must be a function', () => pairs().withTimestamps(7 as never)],
  [
    'withTimestamps',
    'maxOutOfOrderness',
    () => pairs().withTimestamps(() => 0, { maxOutOfOrderness: -1 }),
  ],
  [
    'withTimestamps',
    'onAhead',
    () => pairs().withTimestamps(() => 0, { onAhead: 'drop' as never }),
  ],
  ['withTimestamps', 'idleAfter', () => pairs().withTimestamps(() => 0, { idleAfter: '0s' })],
  ['windowBy', 'window must be', () => timed().windowBy('1s' as never)],
  ['windowBy', 'size of tumbling', () => timed().windowBy(tumbling(0))],
  ['windowBy', 'slide of sliding', () => timed().windowBy(sliding('1s', -5))],
  ['windowBy', 'slide must be such that', () => timed().windowBy(sliding(100_003, 10))],
  ['windowBy', 'gap of session', () => timed().windowBy(session('soon'))],
  ['windowBy', 'allowedLateness', () => timed().windowBy(tumbling('1s'), { allowedLateness: -1 })],
  ['windowBy', 'lateTo', () => timed().windowBy(tumbling('1s'), { lateTo: '' })],
  ['windowBy', 'trigger', () => timed().windowBy(tumbling('1s'), { trigger: onCount(0) })],
  [
    'windowBy',
    'there is no option "lateness"',
    () => timed().windowBy(tumbling('1s'), { lateness: 1 } as never),
  ],
  [
    'intervalJoin',
    'the other stream must be',
    () => timed().intervalJoin(pairs() as never, { lower: 0, upper: 1 }),
  ],
  [
    'intervalJoin',
    'a stream of job "clicks"',
    () => timed().intervalJoin(timed(), { lower: 0, upper: 1 }),
  ],
  ['dedupeByKey', 'within', () => pairs().dedupeByKey(0)],
  ['topByKey', 'n must be', () => pairs().topByKey(0)],
  ['broadcastJoin', 'stream 1 must be', () => pairs().broadcastJoin(7 as never)],
  ['partitionInto', 'none of them named rest', () => pairs().partitionInto({ rest: () => true })],
  ['mapAsync', 'concurrency', () => pairs().mapAsync(async () => 0, { concurrency: 0 })],
  ['mapAsync', 'timeout', () => pairs().mapAsync(async () => 0, { timeout: 'never' })],
];

test.each(CALLS)('%s: %s', (operator, text, call) => {
  let error: unknown;
  try {
    call();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({
    code: expect.stringMatching(/^ERR_MILLRACE_BAD_(OPTION|DURATION)$/),
  });
  expect((error as Error).message).toContain(text);
  expect((error as Error).message).toContain(operator);
  expect((error as Error).message).toMatch(/bad-input\.test\.ts:\d+/);
});

test('an interval join whose bounds are turned around is refused', () => {
  const ssc = new ContextBuilder('the context');
  const of = (name: string) => ssc.inputStream<Pair>(name).withTimestamps(([, time]) => time);
  expect(() => of('a').intervalJoin(of('b'), { lower: '1s', upper: '-1s' })).toThrow(
    /intervalJoin at .*upper must be not less than lower/,
  );
});

describe('types', () => {
  test('flow through windows and joins', () => {
    const ssc = new ContextBuilder('the context');
    const numbers = ssc.inputStream<number>('numbers').withTimestamps((n) => n);
    const texts = ssc.inputStream<string>('texts').withTimestamps(() => new Date(0));
    const a = numbers.map((n) => [String(n), n] as const);
    const b = texts.map((text) => [text, { text }] as const);
    const joined = a.intervalJoin(b, { lower: 0, upper: '1s' });
    joined.map(([key, [n, { text }]]) => key.length + n + text.length);
    const sums = a.windowBy(tumbling('1s')).reduceByKey((x, y) => x + y);
    expectTypeOf(
      sums.map(([{ key, start, end }, sum]) => [key, start, end, sum] as const),
    ).toEqualTypeOf<DStream<readonly [string, number, number, number]>>();
    const counts = numbers.windowBy(tumbling('1s')).countByValue();
    expectTypeOf(counts.map(([{ key }, n]) => key + n)).toEqualTypeOf<DStream<number>>();
    // @ts-expect-error numbers are no pairs
    numbers.windowBy(tumbling('1s')).countByKey();
    const byNumber = numbers.map((n) => [n, n] as const);
    // @ts-expect-error keys are of another type
    a.intervalJoin(byNumber, { lower: 0, upper: 1 });
    // @ts-expect-error a name is no time
    ssc.inputStream<string>('more').withTimestamps((name) => name);
  });
});
