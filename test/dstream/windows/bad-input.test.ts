/** What is wrong with a window is said before anything runs, with operator and call site. */
import { describe, expect, it } from 'vitest';
import { ContextBuilder } from '../../../src/dstream/context-builder.ts';
import type { DStream } from '../../../src/dstream/dstream.ts';
import { runBatches } from '../../../src/testing/run-batches.ts';

const HERE = /bad-input\.test\.ts:\d+:\d+/;
const add = (a: number, b: number): number => a + b;

type Stream = DStream<number>;
type Pairs = DStream<readonly [string, number]>;

function numbers(): Stream {
  return new ContextBuilder().queueStream<number>([]);
}

function pairs(): Pairs {
  return new ContextBuilder().queueStream<readonly [string, number]>([]);
}

describe('a length that is none', () => {
  it.each([0, -1000, 1.5, Number.NaN, Infinity, '1 year', '', null, undefined, {}])(
    'is refused where it is given: %s',
    (length) => {
      for (const build of [
        () => numbers().window(length as never),
        () => numbers().reduceByWindow(add, { window: length as never }),
        () => numbers().countByWindow(length as never, 1000),
        () => numbers().countByValueAndWindow(length as never, 1000),
        () => pairs().groupByKeyAndWindow(length as never),
        () => pairs().reduceByKeyAndWindow(add, { window: length as never }),
      ])
        expect(build).toThrow(
          expect.objectContaining({
            code: 'ERR_MILLRACE_BAD_DURATION',
            message: expect.stringMatching(/indow.*: window at .*bad-input\.test\.ts/) as unknown,
          }),
        );
    },
  );

  it.each([0, -1000, '0s', 'often'])('is refused as a slide: %s', (slide) => {
    for (const build of [
      () => numbers().window(1000, slide),
      () => numbers().countByWindow(1000, slide),
      () => pairs().reduceByKeyAndWindow(add, { window: 1000, slide }),
    ])
      expect(build).toThrow(
        expect.objectContaining({
          code: 'ERR_MILLRACE_BAD_DURATION',
          message: expect.stringMatching(/: slide at .*bad-input\.test\.ts/) as unknown,
        }),
      );
  });
});

describe('an argument of the wrong kind', () => {
  it.each([
    ['f', () => numbers().reduceByWindow(1 as never, { window: 1000 })],
    ['options', () => numbers().reduceByWindow(add, 1000 as never)],
    ['inverse', () => numbers().reduceByWindow(add, { window: 1000, inverse: 1 as never })],
    ['filter', () => pairs().reduceByKeyAndWindow(add, { window: 1000, filter: 1 as never })],
    ['windows', () => pairs().reduceByKeyAndWindow(add, { window: 1, windows: 2 } as never)],
    ['slide', () => numbers().countByWindow(1000, undefined as never)],
    ['numPartitions', () => numbers().countByValueAndWindow(1000, 1000, 0)],
    ['numPartitions', () => pairs().groupByKeyAndWindow(1000, 1000, 1.5)],
    ['numPartitions', () => pairs().reduceByKeyAndWindow(add, { window: 1, numPartitions: -1 })],
  ])('is refused by name: %s', (option, build) => {
    expect(build).toThrow(
      expect.objectContaining({
        code: 'ERR_MILLRACE_BAD_OPTION',
        message: expect.stringMatching(HERE) as unknown,
        context: expect.objectContaining({ option }) as unknown,
      }),
    );
  });
});

describe('a length that is no multiple of the slide before it', () => {
  const run = (build: (s: Stream) => DStream<unknown>, batches = 0): Promise<unknown> =>
    runBatches({ inputs: [[[1]]], batches }, (_, s: Stream) => build(s));

  it.each<[string, (s: Stream) => DStream<unknown>]>([
    ['window', (s) => s.window(1500)],
    ['slide', (s) => s.window(2000, 1500)],
    ['window', (s) => s.window(2000, 2000).window(3000)],
    ['slide', (s) => s.window(2000, 2000).countByWindow(4000, 1000)],
    ['window', (s) => s.map((n) => [n, n] as const).reduceByKeyAndWindow(add, { window: 999 })],
    ['slide', (s) => s.reduceByWindow(add, { window: 2000, slide: 1001 })],
  ])('fails before the start, whatever is to run: %s', async (what, build) => {
    await expect(run(build)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_WINDOW_MULTIPLE',
      message: expect.stringMatching(
        new RegExp(`indow.*bad-input\\.test\\.ts:.*its ${what} of`),
      ) as unknown,
    });
  });

  it('is judged by the interval of the run, not by that of the job', async () => {
    await expect(
      runBatches({ inputs: [[[1], [2]]], batchInterval: 500 }, (_, s: Stream) => s.window(1500)),
    ).resolves.toMatchObject({ errors: [], batches: [{ values: [1] }, { values: [1, 2] }] });
  });
});

describe('a key that leaves a window and has no result', () => {
  it('fails the job, and says which key, where and what to do', async () => {
    const inputs = [[[['a', 5] as const], [], [], []]];
    await expect(
      runBatches({ inputs }, (_, s: Pairs) =>
        s.reduceByKeyAndWindow(add, {
          window: '2s',
          inverse: (a, b) => a - b,
          filter: ([, total]) => total !== 5,
        }),
      ),
    ).rejects.toMatchObject({
      code: 'ERR_MILLRACE_WINDOW_KEY_UNKNOWN',
      message: expect.stringMatching(
        /reduceByKeyAndWindow#1.*bad-input\.test\.ts.*the key "a"/,
      ) as unknown,
    });
  });
});

describe('a function of a window that throws', () => {
  it.each<[string, (s: Pairs) => DStream<unknown>]>([
    ['f', (s) => s.reduceByKeyAndWindow(thrower('f'), { window: '2s' })],
    ['f', (s) => s.map(([, n]) => n).reduceByWindow(thrower('f'), { window: '2s' })],
    ['inverse', (s) => s.reduceByKeyAndWindow(add, { window: '1s', inverse: thrower('inverse') })],
    [
      'filter',
      (s) =>
        s.reduceByKeyAndWindow(add, { window: '1s', filter: () => thrower('filter')() as never }),
    ],
  ])('%s: names the operator and its call', async (name, build) => {
    const inputs = [[[['a', 1] as const], [['a', 2] as const], []]];
    const out = await runBatches({ inputs }, (_, s: Pairs) => build(s)).catch((error: unknown) => ({
      errors: [{ error }],
    }));
    const [first] = out.errors;
    expect(first!.error).toMatchObject({
      code: 'ERR_MILLRACE_USER_FUNCTION',
      message: expect.stringMatching(
        new RegExp(`reduceBy\\w*Window.*bad-input\\.test\\.ts.*${name} is broken`),
      ) as unknown,
    });
  });
});

function thrower(name: string): () => never {
  return () => {
    throw new RangeError(`${name} is broken`);
  };
}
