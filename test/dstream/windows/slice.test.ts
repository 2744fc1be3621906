/** `slice` and `remember`: batches that have been, where outputs run. */
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/dstream/batch.ts';
import { ContextBuilder } from '../../../src/dstream/context-builder.ts';
import type { DStream } from '../../../src/dstream/dstream.ts';
import { runBatches } from '../../../src/testing/run-batches.ts';

type Stream = DStream<number>;
const inputs = [[[1, 2], [3], null, [], [5], [6]]];
const told = (batches: readonly Batch<number>[]): unknown =>
  batches.map((batch) => [batch.time, batch.toArray()]);

/** What `stream.slice(time - back, time - until)` gives in each batch of the first stream. */
async function slices(
  build: (ssc: ContextBuilder, s: Stream) => Stream,
  [back, until]: readonly [number, number],
  partitions = 2,
): Promise<Record<number, unknown>> {
  const seen: Record<number, unknown> = {};
  const out = await runBatches({ inputs, partitions }, (ssc, s: Stream) => {
    const stream = build(ssc, s);
    s.foreachBatch(async (_, time) => {
      await Promise.resolve();
      seen[time] = await stream
        .slice(time - back, time - until)
        .then(told, (error: unknown) => (error as { code: string }).code);
    });
  });
  expect(out.errors).toEqual([]);
  return seen;
}

describe('a slice', () => {
  it('reaches back as far as the stream is remembered; missing batches are left out', async () => {
    expect(await slices((_, s) => s.map((n) => 10 * n).remember('2s'), [2000, 0])).toEqual({
      1000: [[1000, [10, 20]]],
      2000: [
        [1000, [10, 20]],
        [2000, [30]],
      ],
      4000: [
        [2000, [30]],
        [4000, []],
      ],
      5000: [
        [4000, []],
        [5000, [50]],
      ],
      6000: [
        [4000, []],
        [5000, [50]],
        [6000, [60]],
      ],
    });
  });

  it('has the partitions of the stream, and goes on to other batches', async () => {
    let seen: unknown;
    await runBatches({ inputs: [[[1, 2, 3], [4]]], partitions: 3 }, (_, s: Stream) => {
      s.remember('5s').foreachBatch(async (batch, time) => {
        const [first] = await s.slice(time - 1000, time);
        seen = [
          first!.toPartitions(),
          await first!
            .union(batch)
            .map((n) => -n)
            .collect(),
        ];
      });
    });
    expect(seen).toEqual([
      [[1], [2], [3]],
      [-1, -2, -3, -4],
    ]);
  });

  it('is refused where batches are let go, with a word on what to do', async () => {
    expect(await slices((_, s) => s.map((n) => n).remember('2s'), [3000, 3000])).toEqual({
      1000: [],
      2000: [],
      4000: 'ERR_MILLRACE_NOT_REMEMBERED',
      5000: 'ERR_MILLRACE_NOT_REMEMBERED',
      6000: 'ERR_MILLRACE_NOT_REMEMBERED',
    });
  });

  it('has the batch at hand of a stream with an output, and no other', async () => {
    const none = 'ERR_MILLRACE_NOT_REMEMBERED';
    expect(await slices((_, s) => s, [0, 0])).toMatchObject({
      1000: [[1000, [1, 2]]],
      6000: [[6000, [6]]],
    });
    expect(await slices((_, s) => s, [1000, 0])).toMatchObject({
      1000: [[1000, [1, 2]]],
      2000: none,
    });
    expect(await slices((_, s) => s.map((n) => n), [0, 0])).toMatchObject({ 1000: none });
  });

  it('reaches back as far as a window over a stream with an output', async () => {
    const build = (_: ContextBuilder, s: Stream): Stream => {
      s.window('2s').print();
      return s;
    };
    expect(await slices(build, [1000, 0])).toMatchObject({
      2000: [
        [1000, [1, 2]],
        [2000, [3]],
      ],
    });
  });

  it('is there of every stream when the context remembers', async () => {
    const build = (ssc: ContextBuilder, s: Stream): Stream => {
      ssc.remember('1m');
      return s.map((n) => -n).filter((n) => n < -1);
    };
    expect(await slices(build, [10_000, 1000])).toMatchObject({
      1000: [],
      6000: [
        [1000, [-2]],
        [2000, [-3]],
        [4000, []],
        [5000, [-5]],
      ],
    });
  });

  it('floors bounds that lie between batches, and leaves out what is not yet or never was', async () => {
    const build = (_: ContextBuilder, s: Stream): Stream => s.map((n) => n).remember('1m');
    // At 6000 from 4001 to 5999: floored to 4000 and 5000.
    expect(await slices(build, [1999, 1])).toMatchObject({
      6000: [
        [4000, []],
        [5000, [5]],
      ],
    });
    expect(await slices(build, [100_000, 5000])).toMatchObject({
      1000: [],
      6000: [[1000, [1, 2]]],
    });
    expect(await slices(build, [0, -9000])).toMatchObject({ 5000: [[5000, [5]]] });
    expect(await slices(build, [0, 1])).toMatchObject({ 5000: [] });
  });

  it('of a window is on the grid of its slide', async () => {
    const build = (_: ContextBuilder, s: Stream): Stream => s.window('2s', '2s').remember('1m');
    expect(await slices(build, [5000, 0])).toMatchObject({
      5000: [
        [2000, [1, 2, 3]],
        [4000, []],
      ],
    });
  });
});

describe('what is refused', () => {
  it('a slice before the start, and behind the end', async () => {
    const ssc = new ContextBuilder();
    const stream = ssc.queueStream([[1]]);
    await expect(stream.slice(0, 1000)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_NOT_STARTED',
      message: expect.stringMatching(/slice at .*slice\.test\.ts.*foreachBatch/) as unknown,
    });
    let later: Stream | undefined;
    await runBatches({ inputs }, (_, s: Stream) => {
      later = s.remember('1m');
      return s;
    });
    await expect(later!.slice(0, 1000)).rejects.toMatchObject({ code: 'ERR_MILLRACE_NOT_STARTED' });
  });

  it('bounds that are no times', async () => {
    const stream = new ContextBuilder().queueStream([[1]]);
    await expect(stream.slice('a' as never, 1)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_BAD_OPTION',
    });
    await expect(stream.slice(0, Number.NaN)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_BAD_OPTION',
    });
  });

  it('a stream that is remembered and nothing more: there is no output', () => {
    const ssc = new ContextBuilder();
    ssc.queueStream([[1]]).remember('1s');
    expect(() => ssc.validate()).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_NO_OUTPUT' }),
    );
  });

  it('durations that are none, another level, another duration, all after the start', async () => {
    const ssc = new ContextBuilder();
    const stream = ssc.queueStream([[1]]);
    const code = (of: string): unknown => expect.objectContaining({ code: `ERR_MILLRACE_${of}` });
    expect(() => stream.remember(0)).toThrow(code('BAD_DURATION'));
    expect(() => ssc.remember(-1)).toThrow(code('BAD_DURATION'));
    expect(() => stream.checkpoint('soon')).toThrow(code('BAD_DURATION'));
    expect(stream.persist().cache()).toBe(stream);
    expect(() => stream.persist('DISK_ONLY')).toThrow(code('BAD_OPTION'));
    ssc.remember('1s');
    ssc.remember(1000);
    expect(() => ssc.remember('2s')).toThrow(code('BAD_OPTION'));
    ssc.freeze();
    for (const late of [
      () => stream.remember('1s'),
      () => ssc.remember('1s'),
      () => stream.cache(),
      () => stream.persist(),
      () => stream.checkpoint('1s'),
    ])
      expect(late).toThrow(code('GRAPH_FROZEN'));
    await expect(
      runBatches({ inputs, batches: 0 }, (_, s: Stream) => s.window(2000, 2000).checkpoint(3000)),
    ).rejects.toMatchObject({ code: 'ERR_MILLRACE_WINDOW_MULTIPLE' });
    await runBatches({ inputs, batches: 0 }, (_, s: Stream) =>
      s.window(2000, 2000).checkpoint(4000),
    );
  });
});
