import { describe, expect, test } from 'vitest';
import type { DStream } from '../../../src/dstream/dstream.ts';
import type { BodyOptions } from '../../../src/dstream/run/create-body.ts';
import { runProgram, type RunBatchesOptions } from '../../../src/testing/run-batches.ts';
import { results, sortedOf } from './drive.ts';

const caller = { operator: 'runBatches', callSite: 'here' };
const parse = (text: string): number => {
  const n = Number(text);
  if (Number.isNaN(n)) throw new RangeError(`no number: ${text}`);
  return n;
};
const words = (line: string): string[] => line.split(' ');
const skip = { onRecordError: 'skip' } as const;

describe.each(['compiled', 'closures'] as const)('%s', (form) => {
  const run = (
    inputs: RunBatchesOptions['inputs'],
    build: (lines: DStream<never>) => DStream<unknown>,
    supervision: RunBatchesOptions['supervision'] = {},
    body: BodyOptions = { form },
  ) =>
    runProgram(
      caller,
      { inputs: inputs!, supervision },
      ((_ssc: unknown, lines: DStream<never>) => build(lines)) as never,
      body,
    );

  test('a record at which map throws is passed over alone: its siblings of the same line go on', async () => {
    const out = await run([[['1 x 2', '3'], ['y']]], (lines: DStream<string>) =>
      lines.flatMap(words).map(parse, skip),
    );
    expect(out.errors).toEqual([]);
    expect(out.batches.map(({ values }) => values)).toEqual([[1, 2, 3], []]);
    expect(out.deadLetters).toMatchObject([
      {
        type: 'deadLetter',
        reason: 'recordError',
        kind: 'map',
        operator: 'map#1',
        record: "'x'",
        time: 1000,
        partition: 0,
        ofBatch: 1,
        error: { code: 'ERR_MILLRACE_USER_FUNCTION' },
      },
      { record: "'y'", time: 2000 },
    ]);
    expect(out.deadLetters[0]!.reason === 'recordError' && out.deadLetters[0]!.callSite).toMatch(
      /dead-letter\.test\.ts:\d+/,
    );
  });

  test('each record by record operator passes over what its function throws at', async () => {
    const out = await run(
      [[[['a', '1'], ['b', 'x'], ['c', '2 y'], 7]]],
      (pairs: DStream<[string, string]>) =>
        pairs
          .filter((pair) => pair[1].length > 0, skip)
          .flatMapValues(words, skip)
          .mapValues(parse, skip)
          .flatMap(function* (pair) {
            yield pair;
            if (pair[0] === 'a') throw new Error('late');
          }, skip),
    );
    expect(out.batches[0]!.values).toEqual([['c', 2]]);
    expect(
      out.deadLetters.map((letter) => [
        letter.reason === 'recordError' && letter.kind,
        letter.record,
      ]),
    ).toEqual([
      ['flatMap', "[ 'a', 1 ]"],
      ['mapValues', "[ 'b', 'x' ]"],
      ['mapValues', "[ 'c', 'y' ]"],
      ['filter', '7'],
    ]);
  });

  test('what is no pair is passed over where pairs are taken', async () => {
    const out = await run([[[['a', '1'], 7]]], (pairs: DStream<[string, string]>) =>
      pairs.mapValues(parse, skip),
    );
    expect(out.batches[0]!.values).toEqual([['a', 1]]);
    expect(out.deadLetters).toMatchObject([
      { record: '7', error: { code: 'ERR_MILLRACE_RECORD_TYPE' } },
    ]);
  });

  test("the run's option is for operators that have no say of their own", async () => {
    const out = await run([[['1', 'x']], [['x']]], (lines: DStream<string>) => lines.map(parse), {
      onRecordError: 'skip',
    });
    expect(out.batches[0]!.values).toEqual([1]);
    const failed = await run(
      [[['1', 'x']]],
      (lines: DStream<string>) => lines.map(parse, { onRecordError: 'fail' }),
      { onRecordError: 'skip', maxBatchFailures: 1 },
    );
    expect(failed.errors).toHaveLength(1);
    expect(failed.deadLetters).toEqual([]);
  });

  test('I1: a recovery inside the batch loses no letter and tells none twice', async () => {
    const told: unknown[] = [];
    const outcome = await results(
      (lines: DStream<string>) => lines.map(parse, skip),
      [[[['1', 'a'], ['b', '2'], ['c']]]],
      { form, partitions: 1, recoverEvery: 1, letters: told },
    );
    expect(sortedOf(outcome)).toEqual([['1', '2']]);
    expect(told).toMatchObject([{ count: 3, letters: [{}, {}, {}] }]);
  });

  test('I2: of many letters of a batch the first 100 are told, all are counted', async () => {
    const lines = Array.from({ length: 250 }, () => 'x');
    const out = await run([[lines]], (stream: DStream<string>) => stream.map(parse, skip));
    expect(out.deadLetters).toHaveLength(100);
    expect(out.deadLetters[0]).toMatchObject({ ofBatch: 250 });
  });
});

test('an option that is none is an error that names the operator', async () => {
  await expect(
    runProgram(
      caller,
      { inputs: [[[1]]] },
      ((_ssc: unknown, s: DStream<number>) =>
        s.map((n) => n, { onRecordError: 'no' as never })) as never,
      {},
    ),
  ).rejects.toMatchObject({ code: 'ERR_MILLRACE_BAD_OPTION' });
});
