/** Functions of whole batches: what they give, what they refuse, what they may hold. */
import { describe, expect, expectTypeOf, it } from 'vitest';
import { Batch } from '../../src/dstream/batch.ts';
import { ContextBuilder } from '../../src/dstream/context-builder.ts';
import type { DStream } from '../../src/dstream/dstream.ts';
import { runBatches } from '../../src/testing/index.ts';
import transforms, { cases } from '../fixtures/jobs/transforms.ts';
import { testCases } from './cases.ts';

testCases('transform', transforms, cases);

describe('ssc.transform', () => {
  it('works on the batches of any number of streams', async () => {
    const { batches, errors } = await runBatches(
      {
        inputs: [
          [[1], [2]],
          [['a'], []],
          [[true], [false]],
        ],
        partitions: 2,
      },
      (ssc, n, text, flag) =>
        ssc.transform([n, text, flag], async ([a, b, c], time) => {
          expectTypeOf(a).toEqualTypeOf<Batch<number>>();
          expectTypeOf(b).toEqualTypeOf<Batch<string>>();
          expectTypeOf(c).toEqualTypeOf<Batch<boolean>>();
          const sizes = [await a.count(), await b.count(), await c.count()];
          return ssc.batchOf([`${time}: ${sizes.join(' ')}`]);
        }),
    );
    expect(errors).toEqual([]);
    expect(batches.map(({ values }) => values)).toEqual([['1000: 1 1 1'], ['2000: 1 0 1']]);
  });

  it('refuses streams of another context, other slides, and what is no stream', async () => {
    const ssc = new ContextBuilder();
    const mine = ssc.queueStream([[1]]);
    const others = new ContextBuilder('another').queueStream([[1]]);
    for (const streams of [[], [others], [1], 'streams'])
      expect(() => ssc.transform(streams as never, () => Batch.of([]))).toThrow(
        expect.objectContaining({ code: 'ERR_MILLRACE_BAD_OPTION' }),
      );
    expect(() => mine.transform(undefined as never)).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_BAD_OPTION' }),
    );
    await expect(
      runBatches({ inputs: [[[1]]] }, (_ssc, stream) =>
        stream.transformWith(stream.window(2000, 2000), (a) => a),
      ),
    ).rejects.toMatchObject({ code: 'ERR_MILLRACE_SLIDES_DIFFER' });
  });

  it('fires when its parents do', async () => {
    const { batches, errors } = await runBatches(
      { inputs: [[[1], [2], [3], [4]]] },
      (_ssc, stream) => stream.window(2000, 2000).transform((batch) => batch.map((n) => n * 10)),
    );
    expect(errors).toEqual([]);
    expect(batches.map(({ time, values }) => [time, values])).toEqual([
      [2000, [10, 20]],
      [4000, [30, 40]],
    ]);
  });
});

describe('a batch larger than maxGatherBytes', () => {
  const rows = Array.from({ length: 1000 }, (_, n) => `record ${n}`);

  it('is refused as it comes in, by operator and call site', async () => {
    const { errors } = await runBatches(
      { inputs: [[rows]], maxGatherBytes: 1000 },
      (_ssc, stream) => stream.transform((batch) => batch),
    );
    expect(errors[0]!.error).toMatchObject({
      code: 'ERR_MILLRACE_BATCH_TOO_LARGE',
      message: expect.stringMatching(
        /transform \(transform#1\).*transform.test.ts:.*operators of the stream/,
      ),
    });
  });

  it('is refused when an operator of the batch makes it, and names what to use instead', async () => {
    const { errors } = await runBatches(
      { inputs: [[[1, 2, 3]]], maxGatherBytes: 10_000 },
      (_ssc, stream) =>
        stream.transform((batch) =>
          batch.flatMap((n) => Array.from({ length: 10_000 }, () => n)).sortBy((n) => n),
        ),
    );
    expect(errors[0]!.error).toMatchObject({
      code: 'ERR_MILLRACE_BATCH_TOO_LARGE',
      message: expect.stringMatching(/^sortBy of a batch at .*transform.test.ts:.*of the stream/),
    });
  });
});

it('types: the stream is of what the function gives', () => {
  const ssc = new ContextBuilder();
  const numbers = ssc.queueStream([[1]]);
  expectTypeOf(numbers.transform((batch) => batch.map(String))).toEqualTypeOf<DStream<string>>();
  expectTypeOf(numbers.transformWith(numbers, async (a, b) => a.cartesian(b))).toEqualTypeOf<
    DStream<[number, number]>
  >();
  // @ts-expect-error an array is no batch
  expect(() => numbers.transform(() => [1])).not.toThrow();
});
