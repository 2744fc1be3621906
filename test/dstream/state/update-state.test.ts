/** `updateStateByKey` against a model of ten lines, and its rules one by one. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BatchOperator } from '../../../src/dstream/run/batch-operator.ts';
import { createOperator } from '../../../src/dstream/run/operators.ts';
import type { UserFunction } from '../../../src/plan/graph.ts';
import { byContent } from '../../semantics/compare.ts';
import { nodeOf, overBothStores, type Pair, sceneOf, Stage } from './stage.ts';

function stage(
  f: UserFunction,
  params: Readonly<Record<string, unknown>> = {},
  initialState?: readonly Pair[],
): Stage<BatchOperator> {
  const node = nodeOf('updateStateByKey', f, params, { initialState });
  return new Stage(() => createOperator(sceneOf(node))!);
}

/** What each batch gives, by the text of the rules. */
function model(
  batches: readonly (readonly Pair[] | null)[],
  f: UserFunction,
  initialState: readonly Pair[] = [],
  ttlMs = Number.POSITIVE_INFINITY,
): unknown[][] {
  const states = new Map(initialState);
  const touched = new Map<unknown, number>();
  let begun = false;
  return batches.map((pairs, i) => {
    const time = (i + 1) * 1000;
    if (!begun && pairs === null) return [];
    if (!begun) for (const [key] of initialState) touched.set(key, time);
    begun = true;
    const values = new Map([...states.keys()].map((key) => [key, [] as unknown[]]));
    for (const [key, value] of pairs ?? []) {
      values.set(key, [...(values.get(key) ?? []), value]);
      touched.set(key, time);
    }
    for (const [key, list] of values) {
      const isOver = touched.get(key)! < time - ttlMs;
      const state: unknown = isOver ? undefined : f(list, states.get(key), { key, time });
      if (state === undefined) states.delete(key);
      else states.set(key, state);
    }
    return [...states];
  });
}

const pairs = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: -3, max: 9 })), {
  maxLength: 8,
});
const batches = fc.array(fc.option(pairs, { freq: 4 }), { maxLength: 12 });
const initial = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer()), {
  selector: ([key]) => key,
  maxLength: 4,
});

/** A sum that forgets its key when it is a multiple of five. */
const sums = (values: number[], state: number | undefined): number | undefined => {
  const sum = values.reduce((a, b) => a + b, state ?? 0);
  return sum % 5 === 0 ? undefined : sum;
};
/** Counts batches in an object that it changes in place. */
const seen = (values: number[], state = { batches: 0, values: [] as number[] }): unknown => {
  state.batches++;
  state.values.push(...values);
  return state.batches > 4 && values.length === 0 ? undefined : state;
};

overBothStores('updateStateByKey', () => {
  test.each([
    ['values', sums],
    ['objects changed in place', seen],
  ] as [string, UserFunction][])('gives what the model gives, with recoveries: %s', (_, f) => {
    fc.assert(
      fc.property(
        batches,
        fc.infiniteStream(fc.boolean()),
        initial,
        fc.option(fc.integer({ min: 1, max: 4 })),
        (list, dies, first, ttl) => {
          const ttlMs = ttl === null ? undefined : ttl * 1000;
          const init = f === sums ? first : [];
          const expected = structuredClone(
            model(list, f, init, ttlMs).map((batch) => structuredClone(batch)),
          );
          const at = stage(f, ttlMs === undefined ? {} : { ttlMs }, init);
          const got = list.map((batch) => {
            // What was gathered of a batch that is given up leaves no trace.
            at.gather([[99, 99]]);
            at.operator.discard();
            const given = at.batch(batch);
            at.point();
            if (dies.next().value) at.recover();
            return given;
          });
          expect(got.map(byContent)).toEqual(
            f === seen ? lastOf(list, f, ttlMs) : expected.map(byContent),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  test('gives the same order with recoveries and without', () => {
    const list: Pair[][] = Array.from({ length: 30 }, (_, b) =>
      Array.from({ length: 10 }, (__, i) => [(b * 7 + i * i) % 23, b + i] as const),
    );
    const whole = stage(sums);
    const dying = stage(sums);
    for (const batch of list) {
      const given = whole.batch(batch);
      expect(dying.batch(batch)).toEqual(given);
      dying.point();
      dying.recover();
    }
  });

  test('is told key and time, and values in order', () => {
    const calls: unknown[] = [];
    const at = stage((values, state, { key, time }) => {
      calls.push([values, state, key, time]);
      return values.length;
    });
    at.batch([
      ['a', 1],
      ['b', 2],
      ['a', 3],
    ]);
    at.batch(null);
    expect(calls).toEqual([
      [[1, 3], undefined, 'a', 1000],
      [[2], undefined, 'b', 1000],
      [[], 2, 'a', 2000],
      [[], 1, 'b', 2000],
    ]);
  });

  test('keeps null as a state, and drops a key for undefined', () => {
    const at = stage((_values, state) => (state === null ? undefined : null));
    expect(at.batch([['a', 1]])).toEqual([['a', null]]);
    expect(at.batch([])).toEqual([]);
    expect(at.batch([])).toEqual([]);
  });

  test('runs on all initial keys in the first batch, even an empty one, and once', () => {
    const at = stage((values, state) => (state as number) + values.length, {}, [
      ['a', 10],
      ['b', 20],
    ]);
    at.recover();
    expect(at.batch([])).toEqual([
      ['a', 10],
      ['b', 20],
    ]);
    at.point();
    at.recover();
    expect(at.batch([['b', 1]])).toEqual([
      ['a', 10],
      ['b', 21],
    ]);
  });

  test('gives away states that nobody changes later', () => {
    const at = stage((values, state = []) => {
      (state as unknown[]).push(...values);
      return state;
    });
    const first = at.batch([['a', 1]]);
    at.batch([['a', 2]]);
    expect(first).toEqual([['a', [1]]]);
  });

  test('names operator, call site and key when its function throws', () => {
    const at = stage(() => {
      throw new RangeError('no such thing');
    });
    expect(() => at.batch([['clicks', 1]])).toThrow(
      expect.objectContaining({
        code: 'ERR_MILLRACE_USER_FUNCTION',
        message: expect.stringMatching(/updateStateByKey#1.*job.ts:1:1.*no such thing.*clicks/),
      }),
    );
  });

  test('refuses a promise in place of a state', () => {
    const at = stage(async () => 1);
    expect(() => at.batch([['a', 1]])).toThrow(
      expect.objectContaining({
        code: 'ERR_MILLRACE_RECORD_TYPE',
        message: expect.stringMatching(/not a promise/),
      }),
    );
  });

  test('refuses what is no key', () => {
    const at = stage(() => 1);
    expect(() => at.batch([[new Map(), 1]])).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_KEY_TYPE' }),
    );
  });

  test('is asked for the state of a key', () => {
    const at = stage((values, state = []) => [...(state as unknown[]), ...values]);
    at.batch([['a', 1]]);
    expect(at.operator.query!('a')).toEqual([1]);
    expect(at.operator.query!('b')).toBeUndefined();
    // A batch that is open shows only at its end.
    at.gather([['b', 1]]);
    expect(at.operator.query!('b')).toBeUndefined();
  });
});

describe('the iterator form of updateStateByKey', () => {
  test('goes over all keys once a partition, and may change keys', () => {
    const at = stage(
      function* (entries: Iterable<[string, number[], number?]>) {
        for (const [key, values, state] of entries) {
          const sum = values.reduce((a, b) => a + b, state ?? 0);
          if (sum < 100) yield [key.toUpperCase(), sum];
        }
      },
      { iterator: true },
    );
    expect(at.batch([['a', 1]])).toEqual([['A', 1]]);
    at.point();
    at.recover();
    expect(at.batch([['a', 5]])).toEqual([
      ['A', 1],
      ['A', 5],
    ]);
    // Of a key that was given twice the first counts.
    expect(at.batch([['A', 2]])).toEqual([['A', 3]]);
    expect(at.batch([['A', 200]])).toEqual([]);
    expect(at.batch([])).toEqual([]);
  });

  test('leaves the state out where there is none', () => {
    const seenEntries: unknown[] = [];
    const at = stage(
      (entries: Iterable<unknown>) => {
        const list = [...entries];
        seenEntries.push(...list);
        return list.map((entry) => [(entry as unknown[])[0], 1]);
      },
      { iterator: true },
    );
    at.batch([['a', 7]]);
    at.batch([['b', 8]]);
    expect(seenEntries).toEqual([
      ['a', [7]],
      ['a', [], 1],
      ['b', [8]],
    ]);
  });

  test('must give pairs', () => {
    const at = stage(() => [1], { iterator: true });
    expect(() => at.batch([['a', 1]])).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_RECORD_TYPE' }),
    );
  });
});

/** The model's batches as they were when they were given: its function changes states in place. */
function lastOf(
  list: readonly (readonly Pair[] | null)[],
  f: UserFunction,
  ttlMs: number | undefined,
): unknown[] {
  return list.map((_, i) => byContent(model(list.slice(0, i + 1), f, [], ttlMs)[i]!));
}
