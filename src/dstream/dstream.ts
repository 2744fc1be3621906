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
 * parallelism of the run (its number of workers).
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
import type { Duration } from './duration.ts';
import { type CountReducer, reducerName } from './reducers.ts';
import type { OnRecordError } from './run/dead-letter.ts';
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

  /** @internal Streams are made by contexts and operators. */
  constructor(builder: GraphBuilder, id: number) {
    this.#builder = builder;
    this.id = id;
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

  // ── Partition by partition ────────────────────────────────────────────────────────────────────

  /**
   * Gives what `f` makes of all records of a partition. It is called once a partition and batch, at the batch's end,
   * for empty partitions too.
   */
  mapPartitions<U>(f: (records: Iterable<T>) => Iterable<U>): DStream<U> {
    return this.#apply('mapPartitions', f);
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
  groupByKey<K, V>(this: DStream<readonly [K, V]>, numPartitions?: number): DStream<[K, V[]]> {
    const caller = this.#call('groupByKey');
    checkPartitions(caller, numPartitions);
    return this.#wide(caller, 'groupByKey', {}, { numPartitions });
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
    numPartitions?: number,
  ): DStream<[K, Widened<V>]>;
  reduceByKey<K, V>(
    this: DStream<readonly [K, V]>,
    f: CountReducer,
    numPartitions?: number,
  ): DStream<[K, number]>;
  reduceByKey<K, V>(
    this: DStream<readonly [K, V]>,
    f: ((a: never, b: never) => unknown) | CountReducer,
    numPartitions?: number,
  ): DStream<[K, never]> {
    const caller = this.#call('reduceByKey');
    const reducer = reducerName(f);
    if (reducer !== 'count') checkFunction(caller, 'f', f);
    checkPartitions(caller, numPartitions);
    const functions =
      reducer === 'count'
        ? { create: one, mergeValue: increment, mergeCombiners: add }
        : { create: itself, mergeValue: f as UserFunction, mergeCombiners: f as UserFunction };
    return this.#wide(caller, 'combineByKey', functions, {
      operator: 'reduceByKey',
      mapSideCombine: true,
      numPartitions,
      reducer,
    });
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
    numPartitions?: number,
    mapSideCombine = true,
  ): DStream<[K, C]> {
    const caller = this.#call('combineByKey');
    checkFunction(caller, 'create', create);
    checkFunction(caller, 'mergeValue', mergeValue);
    checkFunction(caller, 'mergeCombiners', mergeCombiners);
    checkPartitions(caller, numPartitions);
    checkBoolean(caller, 'mapSideCombine', mapSideCombine);
    return this.#wide(
      caller,
      'combineByKey',
      { create, mergeValue, mergeCombiners },
      { operator: 'combineByKey', mapSideCombine, numPartitions },
    );
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
    numPartitions?: number,
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
  ): void {
    streams.forEach((stream, index) => {
      const given: unknown = stream;
      if (typeof given !== 'object' || given === null || !(#builder in given)) {
        throw badOption(caller, `stream ${index + 1}`, 'a stream', given);
      }
      if (stream.#builder !== builder) {
        throw badOption(
          caller,
          `stream ${index + 1}`,
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

  #at<U>(id: number): DStream<U> {
    return new DStream<U>(this.#builder, id);
  }

  /** A narrow operator with one function. */
  #apply<U>(kind: GraphNode['kind'], f: unknown, options?: RecordOptions): DStream<U> {
    const caller = this.#call(kind);
    checkFunction(caller, 'f', f);
    return this.#narrow(caller, recordParams(caller, options), { f: f as UserFunction });
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

/** Of operators that call a function for each record. */
export interface RecordOptions {
  /**
   * What becomes of a record at which the function throws: its batch fails, or the record is passed over, counted, and
   * told of as a `deadLetter`. @default the run's `supervision.onRecordError`, which is 'fail'
   */
  readonly onRecordError?: OnRecordError;
}

type NodeParams = Readonly<Record<string, unknown>>;
type NodeFunctions = Readonly<Record<string, UserFunction>>;

const itself = <V>(value: V): V => value;
const one = (): number => 1;
const increment = (count: number): number => count + 1;
const add = (a: number, b: number): number => a + b;

function recordParams(caller: Caller, options: unknown): NodeParams {
  if (options === undefined) return {};
  checkOptions(caller, options, ['onRecordError']);
  const { onRecordError } = options as RecordOptions;
  if (onRecordError !== undefined && onRecordError !== 'fail' && onRecordError !== 'skip')
    throw badOption(caller, 'onRecordError', "'fail' or 'skip'", onRecordError);
  return { onRecordError };
}

function checkPartitions(caller: Caller, numPartitions: unknown): void {
  if (numPartitions !== undefined) checkInteger(caller, 'numPartitions', numPartitions);
}
