/**
 * A DStream: batches of records, one after another, and the operators on them.
 *
 * A value of this class is a node of a graph that is being built. It holds no data: each operator adds a node and
 * gives the stream behind it. Built on any thread, in the builder of a job, before the start.
 *
 * Words used below. A stream's batch has partitions. "By partition": the operator works on each where it lies and keeps
 * the order of records in it. "Exchange": records go from every partition to every other, by key or in turn. A batch is
 * *empty* when it has no records, and *missing* when a source had none at all for that time: then most operators
 * give none either, and those that need one ("fails on a missing batch") fail that batch.
 *
 * All operators throw ERR_MILLRACE_GRAPH_FROZEN after the start and ERR_MILLRACE_BAD_OPTION for an argument of the wrong
 * kind, and name themselves and their call site. `numPartitions` is a whole number of at least 1; left out, it is the
 * parallelism of the run (its number of workers). Where keys are exchanged it may be a `Partitioner` instead.
 */
import type { GraphBuilder } from '../plan/graph-builder.ts';
import type { GraphNode, UserFunction } from '../plan/graph.ts';
import type { SinkSpec } from '../plan/sink.ts';
import { defaultOutput, type StageStream } from '../plan/stage-stream.ts';
import {
  badOption,
  type Caller,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkOptions,
  checkText,
} from './arguments.ts';
import type { Batch } from './batch.ts';
import { callSiteText } from './call-site.ts';
import { csvParams, type CsvOptions } from './file-options.ts';
import { type Duration, durationMs } from './duration.ts';
import type { StreamSite } from './event-time/site.ts';
import { addDedupe, type DedupeByKeyOptions, TimedStream } from './event-time/timed-stream.ts';
import { addTimestamps, type TimestampOptions } from './event-time/with-timestamps.ts';
import type { BroadcastTable } from './lookup/broadcast.ts';
import {
  addBroadcastJoin,
  addMapAsync,
  addPartitionInto,
  addWithBroadcast,
  type BroadcastJoinOptions,
  type MapAsyncOptions,
  topFunctions,
} from './lookup/build.ts';
import { joinNode, type JoinWord } from './joins/build.ts';
import { type Partitions, partitionsOf } from './partitioner.ts';
import { recordParams, type RecordOptions } from './record-options.ts';
import { type CountReducer, reducerName } from './reducers.ts';
import { rememberStream } from './remember.ts';
import { readSlice } from './run/slices.ts';
import {
  addMapWithState,
  addStateSnapshots,
  addUpdateStateByKey,
  type MapWithStateOptions,
  type UpdateStateOptions,
} from './state/build.ts';
import type { State } from './state/state-handle.ts';
import type { UpdateInfo } from './state/update-state.ts';
import type { Widened } from './widened.ts';
import {
  addCountByValueAndWindow,
  addCountByWindow,
  addGroupByKeyAndWindow,
  addReduceByKeyAndWindow,
  addReduceByWindow,
  addWindow,
  type ReduceByKeyWindow,
  type ReduceWindow,
  type WindowSite,
} from './windows/build.ts';

/** A stream of batches of `T`. Made by a context's sources and by operators. */
export class DStream<T> {
  /** @internal The node in the graph. */
  readonly id: number;
  readonly #builder: GraphBuilder;
  #level: string | undefined = undefined;

  /** @internal Streams are made by contexts and operators. */
  constructor(builder: GraphBuilder, id: number) {
    this.#builder = builder;
    this.id = id;
    builder.streams.add(id);
  }

  // ── Record by record ──────────────────────────────────────────────────────────────────────────

  // With `onRecordError: 'skip'` a record at which the function throws is passed over and told of as a dead letter.

  /** Gives `f(record)` for each record. By partition. */
  map<U>(f: (record: T) => U, options?: RecordOptions): DStream<U> {
    return this.#apply('map', f, options);
  }

  /** Gives each record of what `f(record)` iterates over: an array, a set, a generator. By partition. */
  flatMap<U>(f: (record: T) => Iterable<U>, options?: RecordOptions): DStream<U> {
    return this.#apply('flatMap', f, options);
  }

  /** Keeps the records for which `f(record)` is true. By partition. */
  filter<S extends T>(f: (record: T) => record is S, options?: RecordOptions): DStream<S>;
  filter(f: (record: T) => unknown, options?: RecordOptions): DStream<T>;
  filter(f: (record: T) => unknown, options?: RecordOptions): DStream<T> {
    return this.#apply('filter', f, options);
  }

  /** Calls `f` with each record, and gives the record on as it is. By partition. */
  peek(f: (record: T) => void, options?: RecordOptions): DStream<T> {
    return this.#apply('peek', f, options);
  }

  /**
   * Gives what the promise of `f(record)` gives, for each record: calls of services, look-ups, user code that waits. At
   * most `concurrency` promises of a partition are at work at a time. All of a batch are settled before it ends. A
   * rejection fails the batch as a throw does. By partition.
   * @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION; in a batch, ERR_MILLRACE_ASYNC_TIMEOUT
   */
  mapAsync<U>(
    f: (record: T) => PromiseLike<U> | U,
    options: MapAsyncOptions = {},
  ): DStream<Awaited<U>> {
    const caller = this.#call('mapAsync');
    return this.#at(addMapAsync(this.#streamSite(), caller, this.id, f, options));
  }

  // ── Partition by partition ────────────────────────────────────────────────────────────────────

  /**
   * Gives what `f` makes of all records of a partition. It is called once a partition and batch, at the batch's end,
   * for empty partitions too.
   * @param preservesPartitioning `f` gives pairs and leaves their keys as they are, so what lay by key still does
   */
  mapPartitions<U>(
    f: (records: Iterable<T>) => Iterable<U>,
    preservesPartitioning = false,
  ): DStream<U> {
    return this.#mapPartitions('mapPartitions', f, preservesPartitioning);
  }

  /** As {@link mapPartitions}; `f` gets the partition's number first. */
  mapPartitionsWithIndex<U>(
    f: (partition: number, records: Iterable<T>) => Iterable<U>,
    preservesPartitioning = false,
  ): DStream<U> {
    return this.#mapPartitions('mapPartitionsWithIndex', f, preservesPartitioning);
  }

  /** Makes one array of each partition; an empty partition gives an empty array. */
  glom(): DStream<T[]> {
    return this.#narrow(this.#call('glom'));
  }

  /** Deals the records out over `numPartitions` partitions. Exchange. Fails on a missing batch. */
  repartition(numPartitions: number): DStream<T> {
    const caller = this.#call('repartition');
    checkInteger(caller, 'numPartitions', numPartitions);
    return this.#wide(caller, 'repartition', {}, { numPartitions });
  }

  /**
   * The records of this stream and of others: the partitions of this one, then those of the others in order. Nothing
   * moves. Fails on a missing batch.
   */
  union<U = T>(...others: readonly DStream<U>[]): DStream<T | U> {
    return DStream.unionOf<T | U>(this.#call('union'), this.#builder, [this, ...others]);
  }

  // ── Batch by batch ────────────────────────────────────────────────────────────────────────────

  /**
   * Gives the batch that `f` makes of each batch, with all that a `Batch` can do: sorting, joins with fixed data, actions.
   * `f` gets the batch's time too, and may give a promise. The batch is gathered in one task, bounded by
   * `maxGatherBytes`; the result has as many partitions as this stream. Fails on a missing batch.
   */
  transform<U>(f: (batch: Batch<T>, time: number) => Batch<U> | Promise<Batch<U>>): DStream<U> {
    return DStream.transformOf(this.#call('transform'), this.#builder, [this], f);
  }

  /**
   * As `transform`, of the batches of this stream and of another at the same time. Both must have batches at the same
   * times; the result has as many partitions as both together.
   */
  transformWith<U, V>(
    other: DStream<U>,
    f: (batch: Batch<T>, others: Batch<U>, time: number) => Batch<V> | Promise<Batch<V>>,
  ): DStream<V> {
    const caller = this.#call('transformWith');
    return DStream.transformOf(caller, this.#builder, [this, other], f, 'transformWith');
  }

  // ── A batch to few records ────────────────────────────────────────────────────────────────────

  /**
   * Makes one record of a batch: `f(f(a, b), c)` and so on. `f` must be associative and commutative; it is called for
   * parts of partitions first. One partition. An empty batch gives an empty one.
   */
  reduce(f: (a: Widened<T>, b: Widened<T>) => Widened<T>): DStream<Widened<T>> {
    const caller = this.#call('reduce');
    checkFunction(caller, 'f', f);
    return this.#wide(caller, 'reduce', { f }, { reducer: reducerName(f) });
  }

  /** Gives one number a batch: how many records it has. An empty batch gives 0. Fails on a missing batch. */
  count(): DStream<number> {
    return this.#wide(this.#call('count'), 'count', {}, {});
  }

  /**
   * Gives `[value, how often]` for each value of a batch. Values compare as keys do. Exchange by value. An empty batch
   * gives an empty one.
   */
  countByValue(numPartitions?: number): DStream<[T, number]> {
    const caller = this.#call('countByValue');
    checkPartitions(caller, numPartitions);
    return this.#wide(caller, 'countByValue', {}, { numPartitions });
  }

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
    const caller = this.#call('groupByKey');
    const { functions, params } = partitionsOf(caller, numPartitions);
    return this.#wide(caller, 'groupByKey', functions, params);
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
    const caller = this.#call('reduceByKey');
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
    const caller = this.#call('combineByKey');
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
    const caller = this.#call('aggregateByKey');
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
    return this.#combine(this.#call('countByKey'), functions, { reducer: 'count' }, numPartitions);
  }

  /**
   * Puts each pair into the partition of its key. What comes by key behind it, with the same partitions, needs no exchange.
   * Exchange by key. Fails on a missing batch.
   */
  partitionBy<K, V>(
    this: DStream<readonly [K, V]>,
    numPartitions: Partitions<K>,
  ): DStream<readonly [K, V]> {
    const caller = this.#call('partitionBy');
    if (numPartitions === undefined)
      throw badOption(caller, 'numPartitions', 'a number or a partitioner', numPartitions);
    const { functions, params } = partitionsOf(caller, numPartitions);
    return this.#at(
      this.#builder.add({
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

  // Two streams, batch by batch of the same time. Both may be the same stream. A side that lies by key already, in as many
  // partitions, isn't exchanged. Keys come in order of first arrival, those of this stream first. All fail on a missing
  // batch, and are refused before the start when the two have their batches at different times.

  /** Gives `[key, [these, others]]` for each key that either has: all its values here, and all there. */
  cogroup<K, V, W>(
    this: DStream<readonly [K, V]>,
    other: DStream<readonly [K, W]>,
    numPartitions?: Partitions<K>,
  ): DStream<[K, [V[], W[]]]> {
    return this.#join('cogroup', other as DStream<never>, numPartitions);
  }

  /** Gives `[key, [a, b]]` for each value of a key here with each one there. */
  join<K, V, W>(
    this: DStream<readonly [K, V]>,
    other: DStream<readonly [K, W]>,
    numPartitions?: Partitions<K>,
  ): DStream<[K, [V, W]]> {
    return this.#join('join', other as DStream<never>, numPartitions);
  }

  /** As {@link join}; a pair whose key isn't there comes with `undefined`. */
  leftOuterJoin<K, V, W>(
    this: DStream<readonly [K, V]>,
    other: DStream<readonly [K, W]>,
    numPartitions?: Partitions<K>,
  ): DStream<[K, [V, W | undefined]]> {
    return this.#join('leftOuterJoin', other as DStream<never>, numPartitions);
  }

  /** As {@link join}; a pair of the other stream whose key isn't here comes with `undefined`. */
  rightOuterJoin<K, V, W>(
    this: DStream<readonly [K, V]>,
    other: DStream<readonly [K, W]>,
    numPartitions?: Partitions<K>,
  ): DStream<[K, [V | undefined, W]]> {
    return this.#join('rightOuterJoin', other as DStream<never>, numPartitions);
  }

  /** As {@link join}; pairs of either side without one on the other come with `undefined`. */
  fullOuterJoin<K, V, W>(
    this: DStream<readonly [K, V]>,
    other: DStream<readonly [K, W]>,
    numPartitions?: Partitions<K>,
  ): DStream<[K, [V | undefined, W | undefined]]> {
    return this.#join('fullOuterJoin', other as DStream<never>, numPartitions);
  }

  /** Gives `[key, f(value)]`. By partition. */
  mapValues<K, V, U>(
    this: DStream<readonly [K, V]>,
    f: (value: V) => U,
    options?: RecordOptions,
  ): DStream<[K, U]> {
    return this.#apply('mapValues', f, options);
  }

  /** Gives `[key, each]` for each of what `f(value)` iterates over. By partition. */
  flatMapValues<K, V, U>(
    this: DStream<readonly [K, V]>,
    f: (value: V) => Iterable<U>,
    options?: RecordOptions,
  ): DStream<[K, U]> {
    return this.#apply('flatMapValues', f, options);
  }

  // ── State by key ──────────────────────────────────────────────────────────────────────────────
  // A state is a plain value, `undefined` is none. It outlives failures: a batch that runs again finds it as it was. Its
  // name in `run.query(name, key)` is what `named(name)` says.

  /**
   * Keeps a state for each key, and gives all keys with their states at each batch. `f` gets the values that came for the
   * key, in order, and its state, and gives the new one: `undefined` drops the key. It is called for every known key at
   * every batch, with no values where none came, and when the batch is missing. Exchange by key. Prefer `mapWithState`
   * where few of many keys get values.
   * @param options or the number of partitions
   * @example pairs.updateStateByKey((values, count: number = 0) => count + values.length)
   */
  updateStateByKey<K, V, S>(
    this: DStream<readonly [K, V]>,
    f: (values: V[], state: S | undefined, info: UpdateInfo<K>) => S | undefined,
    options?: number | (UpdateStateOptions<K, S> & { readonly iterator?: false }),
  ): DStream<[K, S]>;
  /**
   * With `iterator: true`, `f` is called once a partition and batch. It gets something to iterate, `[key, values, state?]`
   * for each key, and gives `[key, state]` for each that is to be kept. Keys may be other ones than before; they stay in
   * their partition, and of two that are equal the first counts.
   */
  updateStateByKey<K, V, S, J = K>(
    this: DStream<readonly [K, V]>,
    f: (
      entries: Iterable<readonly [K, V[], S?]>,
      info: { readonly time: number },
    ) => Iterable<readonly [J, S]>,
    options: UpdateStateOptions<K, S> & { readonly iterator: true },
  ): DStream<[J, S]>;
  updateStateByKey(f: unknown, options?: unknown): DStream<[never, never]> {
    return this.#at(addUpdateStateByKey(this.#site('updateStateByKey'), f, options));
  }

  /**
   * Keeps a state for each key, and gives what `f` gives: `undefined` gives no record. It is called for each record, in
   * order, and once more, without a value, for a key that was idle for longer than `timeout`; the key is then dropped. What
   * a batch costs grows with its records, not with the keys. Exchange by key.
   *
   * A call of any kind touches its key, so it is not idle. Records of a batch come before its timeouts. A state that is
   * changed in place must be given to `update` all the same.
   * @param options or the number of partitions
   * @throws in a batch, ERR_MILLRACE_STATE_USE
   * @example
   * pairs.mapWithState((word, one, state: State<number>) => {
   *   state.update((state.getOption() ?? 0) + (one ?? 0));
   *   return [word, state.get()];
   * })
   */
  mapWithState<K, V, S, const U>(
    this: DStream<readonly [K, V]>,
    f: (key: K, value: V | undefined, state: State<S>, info: { readonly time: number }) => U,
    options?: number | MapWithStateOptions<K, S>,
  ): MapWithStateStream<K, S, Exclude<U, undefined | void>> {
    const id = addMapWithState(this.#site('mapWithState'), f, options);
    return new MapWithStateStream(this.#builder, id);
  }

  // ── Windows in processing time ────────────────────────────────────────────────────────────────
  // At each slide a window has what the stream had in the last `window` ms, missing batches passed over. It always is a
  // batch then, perhaps an empty one; at other times there is none. The first windows are short. Lengths are multiples of
  // the stream's own slide; slides count from the first batch time less one interval. Functions must be associative and
  // must not change their arguments.

  /**
   * The records of the last batches, oldest first. By partition.
   * @param slide how often @default as often as this stream has a batch
   * @throws ERR_MILLRACE_BAD_DURATION; at the start, ERR_MILLRACE_WINDOW_MULTIPLE
   */
  window(length: Duration, slide?: Duration): DStream<T> {
    return this.#at(addWindow(this.#site('window'), length, slide));
  }

  /**
   * One record a window: that of its batches, each reduced by `f`. One partition. An empty window gives an empty batch.
   *
   * With `inverse`, which undoes `f`, a window costs only what comes and what leaves. Once there was a record, every
   * window then gives one: for an empty window what is left after taking everything away (0, say).
   * @param options.slide how often @default as often as this stream has a batch
   * @param options.inverse `inverse(f(a, b), a)` is `b` @default none
   * @throws ERR_MILLRACE_BAD_DURATION; at the start, ERR_MILLRACE_WINDOW_MULTIPLE
   */
  reduceByWindow(
    f: (a: Widened<T>, b: Widened<T>) => Widened<T>,
    options: ReduceWindow<Widened<T>>,
  ): DStream<Widened<T>> {
    return this.#at(addReduceByWindow(this.#site('reduceByWindow'), f, options));
  }

  /**
   * How many records a window has. Nothing until the first record ever, then always one number: 0 for an empty window.
   * One partition.
   * @throws ERR_MILLRACE_BAD_DURATION; at the start, ERR_MILLRACE_WINDOW_MULTIPLE
   */
  countByWindow(length: Duration, slide: Duration): DStream<number> {
    return this.#at(addCountByWindow(this.#site('countByWindow'), length, slide));
  }

  /**
   * `[value, how often]` for each value in a window. Exchange by value.
   * @throws ERR_MILLRACE_BAD_DURATION; at the start, ERR_MILLRACE_WINDOW_MULTIPLE
   */
  countByValueAndWindow(
    length: Duration,
    slide: Duration,
    numPartitions?: number,
  ): DStream<[T, number]> {
    const site = this.#site('countByValueAndWindow');
    return this.#at(addCountByValueAndWindow(site, length, slide, numPartitions));
  }

  /**
   * `[key, values]` for each key in a window, values of older batches first. Exchange by key.
   * @param slide how often @default as often as this stream has a batch
   * @throws ERR_MILLRACE_BAD_DURATION; at the start, ERR_MILLRACE_WINDOW_MULTIPLE
   */
  groupByKeyAndWindow<K, V>(
    this: DStream<readonly [K, V]>,
    length: Duration,
    slide?: Duration,
    numPartitions?: Partitions<K>,
  ): DStream<[K, V[]]> {
    const site = this.#site('groupByKeyAndWindow');
    return this.#at(addGroupByKeyAndWindow(site, length, slide, numPartitions));
  }

  /**
   * `[key, f(f(v1, v2), v3) …]` for each key in a window. Exchange by key; each batch is reduced once, before it. What a
   * window costs does not grow with its length.
   *
   * With `inverse` a key stays for ever once it came, with what is left after taking everything away (0, say), unless
   * `filter` refuses its pair: then it is forgotten, until it comes again. Without `inverse` a key goes with its last
   * value, and `filter` only leaves pairs out.
   *
   * @param f also the reducers `sum` and `count`
   * @throws ERR_MILLRACE_BAD_DURATION; at the start, ERR_MILLRACE_WINDOW_MULTIPLE; in a batch,
   *   ERR_MILLRACE_WINDOW_KEY_UNKNOWN when a key that `filter` refused had values in the window
   */
  reduceByKeyAndWindow<K, V>(
    this: DStream<readonly [K, V]>,
    f: (a: Widened<V>, b: Widened<V>) => Widened<V>,
    options: ReduceByKeyWindow<K, Widened<V>>,
  ): DStream<[K, Widened<V>]>;
  reduceByKeyAndWindow<K, V>(
    this: DStream<readonly [K, V]>,
    f: CountReducer,
    options: ReduceByKeyWindow<K, number>,
  ): DStream<[K, number]>;
  reduceByKeyAndWindow<K, V>(
    this: DStream<readonly [K, V]>,
    f: unknown,
    options: unknown,
  ): DStream<[K, never]> {
    return this.#at(addReduceByKeyAndWindow(this.#site('reduceByKeyAndWindow'), f, options));
  }

  // ── Time, tables and sides ────────────────────────────────────────────────────────────────────

  /**
   * Gives records event time: `f(record)` is a record's timestamp, in ms since 1970 or a `Date`. The stream that this
   * gives has windows and joins by that time. By partition, at the end of the batch.
   * @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION; in a batch, ERR_MILLRACE_TIMESTAMP
   */
  withTimestamps(f: (record: T) => number | Date, options: TimestampOptions = {}): TimedStream<T> {
    const caller = this.#call('withTimestamps');
    const site = this.#streamSite();
    return new TimedStream(site, addTimestamps(site, caller, this.id, f, options));
  }

  /**
   * Gives the first of the records of a key within a time: those that come less than `within` after it, by batch time,
   * are passed over. Exchange by key.
   * @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION
   */
  dedupeByKey(within: Duration, options: DedupeByKeyOptions<T> = {}): DStream<T> {
    const caller = this.#call('dedupeByKey');
    const given = options as DedupeByKeyOptions<unknown>;
    return this.#at(addDedupe(this.#streamSite(), caller, this.id, within, given, false));
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
    const caller = this.#call('topByKey');
    checkPartitions(caller, numPartitions);
    return this.#wide(caller, 'combineByKey', topFunctions(caller, n, compare), {
      operator: 'topByKey',
      mapSideCombine: true,
      numPartitions,
    });
  }

  /**
   * Pairs each record with the newest value of its key in another stream, `[key, [value, other]]`: a table that changes
   * slowly, of which each partition has all. A batch meets the table with its own updates; `undefined` removes a key. The
   * stream itself is not exchanged, the other goes to every partition.
   */
  broadcastJoin<K, V, W>(
    this: DStream<readonly [K, V]>,
    table: DStream<readonly [K, W]>,
    options?: BroadcastJoinOptions & { readonly outer?: false },
  ): DStream<[K, [V, W]]>;
  broadcastJoin<K, V, W>(
    this: DStream<readonly [K, V]>,
    table: DStream<readonly [K, W]>,
    options: BroadcastJoinOptions,
  ): DStream<[K, [V, W | undefined]]>;
  broadcastJoin<K, V, W>(
    this: DStream<readonly [K, V]>,
    table: DStream<readonly [K, W]>,
    options: BroadcastJoinOptions = {},
  ): DStream<[K, [V, W]]> {
    const caller = this.#call('broadcastJoin');
    DStream.#checkStreams(caller, this.#builder, [table] as DStream<unknown>[]);
    return this.#at(addBroadcastJoin(this.#streamSite(), caller, this.id, table.id, options));
  }

  /** Gives `f(record, table)`, the table being the newest values by key of another stream, as in `broadcastJoin`. */
  withBroadcast<K, W, U>(
    table: DStream<readonly [K, W]>,
    f: (record: T, table: BroadcastTable<K, W>) => U,
    options?: RecordOptions,
  ): DStream<U> {
    const caller = this.#call('withBroadcast');
    DStream.#checkStreams(caller, this.#builder, [table] as DStream<unknown>[]);
    return this.#at(addWithBroadcast(this.#streamSite(), caller, this.id, table.id, f, options));
  }

  /**
   * Splits the stream: a record goes to the first of the named sides whose predicate is true for it, or to `rest`. By
   * partition.
   */
  partitionInto<P extends Readonly<Record<string, (record: T) => unknown>>>(
    sides: P,
  ): { readonly [K in keyof P | 'rest']: DStream<T> } {
    const caller = this.#call('partitionInto');
    const nodes = addPartitionInto(this.#streamSite(), caller, this.id, sides);
    return Object.fromEntries(
      Object.entries(nodes).map(([name, node]) => [name, this.#at<T>(node)]),
    ) as { readonly [K in keyof P | 'rest']: DStream<T> };
  }

  // ── Declared text ─────────────────────────────────────────────────────────────────────────────
  // They say what is to be done instead of how, so that a chain of them which ends in countByValue() or count() runs
  // over bytes. They give what their closure form gives. By partition.

  /** The words of each line: what lies between runs of ASCII white space. None is empty. */
  words(this: DStream<string>): DStream<string> {
    return this.#narrow(this.#call('words'));
  }

  /** The parts of each line between separators, empty ones too: JavaScript's `line.split(separator)`. */
  split(this: DStream<string>, separator: string): DStream<string> {
    const caller = this.#call('split');
    if (typeof separator !== 'string') throw badOption(caller, 'separator', 'text', separator);
    return this.#narrow(caller, { separator });
  }

  /** The lines that contain the text, or that the pattern matches anywhere. A sticky pattern (`y`) is refused. */
  grep(this: DStream<string>, pattern: string | RegExp): DStream<string> {
    const caller = this.#call('grep');
    if (typeof pattern === 'string') return this.#narrow(caller, { needle: pattern });
    if (!(pattern instanceof RegExp))
      throw badOption(caller, 'pattern', 'text or a regular expression', pattern);
    if (pattern.sticky)
      throw badOption(
        caller,
        'pattern',
        'without the flag y (begin it with ^ instead)',
        String(pattern),
      );
    return this.#narrow(caller, { source: pattern.source, flags: pattern.flags.replace('g', '') });
  }

  /** The parts of each line between separators, as one array: JavaScript's `line.split(separator)`. */
  fields(this: DStream<string>, separator: string): DStream<string[]> {
    const caller = this.#call('fields');
    checkText(caller, 'separator', separator);
    return this.#narrow(caller, { separator });
  }

  /** What each line says in JSON. An empty line gives none. */
  parseJson<R = unknown>(this: DStream<string>, options: ParseOptions = {}): DStream<R> {
    const caller = this.#call('parseJson');
    checkOptions(caller, options, ['onBadRecord']);
    return this.#narrow(caller, badRecordParams(caller, options));
  }

  /**
   * The fields of each line of CSV: an object of them with `header`, else an array. A record is one line: a quoted field
   * may hold a line end only if the record of the stream does. An empty line gives none.
   */
  parseCsv(
    this: DStream<string>,
    options: ParseOptions & CsvOptions & { readonly header: readonly string[] },
  ): DStream<Record<string, string>>;
  parseCsv(this: DStream<string>, options?: ParseOptions & CsvOptions): DStream<string[]>;
  parseCsv(this: DStream<string>, options: ParseOptions & CsvOptions = {}): DStream<never> {
    const caller = this.#call('parseCsv');
    checkOptions(caller, options, ['header', 'separator', 'onBadRecord']);
    const { header } = options as { header?: unknown };
    if (typeof header === 'boolean') throw badOption(caller, 'header', 'an array of names', header);
    return this.#narrow(caller, {
      ...csvParams(caller, options),
      ...badRecordParams(caller, options),
    });
  }

  /** Each line without white space at its ends: JavaScript's `trim`. */
  trim(this: DStream<string>): DStream<string> {
    return this.#narrow(this.#call('trim'));
  }

  /** Each line in lower case: JavaScript's `toLowerCase`. */
  toLowerCase(this: DStream<string>): DStream<string> {
    return this.#narrow(this.#call('toLowerCase'));
  }

  // ── Outputs ───────────────────────────────────────────────────────────────────────────────────
  // A job's outputs run one after another, in the order in which they were made, batch by batch. A missing batch runs
  // none; an empty one does.

  /**
   * Writes the batch's time and up to `n` records as Spark does, and `...` if there are more. An empty batch writes the
   * time.
   */
  print(n = 10): void {
    const caller = this.#call('print');
    checkInteger(caller, 'n', n, 0);
    this.#output(caller, 'print', {}, { n });
  }

  /**
   * Calls `f` with each batch and its time in ms, and waits for its promise. The batch is gathered in one task. After a
   * failure a batch may be given again: its time tells.
   */
  foreachBatch(f: (batch: Batch<T>, time: number) => void | Promise<void>): void {
    this.#foreachBatch('foreachBatch', f);
  }

  /** Spark's name of {@link foreachBatch}; the arguments are in the same order. */
  foreachRDD(f: (batch: Batch<T>, time: number) => void | Promise<void>): void {
    this.#foreachBatch('foreachRDD', f);
  }

  /** Gives the batches to the embedding program, as `run.results(name)`. The name is one of a kind in its job. */
  collectAs(name: string): void {
    const caller = this.#call('collectAs');
    checkText(caller, 'name', name);
    for (const node of this.#builder.graph().nodes) {
      if (node.kind !== 'collectAs' || node.params['name'] !== name) continue;
      throw badOption(
        caller,
        'name',
        `another than that of the stream collected at ${node.callSite}`,
        name,
      );
    }
    this.#output(caller, 'collectAs', {}, { name });
  }

  /**
   * Writes each batch into a directory of its own, `prefix-<time in ms>[.suffix]`: a file a partition (`part-00000` and so
   * on, empty ones too) with a line a record as `print` shows it, and an empty `_SUCCESS`. It appears when it is
   * complete. A batch that runs again replaces what it wrote, so each record is there once. The batch is gathered in one
   * task.
   */
  saveAsTextFiles(prefix: string, suffix = ''): void {
    this.#saved('saveAsTextFiles', prefix, suffix);
  }

  /** As `saveAsTextFiles`; a file holds its records as msgpack values, one after another. */
  saveAsObjectFiles(prefix: string, suffix = ''): void {
    this.#saved('saveAsObjectFiles', prefix, suffix);
  }

  /**
   * Gives each batch to a sink: `files(directory)`, `forEach(f)`, `print()`, or one of your own. One instance, in the task
   * of the outputs. What a sink promises in a topology it promises here: the files of `files` hold each record once.
   */
  to(sink: SinkSpec<T>): void {
    const caller = this.#call('to');
    if (typeof sink !== 'object' || sink === null || typeof sink.make !== 'function')
      throw badOption(caller, 'sink', 'what files(), forEach() or print() give', sink);
    if (sink.kind === 'collect')
      throw badOption(caller, 'sink', 'another than collect(); use collectAs(name)', sink);
    this.#output(caller, 'to', { make: sink.make }, { ...sink.params, sink: sink.kind });
  }

  /**
   * Gives the operator that made this stream a name of its own, in place of `map#3`: in errors, plans and for what is
   * stored for it. A name has no `#` and is one of a kind in its job.
   */
  named(id: string): this {
    this.#builder.rename(this.id, id, callSiteText());
    return this;
  }

  /**
   * Keeps the stream's batches for so long, so that `slice` may reach back. They come together in the task of the
   * outputs, as for an output; each is bounded by `maxGatherBytes`. Called again, the longest duration holds.
   * @throws ERR_MILLRACE_BAD_DURATION
   */
  remember(duration: Duration): this {
    const caller = this.#call('remember');
    const ms = durationMs(duration, 'remember', 1, caller.callSite);
    rememberStream(this.#builder, this.id, ms, caller);
    return this;
  }

  /**
   * The stream's batches with times from `from` to `to` in ms, both inclusive, floored to the times at which the stream
   * has batches. Missing batches are left out, and so are those that have not been yet. To be called where outputs run:
   * inside a function given to `foreachBatch`, or anywhere in the thread of a run with `threads: 0`.
   *
   * The batch at hand is there if the stream has an output of its own. For earlier ones call {@link remember}; a
   * stream with a `foreachBatch` and a `window` over it is remembered for as long as the window is.
   * @throws rejects with ERR_MILLRACE_NOT_STARTED before the start and elsewhere, ERR_MILLRACE_NOT_REMEMBERED for
   *   batches that are let go, ERR_MILLRACE_BAD_OPTION
   */
  async slice(from: number, to: number): Promise<Batch<T>[]> {
    const caller = { operator: 'slice', callSite: callSiteText() };
    for (const [option, time] of [
      ['from', from],
      ['to', to],
    ] as const)
      if (typeof time !== 'number' || !Number.isFinite(time))
        throw badOption(caller, option, 'a time in ms', time);
    return readSlice(caller, this.#builder.graph().nodes[this.id]!, from, to) as Batch<T>[];
  }

  /**
   * For programs written for Spark: nothing is computed twice here, so there is nothing to keep. A level is noted and
   * may not be changed.
   */
  persist(level = 'MEMORY_ONLY_SER'): this {
    const caller = this.#call('persist');
    checkText(caller, 'level', level);
    if (this.#level !== undefined && this.#level !== level)
      throw badOption(caller, 'level', `${this.#level}, as it was set to before`, level);
    this.#level = level;
    return this;
  }

  /** {@link persist}. */
  cache(): this {
    this.#call('cache');
    return this.persist();
  }

  /**
   * For programs written for Spark: state is written bit by bit at each recovery point, so there is no interval to be
   * chosen. It must be a multiple of the stream's slide.
   * @throws ERR_MILLRACE_BAD_DURATION; at the start, ERR_MILLRACE_WINDOW_MULTIPLE
   */
  checkpoint(interval: Duration): this {
    const caller = this.#call('checkpoint');
    const checkpointMs = durationMs(interval, 'checkpoint', 1, caller.callSite);
    this.#builder.amend(this.id, { checkpointMs });
    return this;
  }

  /**
   * Gives the stream to a topology in the same graph: its records reach the stages that read it as they come, not at the
   * end of a batch.
   */
  toTopology(): StageStream<T> {
    const caller = this.#call('toTopology');
    const node = this.#add({ ...caller, operator: 'toTopology' }, 'union', 'narrow', {}, {});
    return defaultOutput({ node }, callSiteText);
  }

  /** @internal {@link union} of streams that must all be of one context. */
  static unionOf<T>(
    caller: Caller,
    builder: GraphBuilder,
    streams: readonly DStream<T>[],
  ): DStream<T> {
    DStream.#checkStreams(caller, builder, streams);
    return new DStream<T>(
      builder,
      builder.add({
        ...caller,
        kind: 'union',
        role: 'narrow',
        parents: streams.map((stream) => stream.id),
      }),
    );
  }

  /** @internal What `f` makes of the batches of streams, which must all be of one context. */
  static transformOf<U>(
    caller: Caller,
    builder: GraphBuilder,
    streams: readonly DStream<never>[] | readonly DStream<unknown>[],
    f: unknown,
    operator?: string,
  ): DStream<U> {
    DStream.#checkStreams(caller, builder, streams);
    checkFunction(caller, 'f', f);
    const transform = builder.add({
      ...caller,
      kind: 'transform',
      role: 'wide',
      parents: streams.map((stream) => stream.id),
      functions: { f: f as UserFunction },
      params: { operator, numPartitions: 1 },
    });
    const transformed = builder.add({
      operator: 'transformed',
      callSite: caller.callSite,
      kind: 'transformed',
      role: 'wide',
      parents: [transform],
    });
    return new DStream<U>(builder, transformed);
  }

  static #checkStreams(
    caller: Caller,
    builder: GraphBuilder,
    streams: readonly DStream<never>[] | readonly DStream<unknown>[],
    name?: string,
  ): void {
    streams.forEach((stream, index) => {
      const given: unknown = stream;
      const option = name ?? `stream ${index + 1}`;
      if (typeof given !== 'object' || given === null || !(#builder in given)) {
        throw badOption(caller, option, 'a stream', given);
      }
      if (stream.#builder !== builder) {
        throw badOption(
          caller,
          option,
          `a stream of ${builder.owner}`,
          `a stream of ${stream.#builder.owner}`,
        );
      }
    });
  }

  /** Takes down who calls; refuses it when the graph is frozen. */
  #call(operator: string): Caller {
    const caller = { operator, callSite: callSiteText() };
    this.#builder.assertOpen(operator, caller.callSite);
    return caller;
  }

  /** Where another module adds nodes behind this one. */
  #site(operator: string): WindowSite {
    return { builder: this.#builder, parent: this.id, caller: this.#call(operator) };
  }

  #streamSite(): StreamSite {
    const builder = this.#builder;
    return { builder, stream: (node) => new DStream(builder, node) };
  }

  #at<U>(id: number): DStream<U> {
    return new DStream<U>(this.#builder, id);
  }

  /** A narrow operator with one function. */
  #apply<U>(kind: GraphNode['kind'], f: unknown, options?: RecordOptions): DStream<U> {
    const caller = this.#call(kind);
    checkFunction(caller, 'f', f);
    return this.#narrow(caller, recordParams(caller, options), { f: f as UserFunction });
  }

  #mapPartitions<U>(
    kind: 'mapPartitions' | 'mapPartitionsWithIndex',
    f: unknown,
    preservesPartitioning: unknown,
  ): DStream<U> {
    const caller = this.#call(kind);
    checkFunction(caller, 'f', f);
    checkBoolean(caller, 'preservesPartitioning', preservesPartitioning);
    const params = preservesPartitioning === true ? { keepsKeys: true } : {};
    return this.#narrow(caller, params, { f: f as UserFunction });
  }

  /** `combineByKey`, by whatever name. */
  #combine<U>(
    caller: Caller,
    functions: NodeFunctions,
    params: NodeParams,
    partitions: unknown,
  ): DStream<U> {
    const by = partitionsOf(caller, partitions);
    return this.#wide(
      caller,
      'combineByKey',
      { ...functions, ...by.functions },
      { operator: caller.operator, mapSideCombine: true, ...params, ...by.params },
    );
  }

  #join<U>(operator: JoinWord, other: DStream<never>, partitions: unknown): DStream<U> {
    const caller = this.#call(operator);
    DStream.#checkStreams(caller, this.#builder, [other], 'other');
    return this.#at(this.#builder.add(joinNode(caller, [this.id, other.id], partitions)));
  }

  #narrow<U>(caller: Caller, params: NodeParams = {}, functions: NodeFunctions = {}): DStream<U> {
    return new DStream<U>(
      this.#builder,
      this.#add(caller, caller.operator as GraphNode['kind'], 'narrow', functions, params),
    );
  }

  #wide<U>(
    caller: Caller,
    kind: GraphNode['kind'],
    functions: NodeFunctions,
    params: NodeParams,
  ): DStream<U> {
    return new DStream<U>(this.#builder, this.#add(caller, kind, 'wide', functions, params));
  }

  #output(
    caller: Caller,
    kind: GraphNode['kind'],
    functions: NodeFunctions,
    params: NodeParams,
  ): void {
    this.#add(caller, kind, 'output', functions, params);
  }

  #saved(operator: 'saveAsTextFiles' | 'saveAsObjectFiles', prefix: string, suffix: string): void {
    const caller = this.#call(operator);
    if (typeof prefix !== 'string') throw badOption(caller, 'prefix', 'text', prefix);
    if (typeof suffix !== 'string') throw badOption(caller, 'suffix', 'text', suffix);
    this.#output(caller, operator, {}, { prefix, suffix });
  }

  #foreachBatch(operator: string, f: unknown): void {
    const caller = this.#call(operator);
    checkFunction(caller, 'f', f);
    this.#output(caller, 'foreachBatch', { f: f as UserFunction }, {});
  }

  #add(
    caller: Caller,
    kind: GraphNode['kind'],
    role: GraphNode['role'],
    functions: NodeFunctions,
    params: NodeParams,
  ): number {
    return this.#builder.add({ ...caller, kind, role, parents: [this.id], functions, params });
  }
}

/** What `mapWithState` gives: its results, and beside them all that it keeps. */
export class MapWithStateStream<K, S, U> extends DStream<U> {
  readonly #builder: GraphBuilder;

  /** @internal */
  constructor(builder: GraphBuilder, id: number) {
    super(builder, id);
    this.#builder = builder;
  }

  /** Gives each key with its state, at every batch. By partition. */
  stateSnapshots(): DStream<[K, S]> {
    const caller = { operator: 'stateSnapshots', callSite: callSiteText() };
    this.#builder.assertOpen(caller.operator, caller.callSite);
    const site = { builder: this.#builder, parent: this.id, caller };
    return new DStream<[K, S]>(this.#builder, addStateSnapshots(site));
  }
}

export interface ParseOptions {
  /**
   * What becomes of a record that can't be parsed: its batch fails with ERR_MILLRACE_BAD_RECORD, or it is passed over,
   * counted, and told of as a `deadLetter`. @default as the run's `supervision.onRecordError`, which is 'fail'
   */
  readonly onBadRecord?: 'fail' | 'deadLetter';
}

type NodeParams = Readonly<Record<string, unknown>>;
type NodeFunctions = Readonly<Record<string, UserFunction>>;

const itself = <V>(value: V): V => value;
const one = (): number => 1;
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

const increment = (count: number): number => count + 1;
const add = (a: number, b: number): number => a + b;

function badRecordParams(caller: Caller, { onBadRecord }: ParseOptions): NodeParams {
  if (onBadRecord === undefined) return {};
  if (onBadRecord !== 'fail' && onBadRecord !== 'deadLetter')
    throw badOption(caller, 'onBadRecord', "'fail' or 'deadLetter'", onBadRecord);
  return { onRecordError: onBadRecord === 'fail' ? 'fail' : 'skip' };
}

function checkPartitions(caller: Caller, numPartitions: unknown): void {
  if (numPartitions !== undefined) checkInteger(caller, 'numPartitions', numPartitions);
}
