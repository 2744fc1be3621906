/**
 * A program goes on from what another version of it left: state is found by operator and partition, whatever the tasks
 * are cut like, and state of older shapes is migrated.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { ContextBuilder } from '../../../src/dstream/context-builder.ts';
import type { DStream } from '../../../src/dstream/dstream.ts';
import type { State } from '../../../src/dstream/state/state-handle.ts';
import { plan } from '../../../src/plan/planner.ts';
import { collect } from '../../../src/topology/sinks.ts';
import { fromIterable } from '../../../src/topology/sources.ts';
import type { StageOutputs } from '../../../src/topology/stage.ts';
import { topology } from '../../../src/topology/topology.ts';
import { drive, planOf, type SourceBatch, sortedOf } from '../run/drive.ts';

type Pairs = DStream<readonly [string, number]>;

/** How a version of the program is written. None of it changes what `out` is. */
interface Shape {
  /** A stateless operator in front, another behind. */
  readonly maps: boolean;
  /** Windows get the totals from other tasks instead of the ones that make them. */
  readonly split: boolean;
  /** Another operator with state, before the others. */
  readonly added: boolean;
  /** The deduplication comes last. */
  readonly reordered: boolean;
}

const add = (a: number, b: number): number => a + b;
const sum = (values: number[], total: number = 0): number => values.reduce(add, total);

function program(shape: Shape): (ssc: ContextBuilder) => void {
  return (ssc) => {
    let input = ssc.inputStream<readonly [string, number]>('in') as Pairs;
    if (shape.maps) input = input.map((pair) => [...pair] as const);
    if (shape.added)
      input.updateStateByKey((values: number[], n: number = 0) => n + values.length).print();
    const totals = (): DStream<unknown> => {
      const running = input.updateStateByKey(sum).named('totals');
      const last = (shape.split ? running.repartition(2) : running).window(3000).named('last');
      return last.map((pair) => ['last', ...(pair as unknown as unknown[])]);
    };
    const recent = (): DStream<unknown> =>
      input
        .reduceByKeyAndWindow(add, { window: 4000, inverse: (a, b) => a - b })
        .named('recent')
        .map((pair) => ['recent', ...pair]);
    const seen = (): DStream<unknown> =>
      input
        .mapWithState((key: string, value: number | undefined, state: State<number[]>) => {
          const all = [...(state.getOption() ?? []), value ?? 0].slice(-3);
          state.update(all);
          return [key, all] as const;
        })
        .named('seen')
        .map((pair) => ['seen', ...pair]);
    const parts = shape.reordered ? [recent, seen, totals] : [totals, seen, recent];
    let out = parts.map((part) => part()).reduce((a, b) => a.union(b));
    if (shape.maps) out = out.map((row) => row);
    out.collectAs('out');
  };
}

const someShape: fc.Arbitrary<Shape> = fc.record({
  maps: fc.boolean(),
  split: fc.boolean(),
  added: fc.boolean(),
  reordered: fc.boolean(),
});
const someBatch: fc.Arbitrary<SourceBatch> = fc
  .array(
    fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.integer({ min: 0, max: 9 })), {
      maxLength: 6,
    }),
    { minLength: 2, maxLength: 2 },
  )
  .map((partitions) => partitions.map((rows) => [rows]));

const directory = mkdtempSync(join(tmpdir(), 'millrace-test-changed-'));
let lives = 0;
afterAll(() => rmSync(directory, { recursive: true }));

/** Sums that end at multiples of five, a sum of the last values, and what was idle for two batches is dropped. */
const stores = (ssc: ContextBuilder): void => {
  const input = ssc.inputStream<readonly [string, number]>('in') as Pairs;
  input
    .updateStateByKey(
      (values: number[], total: number | undefined) => {
        const next = sum(values, total);
        return next % 5 === 0 ? undefined : next;
      },
      { initialState: [['a', 1]] },
    )
    .map((pair) => ['totals', ...pair])
    .union(
      input
        .mapWithState(
          (key: string, value: number | undefined, state: State<{ n: number }>) => {
            if (state.isTimingOut()) return [key, 'idle', state.get().n];
            if (value === 3) state.remove();
            else state.update({ n: (state.getOption()?.n ?? 0) + value! });
            return [key, 'now', state.getOption()?.n];
          },
          { timeout: 2000 },
        )
        .map((row) => ['seen', ...row]),
    )
    .collectAs('out');
};

describe('a program that keeps its state elsewhere', () => {
  test('goes on as it would have, from either store to the other', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(
            fc.constantFrom('memory' as const, 'disk' as const),
            fc.array(someBatch, { minLength: 1, maxLength: 5 }),
          ),
          { minLength: 1, maxLength: 4 },
        ),
        fc.option(fc.integer({ min: 1, max: 3 })),
        async (all, often) => {
          const wanted = await drive(planOf(stores), [all.flatMap(([, batches]) => batches)]);
          const outcomes: unknown[] = [];
          let from;
          for (const [stateStore, batches] of all) {
            const life = await drive(planOf(stores), [batches], {
              stateStore,
              stateDirectory: directory,
              life: `${++lives}`,
              ...(often === null ? { pointEvery: 1 } : { recoverEvery: often }),
              ...(from === undefined ? {} : { from }),
            });
            outcomes.push(...sortedOf(life));
            from = life.ended;
          }
          expect(outcomes).toEqual(sortedOf(wanted));
        },
      ),
      { numRuns: 40 },
    );
  });

  test('migrates it there, too', async () => {
    const of = (options: object): ReturnType<typeof planOf> =>
      planOf((ssc) =>
        (ssc.inputStream('in') as unknown as Pairs)
          .updateStateByKey((values: number[], total: unknown) => total ?? values[0], options)
          .collectAs('out'),
      );
    const first = await drive(
      of({}),
      [
        [
          [
            [
              [
                ['a', 1],
                ['b', 2],
              ],
            ],
            [],
          ],
        ],
      ],
      { recoverEvery: 1 },
    );
    const then = await drive(
      of({
        version: 2,
        migrate: { 1: (old: number, key: string) => (key === 'b' ? undefined : { old }) },
      }),
      [
        [
          [[[['c', 5]]], []],
          [[], []],
        ],
      ],
      {
        from: first.ended,
        recoverEvery: 1,
        stateStore: 'disk',
        stateDirectory: directory,
        life: 'm',
      },
    );
    const wanted = [JSON.stringify(['a', { old: 1 }]), JSON.stringify(['c', 5])];
    expect(sortedOf(then)).toEqual([wanted, wanted]);
  });
});

describe('a changed program', () => {
  test('goes on as the old one would have, whatever is fused into which task', async () => {
    await fc.assert(
      fc.asyncProperty(
        someShape,
        fc.array(fc.tuple(someShape, fc.array(someBatch, { minLength: 1, maxLength: 5 })), {
          minLength: 2,
          maxLength: 4,
        }),
        async (model, lives) => {
          const all = lives.flatMap(([, batches]) => batches);
          const wanted = await drive(planOf(program(model)), [all]);
          let from;
          const outcomes: unknown[] = [];
          for (const [shape, batches] of lives) {
            const life = await drive(planOf(program(shape)), [batches], {
              recoverEvery: 1,
              ...(from === undefined ? {} : { from }),
            });
            outcomes.push(...sortedOf(life));
            from = life.ended;
          }
          expect(outcomes).toEqual(sortedOf(wanted));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('migrates state as it is read, in steps, and once only where it is written again', async () => {
    const batches = (...rows: (readonly [string, number])[]): SourceBatch[] => [[[rows], []]];
    const first = await drive(
      planOf((ssc) =>
        (ssc.inputStream('in') as unknown as Pairs)
          .updateStateByKey(sum)
          .named('totals')
          .collectAs('out'),
      ),
      [batches(['a', 1], ['b', 2], ['gone', 3])],
      { recoverEvery: 1 },
    );
    interface Total {
      readonly key: string;
      readonly sum: number;
      readonly times: number;
    }
    const second = planOf((ssc) =>
      (ssc.inputStream('in') as unknown as Pairs)
        .updateStateByKey(
          (values: number[], total: Total | undefined, { key }: { key: string }) => ({
            key,
            sum: sum(values, total?.sum),
            times: (total?.times ?? 0) + 1,
          }),
          {
            version: 3,
            migrate: {
              1: (old: number, key: string) => (key === 'gone' ? undefined : { sum: old, key }),
              2: (old: { sum: number; key: string }) => ({ ...old, times: 100 }),
            },
          },
        )
        .named('totals')
        .collectAs('out'),
    );
    let life = await drive(second, [batches(['b', 5], ['c', 1])], {
      from: first.ended,
      recoverEvery: 1,
    });
    expect(sortedOf(life)).toEqual([
      [
        JSON.stringify(['a', { key: 'a', sum: 1, times: 101 }]),
        JSON.stringify(['b', { key: 'b', sum: 7, times: 101 }]),
        JSON.stringify(['c', { key: 'c', sum: 1, times: 1 }]),
      ],
    ]);
    life = await drive(second, [batches()], { from: life.ended, recoverEvery: 1 });
    expect(sortedOf(life)[0]).toContain(JSON.stringify(['a', { key: 'a', sum: 1, times: 102 }]));
    // The older program can't read it any more.
    await expect(
      drive(
        planOf((ssc) =>
          (ssc.inputStream('in') as unknown as Pairs)
            .updateStateByKey(sum)
            .named('totals')
            .collectAs('out'),
        ),
        [batches()],
        { from: life.ended },
      ),
    ).rejects.toMatchObject({ code: 'ERR_MILLRACE_STATE_VERSION' });
  });

  test('a ttl that is new begins for old keys at the first batch', async () => {
    const job = (options: { ttl?: number }) =>
      planOf((ssc) =>
        (ssc.inputStream('in') as unknown as Pairs)
          .updateStateByKey(sum, options)
          .named('totals')
          .collectAs('out'),
      );
    const batch = (...rows: (readonly [string, number])[]): SourceBatch => [[rows], []];
    const first = await drive(job({}), [[batch(['a', 1])]], { recoverEvery: 1 });
    const then = await drive(
      job({ ttl: 2000 }),
      [[batch(), batch(), batch(['b', 1]), batch(), batch()]],
      { from: first.ended, recoverEvery: 1 },
    );
    expect(sortedOf(then).map((rows) => (rows as string[]).length)).toEqual([1, 1, 2, 1, 1]);
  });

  test('a step that throws names the operator and the key', async () => {
    const job = (options: object) =>
      planOf((ssc) =>
        (ssc.inputStream('in') as unknown as Pairs)
          .updateStateByKey(sum, options)
          .named('totals')
          .collectAs('out'),
      );
    const first = await drive(job({}), [[[[[['a', 1]]], []]]], { recoverEvery: 1 });
    const broken = job({
      version: 2,
      migrate: {
        1: () => {
          throw new Error('no idea');
        },
      },
    });
    await expect(drive(broken, [[[[], []]]], { from: first.ended })).rejects.toMatchObject({
      code: 'ERR_MILLRACE_USER_FUNCTION',
      message: expect.stringMatching(/totals.*/s) as unknown,
    });
  });

  test.each([
    [{ version: 0 }, /version must be a whole number/],
    [{ version: 2, migrate: { 2: (x: unknown) => x } }, /migrate must be steps from versions/],
    [{ version: 2, migrate: { 1: 'x' } }, /migrate\[1\] must be a function/],
    [{ migrate: 7 }, /migrate must be of the form/],
  ])('options that mean nothing are refused: %j', (options, message) => {
    expect(() =>
      planOf((ssc) => {
        (ssc.inputStream('in') as unknown as Pairs).updateStateByKey(sum, options as object);
      }),
    ).toThrow(message);
  });
});

describe('a topology that was changed', () => {
  /** Counts words; `version` 2 has the counts as pairs, with a mark. */
  const counterOf = (version: 1 | 2) =>
    class Counter {
      counts = new Map<string, number>();
      process(word: string, out: StageOutputs<[string, number]>): void {
        const count = (this.counts.get(word) ?? 0) + 1;
        this.counts.set(word, count);
        out.emit([word, count]);
      }
      snapshot(): unknown {
        return version === 1 ? this.counts : { mark: 'two', pairs: [...this.counts] };
      }
      restore(state: unknown): void {
        if (version === 1) this.counts = state as Map<string, number>;
        else {
          const { mark, pairs } = state as { mark: string; pairs: [string, number][] };
          expect(mark).toBe('two');
          this.counts = new Map(pairs);
        }
      }
    };
  class Total {
    total = 0;
    process(_pair: unknown, out: StageOutputs<number>): void {
      out.emit(++this.total);
    }
    snapshot(): number {
      return this.total;
    }
    restore(total: number): void {
      this.total = total;
    }
  }
  const planned = (version: 1 | 2, fuse: boolean, options: object = {}) => {
    const ssc = new ContextBuilder();
    topology('words', { guarantee: 'exactly-once' }, (t) => {
      const words = t.source('words', fromIterable<string>([]));
      const counts = t.stage('counts', counterOf(version), {
        from: words.shuffle(),
        fuse,
        ...options,
      });
      const totals = t.stage('totals', Total, { from: counts.shuffle(), fuse });
      t.sink('all', collect('all'), { from: totals.shuffle(), fuse });
      t.sink('out', collect('out'), { from: counts.shuffle(), fuse });
    }).build(ssc, undefined);
    return plan(ssc.freeze(), { workers: 1, batchIntervalMs: 1000 });
  };
  const batches = (...words: string[][]): SourceBatch[] => words.map((batch) => [[batch]]);

  test('has the state of its stages, however they are put together, and in its own shape', async () => {
    const first = await drive(planned(1, true), [batches(['a', 'b'], ['a'])], { recoverEvery: 1 });
    expect(first.batches.map(({ results }) => results['out']!.flat())).toEqual([
      [
        ['a', 1],
        ['b', 1],
      ],
      [['a', 2]],
    ]);
    const migrate = {
      1: (old: Map<string, number>) => ({ mark: 'two', pairs: [...old] }),
    };
    const apart = planned(2, false, { version: 2, migrate });
    expect(apart.tasks.length).toBeGreaterThan(first.ended.plan.tasks.length);
    const then = await drive(apart, [batches(['a', 'c'])], { from: first.ended, recoverEvery: 1 });
    expect(then.batches[0]!.results).toEqual({
      out: [
        [
          ['a', 3],
          ['c', 1],
        ],
      ],
      all: [[4, 5]],
    });
    // And back into one task, from parts of several.
    const last = await drive(planned(2, true, { version: 2, migrate }), [batches(['a'])], {
      from: then.ended,
      recoverEvery: 1,
    });
    expect(last.batches[0]!.results).toEqual({ out: [[['a', 4]]], all: [[6]] });
  });
});
