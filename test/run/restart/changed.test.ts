/** A job whose program was changed between two starts on the same directory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ContextBuilder } from '../../../src/dstream/context-builder.ts';
import type { DStream } from '../../../src/index.ts';
import { type BatchesResult, runBatches } from '../../../src/testing/run-batches.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-changed-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

type Words = DStream<string>;
type Counts = DStream<readonly [string, number]>;

const INPUTS = [[['a', 'b'], ['a'], ['a'], ['b'], ['a', 'c']]];
const pairs = (words: Words): Counts => words.map((word) => [word, 1] as const);
const totals = (words: Words): Counts =>
  pairs(words).updateStateByKey(
    (values, before: number | undefined) => (before ?? 0) + values.length,
  );
const windowed = (words: Words, windowMs = 3000): Counts =>
  pairs(words).reduceByKeyAndWindow((a, b) => a + b, { window: windowMs, slide: 1000 });

/** Runs up to a batch, and gives what was collected by name, a line a batch. */
async function run(
  batches: number,
  build: (words: Words, ssc: ContextBuilder) => void,
  options: { allowDroppedState?: boolean | readonly string[]; batchInterval?: number } = {},
): Promise<Record<string, string[]>> {
  const { collected }: BatchesResult = await runBatches(
    { inputs: INPUTS, batches, partitions: 2, checkpointDir: directory, ...options },
    (ssc, words) => build(words, ssc),
  );
  return Object.fromEntries(
    Object.entries(collected).map(([name, list]) => [
      name,
      list.map(({ time, values }) =>
        [time, ...(values as [string, number][]).map(([word, n]) => word + n).sort()].join(' '),
      ),
    ]),
  );
}

describe('an operator that is new', () => {
  it('begins empty, and those that were there have their state, wherever they stand now', async () => {
    await run(3, (words) => totals(words).named('totals').collectAs('totals'));
    const after = await run(5, (words) => {
      windowed(words.filter((word) => word !== 'b')).collectAs('windowed');
      // In another task than before: behind a union, beside a window.
      totals(words).named('totals').collectAs('totals');
    });
    expect(after).toEqual({
      totals: ['4000 a3 b2', '5000 a4 b2 c1'],
      windowed: ['4000', '5000 a1 c1'],
    });
  });
});

describe('an operator that is gone', () => {
  const both = (words: Words): void => {
    totals(words).named('totals').collectAs('totals');
    windowed(words).collectAs('windowed');
  };
  const one = (words: Words): void => totals(words).named('totals').collectAs('totals');

  it('is refused with its name, its place, and what to do', async () => {
    await run(3, both);
    await expect(run(5, one)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_STATE_DROPPED',
      message: expect.stringMatching(
        /- reduceByKeyAndWindow#1 \(windowReduceByKey\) at \S+changed\.test\.ts:\d+:\d+ is not in the job any more\n[^]*allowDroppedState: \['reduceByKeyAndWindow#1'\][^]*named\('…'\)/,
      ) as string,
    });
  });

  it.each([[true], [['reduceByKeyAndWindow#1']]])(
    'is let go where %j says so, and the rest keeps its state',
    async (allowDroppedState) => {
      await run(3, both);
      expect(await run(4, one, { allowDroppedState })).toEqual({ totals: ['4000 a3 b2'] });
      // Nothing has to be allowed any more.
      expect(await run(5, one)).toEqual({ totals: ['5000 a4 b2 c1'] });
    },
  );

  it('is not missed when it never had state', async () => {
    await run(3, (words) => {
      one(words);
      words.map((word) => word).collectAs('plain');
    });
    expect(await run(4, one)).toEqual({ totals: ['4000 a3 b2'] });
  });
});

describe('an operator that was changed', () => {
  it('so that its state means something else: refused, and begins empty where that is allowed', async () => {
    const of = (windowMs: number) => (words: Words) => {
      windowed(
        totals(words).map(([word]) => word),
        windowMs,
      )
        .named('windowed')
        .collectAs('windowed');
    };
    await run(3, of(2000));
    await expect(run(4, of(3000))).rejects.toMatchObject({
      code: 'ERR_MILLRACE_STATE_DROPPED',
      message: expect.stringContaining(
        'had windowMs=2000 slideMs=1000 and has windowMs=3000 slideMs=1000',
      ) as string,
    });
    const after = await run(5, of(3000), { allowDroppedState: ['windowed'] });
    expect(after).toEqual({ windowed: ['4000 a1 b1', '5000 a2 b2 c1'] });
  });

  it('in its function only: it has its state', async () => {
    await run(3, (words) => totals(words).collectAs('totals'));
    const tenfold = await run(4, (words) =>
      pairs(words)
        .updateStateByKey(
          (values, before: number | undefined) => (before ?? 0) + 10 * values.length,
        )
        .collectAs('totals'),
    );
    expect(tenfold).toEqual({ totals: ['4000 a3 b11'] });
  });

  it('in its number of partitions: refused', async () => {
    await run(3, (words) => totals(words).collectAs('totals'));
    await expect(
      run(4, (words) =>
        pairs(words)
          .updateStateByKey((values, before: number | undefined) => (before ?? 0) + values.length, {
            numPartitions: 3,
          } as never)
          .collectAs('totals'),
      ),
    ).rejects.toMatchObject({
      message: expect.stringContaining('had 2 partitions and has 3') as string,
    });
  });
});

describe('a source', () => {
  const sources = async (
    batches: number,
    inputs: readonly (readonly (readonly string[])[])[],
    allowDroppedState: boolean | readonly string[] = false,
  ): Promise<string[]> => {
    const { batches: given } = await runBatches(
      { inputs, batches, checkpointDir: directory, allowDroppedState },
      (ssc, ...streams) => totals(streams.length === 1 ? streams[0]! : ssc.union(streams)),
    );
    return given.map(({ time, values }) =>
      [time, ...values.map(([word, n]) => word + n).sort()].join(' '),
    );
  };
  const [first] = INPUTS;
  const second = [['v'], ['w'], ['x'], ['y'], ['z']];

  it('that is new begins where the job goes on', async () => {
    expect(await sources(2, [first!])).toEqual(['1000 a1 b1', '2000 a2 b1']);
    expect(await sources(4, [first!, second])).toEqual(['3000 a3 b1 x1', '4000 a3 b2 x1 y1']);
    expect(await sources(5, [first!, second])).toEqual(['5000 a4 b2 c1 x1 y1 z1']);
  });

  it('that is gone is refused; where that is allowed it is gone for good', async () => {
    await sources(2, [first!, second]);
    await expect(sources(3, [first!])).rejects.toMatchObject({
      code: 'ERR_MILLRACE_STATE_DROPPED',
      message: expect.stringContaining('- queueStream#2 (queue) at ') as string,
    });
    expect(await sources(3, [first!], ['queueStream#2'])).toEqual(['3000 a3 b1 v1 w1']);
    expect(await sources(4, [first!])).toEqual(['4000 a3 b2 v1 w1']);
    // One that comes under its name later has nothing of it.
    expect(await sources(5, [first!, second])).toEqual(['5000 a4 b2 c1 v1 w1 z1']);
  });
});

describe('a job', () => {
  it('of another interval is refused', async () => {
    await run(3, (words) => totals(words).collectAs('totals'));
    await expect(
      run(4, (words) => totals(words).collectAs('totals'), { batchInterval: 500 }),
    ).rejects.toMatchObject({ code: 'ERR_MILLRACE_CHECKPOINT_MISFIT' });
  });
});
