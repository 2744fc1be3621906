/**
 * Simulated jobs that keep something from batch to batch: windows, keyed state, and joins of what lies by key. Their models
 * are told of all earlier batches; one that was given up came to nothing, and the state is as if it had been empty.
 */
import { sum } from '../../dstream/reducers.ts';
import type { State } from '../../dstream/state/state-handle.ts';
import { idOf, keyOf } from './jobs.ts';
import type { SimJob } from './sim-job.ts';

type Pair = readonly [string, number];
type Batch = readonly (readonly (readonly unknown[])[])[];

const pairOf = (line: unknown): Pair => [keyOf(idOf(line)), idOf(line)];
const pairsIn = (batch: Batch): Pair[] => batch.flat(2).map(pairOf);

/** Tells the order in which values came. */
const mixed = (state: number, value: number): number => (state * 31 + value) % 1_000_003;

function byKey(pairs: readonly Pair[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const [key, value] of pairs) groups.set(key, [...(groups.get(key) ?? []), value]);
  return groups;
}

const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const keyedState: SimJob = {
  name: 'keyed state',
  sources: ['text'],
  build(ssc, user) {
    const pairs = ssc.socketTextStream('sim', 1).map((line) => {
      user.call(line);
      return pairOf(line);
    });
    // In the task of reduceByKey, and in tasks of their own.
    pairs
      .reduceByKey(sum)
      .updateStateByKey((values: readonly number[], state: number = 0) => state + total(values))
      .collectAs('totals');
    pairs
      .updateStateByKey((values: readonly number[], state: number = 0) =>
        values.reduce(mixed, state),
      )
      .collectAs('mixed');
    pairs
      .mapWithState((key, value, state: State<number>) => {
        const next = mixed(state.getOption() ?? 0, value!);
        state.update(next);
        return [key, next] as const;
      })
      .collectAs('steps');
  },
  outputs: {
    totals: {
      rows: (batch, _before, earlier) =>
        [...byKey([...earlier, batch].flatMap(pairsIn))].map(([key, values]) => [
          key,
          total(values),
        ]),
    },
    mixed: {
      rows: (batch, _before, earlier) =>
        [...byKey([...earlier, batch].flatMap(pairsIn))].map(([key, values]) => [
          key,
          values.reduce(mixed, 0),
        ]),
    },
    steps: {
      rows(batch, _before, earlier) {
        const states = new Map<string, number>();
        const step = ([key, value]: Pair): Pair => {
          const next = mixed(states.get(key) ?? 0, value);
          states.set(key, next);
          return [key, next];
        };
        earlier.flatMap(pairsIn).forEach(step);
        return pairsIn(batch).map(step);
      },
    },
  },
};

const joined: SimJob = {
  name: 'joins and windows',
  sources: ['text'],
  build(ssc, user, batchIntervalMs) {
    const pairs = ssc.socketTextStream('sim', 1).map((line) => {
      user.call(line);
      return pairOf(line);
    });
    const sums = pairs.reduceByKey(sum);
    // One side lies by key; then both do; then a side comes from two roots.
    sums
      .join(pairs)
      .map(([key, [all, one]]) => [key, all, one])
      .collectAs('join');
    sums.cogroup(pairs.groupByKey()).collectAs('cogroup');
    pairs
      .union(sums)
      .fullOuterJoin(sums.filter(([key]) => key !== 'k1'))
      .collectAs('outer');
    pairs
      .reduceByKeyAndWindow((a, b) => a + b, { window: 3 * batchIntervalMs })
      .collectAs('window');
    pairs
      .window(2 * batchIntervalMs)
      .count()
      .collectAs('count');
  },
  outputs: {
    join: {
      rows: (batch) =>
        [...byKey(pairsIn(batch))].flatMap(([key, values]) =>
          values.map((value) => [key, total(values), value]),
        ),
    },
    cogroup: {
      rows: (batch) =>
        [...byKey(pairsIn(batch))].map(([key, values]) => [key, [[total(values)], [values]]]),
    },
    outer: {
      rows: (batch) =>
        [...byKey(pairsIn(batch))].flatMap(([key, values]) =>
          [...values, total(values)].map((value) => [
            key,
            [value, key === 'k1' ? undefined : total(values)],
          ]),
        ),
    },
    window: {
      rows: (batch, _before, earlier) =>
        [...byKey([...earlier.slice(-2), batch].flatMap(pairsIn))].map(([key, values]) => [
          key,
          total(values),
        ]),
    },
    count: {
      rows: (batch, _before, earlier) => [[...earlier.slice(-1), batch].flatMap(pairsIn).length],
    },
  },
};

export const STATEFUL_JOBS: readonly SimJob[] = [keyedState, joined];
