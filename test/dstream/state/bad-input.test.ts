/** What operators with state refuse while the graph is built: each error names operator, call site and option. */
import { expect, test } from 'vitest';
import { ContextBuilder } from '../../../src/dstream/context-builder.ts';
import type { DStream } from '../../../src/dstream/dstream.ts';

type Loose = {
  updateStateByKey(...args: unknown[]): DStream<unknown>;
  mapWithState(...args: unknown[]): DStream<unknown>;
};
const stream = (): Loose => new ContextBuilder().inputStream('in') as unknown as Loose;
const f = (): number => 1;
const partitioner = { numPartitions: 2, partition: () => 0 };

test.each<[string, (s: Loose) => unknown, RegExp, string?]>([
  ['no function', (s) => s.updateStateByKey(1), /f must be a function/],
  ['an unknown option', (s) => s.updateStateByKey(f, { timeout: 1 }), /no option "timeout"/],
  ['an unknown option', (s) => s.mapWithState(f, { iterator: true }), /no option "iterator"/],
  ['iterator: 1', (s) => s.updateStateByKey(f, { iterator: 1 }), /iterator must be true or false/],
  ['0 partitions', (s) => s.updateStateByKey(f, 0), /numPartitions must be a whole number/],
  ['0 partitions', (s) => s.mapWithState(f, { numPartitions: 0 }), /numPartitions must be a whole/],
  [
    'a partitioner that is none',
    (s) => s.mapWithState(f, { partitioner: f }),
    /partitioner must be of/,
  ],
  [
    'two numbers of partitions',
    (s) => s.mapWithState(f, { partitioner, numPartitions: 3 }),
    /numPartitions must be that of the partitioner/,
  ],
  [
    'a state that is no array',
    (s) => s.mapWithState(f, { initialState: {} }),
    /initialState must be/,
  ],
  [
    'a state that is no pair',
    (s) => s.updateStateByKey(f, { initialState: [['a', 1], ['b']] }),
    /initialState\[1\] must be a pair/,
  ],
  [
    'a state of undefined',
    (s) => s.updateStateByKey(f, { initialState: [['a', undefined]] }),
    /initialState\[0\] must be a pair/,
  ],
  [
    'a key twice',
    (s) =>
      s.updateStateByKey(f, {
        initialState: [
          [0, 1],
          ['a', 1],
          [-0, 1],
        ],
      }),
    /initialState\[2\] must be another key than initialState\[0\]/,
  ],
  [
    'a key without a value',
    (s) => s.updateStateByKey(f, { initialState: [[new Map(), 1]] }),
    /the key of initialState\[0\] must be one that has a value/,
  ],
  ['ttl beside timeout', (s) => s.mapWithState(f, { ttl: 1, timeout: 1 }), /ttl must be left out/],
  [
    'a timeout of 0',
    (s) => s.mapWithState(f, { timeout: 0 }),
    /mapWithState: timeout at .*at least 1 ms/,
    'ERR_MILLRACE_BAD_DURATION',
  ],
  [
    'a ttl that is no duration',
    (s) => s.updateStateByKey(f, { ttl: 'soon' }),
    /updateStateByKey: ttl at .*'soon'|"soon"/,
    'ERR_MILLRACE_BAD_DURATION',
  ],
])('refuses %s', (_, build, says, code = 'ERR_MILLRACE_BAD_OPTION') => {
  expect(() => build(stream())).toThrow(
    expect.objectContaining({
      code,
      message: expect.stringMatching(says),
      context: expect.objectContaining({ callSite: expect.stringMatching(/bad-input\.test\.ts:/) }),
    }),
  );
});
