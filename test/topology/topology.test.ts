/** Topologies in the calling thread: groupings, outputs, state, timers on virtual time. */
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/env/virtual-clock.ts';
import { realEnv } from '../../src/env/real.ts';
import { startRun } from '../../src/run/run.ts';
import type { Run } from '../../src/run/running.ts';
import type { StageFeed, StageStream } from '../../src/plan/stage-stream.ts';
import { collect, forEach, print } from '../../src/topology/sinks.ts';
import { fromIterable, numbers, queue } from '../../src/topology/sources.ts';
import type { StageContext, StageOutputs } from '../../src/topology/stage.ts';
import { topology, type TopologyBuild, type TopologyOptions } from '../../src/topology/topology.ts';

const START = 1_700_000_000_000;

interface Local {
  readonly run: Run;
  readonly clock: VirtualClock;
  readonly written: string[];
  /** The clock goes on by so much, and everything that is due is done. */
  pass(ms: number): Promise<void>;
}

async function start(
  build: TopologyBuild<undefined>,
  options: TopologyOptions = {},
): Promise<Local> {
  const clock = new VirtualClock({ startMs: START });
  const written: string[] = [];
  const job = topology('test', options, build);
  const run = await startRun(
    job as never,
    { threads: 0, write: (text: string) => void written.push(text) },
    { env: { ...realEnv(), clock } },
  );
  const settle = async (): Promise<void> => {
    for (let n = 0; n < 40; n++) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    run,
    clock,
    written,
    pass: async (ms) => {
      await settle();
      for (let left = ms; left > 0; left -= 5) {
        clock.advance(Math.min(5, left));
        await settle();
      }
    },
  };
}

/** Which instance saw what, when a source of 0 … 9 is dealt out to three. */
async function dealt(
  grouping: (from: StageStream<number>) => StageFeed<number>,
): Promise<number[][]> {
  const seen: number[][] = [[], [], []];
  const local = await start((t) => {
    const source = t.source('numbers', numbers({ count: 10 }));
    const spread = t.stage<number, number>(
      'spread',
      (n, out) => {
        out.emit(n);
        if (n < 3) out.emitTo(2 - n, n);
      },
      { from: source.shuffle(), outputs: [] },
    );
    const direct = t.stage('direct', (_n: number) => {}, { from: spread.direct(), parallelism: 3 });
    t.sink(
      'none',
      forEach(() => {}),
      { from: [direct.global(), spread.global()] },
    );
    t.sink(
      'seen',
      forEach(() => {}),
      {
        from: t
          .stage<number, number>('watch', (n, _out, ctx) => void seen[ctx.instance]!.push(n), {
            from: grouping(spread),
            parallelism: 3,
          })
          .global(),
      },
    );
  });
  await local.pass(20);
  await local.run.stop({ graceful: false });
  return seen;
}

describe('a grouping deals records out', () => {
  it('shuffle: in turn', async () => {
    expect(await dealt((s) => s.shuffle())).toEqual([
      [0, 3, 6, 9],
      [1, 4, 7],
      [2, 5, 8],
    ]);
  });

  it('byKey: a key has one instance, and its records their order', async () => {
    const seen = await dealt((s) => s.byKey((n) => n % 4));
    expect(seen.flat().sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const key of [0, 1, 2, 3]) {
      const owners = seen.filter((records) => records.some((n) => n % 4 === key));
      expect(owners).toHaveLength(1);
      const own = owners[0]!.filter((n) => n % 4 === key);
      expect(own).toEqual(own.toSorted((a, b) => a - b));
    }
  });

  it('all: to every instance', async () => {
    const ten = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    expect(await dealt((s) => s.all())).toEqual([ten, ten, ten]);
  });

  it('global: to the first', async () => {
    expect(await dealt((s) => s.global())).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [], []]);
  });

  it('local: to the instance of the same number', async () => {
    expect(await dealt((s) => s.local())).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [], []]);
  });

  it('direct: where the sender says', async () => {
    expect(await dealt((s) => s.direct())).toEqual([[2], [1], [0]]);
  });
});

describe('instances that no record reaches', () => {
  it.each(['global', 'local'] as const)('%s: hold no barrier back', async (grouping) => {
    const local = await start(
      (t) => {
        const seen = t.stage<number, number>('seen', (n, out) => out.emit(n), {
          from: t.source('numbers', numbers({ count: 3 }))[grouping](),
          parallelism: 3,
        });
        t.sink('out', collect('out'), { from: seen.global() });
      },
      { checkpointInterval: 100 },
    );
    const results = local.run.results<number>('out');
    await local.pass(250);
    await local.run.stop();
    const all: number[] = [];
    for await (const batch of results) all.push(...batch.values);
    expect(all).toEqual([0, 1, 2]);
  });
});

describe('a topology', () => {
  it("is refused with onBatchError: 'continue': its state belongs to no batch", async () => {
    await expect(
      start((t) => t.sink('out', print(), { from: t.source('n', numbers()).global() }), {
        supervision: { onBatchError: 'continue' },
      }),
    ).rejects.toMatchObject({ code: 'ERR_MILLRACE_UNSUPPORTED' });
  });

  it('names operator, instance and record when a stage throws, and fails after its attempts', async () => {
    const local = await start((t) => {
      const bad = t.stage<number, number>(
        'divide',
        (n) => {
          if (n === 2) throw new RangeError('no two');
        },
        { from: t.source('n', fromIterable([1, 2, 3])).shuffle() },
      );
      t.sink('out', print(), { from: bad.global() });
    });
    const failed = local.run.awaitTermination().catch((error: unknown) => error);
    await local.pass(1000);
    expect(await failed).toMatchObject({
      code: 'ERR_MILLRACE_USER_FUNCTION',
      context: { operator: 'divide', partition: 0, record: '2' },
    });
  });

  it('refuses an async stage, which nobody would wait for', async () => {
    const local = await start((t) => {
      const slow = t.stage('slow', (async () => {}) as never, {
        from: t.source('n', numbers({ count: 1 })).shuffle(),
      });
      t.sink('out', print(), { from: slow.global() });
    });
    const failed = local.run.awaitTermination().catch((error: unknown) => error);
    await local.pass(1000);
    expect(String((await failed) as Error)).toMatch(/a stage may not be async/);
  });

  it('has stages with named outputs, and prints records as they come', async () => {
    const local = await start((t) => {
      const lines = t.source('lines', queue(['1', 'x', '2']));
      const parse = t.stage<string, number>(
        'parse',
        (line, out) => {
          if (Number.isNaN(Number(line))) out.to('errors').emit({ line });
          else out.emit(Number(line) * 10);
        },
        { from: lines.shuffle(), outputs: ['errors'] },
      );
      t.sink(
        'good',
        print((n: number) => `good ${n}`),
        { from: parse.global() },
      );
      t.sink('bad', print(), { from: parse.output<{ line: string }>('errors').global() });
    });
    await local.pass(10);
    expect(local.written.join('')).toBe('good 10\ngood 20\n{"line":"x"}\n');
    await local.run.stop();
  });

  it('has state, which a graceful stop brings to its end', async () => {
    class Sum {
      total = 0;
      process(n: number, out: StageOutputs<number>): void {
        this.total += n;
        out.emit(this.total);
      }
    }
    const local = await start((t) => {
      const sums = t.stage('sum', Sum, { from: t.source('n', fromIterable([1, 2, 3])).shuffle() });
      t.sink('out', collect('sums'), { from: sums.global() });
    });
    await local.pass(10);
    const results = local.run.results('sums');
    await local.run.stop();
    const all: unknown[] = [];
    for await (const batch of results) all.push(...batch.values);
    expect(all).toEqual([1, 3, 6]);
  });

  it('calls timers in the order of their time, on the clock of the job', async () => {
    const rung: unknown[] = [];
    class Alarm {
      process(n: number, _out: StageOutputs<unknown>, ctx: StageContext): void {
        ctx.timer(n * 100, `at ${n * 100}`);
      }
      onTimer(payload: unknown, out: StageOutputs<unknown>, ctx: StageContext): void {
        rung.push([payload, Math.round(ctx.now() - START)]);
        out.emit(payload);
      }
    }
    const local = await start((t) => {
      const alarms = t.stage('alarm', Alarm, {
        from: t.source('n', fromIterable([3, 1, 2])).shuffle(),
      });
      t.sink('out', print(), { from: alarms.global() });
    });
    await local.pass(50);
    expect(rung).toEqual([]);
    await local.pass(300);
    expect((rung as [string, number][]).map(([payload]) => payload)).toEqual([
      'at 100',
      'at 200',
      'at 300',
    ]);
    for (const [payload, at] of rung as [string, number][])
      expect(at - Number(payload.slice(3))).toBeLessThanOrEqual(50);
    expect(local.written.join('')).toBe('at 100\nat 200\nat 300\n');
    await local.run.stop();
  });

  it('sends a record again that nobody answered for in time, and then no more', async () => {
    const seen: number[] = [];
    const local = await start(
      (t) => {
        const work = t.stage<number, number>(
          'work',
          (n, out, ctx) => {
            seen.push(n);
            if (n === 2 && seen.filter((each) => each === 2).length === 1) ctx.defer();
            else if (n === 3 && seen.filter((each) => each === 3).length === 1) ctx.fail();
            else out.emit(n);
          },
          { from: t.source('n', fromIterable([1, 2, 3])).shuffle(), fuse: false },
        );
        t.sink('out', print(), { from: work.global() });
      },
      { guarantee: 'at-least-once', timeout: 200 },
    );
    await local.pass(50);
    expect(seen).toEqual([1, 2, 3, 3]);
    await local.pass(1000);
    expect(seen).toEqual([1, 2, 3, 3, 2]);
    expect(local.written.join('')).toBe('1\n3\n2\n');
    expect(local.run.metrics().counted).toEqual({ failed: 1, replayed: 2, timedOut: 1 });
    await local.run.stop();
  });

  it('shares its graph with streams, both ways', async () => {
    const local = await start(
      (t) => {
        const words = t.ssc
          .queueStream([['a b', 'b']])
          .flatMap((line: string) => line.split(' '))
          .toTopology();
        const loud = t.stage<string, string>('loud', (word, out) => out.emit(word.toUpperCase()), {
          from: words.byKey((word) => word),
          parallelism: 2,
        });
        t.toDStream(loud).countByValue().collectAs('counts');
      },
      { checkpointInterval: 100 },
    );
    const results = local.run.results<[string, number]>('counts');
    await local.pass(400);
    await local.run.stop();
    const all: [string, number][] = [];
    for await (const batch of results) all.push(...batch.values);
    expect(all.toSorted()).toEqual([
      ['A', 1],
      ['B', 2],
    ]);
  });
});
