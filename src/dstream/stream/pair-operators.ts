/**
 * Operators on pairs: what comes to one key of a batch. Of DStream; used by the thread that builds a job.
 *
 * All but `groupByKey`, `partitionBy` and those of values are a `combineByKey` of another name.
 */
import type { UserFunction } from '../../plan/graph.ts';
import { badOption, type Caller, checkBoolean, checkFunction } from '../arguments.ts';
import type { DStream } from '../dstream.ts';
import { topFunctions } from '../lookup/build.ts';
import { checkPartitions, type Partitions, partitionsOf } from '../partitioner.ts';
import type { RecordOptions } from '../record-options.ts';
import { type CountReducer, reducerName } from '../reducers.ts';
import type { Widened } from '../widened.ts';
import type { NodeFunctions, NodeParams } from './core.ts';
import { TextOperators } from './text-operators.ts';

/** And what a stream of pairs has. */
export abstract class PairOperators<T> extends TextOperators<T> {
  // ── Pairs ─────────────────────────────────────────────────────────────────────────────────────
  // Keys compare by value: strings, numbers, bigint, booleans, null, arrays and plain objects of these.

  /**
   * Gives `[key, values]`, the values by partition of the sender and in order there. Exchange by key; nothing is
   * combined before it, so prefer `reduceByKey` or `combineByKey` where they will do.
   */
  groupByKey<K, V>(
    this: DStream<readonly [K, V]>,
    numPartitions?: Partitions<K>,
  ): DStream<[K, V[]]> {
    const caller = this.caller('groupByKey');
    const { functions, params } = partitionsOf(caller, numPartitions);
    return this.wide(caller, 'groupByKey', functions, params);
  }

  /**
   * Gives `[key, f(f(v1, v2), v3) …]` for each key of a batch. `f` must be associative and commutative: values are
   * combined before the exchange and after it. A key with one value gives that, and `f` isn't called.
   *
   * With the exported reducers `sum` and `count` no function is called at all; `count` takes values of any kind.
   */
  reduceByKey<K, V>(
    this: DStream<readonly [K, V]>,
    f: (a: Widened<V>, b: Widened<V>) => Widened<V>,
    numPartitions?: Partitions<K>,
  ): DStream<[K, Widened<V>]>;
  reduceByKey<K, V>(
    this: DStream<readonly [K, V]>,
    f: CountReducer,
    numPartitions?: Partitions<K>,
  ): DStream<[K, number]>;
  reduceByKey<K, V>(
    this: DStream<readonly [K, V]>,
    f: ((a: never, b: never) => unknown) | CountReducer,
    numPartitions?: Partitions<K>,
  ): DStream<[K, never]> {
    const caller = this.caller('reduceByKey');
    const reducer = reducerName(f);
    if (reducer !== 'count') checkFunction(caller, 'f', f);
    const functions =
      reducer === 'count'
        ? { create: one, mergeValue: increment, mergeCombiners: add }
        : { create: itself, mergeValue: f as UserFunction, mergeCombiners: f as UserFunction };
    return this.#combine(caller, functions, { reducer }, numPartitions);
  }

  /**
   * Gives `[key, combiner]` for each key of a batch. A combiner begins as `create(value)` and takes further values by
   * `mergeValue`; those of different partitions meet in `mergeCombiners`. The first argument of both may be changed
   * and returned.
   * @param mapSideCombine false sends every value through the exchange and combines behind it: for combiners that are
   * no smaller than their values
   */
  combineByKey<K, V, C>(
    this: DStream<readonly [K, V]>,
    create: (value: V) => C,
    mergeValue: (combiner: C, value: V) => C,
    mergeCombiners: (a: C, b: C) => C,
    numPartitions?: Partitions<K>,
    mapSideCombine = true,
  ): DStream<[K, C]> {
    const caller = this.caller('combineByKey');
    checkFunction(caller, 'create', create);
    checkFunction(caller, 'mergeValue', mergeValue);
    checkFunction(caller, 'mergeCombiners', mergeCombiners);
    checkBoolean(caller, 'mapSideCombine', mapSideCombine);
    const functions = { create, mergeValue, mergeCombiners };
    return this.#combine(caller, functions, { mapSideCombine }, numPartitions);
  }

  /**
   * Gives `[key, result]` for each key of a batch. A result begins as a copy of `zero` and takes values by `add`; those of
   * different partitions meet in `merge`. The first argument of both may be changed and returned.
   */
  aggregateByKey<K, V, C>(
    this: DStream<readonly [K, V]>,
    zero: C,
    add: (result: Widened<C>, value: V) => Widened<C>,
    merge: (a: Widened<C>, b: Widened<C>) => Widened<C>,
    numPartitions?: Partitions<K>,
  ): DStream<[K, Widened<C>]> {
    const caller = this.caller('aggregateByKey');
    checkFunction(caller, 'add', add);
    checkFunction(caller, 'merge', merge);
    const copy = copierOf(caller, zero);
    const create = (value: V): unknown => add(copy() as Widened<C>, value);
    const functions = { create, mergeValue: add, mergeCombiners: merge };
    return this.#combine(caller, functions, {}, numPartitions);
  }

  /** Gives `[key, how many pairs]` for each key of a batch. Exchange by key. */
  countByKey<K, V>(
    this: DStream<readonly [K, V]>,
    numPartitions?: Partitions<K>,
  ): DStream<[K, number]> {
    const functions = { create: one, mergeValue: increment, mergeCombiners: add };
    return this.#combine(this.caller('countByKey'), functions, { reducer: 'count' }, numPartitions);
  }

  /**
   * Puts each pair into the partition of its key. What comes by key behind it, with the same partitions, needs no exchange.
   * Exchange by key. Fails on a missing batch.
   */
  partitionBy<K, V>(
    this: DStream<readonly [K, V]>,
    numPartitions: Partitions<K>,
  ): DStream<readonly [K, V]> {
    const caller = this.caller('partitionBy');
    if (numPartitions === undefined)
      throw badOption(caller, 'numPartitions', 'a number or a partitioner', numPartitions);
    const { functions, params } = partitionsOf(caller, numPartitions);
    return this.make(
      this.builder.add({
        ...caller,
        kind: 'partitionBy',
        role: 'wide',
        parents: [this.id],
        exchange: ['key'],
        functions,
        params,
      }),
    );
  }

  /**
   * Gives `[key, values]` with the `n` best values of each key of a batch, best first; of equals, those that came first.
   * Exchange by key; no sender sends more than `n` values a key.
   * @param compare less than 0 when `a` is better @default the greater is
   */
  topByKey<K, V>(
    this: DStream<readonly [K, V]>,
    n: number,
    compare?: (a: V, b: V) => number,
    numPartitions?: number,
  ): DStream<[K, V[]]> {
    const caller = this.caller('topByKey');
    checkPartitions(caller, numPartitions);
    return this.wide(caller, 'combineByKey', topFunctions(caller, n, compare), {
      operator: 'topByKey',
      mapSideCombine: true,
      numPartitions,
    });
  }

  /** Gives `[key, f(value)]`. By partition. */
  mapValues<K, V, U>(
    this: DStream<readonly [K, V]>,
    f: (value: V) => U,
    options?: RecordOptions,
  ): DStream<[K, U]> {
    return this.apply('mapValues', f, options);
  }

  /** Gives `[key, each]` for each of what `f(value)` iterates over. By partition. */
  flatMapValues<K, V, U>(
    this: DStream<readonly [K, V]>,
    f: (value: V) => Iterable<U>,
    options?: RecordOptions,
  ): DStream<[K, U]> {
    return this.apply('flatMapValues', f, options);
  }

  /** `combineByKey`, by whatever name. */
  #combine<U>(
    caller: Caller,
    functions: NodeFunctions,
    params: NodeParams,
    partitions: unknown,
  ): DStream<U> {
    const by = partitionsOf(caller, partitions);
    return this.wide(
      caller,
      'combineByKey',
      { ...functions, ...by.functions },
      { operator: caller.operator, mapSideCombine: true, ...params, ...by.params },
    );
  }
}

const itself = <V>(value: V): V => value;
const one = (): number => 1;
const increment = (count: number): number => count + 1;
const add = (a: number, b: number): number => a + b;

/** Gives a copy of a value each time: what is changed in place must not be everybody's. */
function copierOf(caller: Caller, value: unknown): () => unknown {
  if (typeof value !== 'object' || value === null) return () => value;
  try {
    structuredClone(value);
  } catch {
    throw badOption(caller, 'zero', 'a plain value that can be copied', value);
  }
  return () => structuredClone(value);
}
