/** What operators by key, joins and partitioners refuse when they are called, with operator and call site. */
import { describe, expect, test } from 'vitest';
import { ContextBuilder } from '../../../src/dstream/context-builder.ts';
import type { DStream } from '../../../src/dstream/dstream.ts';

type Pairs = DStream<readonly [string, number]>;

const pairsOf = (ssc: ContextBuilder): Pairs => ssc.queueStream<readonly [string, number]>([]);
const add = (a: number, b: number): number => a + b;

const REFUSED: readonly (readonly [string, RegExp, (pairs: Pairs) => unknown])[] = [
  ['a join with nothing', /other must be a stream/, (s) => s.join(undefined as never)],
  ['a join with an array', /other must be a stream/, (s) => s.cogroup([] as never)],
  [
    'a join with a stream of another context',
    /other must be a stream of/,
    (s) => s.fullOuterJoin(pairsOf(new ContextBuilder('job "other"'))),
  ],
  ['no partitions', /numPartitions must be a whole number/, (s) => s.join(s, 0)],
  ['half a partition', /numPartitions must be a whole number/, (s) => s.partitionBy(1.5)],
  ['nothing to partition by', /numPartitions must be/, (s) => s.partitionBy(undefined as never)],
  [
    'a text for partitions',
    /numPartitions must be a number, or/,
    (s) => s.countByKey('2' as never),
  ],
  [
    'a partitioner without a number',
    /partitioner\.numPartitions must be/,
    (s) => s.groupByKey({ partition: () => 0 } as never),
  ],
  [
    'a partitioner without a function',
    /partitioner\.partition must be a function/,
    (s) => s.reduceByKey(add, { numPartitions: 2 } as never),
  ],
  [
    'a zero that can not be copied',
    /zero must be/,
    (s) =>
      s.aggregateByKey(
        { f: add },
        (a) => a,
        (a) => a,
      ),
  ],
  [
    'no function to aggregate by',
    /add must be a function/,
    (s) => s.aggregateByKey(0, 1 as never, add),
  ],
  [
    'no function to merge by',
    /merge must be a function/,
    (s) => s.aggregateByKey(0, add, 1 as never),
  ],
  ['peek without a function', /f must be a function/, (s) => s.peek(1 as never)],
  [
    'mapPartitionsWithIndex without a function',
    /f must be a function/,
    (s) => s.mapPartitionsWithIndex(1 as never),
  ],
  [
    'a preservesPartitioning that is neither true nor false',
    /preservesPartitioning must be true or false/,
    (s) => s.mapPartitions((all) => all, 1 as never),
  ],
];

describe('refused at the call', () => {
  test.each(REFUSED)('%s', (_, says, call) => {
    expect(() => call(pairsOf(new ContextBuilder()))).toThrow(
      expect.objectContaining({
        code: 'ERR_MILLRACE_BAD_OPTION',
        message: expect.stringMatching(says),
        context: expect.objectContaining({
          callSite: expect.stringMatching(/arguments\.test\.ts:\d+:\d+/),
        }),
      }),
    );
  });

  test('whatever comes when the graph is frozen', () => {
    const ssc = new ContextBuilder();
    const pairs = pairsOf(ssc);
    pairs.print();
    ssc.freeze();
    for (const call of [
      () => pairs.join(pairs),
      () => pairs.partitionBy(2),
      () => pairs.countByKey(),
      () => pairs.peek(() => {}),
    ])
      expect(call).toThrow(expect.objectContaining({ code: 'ERR_MILLRACE_GRAPH_FROZEN' }));
  });
});
