import { describe, expect, it } from 'vitest';
import { StreamingContext } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

/** A context on a clock of its own; batches end when it is moved. */
function context(): { ssc: StreamingContext; clock: VirtualClock } {
  const clock = new VirtualClock({ startMs: 10_500 });
  return { ssc: new StreamingContext({ batchInterval: '1s', clock, write: () => {} }), clock };
}

/** Runs `count` batches: each is read before the clock goes on. */
async function batches(
  ssc: StreamingContext,
  clock: VirtualClock,
  count: number,
  name = 'out',
): Promise<[number, readonly unknown[]][]> {
  const results = ssc.results(name);
  const got: [number, readonly unknown[]][] = [];
  while (got.length < count) {
    clock.advance(got.length === 0 ? 500 : 1000);
    const { value } = await results.next();
    got.push([value.time, value.values]);
  }
  return got;
}

describe('a streaming context', () => {
  it('runs batches at the multiples of its interval, and has the operators of a job', async () => {
    const { ssc, clock } = context();
    ssc
      .union([ssc.queueStream([['a b'], ['b']]), ssc.inputStream<string>('more')])
      .words()
      .countByValue()
      .collectAs('out');
    await ssc.start();
    await ssc.input('more').push(['c']);
    const ran = await batches(ssc, clock, 3);
    // Which key comes first is nobody's promise.
    expect(ran.map(([time, values]) => [time, values.toSorted()])).toEqual([
      [
        11_000,
        [
          ['a', 1],
          ['b', 1],
          ['c', 1],
        ],
      ],
      [12_000, [['b', 1]]],
      [13_000, []],
    ]);
    expect(ssc.metrics().batches).toBe(3);
    await ssc.stop();
  });

  it('makes up for batches that the clock has passed over, none skipped', async () => {
    const { ssc, clock } = context();
    ssc.queueStream([[1], [2], [3]]).collectAs('out');
    await ssc.start();
    clock.advance(2500);
    const times: number[] = [];
    for await (const { time } of ssc.results('out')) if (times.push(time) === 3) break;
    expect(times).toEqual([11_000, 12_000, 13_000]);
    await ssc.stop();
  });

  it('goes from initialized over active to stopped', async () => {
    const { ssc } = context();
    ssc.queueStream([[1]]).print();
    expect(ssc.state).toBe('initialized');
    await ssc.start();
    expect(ssc.state).toBe('active');
    expect(
      await ssc.awaitTerminationOrTimeout(1),
      'the clock of the context stands, ours does not',
    ).toBe(false);
    await ssc.stop();
    expect(ssc.state).toBe('stopped');
    expect(await ssc.awaitTerminationOrTimeout('1h')).toBe(true);
    await ssc.awaitTermination();
  });

  it('is stopped gracefully when asked: what was taken in is still given', async () => {
    const { ssc, clock } = context();
    ssc.inputStream<number>('in').collectAs('out');
    await ssc.start();
    clock.advance(500);
    await ssc.input('in').push([1, 2]);
    const report = await ssc.stop({ graceful: true });
    expect(report).toEqual({ drained: true, stuckThreads: [] });
    const values: unknown[] = [];
    for await (const batch of ssc.results('out')) values.push(...batch.values);
    expect(values).toEqual([1, 2]);
  });

  it('ends awaitTermination that was called before the start', async () => {
    const { ssc } = context();
    ssc.queueStream([[1]]).print();
    const ended = ssc.awaitTermination();
    await ssc.start();
    await ssc.stop();
    await ended;
    expect(ssc.state).toBe('stopped');
  });

  it('may be stopped from within an output', async () => {
    const { ssc, clock } = context();
    const seen: unknown[] = [];
    ssc.queueStream([[1], [2], [3]]).foreachBatch((batch) => {
      seen.push(batch.toArray());
      void ssc.stop();
    });
    await ssc.start();
    clock.advance(500);
    await ssc.awaitTermination();
    expect(seen).toEqual([[1]]);
  });

  it('may be stopped from within any function', async () => {
    const { ssc, clock } = context();
    ssc
      .queueStream([[1, 2], [3]])
      .map((n) => (void ssc.stop(), n))
      .countByValue()
      .print();
    await ssc.start();
    clock.advance(500);
    await ssc.awaitTermination();
    expect(ssc.state).toBe('stopped');
  });

  it('fails with the error of a batch: awaitTermination rejects with it', async () => {
    const { ssc, clock } = context();
    ssc
      .queueStream([[1]])
      .map(() => {
        throw new Error('broken');
      })
      .print();
    await ssc.start();
    const ended = ssc.awaitTermination();
    ended.catch(() => {});
    clock.advance(500);
    // Each new attempt waits, on this clock too.
    const driver = setInterval(() => clock.advance(100), 1);
    await expect(ended).rejects.toMatchObject({
      code: 'ERR_MILLRACE_USER_FUNCTION',
      message: expect.stringContaining('broken'),
      context: { batchId: 11_000 },
    });
    clearInterval(driver);
    expect(ssc.state).toBe('failed');
    await expect(ssc.awaitTerminationOrTimeout(0)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_USER_FUNCTION',
    });
    await ssc.stop();
    expect(ssc.state).toBe('failed');
  });
});

describe('a streaming context refuses', () => {
  it('a second start', async () => {
    const { ssc } = context();
    ssc.queueStream([[1]]).print();
    const first = ssc.start();
    await expect(ssc.start()).rejects.toMatchObject({
      code: 'ERR_MILLRACE_ALREADY_STARTED',
      message: expect.stringContaining('streaming-context.test.ts:'),
    });
    await first;
    await expect(ssc.start()).rejects.toMatchObject({ code: 'ERR_MILLRACE_ALREADY_STARTED' });
    expect(ssc.state).toBe('active');
    await ssc.stop();
  });

  it('a start after a stop, which may come before any start', async () => {
    const { ssc } = context();
    const lines = ssc.queueStream([['a']]);
    lines.print();
    const ended = ssc.awaitTermination();
    await ssc.stop();
    await ssc.stop();
    await ended;
    expect(ssc.state).toBe('stopped');
    await expect(ssc.start()).rejects.toMatchObject({ code: 'ERR_MILLRACE_STOPPED' });

    const other = context().ssc;
    other.queueStream([['a']]).print();
    await other.start();
    await other.stop();
    await expect(other.start()).rejects.toMatchObject({ code: 'ERR_MILLRACE_STOPPED' });
  });

  it('operators, outputs and sources from the start on', async () => {
    const { ssc } = context();
    const numbers = ssc.queueStream([[1]]);
    numbers.print();
    const started = ssc.start();
    for (const late of [
      () => numbers.map((n) => n),
      () => numbers.print(),
      () => ssc.queueStream([]),
    ]) {
      expect(late).toThrow(
        expect.objectContaining({
          code: 'ERR_MILLRACE_GRAPH_FROZEN',
          message: expect.stringContaining('streaming-context.test.ts:'),
        }),
      );
    }
    await started;
    await ssc.stop();
  });

  it('a graph without an output', async () => {
    const { ssc } = context();
    ssc.queueStream([[1]]).map((n) => n);
    const ended = ssc.awaitTermination();
    await expect(ssc.start()).rejects.toMatchObject({ code: 'ERR_MILLRACE_NO_OUTPUT' });
    await expect(ended).rejects.toMatchObject({ code: 'ERR_MILLRACE_NO_OUTPUT' });
    expect(ssc.state).toBe('failed');
    await expect(ssc.start()).rejects.toMatchObject({ code: 'ERR_MILLRACE_STOPPED' });
    await ssc.stop();
  });

  it('wrong options, at once', () => {
    expect(() => new StreamingContext({ batchInterval: 'soon' })).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_BAD_DURATION' }),
    );
    expect(() => new StreamingContext({ batchInterval: 0 })).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_BAD_DURATION' }),
    );
    expect(() => new StreamingContext({ threads: 2 } as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_MILLRACE_BAD_OPTION',
        message: expect.stringContaining('run(job'),
      }),
    );
    expect(() => new StreamingContext({ interval: 5 } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_BAD_OPTION' }),
    );
  });

  it('to give results before the start', () => {
    const { ssc } = context();
    ssc.queueStream([[1]]).collectAs('out');
    expect(() => ssc.results('out')).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_NOT_STARTED' }),
    );
  });
});

describe('several contexts', () => {
  it('live side by side; the newest active one is the active one', async () => {
    const made = (): StreamingContext => {
      const { ssc } = context();
      ssc.queueStream([[1]]).print();
      return ssc;
    };
    expect(StreamingContext.getActive()).toBeUndefined();
    const first = StreamingContext.getActiveOrCreate(made);
    expect(first.state).toBe('initialized');
    expect(StreamingContext.getActive(), 'it was not started').toBeUndefined();
    await first.start();
    const second = made();
    await second.start();
    expect(StreamingContext.getActive()).toBe(second);
    expect(StreamingContext.getActiveOrCreate(made)).toBe(second);
    await second.stop();
    expect(StreamingContext.getActive()).toBe(first);
    await first.stop();
    expect(StreamingContext.getActive()).toBeUndefined();
  });

  it('on the clock of this machine', async () => {
    const ssc = new StreamingContext({ batchInterval: 20 });
    ssc.queueStream([['a'], ['b']]).collectAs('out');
    await ssc.start();
    const got: unknown[] = [];
    for await (const { time, values } of ssc.results('out')) {
      expect(time % 20).toBe(0);
      got.push(...values);
      if (got.length === 2) break;
    }
    expect(got).toEqual(['a', 'b']);
    await ssc.stop();
  });
});
