import { describe, expect, test } from 'vitest';
import type { DStream } from '../../../src/dstream/dstream.ts';
import type { MillraceError } from '../../../src/errors.ts';
import { results, type SourceBatch } from './drive.ts';

type Stream = DStream<never>;
const boom = (): never => {
  throw new RangeError('no such luck');
};

describe.each(['compiled', 'closures'] as const)('%s loops', (form) => {
  const thrown = async (
    build: (s: Stream) => DStream<unknown>,
    batch: SourceBatch,
  ): Promise<MillraceError> => {
    const { batches } = await results(build, [batch, [[['after', 1]]], [[[1]], [[2]]]], {
      form,
      partitions: 1,
    });
    return batches[0]!.error as MillraceError;
  };
  const numbers = (s: Stream): DStream<number> => s as unknown as DStream<number>;
  const pairs = (s: Stream): DStream<[string, number]> => s as unknown as DStream<[string, number]>;

  test('a user function that throws is named with operator, call site, record and cause', async () => {
    const error = await thrown(
      (s) =>
        numbers(s)
          .map((n) => n + 1)
          .filter((n) => (n === 3 ? boom() : true))
          .map((n) => n),
      [[[1, 2]]],
    );
    expect(error.code).toBe('ERR_MILLRACE_USER_FUNCTION');
    expect(error.message).toMatch(
      /^filter \(filter#1\) at .*errors\.test\.ts:\d+:\d+: its function threw: no such luck; record: 3$/,
    );
    expect(error.context).toMatchObject({
      operator: 'filter#1',
      kind: 'filter',
      partition: 0,
      record: '3',
    });
    expect(error.cause).toBeInstanceOf(RangeError);
  });

  const functions: readonly (readonly [
    string,
    (s: Stream) => DStream<unknown>,
    unknown,
    string,
  ])[] = [
    ['map', (s) => numbers(s).map(boom), 1, '1'],
    ['flatMap', (s) => numbers(s).flatMap(boom), 1, '1'],
    ['mapValues', (s) => pairs(s).mapValues(boom), ['a', 1], "[ 'a', 1 ]"],
    [
      'flatMapValues',
      (s) =>
        pairs(s)
          .mapValues((n) => n + 1)
          .flatMapValues(boom),
      ['a', 1],
      "[ 'a', 2 ]",
    ],
    ['reduceByKey', (s) => pairs(s).union(pairs(s)).reduceByKey(boom), ['a', 1], "[ 'a', 1 ]"],
    ['combineByKey', (s) => pairs(s).combineByKey(boom, boom, boom), ['a', 1], "[ 'a', 1 ]"],
    [
      'combineByKey',
      (s) =>
        pairs(s)
          .union(pairs(s))
          .combineByKey(
            (n) => n,
            (n) => n,
            boom,
          ),
      ['a', 1],
      "[ 'a', 1 ]",
    ],
    [
      'combineByKey',
      (s) => pairs(s).combineByKey(boom, boom, boom, 1, false),
      ['a', 1],
      "[ 'a', 1 ]",
    ],
    [
      'reduce',
      (s) =>
        numbers(s)
          .flatMap((n) => [n, n + 1])
          .reduce(boom),
      1,
      '2',
    ],
  ];
  test.each(functions)(
    '%s says which record it had in hand',
    async (kind, build, record, shown) => {
      const error = await thrown(build, [[[record]]]);
      expect([error.code, error.context['kind'], error.context['record']]).toEqual([
        'ERR_MILLRACE_USER_FUNCTION',
        kind,
        shown,
      ]);
      expect(error.message).toContain('no such luck');
    },
  );

  test('mapPartitions that throws at the end of a batch says which batch', async () => {
    const error = await thrown((s) => s.mapPartitions(boom), [[[1]]]);
    expect(error.context).toMatchObject({ kind: 'mapPartitions', batchId: 1000 });
    const lazy = await thrown(
      (s) =>
        s.mapPartitions(function* () {
          yield 1;
          boom();
        }),
      [[[1]]],
    );
    expect(lazy.context['kind']).toBe('mapPartitions');
  });

  test('whatever is thrown is kept, and large records are cut', async () => {
    const error = await thrown(
      (s) =>
        (s as DStream<string>).map(() => {
          throw 'just text';
        }),
      [[['x'.repeat(10_000)]]],
    );
    expect(error.cause).toBe('just text');
    expect(error.message).toContain("its function threw: 'just text'");
    expect(error.message.length).toBeLessThan(1000);
  });

  test('the batch behind one that failed starts clean', async () => {
    const { batches } = await results(
      (s) => (s as DStream<string>).map((n) => (n === 'bad' ? boom() : n)).countByValue(),
      [[[['a', 'bad']]], [[['a']]]],
      { form, partitions: 1 },
    );
    expect(batches[1]!.results['out']).toEqual([[['a', 1]]]);
  });

  test('keys without a value are named with operator and call site', async () => {
    for (const build of [
      (s: Stream) => s.map(() => [undefined, 1] as const).reduceByKey((a) => a),
      (s: Stream) => s.map(() => [new Date(0), 1] as const).groupByKey(),
      (s: Stream) =>
        s
          .map(() => [() => 1, 1] as const)
          .combineByKey(
            (n) => n,
            (a) => a,
            (a) => a,
          ),
      (s: Stream) => s.map(() => new Map()).countByValue(),
    ]) {
      const error = await thrown(build, [[[1]]]);
      expect(error.code).toBe('ERR_MILLRACE_KEY_TYPE');
      expect(error.message).toMatch(
        /^(reduceByKey|groupByKey|combineByKey|countByValue) \(\w+#1\) at .*errors\.test\.ts:\d+:\d+ can't take the key /,
      );
    }
  });

  test('a record of the wrong type is named', async () => {
    const cases: [(s: Stream) => DStream<unknown>, unknown, string][] = [
      [(s) => pairs(s).reduceByKey((a) => a), 5, 'takes [key, value] pairs, not number; record: 5'],
      [
        (s) => pairs(s).mapValues((a) => a),
        'ab',
        "takes [key, value] pairs, not string; record: 'ab'",
      ],
      [(s) => pairs(s).groupByKey(), null, 'takes [key, value] pairs, not null; record: null'],
      [(s) => (s as DStream<string>).words(), 5, 'takes text, not number; record: 5'],
      [
        (s) => (s as DStream<string>).split(','),
        undefined,
        'takes text, not undefined; record: undefined',
      ],
      [(s) => (s as DStream<string>).grep('a'), {}, 'takes text, not object; record: {}'],
      [
        (s) => s.flatMap((() => 7) as never),
        1,
        'needs a function that gives something to iterate, such as an array; it gave number; record: 1',
      ],
      [(s) => s.mapPartitions((() => undefined) as never), 1, 'it gave undefined'],
    ];
    for (const [build, record, text] of cases) {
      const error = await thrown(build, [[[record]]]);
      expect(error.code).toBe('ERR_MILLRACE_RECORD_TYPE');
      expect(error.message).toContain(text);
    }
  });
});
