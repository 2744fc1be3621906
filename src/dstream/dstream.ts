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
import { type CountReducer, reducerName } from './reducers.ts';
import type { OnRecordError } from './run/dead-letter.ts';
import type { Widened } from './widened.ts';

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

  /** Takes down who calls; refuses it when the graph is frozen. */
  #call(operator: string): Caller {
    const caller = { operator, callSite: callSiteText() };
    this.#builder.assertOpen(operator, caller.callSite);
    return caller;
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
