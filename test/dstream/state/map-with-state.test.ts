/** `mapWithState` against a model of ten lines, and its rules one by one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BatchOperator } from '../../../src/dstream/run/batch-operator.ts';
import { createOperator } from '../../../src/dstream/run/operators.ts';
import { StateSnapshotsOperator } from '../../../src/dstream/state/state-snapshots.ts';
import type { State } from '../../../src/dstream/state/state-handle.ts';
import type { UserFunction } from '../../../src/plan/graph.ts';
import { byContent } from '../../semantics/compare.ts';
import { nodeOf, overBothStores, type Pair, rowsOf, sceneOf, Stage } from './stage.ts';

function stage(
  f: UserFunction,
  params: Readonly<Record<string, unknown>> = {},
  initialState?: readonly Pair[],
): Stage<BatchOperator> {
  const node = nodeOf('mapWithState', f, params, { initialState });
  return new Stage(() => createOperator(sceneOf(node))!);
}

/** What `stateSnapshots()` gives at the end of the batch that has just ended. */
function snapshot(at: Stage<BatchOperator>): unknown[] {
  const scene = sceneOf(nodeOf('stateSnapshots', () => {}));
  const snapshots = new StateSnapshotsOperator({ ...scene, neighbour: () => at.operator });
  const batch = { time: at.time, zeroTime: 0, missing: [], watermark: Number.NaN };
  return rowsOf(snapshots.end(batch));
}

/** Sums; a negative value ends the key, 0 only reads, and 7 gives nothing. */
const running = (key: unknown, value: number | undefined, state: State<number>): unknown => {
  if (state.isTimingOut()) return [key, 'over', state.get()];
  if (value! < 0) {
    state.remove();
    return [key, 'removed', state.exists()];
  }
  if (value === 0) return [key, 'read', state.getOption()];
  state.update((state.getOption() ?? 0) + value!);
  return value === 7 ? undefined : [key, state.get()];
};

/** What each batch gives, and the states behind it, by the text of the rules. */
function model(
  batches: readonly (readonly Pair[] | null)[],
  initialState: readonly Pair[],
  timeoutMs: number,
): { rows: unknown[]; states: unknown[] }[] {
  const states = new Map(initialState.map(([key, state]) => [key, { state, touched: 1000 }]));
  return batches.map((list, i) => {
    const time = (i + 1) * 1000;
    const rows: unknown[] = [];
    for (const [key, value] of list ?? []) {
      const before = states.get(key)?.state as number | undefined;
      if ((value as number) < 0) states.delete(key);
      else if (value !== 0)
        states.set(key, { state: (before ?? 0) + (value as number), touched: time });
      else if (before !== undefined) states.set(key, { state: before, touched: time });
      if ((value as number) < 0) rows.push([key, 'removed', false]);
      else if (value === 0) rows.push([key, 'read', before]);
      else if (value !== 7) rows.push([key, states.get(key)!.state]);
    }
    const over = [...states].filter(([, { touched }]) => touched < time - timeoutMs);
    for (const [key, { state }] of over) {
      states.delete(key);
      rows.push([key, 'over', state]);
    }
    return { rows, states: [...states].map(([key, { state }]) => [key, state]) };
  });
}

const pairs = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: -2, max: 9 })), {
  maxLength: 6,
});
const batches = fc.array(fc.option(pairs, { freq: 3 }), { maxLength: 16 });
const initial = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer()), {
  selector: ([key]) => key,
  maxLength: 4,
});

overBothStores('mapWithState', () => {
  test('gives what the model gives, with recoveries', () => {
    fc.assert(
      fc.property(
        batches,
        fc.infiniteStream(fc.boolean()),
        initial,
        fc.option(fc.integer({ min: 0, max: 4 })),
        (list, dies, first, timeout) => {
          const timeoutMs = timeout === null ? undefined : timeout * 1000;
          const expected = model(list, first, timeoutMs ?? Number.POSITIVE_INFINITY);
          const at = stage(running, timeoutMs === undefined ? {} : { timeoutMs }, first);
          const got = list.map((batch) => {
            const rows = at.batch(batch);
            const states = snapshot(at);
            at.point();
            if (dies.next().value) at.recover();
            return { rows: byContent(rows), states: byContent(states) };
          });
          expect(got).toEqual(
            expected.map(({ rows, states }) => ({
              rows: byContent(rows),
              states: byContent(states),
            })),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  test('times keys out in one order, with recoveries and without', () => {
    const list: Pair[][] = Array.from({ length: 30 }, (_, b) =>
      b % 5 > 2 ? [] : Array.from({ length: 10 }, (__, i) => [(b * 7 + i * i) % 23, 1] as const),
    );
    const whole = stage(running, { timeoutMs: 1000 });
    const dying = stage(running, { timeoutMs: 1000 });
    for (const batch of list) {
      expect(dying.batch(batch)).toEqual(whole.batch(batch));
      dying.point();
      dying.recover();
    }
  });

  test('times a key out when it was last touched strictly before t − timeout', () => {
    const at = stage(running, { timeoutMs: 2000 });
    at.batch([['a', 1]]);
    expect(at.batch([])).toEqual([]);
    expect(at.batch([]), 'touched at 1000, now 3000: not strictly before').toEqual([]);
    expect(at.batch([])).toEqual([['a', 'over', 1]]);
    expect(at.batch([])).toEqual([]);
    expect(snapshot(at)).toEqual([]);
  });

  test('revives a key by data of the batch in which it would time out, and by a read', () => {
    const at = stage(running, { timeoutMs: 1000 });
    at.batch([['a', 1]]);
    at.batch([]);
    expect(at.batch([['a', 0]])).toEqual([['a', 'read', 1]]);
    expect(at.batch([])).toEqual([]);
    expect(at.batch([])).toEqual([['a', 'over', 1]]);
  });

  test('stamps the initial state with the time of the first batch', () => {
    const at = stage(running, { timeoutMs: 1000 }, [['a', 5]]);
    expect(at.batch(null)).toEqual([]);
    expect(at.batch(null)).toEqual([]);
    expect(at.batch(null)).toEqual([['a', 'over', 5]]);
  });

  test('with ttl lets idle keys go without a call', () => {
    const at = stage(running, { ttlMs: 1000 });
    at.batch([['a', 1]]);
    at.batch([]);
    expect(snapshot(at)).toEqual([['a', 1]]);
    expect(at.batch([])).toEqual([]);
    expect(snapshot(at)).toEqual([]);
  });

  test('gives an array as one element, and null', () => {
    const at = stage((_key, value) => value);
    expect(
      at.batch([
        ['a', [1, 2]],
        ['a', null],
        ['a', undefined],
        ['a', []],
      ]),
    ).toEqual([[1, 2], null, []]);
  });

  test('tells its function the time, and value undefined only when it times out', () => {
    const calls: unknown[] = [];
    const at = stage(
      (key, value, state: State<number>, { time }) => {
        calls.push([key, value, state.isTimingOut(), time]);
        if (!state.isTimingOut()) state.update(1);
      },
      { timeoutMs: 0 },
    );
    at.batch([['a', 5]]);
    at.batch([]);
    expect(calls).toEqual([
      ['a', 5, false, 1000],
      ['a', undefined, true, 2000],
    ]);
  });

  test.each<[string, (state: State<number>) => unknown, RegExp]>([
    ['get of nothing', (state) => state.get(), /get\(\) of a state that is not there/],
    [
      'update after remove',
      (state) => {
        state.remove();
        state.update(1);
      },
      /update\(\) after remove\(\)/,
    ],
    [
      'remove twice',
      (state) => {
        state.remove();
        state.remove();
      },
      /remove\(\) for the second time/,
    ],
    ['update to undefined', (state) => state.update(undefined as never), /update\(undefined\)/],
  ])('refuses %s, naming operator, key and call site', (_, misuse, says) => {
    const at = stage((_key, _value, state: State<number>) => misuse(state));
    const thrown = grab(() => at.batch([['clicks', 1]]));
    expect(thrown).toMatchObject({
      code: 'ERR_MILLRACE_STATE_USE',
      context: { operator: 'mapWithState#1', callSite: 'job.ts:1:1', key: "'clicks'" },
    });
    expect((thrown as Error).message).toMatch(says);
  });

  test.each<[string, (state: State<number>) => void]>([
    ['update', (state) => state.update(2)],
    ['remove', (state) => state.remove()],
  ])('refuses %s while a key is timing out', (_, misuse) => {
    const at = stage(
      (_key, _value, state: State<number>) => {
        if (state.isTimingOut()) misuse(state);
        else state.update(1);
      },
      { timeoutMs: 0 },
    );
    at.batch([['a', 1]]);
    expect(() => at.batch([])).toThrow(expect.objectContaining({ code: 'ERR_MILLRACE_STATE_USE' }));
  });

  test('refuses a promise in place of a result', () => {
    const at = stage(async () => 1);
    expect(() => at.batch([['a', 1]])).toThrow(/not a promise/);
  });

  test('refuses a state that was kept for later', () => {
    const kept: State<number>[] = [];
    const at = stage((_key, _value, state: State<number>) => {
      kept.push(state);
    });
    at.batch([['a', 1]]);
    expect(() => kept[0]!.get()).toThrow(/outside of the call/);
  });

  test('gives away results that nobody changes later', () => {
    const at = stage((key, value, state: State<number[]>) => {
      const list = state.getOption() ?? [];
      list.push(value as number);
      state.update(list);
      return [key, list];
    });
    const first = at.batch([['a', 1]]);
    const shown = snapshot(at);
    at.batch([['a', 2]]);
    expect(first).toEqual([['a', [1]]]);
    expect(shown).toEqual([['a', [1]]]);
    expect(at.operator.query!('a')).toEqual([1, 2]);
  });
});

function grab(f: () => unknown): unknown {
  try {
    return f();
  } catch (error) {
    return error;
  }
}
