/**
 * Jobs with state, all tasks of them, on random batches in random partitions, missing ones too: what comes out is what the
 * model says, however blocks interleave and wherever the tasks are built anew.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DStream } from '../../../src/dstream/dstream.ts';
import { sum } from '../../../src/dstream/reducers.ts';
import type { State } from '../../../src/dstream/state/state-handle.ts';
import { byContent } from '../../semantics/compare.ts';
import { drive, planOf, type SourceBatch } from '../run/drive.ts';

type Pair = readonly [key: string, value: number];

const SOURCES = 2;
const TIMEOUT_MS = 2000;

const pair = fc.tuple(
  fc.integer({ min: 0, max: 8 }).map((n) => `key ${n}`),
  fc.integer({ min: 0, max: 9 }),
);
const block = fc.array(pair, { maxLength: 5 });
const batch = fc.array(fc.array(block, { maxLength: 3 }), {
  minLength: SOURCES,
  maxLength: SOURCES,
});
const batches = fc.array(fc.option(batch, { nil: undefined, freq: 4 }), {
  minLength: 1,
  maxLength: 7,
});

const total = (values: number[], before: number | undefined): number | undefined => {
  const all = values.reduce((a, b) => a + b, before ?? 0);
  return all > 40 ? undefined : all;
};
const running = (key: string, value: number | undefined, state: State<number>): string => {
  if (state.isTimingOut()) return `${key} over with ${state.get()}`;
  state.update((state.getOption() ?? 0) + value!);
  return `${key} is ${state.get()}`;
};

function planned(partitions: number): ReturnType<typeof planOf> {
  return planOf(
    (ssc) => {
      const pairs = ssc.inputStream('in') as DStream<Pair>;
      pairs.updateStateByKey(total).collectAs('direct');
      pairs.reduceByKey(sum).updateStateByKey(total).collectAs('behind a sum');
      const mapped = pairs.mapWithState(running, { timeout: TIMEOUT_MS });
      mapped.collectAs('mapped');
      mapped.stateSnapshots().collectAs('snapshots');
      pairs
        .groupByKey()
        .mapValues((values) => values.join(''))
        .collectAs('as it came');
    },
    { partitions, sourcePartitions: SOURCES },
  );
}

/** Of each batch: totals of all keys, what is mapped, and the states of that. */
function model(list: readonly SourceBatch[]): unknown[] {
  const totals = new Map<string, number>();
  const states = new Map<string, { state: number; touched: number }>();
  return list.map((one, i) => {
    const time = (i + 1) * 1000;
    const pairs = (one ?? []).flat(2) as unknown as Pair[];
    const values = new Map([...totals.keys()].map((key) => [key, [] as number[]]));
    const mapped: string[] = [];
    for (const [key, value] of pairs) {
      values.set(key, [...(values.get(key) ?? []), value]);
      const state = (states.get(key)?.state ?? 0) + value;
      states.set(key, { state, touched: time });
      mapped.push(`${key} is ${state}`);
    }
    for (const [key, list_] of values) {
      const after = total(list_, totals.get(key));
      if (after === undefined) totals.delete(key);
      else totals.set(key, after);
    }
    for (const [key, { state, touched }] of states) {
      if (touched >= time - TIMEOUT_MS) continue;
      states.delete(key);
      mapped.push(`${key} over with ${state}`);
    }
    return [
      byContent([...totals]),
      byContent(mapped),
      byContent([...states].map(([key, { state }]) => [key, state])),
    ];
  });
}

test.each([1, 3])('give what the model says, with %i partitions', async (partitions) => {
  const plan = planned(partitions);
  await fc.assert(
    fc.asyncProperty(
      batches,
      fc.infiniteStream(fc.nat()),
      fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined }),
      async (list, chance, recoverEvery) => {
        const input = list as unknown as readonly SourceBatch[];
        const points = recoverEvery === undefined ? {} : { pointEvery: recoverEvery };
        const whole = await drive(plan, [input], points);
        const got = await drive(plan, [input], {
          pick: (n) => chance.next().value % n,
          ...(recoverEvery === undefined ? {} : { recoverEvery }),
        });
        expect(got.batches, 'in the same order too').toEqual(whole.batches);
        const given = (name: string): unknown[][] =>
          got.batches.map(({ results }) => [...byContent(results[name]?.flat() ?? [])]);
        const [direct, behind] = [given('direct'), given('behind a sum')];
        const [mapped, snapshots] = [given('mapped'), given('snapshots')];
        expect(behind).toEqual(direct);
        expect(direct.map((all, i) => [all, mapped[i], snapshots[i]])).toEqual(model(input));
      },
    ),
    { numRuns: 25 },
  );
});
