/** Transformations of pairs. Of Batch; used by the thread that has the batch in hand. */
import { checkFunction } from '../arguments.ts';
import type { Batch } from '../batch.ts';
import { type CountReducer, reducerName } from '../reducers.ts';
import type { Widened } from '../widened.ts';
import { guarded, pairOf } from './blame.ts';
import { callOf, checkBatch, innerOf } from './core.ts';
import { cogrouped, type JoinKind, joined } from './joins.ts';
import { byKey, combined, withoutKeys } from './keyed.ts';
import { flatMapped, mapped } from './narrow.ts';
import { narrowPlan } from './plan.ts';
import { RecordTransformations, type SortOptions } from './record-operators.ts';

/** And what a batch of pairs can. */
export abstract class PairTransformations<T> extends RecordTransformations<T> {
  // ── Pairs ─────────────────────────────────────────────────────────────────────────────────────

  /** `[f(record), record]`. */
  keyBy<K>(f: (record: T) => K): Batch<[K, T]> {
    checkFunction(callOf('keyBy'), 'f', f);
    return this.with(mapped(this.plan, (record: T) => [f(record), record]));
  }

  keys<K, V>(this: Batch<readonly [K, V]>): Batch<K> {
    return this.#pairs('keys', (key) => key);
  }

  values<K, V>(this: Batch<readonly [K, V]>): Batch<V> {
    return this.#pairs('values', (_key, value) => value);
  }

  /** `[key, f(value)]`. */
  mapValues<K, V, U>(this: Batch<readonly [K, V]>, f: (value: V) => U): Batch<[K, U]> {
    checkFunction(callOf('mapValues'), 'f', f);
    return this.#pairs('mapValues', (key, value) => [key, f(value as V)]);
  }

  /** `[key, each]` for each of what `f(value)` iterates over. */
  flatMapValues<K, V, U>(
    this: Batch<readonly [K, V]>,
    f: (value: V) => Iterable<U>,
  ): Batch<[K, U]> {
    const caller = callOf('flatMapValues');
    checkFunction(caller, 'f', f);
    const each = ([key, values]: [K, Iterable<U>]): [K, U][] =>
      Array.from(values, (value) => [key, value]);
    return this.with(flatMapped(innerOf(this.mapValues(f)).plan, caller, each));
  }

  /** The same pairs, each in the partition where its key lives. */
  partitionBy<K, V>(this: Batch<readonly [K, V]>, numPartitions?: number): Batch<readonly [K, V]> {
    const { caller, partitions } = this.keyed('partitionBy', numPartitions);
    return this.with(byKey(this.plan, caller, partitions));
  }

  /** `[key, values]`, the values in order. */
  groupByKey<K, V>(this: Batch<readonly [K, V]>, numPartitions?: number): Batch<[K, V[]]> {
    return this.#combined('groupByKey', (value) => [value], appended, numPartitions);
  }

  /** `[key, f(f(v1, v2), v3) …]`. Takes the exported reducers too. */
  reduceByKey<K, V>(
    this: Batch<readonly [K, V]>,
    f: (a: Widened<V>, b: Widened<V>) => Widened<V>,
    numPartitions?: number,
  ): Batch<[K, Widened<V>]>;
  reduceByKey<K, V>(
    this: Batch<readonly [K, V]>,
    f: CountReducer,
    numPartitions?: number,
  ): Batch<[K, number]>;
  reduceByKey<K, V>(
    this: Batch<readonly [K, V]>,
    f: ((a: never, b: never) => unknown) | CountReducer,
    numPartitions?: number,
  ): Batch<[K, never]> {
    if (reducerName(f) === 'count')
      return this.#combined('reduceByKey', one, increment, numPartitions);
    checkFunction(callOf('reduceByKey'), 'f', f);
    return this.#combined('reduceByKey', (value) => value, f as never, numPartitions);
  }

  /** `[key, combiner]`: as of a stream, but nothing has to be merged, since all lies in one place. */
  combineByKey<K, V, C>(
    this: Batch<readonly [K, V]>,
    create: (value: V) => C,
    mergeValue: (combiner: C, value: V) => C,
    mergeCombiners: (a: C, b: C) => C,
    numPartitions?: number,
  ): Batch<[K, C]> {
    const caller = callOf('combineByKey');
    checkFunction(caller, 'create', create);
    checkFunction(caller, 'mergeValue', mergeValue);
    checkFunction(caller, 'mergeCombiners', mergeCombiners);
    return this.#combined('combineByKey', create, mergeValue, numPartitions);
  }

  /** `[key, result]`: each key begins with a copy of `zero` and takes its values by `add`. */
  aggregateByKey<K, V, C>(
    this: Batch<readonly [K, V]>,
    zero: C,
    add: (result: C, value: V) => C,
    merge: (a: C, b: C) => C,
    numPartitions?: number,
  ): Batch<[K, C]> {
    const caller = callOf('aggregateByKey');
    checkFunction(caller, 'add', add);
    checkFunction(caller, 'merge', merge);
    const create = (value: V): C => add(structuredClone(zero), value);
    return this.#combined('aggregateByKey', create, add, numPartitions);
  }

  /** `[key, how many pairs]`. */
  countByKey<K, V>(this: Batch<readonly [K, V]>, numPartitions?: number): Batch<[K, number]> {
    return this.#combined('countByKey', one, increment, numPartitions);
  }

  /** The pairs in order of their keys, as `sortBy`. */
  sortByKey<K, V>(this: Batch<readonly [K, V]>, options: SortOptions = {}): Batch<readonly [K, V]> {
    return this.sorted('sortByKey', ([key]: readonly [K, V]) => key, options);
  }

  /** `[key, [these, others]]`: the values of each key that either batch has. */
  cogroup<K, V, W>(
    this: Batch<readonly [K, V]>,
    other: Batch<readonly [K, W]>,
    numPartitions?: number,
  ): Batch<[K, [V[], W[]]]> {
    const { caller, partitions } = this.keyed('cogroup', numPartitions);
    checkBatch(caller, 'other', other);
    return this.with(cogrouped(this.plan, innerOf(other).plan, caller, partitions), other);
  }

  /** `[key, [a, b]]` for each value of this batch with each of the other, by key. */
  join<K, V, W>(
    this: Batch<readonly [K, V]>,
    other: Batch<readonly [K, W]>,
    numPartitions?: number,
  ): Batch<[K, [V, W]]> {
    return this.#joined('join', 'inner', other, numPartitions);
  }

  /** As `join`; a value without one on the other side comes with `undefined`. */
  leftOuterJoin<K, V, W>(
    this: Batch<readonly [K, V]>,
    other: Batch<readonly [K, W]>,
    numPartitions?: number,
  ): Batch<[K, [V, W | undefined]]> {
    return this.#joined('leftOuterJoin', 'left', other, numPartitions);
  }

  rightOuterJoin<K, V, W>(
    this: Batch<readonly [K, V]>,
    other: Batch<readonly [K, W]>,
    numPartitions?: number,
  ): Batch<[K, [V | undefined, W]]> {
    return this.#joined('rightOuterJoin', 'right', other, numPartitions);
  }

  fullOuterJoin<K, V, W>(
    this: Batch<readonly [K, V]>,
    other: Batch<readonly [K, W]>,
    numPartitions?: number,
  ): Batch<[K, [V | undefined, W | undefined]]> {
    return this.#joined('fullOuterJoin', 'full', other, numPartitions);
  }

  /** The pairs whose key the other batch doesn't have. */
  subtractByKey<K, V, W>(
    this: Batch<readonly [K, V]>,
    other: Batch<readonly [K, W]>,
    numPartitions?: number,
  ): Batch<readonly [K, V]> {
    const { caller, partitions } = this.keyed('subtractByKey', numPartitions);
    checkBatch(caller, 'other', other);
    return this.with(withoutKeys(this.plan, innerOf(other).plan, caller, partitions), other);
  }

  #pairs<U>(operator: string, f: (key: never, value: unknown) => unknown): Batch<U> {
    const caller = callOf(operator);
    return this.with(
      narrowPlan(this.plan, (chunk) =>
        chunk.map((record) => {
          const [key, value] = guarded(caller, record, () => pairOf(record));
          return f(key as never, value);
        }),
      ),
    );
  }

  #combined<U>(
    operator: string,
    create: (value: never) => unknown,
    merge: (combiner: never, value: never) => unknown,
    numPartitions: number | undefined,
  ): Batch<U> {
    const { caller, partitions } = this.keyed(operator, numPartitions);
    return this.with(
      combined(this.plan, caller, partitions, { create, merge } as Parameters<typeof combined>[3]),
    );
  }

  #joined<U, O>(
    operator: string,
    kind: JoinKind,
    other: Batch<O>,
    numPartitions: number | undefined,
  ): Batch<U> {
    const { caller, partitions } = this.keyed(operator, numPartitions);
    checkBatch(caller, 'other', other);
    return this.with(joined(this.plan, innerOf(other).plan, caller, partitions, kind), other);
  }
}

const one = (): number => 1;
const increment = (count: number): number => count + 1;
const appended = (list: unknown[], value: unknown): unknown[] => {
  list.push(value);
  return list;
};
