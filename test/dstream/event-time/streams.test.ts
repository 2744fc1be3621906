/** Event time through the whole engine, in the calling thread. What operators do in detail is tested beside them. */
import { describe, expect, test } from 'vitest';
import {
  every,
  onCount,
  session,
  sliding,
  tumbling,
} from '../../../src/dstream/event-time/window.ts';
import { runBatches } from '../../../src/testing/run-batches.ts';

/** `[timestamp, key, value]` */
type Event = readonly [number, string, number];
const timeOf = (event: Event): number => event[0];
const pair = ([, key, value]: Event): readonly [string, number] => [key, value];
const sum = (a: number, b: number): number => a + b;

const events: readonly (readonly Event[])[] = [
  [
    [100, 'a', 1],
    [900, 'b', 2],
    [1100, 'a', 4],
  ],
  [
    [800, 'a', 8],
    [2100, 'a', 16],
  ],
  [
    [700, 'a', 32],
    [3200, 'b', 64],
  ],
  [],
];

test('a tumbling window gives its result once the watermark has passed its end', async () => {
  const out = await runBatches({ inputs: [events], partitions: 1 }, (_ssc, stream) =>
    stream
      .withTimestamps(timeOf, { maxOutOfOrderness: 500 })
      .map(pair)
      .windowBy(tumbling('1s'))
      .reduceByKey(sum),
  );
  expect(out.errors).toEqual([]);
  expect(out.batches.map(({ values }) => values)).toEqual([
    [],
    [
      [{ key: 'a', start: 0, end: 1000 }, 9],
      [{ key: 'b', start: 0, end: 1000 }, 2],
    ],
    [[{ key: 'a', start: 1000, end: 2000 }, 4]],
    [],
  ]);
  expect(out.counted).toMatchObject({ lateRecords: 1 });
});

test('late records correct results within the allowed lateness, and go to a side output after it', async () => {
  const out = await runBatches(
    {
      inputs: [
        [
          ...events,
          [
            [150, 'a', 128],
            [4200, 'c', 1],
          ],
          [[50, 'a', 256]],
        ],
      ],
      partitions: 1,
    },
    (_ssc, stream) =>
      stream
        .withTimestamps(timeOf, { maxOutOfOrderness: 500 })
        .map(pair)
        .windowBy(tumbling('1s'), { allowedLateness: '2s', lateTo: 'late' })
        .reduceByKey(sum),
  );
  expect(out.errors).toEqual([]);
  const of = (start: number): unknown[] =>
    out.batches.flatMap(({ time, values }) =>
      values
        .filter(([window]) => window.key === 'a' && window.start === start)
        .map(([, value]) => [time, value]),
    );
  expect(of(0)).toEqual([
    [2000, 9],
    [3000, 41],
    [5000, 169],
  ]);
  expect(out.collected['late']!.flatMap(({ values }) => values)).toEqual([[50, ['a', 256]]]);
});

test('the watermark is the least of the partitions, unless one is idle', async () => {
  const inputs = [
    Array.from({ length: 8 }, (_, n): Event[] => [
      [n * 1000, 'a', 1],
      [n * 1000, 'b', n < 1 ? 1 : 100],
    ]),
  ];
  const run = (idleAfter: string | number) =>
    runBatches({ inputs, partitions: 2 }, (_ssc, stream) =>
      stream
        // The second partition falls silent after the first batch.
        .filter(([, key, value]) => key === 'a' || value === 1)
        .withTimestamps(timeOf, { idleAfter })
        .map(pair)
        .windowBy(tumbling('1s'))
        .countByKey(1),
    );
  const waiting = await run(Infinity);
  expect(waiting.batches.flatMap(({ values }) => values)).toEqual([]);
  const going = await run('3s');
  expect(going.errors).toEqual([]);
  expect(
    going.batches.flatMap(({ time, values }) => values.map(([w, n]) => [time, w.key, w.start, n])),
  ).toEqual([
    [4000, 'a', 0, 1],
    [4000, 'b', 0, 1],
    [4000, 'a', 1000, 1],
    [4000, 'a', 2000, 1],
    [5000, 'a', 3000, 1],
    [6000, 'a', 4000, 1],
    [7000, 'a', 5000, 1],
    [8000, 'a', 6000, 1],
  ]);
});

test('sliding windows overlap, sessions join, both by key', async () => {
  const out = await runBatches(
    { inputs: [[...events, [[9000, 'z', 0]]]], partitions: 2 },
    (_ssc, stream) => {
      const timed = stream
        .withTimestamps(timeOf, { maxOutOfOrderness: '1s', idleAfter: 1 })
        .map(pair);
      timed.windowBy(sliding('2s', '1s')).countByKey().collectAs('sliding');
      timed.windowBy(session('1s')).groupByKey().collectAs('sessions');
      return timed.windowBy(tumbling('2s')).count();
    },
  );
  expect(out.errors).toEqual([]);
  const flat = (name: string): unknown[] =>
    out.collected[name]!.flatMap(
      ({ values }) => values as [{ key: string; start: number; end: number }, unknown][],
    )
      .map(([{ key, start, end }, value]) => [key, start, end, value])
      .sort((a, b) => (String(a) < String(b) ? -1 : 1));
  expect(flat('sliding')).toEqual([
    ['a', -1000, 1000, 3],
    ['a', 0, 2000, 4],
    ['a', 1000, 3000, 2],
    ['a', 2000, 4000, 1],
    ['b', -1000, 1000, 1],
    ['b', 0, 2000, 1],
    ['b', 2000, 4000, 1],
    ['b', 3000, 5000, 1],
  ]);
  expect(flat('sessions')).toEqual([
    ['a', 100, 2100, [1, 8, 4, 32]],
    ['a', 2100, 3100, [16]],
    ['b', 3200, 4200, [64]],
    ['b', 900, 1900, [2]],
  ]);
  expect(out.batches.flatMap(({ values }) => values)).toEqual([
    [{ start: 0, end: 2000 }, 5],
    [{ start: 2000, end: 4000 }, 2],
  ]);
});

test('an interval join meets records of a key that are near in time', async () => {
  const clicks: Event[][] = [
    [
      [1000, 'a', 1],
      [1500, 'b', 2],
    ],
    [[2500, 'a', 3]],
    [[9000, 'z', 0]],
  ];
  const buys: Event[][] = [
    [[1200, 'a', 10]],
    [
      [1900, 'a', 20],
      [2600, 'b', 30],
      [3300, 'a', 40],
    ],
    [[9000, 'y', 0]],
  ];
  const out = await runBatches({ inputs: [clicks, buys], partitions: 2 }, (_ssc, left, right) => {
    const timed = (stream: typeof left) =>
      stream.withTimestamps(timeOf, { maxOutOfOrderness: '1s' }).map(pair);
    return timed(left).intervalJoin(timed(right), { lower: 0, upper: '1s' }).timestamped();
  });
  expect(out.errors).toEqual([]);
  expect(out.batches.map(({ values }) => [...values].sort())).toEqual([
    [[1200, ['a', [1, 10]]]],
    [
      [1900, ['a', [1, 20]]],
      [3300, ['a', [3, 40]]],
    ],
    [],
  ]);
});

test('early results come by count and by batch time', async () => {
  const run = (trigger: Parameters<typeof tumbling>[0] | ReturnType<typeof onCount>) =>
    runBatches({ inputs: [events], partitions: 1 }, (_ssc, stream) =>
      stream
        .withTimestamps(timeOf, { maxOutOfOrderness: '9s' })
        .map(pair)
        .windowBy(tumbling('10s'), { trigger: trigger as never })
        .reduceByKey(sum),
    );
  const byCount = await run(onCount(2));
  expect(byCount.batches.map(({ values }) => values.map(([w, v]) => [w.key, v]))).toEqual([
    [['a', 5]],
    [['a', 29]],
    [['b', 66]],
    [],
  ]);
  const byTime = await run(every('2s'));
  expect(byTime.batches.map(({ values }) => values.map(([w, v]) => [w.key, v]))).toEqual([
    [],
    [
      ['a', 29],
      ['b', 2],
    ],
    [],
    [
      ['a', 61],
      ['b', 66],
    ],
  ]);
});

describe('timestamps', () => {
  const numbers = [
    [[100], ['x'], [200]],
    [[Infinity], [300]],
  ] as unknown as number[][][];
  const time = (record: number[]): number => record[0]!;

  test('that are none fail the batch with the operator, or are dead letters', async () => {
    const failed = await runBatches(
      { inputs: [numbers], supervision: { maxBatchFailures: 1 } },
      (_ssc, s) => s.withTimestamps(time).timestamped(),
    );
    expect(failed.errors).toMatchObject([
      {
        time: 1000,
        error: {
          code: 'ERR_MILLRACE_TIMESTAMP',
          context: { operator: 'withTimestamps#1', record: "[ 'x' ]" },
        },
      },
      { time: 2000, error: { code: 'ERR_MILLRACE_TIMESTAMP' } },
    ]);
    const skipped = await runBatches({ inputs: [numbers] }, (_ssc, s) =>
      s.withTimestamps(time, { onRecordError: 'skip' }).values(),
    );
    expect(skipped.batches.map(({ values }) => values)).toEqual([[[100], [200]], [[300]]]);
    expect(skipped.deadLetters).toMatchObject([
      { kind: 'withTimestamps', record: "[ 'x' ]" },
      { record: '[ Infinity ]' },
    ]);
  });

  test('far ahead never move the watermark: bounded, passed over or refused', async () => {
    const far = [[[100], [5000]], [[200]], [[2500]]];
    const run = (onAhead: 'bound' | 'skip' | 'fail') =>
      runBatches(
        { inputs: [far], partitions: 1, supervision: { maxBatchFailures: 1 } },
        (_ssc, s) => {
          const timed = s.withTimestamps((r) => r[0]!, { maxAhead: '2s', onAhead });
          timed.windowBy(tumbling('1s')).count().collectAs('counts');
          return timed.timestamped();
        },
      );
    const bounded = await run('bound');
    expect(bounded.batches[0]!.values).toEqual([
      [100, [100]],
      [3000, [5000]],
    ]);
    expect(bounded.collected['counts']!.map(({ values }) => values)).toEqual([
      [],
      [],
      [[{ start: 0, end: 1000 }, 2]],
    ]);
    expect(bounded.counted).toMatchObject({ timestampsAhead: 1 });
    const skipped = await run('skip');
    expect(skipped.batches[0]!.values).toEqual([[100, [100]]]);
    expect(skipped.deadLetters).toMatchObject([{ record: '[ 5000 ]' }]);
    const failed = await run('fail');
    expect(failed.errors).toMatchObject([
      { time: 1000, error: { code: 'ERR_MILLRACE_TIMESTAMP' } },
    ]);
  });
});

describe('tables, sides and order', () => {
  test('broadcastJoin meets the newest value of each key in every partition', async () => {
    const updates: [string, string][][] = [
      [['a', 'A']],
      [],
      [
        ['a', 'AA'],
        ['b', 'B'],
      ],
    ];
    const records: [string, number][][] = [
      [
        ['a', 1],
        ['b', 2],
      ],
      [
        ['a', 3],
        ['b', 4],
      ],
      [
        ['a', 5],
        ['b', 6],
      ],
    ];
    const out = await runBatches(
      { inputs: [records, updates], partitions: 2 },
      (_ssc, left, table) => {
        left.broadcastJoin(table, { outer: true }).collectAs('outer');
        left
          .withBroadcast(table, ([key, n], all) => `${n}${all.get(key) ?? '-'}`)
          .collectAs('with');
        return left.broadcastJoin(table);
      },
    );
    expect(out.errors).toEqual([]);
    expect(out.batches.map(({ values }) => values)).toEqual([
      [['a', [1, 'A']]],
      [['a', [3, 'A']]],
      [
        ['a', [5, 'AA']],
        ['b', [6, 'B']],
      ],
    ]);
    expect(out.collected['outer']![1]!.values).toEqual([
      ['a', [3, 'A']],
      ['b', [4, undefined]],
    ]);
    expect(out.collected['with']!.map(({ values }) => values)).toEqual([
      ['1A', '2-'],
      ['3A', '4-'],
      ['5AA', '6B'],
    ]);
  });

  test('dedupeByKey passes over what follows a record of its key', async () => {
    const out = await runBatches(
      { inputs: [[['a', 'b', 'a'], ['b', 'c'], ['a'], ['a', 'b']]] },
      (_ssc, s) => s.dedupeByKey('2s', { key: (text) => text }),
    );
    expect(out.batches.map(({ values }) => values)).toEqual([['a', 'b'], ['c'], ['a'], ['b']]);
  });

  test('topByKey gives the best values of each key, best first', async () => {
    const pairs: [string, number][] = [
      ['a', 1],
      ['a', 5],
      ['b', 2],
      ['a', 3],
      ['a', 5],
    ];
    const out = await runBatches({ inputs: [[pairs]], partitions: 2 }, (_ssc, s) => {
      s.topByKey(2, (a, b) => a - b, 1).collectAs('least');
      return s.topByKey(3);
    });
    expect([...out.batches[0]!.values].sort()).toEqual([
      ['a', [5, 5, 3]],
      ['b', [2]],
    ]);
    expect(out.collected['least']![0]!.values).toEqual([
      ['a', [1, 3]],
      ['b', [2]],
    ]);
  });

  test('partitionInto gives each record to the first side that wants it, or to the rest', async () => {
    const out = await runBatches({ inputs: [[[1, 2, 3, 4, 5, 6]]] }, (_ssc, s) => {
      const { even, big, rest } = s.partitionInto({ even: (n) => n % 2 === 0, big: (n) => n > 4 });
      even.collectAs('even');
      big.collectAs('big');
      return rest;
    });
    expect(out.collected['even']![0]!.values).toEqual([2, 4, 6]);
    expect(out.collected['big']![0]!.values).toEqual([5]);
    expect(out.batches[0]!.values).toEqual([1, 3]);
  });
});
