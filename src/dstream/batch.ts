/**
 * A batch in the user's hands: what `foreachBatch` and `transform` get.
 *
 * Transformations are lazy: they give another batch and run nothing. Actions run what is needed, once each, in the
 * thread that has the batch in hand, and are promises. Keys, partitions and orders are as of the operators of streams.
 *
 * Its partitions may still be columns: a record is made when somebody asks for it, so `take(10)` of a million
 * records makes ten. What was made is not kept: asking twice makes it twice.
 *
 * By partition, order kept: map flatMap filter mapPartitions mapPartitionsWithIndex glom union keys values mapValues
 * flatMapValues keyBy peek sample zipWithIndex. All others need the whole batch in memory at once: above `maxGatherBytes`
 * an action on them rejects with ERR_MILLRACE_BATCH_TOO_LARGE, which names what to do instead.
 */
import { millraceError } from '../errors.ts';
import { badOption, type Caller, checkFunction, checkInteger, checkOptions } from './arguments.ts';
import { type BatchHome, type BatchPlan, commonHome, defaultHome } from './batch/plan.ts';
import { Evaluation, narrowPlan, readAll } from './batch/plan.ts';
import { guarded, pairOf } from './batch/blame.ts';
import { byKey, combined, counted, spread, withoutKeys } from './batch/keyed.ts';
import { cogrouped, crossed, type JoinKind, joined } from './batch/joins.ts';
import {
  filtered,
  flatMapped,
  indexed,
  mapped,
  partitionMapped,
  sampled,
  united,
} from './batch/narrow.ts';
import { firstInOrder, type KeyOf, sorted } from './batch/ordered.ts';
import { type PartFormat, savePartitions } from './batch/save.ts';
import { dealt, sourcePlan } from './batch/sources.ts';
import { callSiteText } from './call-site.ts';
import { reducerName, type CountReducer } from './reducers.ts';
import type { Widened } from './widened.ts';

/** One partition, decoded as far as it is read. */
export interface PartitionSource {
  readonly count: number;
  /** The records from `from` (0) to before `to` (all). */
  rows(from?: number, to?: number): readonly unknown[];
}

/** A partition that is an array already. */
export function arrayPartition(rows: readonly unknown[]): PartitionSource {
  return {
    count: rows.length,
    rows: (from = 0, to = rows.length) =>
      from <= 0 && to >= rows.length ? rows : rows.slice(from, to),
  };
}

export interface SampleOptions {
  /** A record may be drawn more than once; `fraction` is then how often on average. @default false */
  readonly withReplacement?: boolean;
  /** @default the batch's time, so that a batch that runs again gives the same sample */
  readonly seed?: number;
}

export interface SortOptions {
  /** @default true */
  readonly ascending?: boolean;
}

/** Where a batch keeps what it is, for others: a registered symbol, so that another copy of this package finds it too. */
const INNER: unique symbol = Symbol.for('millrace.batch') as never;

export interface BatchInner {
  readonly plan: BatchPlan;
  readonly home: BatchHome;
}

/**
 * The records of one stream between two batch times, or of an array, in partitions.
 *
 * Operators throw ERR_MILLRACE_BAD_OPTION for an argument of the wrong kind. Actions reject with what a function that was
 * given threw, with ERR_MILLRACE_KEY_TYPE or ERR_MILLRACE_RECORD_TYPE for a record that the operator can't take, and with
 * ERR_MILLRACE_BATCH_TOO_LARGE. `numPartitions`, left out, is the batch's own number.
 */
export class Batch<T> {
  /** Batch time in ms since 1970: the end of the batch. 0 of a batch that was made of an array. */
  readonly time: number;
  readonly #plan: BatchPlan;
  readonly #home: BatchHome;
  /** Of a batch that nothing has been done to. */
  readonly #parts: readonly PartitionSource[] | undefined;

  /** @internal Batches are made by outputs, `Batch.of` and operators. */
  constructor(
    time: number,
    of: readonly PartitionSource[] | BatchPlan,
    home: BatchHome = defaultHome(),
  ) {
    this.time = time;
    this.#parts = 'read' in of ? undefined : of;
    this.#plan = 'read' in of ? of : sourcePlan(of);
    this.#home = home;
    const inner: BatchInner = { plan: this.#plan, home };
    Object.defineProperty(this, INNER, { value: inner });
  }

  /**
   * A batch of an array, to be joined with others, say. Element i of n goes to partition p where
   * floor(p·n/P) <= i < floor((p+1)·n/P). The array isn't copied.
   */
  static of<T>(records: readonly T[], partitions = 1): Batch<T> {
    const caller = callOf('Batch.of');
    if (!Array.isArray(records)) throw badOption(caller, 'records', 'an array', records);
    checkInteger(caller, 'partitions', partitions);
    return new Batch<T>(0, dealt(records, partitions).map(arrayPartition));
  }

  /** The number of partitions. Nothing runs for it. */
  get partitions(): number {
    return this.#plan.partitions;
  }

  // ── Record by record, by partition ────────────────────────────────────────────────────────────

  /** Gives `f(record)` for each record. */
  map<U>(f: (record: T) => U): Batch<U> {
    checkFunction(callOf('map'), 'f', f);
    return this.#with(mapped(this.#plan, f));
  }

  /** Gives each record of what `f(record)` iterates over. */
  flatMap<U>(f: (record: T) => Iterable<U>): Batch<U> {
    const caller = callOf('flatMap');
    checkFunction(caller, 'f', f);
    return this.#with(flatMapped(this.#plan, caller, f));
  }

  /** Keeps the records for which `f(record)` is true. */
  filter<S extends T>(f: (record: T) => record is S): Batch<S>;
  filter(f: (record: T) => unknown): Batch<T>;
  filter(f: (record: T) => unknown): Batch<T> {
    checkFunction(callOf('filter'), 'f', f);
    return this.#with(filtered(this.#plan, f));
  }

  /** Calls `f` with each record on its way, and passes it on as it is. */
  peek(f: (record: T) => void): Batch<T> {
    checkFunction(callOf('peek'), 'f', f);
    return this.#with(mapped(this.#plan, (record: T) => (f(record), record)));
  }

  /** Gives what `f` makes of all records of a partition, empty ones too. */
  mapPartitions<U>(f: (records: Iterable<T>) => Iterable<U>): Batch<U> {
    const caller = callOf('mapPartitions');
    checkFunction(caller, 'f', f);
    return this.#with(partitionMapped(this.#plan, caller, (records) => f(records as readonly T[])));
  }

  /** As `mapPartitions`; `f` also gets the number of the partition, from 0. */
  mapPartitionsWithIndex<U>(f: (index: number, records: Iterable<T>) => Iterable<U>): Batch<U> {
    const caller = callOf('mapPartitionsWithIndex');
    checkFunction(caller, 'f', f);
    return this.#with(
      partitionMapped(this.#plan, caller, (records, index) => f(index, records as readonly T[])),
    );
  }

  /** Makes one array of each partition. */
  glom(): Batch<T[]> {
    return this.#with(partitionMapped(this.#plan, callOf('glom'), (records) => [records]));
  }

  /** The partitions of this batch, then those of the others in order. */
  union<U = T>(...others: readonly Batch<U>[]): Batch<T | U> {
    const caller = callOf('union');
    others.forEach((other, at) => checkBatch(caller, `batch ${at + 1}`, other));
    return this.#with(united([this.#plan, ...others.map((other) => innerOf(other).plan)]));
  }

  /** Each record with a chance of `fraction`, from 0 to 1 (with replacement: from 0 to 100). */
  sample(fraction: number, options?: SampleOptions): Batch<T>;
  /** The same, as Spark has it. */
  sample(withReplacement: boolean, fraction: number, seed?: number): Batch<T>;
  sample(
    first: number | boolean,
    second: SampleOptions | number = {},
    third: number = this.time,
  ): Batch<T> {
    const caller = callOf('sample');
    const isSparks = typeof first === 'boolean';
    const fraction = isSparks ? second : first;
    const options = isSparks ? { withReplacement: first, seed: third } : (second as SampleOptions);
    checkOptions(caller, options, ['withReplacement', 'seed']);
    const { withReplacement = false, seed = this.time } = options;
    if (
      typeof fraction !== 'number' ||
      !(fraction >= 0) ||
      !(fraction <= (withReplacement ? 100 : 1))
    )
      throw badOption(
        caller,
        'fraction',
        `a number from 0 to ${withReplacement ? 100 : 1}`,
        fraction,
      );
    checkInteger(caller, 'seed', seed, 0);
    return this.#with(sampled(this.#plan, fraction, withReplacement, seed));
  }

  /** `[record, index]`: records are counted from 0 over all partitions, in order. */
  zipWithIndex(): Batch<[T, number]> {
    return this.#with(indexed(this.#plan));
  }

  // ── The whole batch ───────────────────────────────────────────────────────────────────────────

  /** Deals the records out over `numPartitions` partitions, in turn. */
  repartition(numPartitions: number): Batch<T> {
    const caller = callOf('repartition');
    checkInteger(caller, 'numPartitions', numPartitions);
    return this.#with(spread(this.#plan, caller, numPartitions));
  }

  /** `[value, how often]` for each value; values compare as keys do. */
  countByValue(numPartitions?: number): Batch<[T, number]> {
    const { caller, partitions } = this.#keyed('countByValue', numPartitions);
    return this.#with(counted(this.#plan, caller, partitions, true));
  }

  /** Each value once; values compare as keys do. */
  distinct(numPartitions?: number): Batch<T> {
    const { caller, partitions } = this.#keyed('distinct', numPartitions);
    return this.#with(counted(this.#plan, caller, partitions, false));
  }

  /**
   * The records in order of `f(record)`, over all partitions: those of the first come before those of the second. Equal
   * ones keep their order. Keys may be undefined, null, booleans, numbers, text, dates or arrays of these, which come in
   * this order.
   */
  sortBy(f: (record: T) => unknown, options: SortOptions = {}): Batch<T> {
    return this.#sorted('sortBy', f, options);
  }

  /** `[a, b]` for each record of this batch with each of the other. As many partitions as both have, multiplied. */
  cartesian<U>(other: Batch<U>): Batch<[T, U]> {
    const caller = callOf('cartesian');
    checkBatch(caller, 'other', other);
    return this.#with(crossed(this.#plan, innerOf(other).plan, caller), other);
  }

  // ── Pairs ─────────────────────────────────────────────────────────────────────────────────────

  /** `[f(record), record]`. */
  keyBy<K>(f: (record: T) => K): Batch<[K, T]> {
    checkFunction(callOf('keyBy'), 'f', f);
    return this.#with(mapped(this.#plan, (record: T) => [f(record), record]));
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
    return this.#with(flatMapped(this.mapValues(f).#plan, caller, each));
  }

  /** The same pairs, each in the partition where its key lives. */
  partitionBy<K, V>(this: Batch<readonly [K, V]>, numPartitions?: number): Batch<readonly [K, V]> {
    const { caller, partitions } = this.#keyed('partitionBy', numPartitions);
    return this.#with(byKey(this.#plan, caller, partitions));
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
    return this.#sorted('sortByKey', ([key]: readonly [K, V]) => key, options);
  }

  /** `[key, [these, others]]`: the values of each key that either batch has. */
  cogroup<K, V, W>(
    this: Batch<readonly [K, V]>,
    other: Batch<readonly [K, W]>,
    numPartitions?: number,
  ): Batch<[K, [V[], W[]]]> {
    const { caller, partitions } = this.#keyed('cogroup', numPartitions);
    checkBatch(caller, 'other', other);
    return this.#with(cogrouped(this.#plan, innerOf(other).plan, caller, partitions), other);
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
    const { caller, partitions } = this.#keyed('subtractByKey', numPartitions);
    checkBatch(caller, 'other', other);
    return this.#with(withoutKeys(this.#plan, innerOf(other).plan, caller, partitions), other);
  }

  // ── Actions ───────────────────────────────────────────────────────────────────────────────────

  /** All records, partition by partition. */
  async collect(): Promise<T[]> {
    return this.#take('collect', Number.POSITIVE_INFINITY);
  }

  /**
   * The first `n` records, or all if there are fewer.
   * @throws ERR_MILLRACE_BAD_OPTION when n is no whole number of at least 0
   */
  async take(n: number): Promise<T[]> {
    checkInteger(callOf('take'), 'n', n, 0);
    return this.#take('take', n);
  }

  /**
   * The first record.
   * @throws ERR_MILLRACE_EMPTY_BATCH when there is none
   */
  async first(): Promise<T> {
    const records = this.#take('take', 1);
    if (records.length === 0) throw this.#empty('first', 'use take(1)');
    return records[0]!;
  }

  async isEmpty(): Promise<boolean> {
    return this.#plan.counts === undefined ? this.#take('take', 1).length === 0 : this.size === 0;
  }

  /** The number of records. Where nothing was done to the batch, none of them is made for it. */
  async count(): Promise<number> {
    return this.size;
  }

  /**
   * `f(f(a, b), c)` and so on: one record of all.
   * @throws ERR_MILLRACE_EMPTY_BATCH when there is none
   */
  async reduce(f: (a: Widened<T>, b: Widened<T>) => Widened<T>): Promise<Widened<T>> {
    checkFunction(callOf('reduce'), 'f', f);
    let isEmpty = true;
    let result: unknown;
    this.#eachChunk((chunk) => {
      for (const record of chunk) {
        result = isEmpty ? record : f(result as Widened<T>, record as Widened<T>);
        isEmpty = false;
      }
    });
    if (isEmpty) throw this.#empty('reduce', 'begin with a value of your own');
    return result as Widened<T>;
  }

  /** The `n` largest records by `f(record)`, in descending order. Keys compare as in `sortBy`. */
  async top(n: number, f: (record: T) => unknown = itself): Promise<T[]> {
    return this.#firstInOrder('top', n, f, false);
  }

  /** The `n` smallest records by `f(record)`, in ascending order. */
  async takeOrdered(n: number, f: (record: T) => unknown = itself): Promise<T[]> {
    return this.#firstInOrder('takeOrdered', n, f, true);
  }

  /** Calls `f` with each record, and waits for its promise before the next. */
  async forEach(f: (record: T) => void | Promise<void>): Promise<void> {
    checkFunction(callOf('forEach'), 'f', f);
    await this.forEachPartition(async (records) => {
      for (const record of records) {
        const given = f(record);
        if (given !== undefined) await given;
      }
    });
  }

  /**
   * Calls `f` with each partition, one after another, empty ones too, and waits for its promise. A partition's records
   * are made when `f` begins to read them.
   */
  async forEachPartition(f: (records: Iterable<T>) => void | Promise<void>): Promise<void> {
    checkFunction(callOf('forEachPartition'), 'f', f);
    const run = new Evaluation(this.#home);
    for (let p = 0; p < this.partitions; p++) {
      const records: Iterable<T> = {
        [Symbol.iterator]: () => (this.#rows(p, run) as readonly T[])[Symbol.iterator](),
      };
      await f(records);
    }
  }

  /**
   * Writes a line a record, as `print` shows it, into `directory`: `part-00000` and so on, a file a partition, empty ones
   * too, and `_SUCCESS`. The directory appears when it is complete; one of that name is replaced.
   */
  async saveAsTextFile(directory: string): Promise<void> {
    this.#save('saveAsTextFile', directory, 'text');
  }

  /** As `saveAsTextFile`, but a file holds its records as msgpack values, one after another. */
  async saveAsObjectFile(directory: string): Promise<void> {
    this.#save('saveAsObjectFile', directory, 'objects');
  }

  // ── At once, for whoever has the batch ────────────────────────────────────────────────────────

  /** The number of records, at once. */
  get size(): number {
    const { counts } = this.#plan;
    if (counts !== undefined) return counts.reduce((total, count) => total + count, 0);
    let size = 0;
    this.#eachChunk((chunk) => (size += chunk.length));
    return size;
  }

  /** The records at once, partition by partition; with `limit` only the first ones. */
  toArray(limit: number = Number.POSITIVE_INFINITY): T[] {
    return this.#take('toArray', limit);
  }

  /** The records of each partition, at once. */
  toPartitions(): T[][] {
    const caller = callOf('toPartitions');
    const run = new Evaluation(this.#home);
    return Array.from({ length: this.partitions }, (_, p) =>
      this.#parts === undefined
        ? (readAll(this.#plan, p, run, caller) as T[])
        : ([...this.#parts[p]!.rows()] as T[]),
    );
  }

  #take(operator: string, limit: number): T[] {
    const records: T[] = [];
    if (this.#parts !== undefined) {
      for (const part of this.#parts) {
        const room = limit - records.length;
        if (room <= 0) break;
        const rows = part.count > room ? part.rows(0, room) : part.rows();
        // Not push(...rows): a large partition has more elements than a call may have arguments.
        for (const row of rows) records.push(row as T);
      }
      return records;
    }
    const caller = { operator, callSite: 'its action' };
    const run = new Evaluation(this.#home);
    for (let p = 0; p < this.partitions && records.length < limit; p++) {
      for (const chunk of this.#plan.read(p, run)) {
        run.hold(caller, chunk);
        const room = Math.min(chunk.length, limit - records.length);
        for (let i = 0; i < room; i++) records.push(chunk[i] as T);
        if (records.length >= limit) break;
      }
    }
    return records;
  }

  #rows(partition: number, run: Evaluation): readonly unknown[] {
    return this.#parts?.[partition]!.rows() ?? readAll(this.#plan, partition, run);
  }

  #eachChunk(act: (chunk: readonly unknown[]) => void): void {
    const run = new Evaluation(this.#home);
    for (let p = 0; p < this.partitions; p++)
      for (const chunk of this.#plan.read(p, run)) act(chunk);
  }

  #with<U>(plan: BatchPlan, other?: Batch<unknown>): Batch<U> {
    const home = other === undefined ? this.#home : commonHome(this.#home, innerOf(other).home);
    return new Batch<U>(this.time, plan, home);
  }

  #pairs<U>(operator: string, f: (key: never, value: unknown) => unknown): Batch<U> {
    const caller = callOf(operator);
    return this.#with(
      narrowPlan(this.#plan, (chunk) =>
        chunk.map((record) => {
          const [key, value] = guarded(caller, record, () => pairOf(record));
          return f(key as never, value);
        }),
      ),
    );
  }

  #keyed(
    operator: string,
    numPartitions: number | undefined,
  ): { readonly caller: Caller; readonly partitions: number } {
    const caller = callOf(operator);
    if (numPartitions !== undefined) checkInteger(caller, 'numPartitions', numPartitions);
    return { caller, partitions: numPartitions ?? Math.max(1, this.partitions) };
  }

  #combined<U>(
    operator: string,
    create: (value: never) => unknown,
    merge: (combiner: never, value: never) => unknown,
    numPartitions: number | undefined,
  ): Batch<U> {
    const { caller, partitions } = this.#keyed(operator, numPartitions);
    return this.#with(
      combined(this.#plan, caller, partitions, { create, merge } as Parameters<typeof combined>[3]),
    );
  }

  #joined<U, O>(
    operator: string,
    kind: JoinKind,
    other: Batch<O>,
    numPartitions: number | undefined,
  ): Batch<U> {
    const { caller, partitions } = this.#keyed(operator, numPartitions);
    checkBatch(caller, 'other', other);
    return this.#with(joined(this.#plan, innerOf(other).plan, caller, partitions, kind), other);
  }

  #sorted(operator: string, f: KeyOf, options: SortOptions): Batch<T> {
    const caller = callOf(operator);
    checkFunction(caller, 'f', f);
    checkOptions(caller, options, ['ascending']);
    const { ascending = true } = options;
    return this.#with(sorted(this.#plan, caller, f, ascending));
  }

  #firstInOrder(operator: string, n: number, f: KeyOf, ascending: boolean): T[] {
    const caller = callOf(operator);
    checkInteger(caller, 'n', n, 0);
    checkFunction(caller, 'f', f);
    const run = new Evaluation(this.#home);
    return firstInOrder(this.#plan, caller, run, n, f, ascending) as T[];
  }

  #save(operator: string, directory: string, format: PartFormat): void {
    const caller = callOf(operator);
    if (typeof directory !== 'string' || directory === '')
      throw badOption(caller, 'directory', 'text that is not empty', directory);
    const run = new Evaluation(this.#home);
    savePartitions(this.#home.disk, directory, format, this.partitions, (p) =>
      this.#plan.read(p, run),
    );
  }

  #empty(operator: string, instead: string): Error {
    return millraceError(
      'ERR_MILLRACE_EMPTY_BATCH',
      `${operator}: the batch of ${this.time} ms has no records. Ask isEmpty() before, or ${instead}`,
      { context: { operator, batchId: this.time } },
    );
  }
}

/** Whether a value is a batch, be it of another copy of this package. */
export function isBatch(value: unknown): value is Batch<unknown> {
  return typeof value === 'object' && value !== null && INNER in value;
}

/** @internal The plan of a batch, and where it lives. */
export function innerOf(batch: object): BatchInner {
  return (batch as { readonly [INNER]: BatchInner })[INNER];
}

function callOf(operator: string): Caller {
  return { operator, callSite: callSiteText() };
}

function checkBatch(caller: Caller, option: string, given: unknown): void {
  if (!isBatch(given)) throw badOption(caller, option, 'a batch, such as Batch.of(array)', given);
}

const itself = (record: unknown): unknown => record;
const one = (): number => 1;
const increment = (count: number): number => count + 1;
const appended = (list: unknown[], value: unknown): unknown[] => {
  list.push(value);
  return list;
};
