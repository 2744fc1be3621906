/**
 * Operators on records, partitions and batches of any kind. The first of the classes that DStream is made of; used by the
 * thread that builds a job.
 */
import type { UserFunction } from '../../plan/graph.ts';
import { checkBoolean, checkFunction, checkInteger } from '../arguments.ts';
import type { Batch } from '../batch.ts';
import type { DStream } from '../dstream.ts';
import { addMapAsync, addPartitionInto, type MapAsyncOptions } from '../lookup/build.ts';
import { checkPartitions } from '../partitioner.ts';
import type { RecordOptions } from '../record-options.ts';
import { reducerName } from '../reducers.ts';
import type { Widened } from '../widened.ts';
import { StreamCore } from './core.ts';
import { addTransform, addUnion } from './several.ts';

/** What a stream of any records has. */
export abstract class RecordOperators<T> extends StreamCore {
  // ── Record by record ──────────────────────────────────────────────────────────────────────────

  // With `onRecordError: 'skip'` a record at which the function throws is passed over and told of as a dead letter.

  /** Gives `f(record)` for each record. By partition. */
  map<U>(f: (record: T) => U, options?: RecordOptions): DStream<U> {
    return this.apply('map', f, options);
  }

  /** Gives each record of what `f(record)` iterates over: an array, a set, a generator. By partition. */
  flatMap<U>(f: (record: T) => Iterable<U>, options?: RecordOptions): DStream<U> {
    return this.apply('flatMap', f, options);
  }

  /** Keeps the records for which `f(record)` is true. By partition. */
  filter<S extends T>(f: (record: T) => record is S, options?: RecordOptions): DStream<S>;
  filter(f: (record: T) => unknown, options?: RecordOptions): DStream<T>;
  filter(f: (record: T) => unknown, options?: RecordOptions): DStream<T> {
    return this.apply('filter', f, options);
  }

  /** Calls `f` with each record, and gives the record on as it is. By partition. */
  peek(f: (record: T) => void, options?: RecordOptions): DStream<T> {
    return this.apply('peek', f, options);
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
    const caller = this.caller('mapAsync');
    return this.make(addMapAsync(this.streamSite(), caller, this.id, f, options));
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
    return this.narrow(this.caller('glom'));
  }

  /** Deals the records out over `numPartitions` partitions. Exchange. Fails on a missing batch. */
  repartition(numPartitions: number): DStream<T> {
    const caller = this.caller('repartition');
    checkInteger(caller, 'numPartitions', numPartitions);
    return this.wide(caller, 'repartition', {}, { numPartitions });
  }

  /**
   * The records of this stream and of others: the partitions of this one, then those of the others in order. Nothing
   * moves. Fails on a missing batch.
   */
  union<U = T>(...others: readonly DStream<U>[]): DStream<T | U> {
    return this.make(addUnion(this.caller('union'), this.builder, [this, ...others]));
  }

  /**
   * Splits the stream: a record goes to the first of the named sides whose predicate is true for it, or to `rest`. By
   * partition.
   */
  partitionInto<P extends Readonly<Record<string, (record: T) => unknown>>>(
    sides: P,
  ): { readonly [K in keyof P | 'rest']: DStream<T> } {
    const caller = this.caller('partitionInto');
    const nodes = addPartitionInto(this.streamSite(), caller, this.id, sides);
    return Object.fromEntries(
      Object.entries(nodes).map(([name, node]) => [name, this.make<T>(node)]),
    ) as { readonly [K in keyof P | 'rest']: DStream<T> };
  }

  // ── Batch by batch ────────────────────────────────────────────────────────────────────────────

  /**
   * Gives the batch that `f` makes of each batch, with all that a `Batch` can do: sorting, joins with fixed data, actions.
   * `f` gets the batch's time too, and may give a promise. The batch is gathered in one task, bounded by
   * `maxGatherBytes`; the result has as many partitions as this stream. Fails on a missing batch.
   */
  transform<U>(f: (batch: Batch<T>, time: number) => Batch<U> | Promise<Batch<U>>): DStream<U> {
    return this.make(addTransform(this.caller('transform'), this.builder, [this], f));
  }

  /**
   * As `transform`, of the batches of this stream and of another at the same time. Both must have batches at the same
   * times; the result has as many partitions as both together.
   */
  transformWith<U, V>(
    other: DStream<U>,
    f: (batch: Batch<T>, others: Batch<U>, time: number) => Batch<V> | Promise<Batch<V>>,
  ): DStream<V> {
    const caller = this.caller('transformWith');
    return this.make(addTransform(caller, this.builder, [this, other], f, 'transformWith'));
  }

  // ── A batch to few records ────────────────────────────────────────────────────────────────────

  /**
   * Makes one record of a batch: `f(f(a, b), c)` and so on. `f` must be associative and commutative; it is called for
   * parts of partitions first. One partition. An empty batch gives an empty one.
   */
  reduce(f: (a: Widened<T>, b: Widened<T>) => Widened<T>): DStream<Widened<T>> {
    const caller = this.caller('reduce');
    checkFunction(caller, 'f', f);
    return this.wide(caller, 'reduce', { f }, { reducer: reducerName(f) });
  }

  /** Gives one number a batch: how many records it has. An empty batch gives 0. Fails on a missing batch. */
  count(): DStream<number> {
    return this.wide(this.caller('count'), 'count', {}, {});
  }

  /**
   * Gives `[value, how often]` for each value of a batch. Values compare as keys do. Exchange by value. An empty batch
   * gives an empty one.
   */
  countByValue(numPartitions?: number): DStream<[T, number]> {
    const caller = this.caller('countByValue');
    checkPartitions(caller, numPartitions);
    return this.wide(caller, 'countByValue', {}, { numPartitions });
  }

  #mapPartitions<U>(
    kind: 'mapPartitions' | 'mapPartitionsWithIndex',
    f: unknown,
    preservesPartitioning: unknown,
  ): DStream<U> {
    const caller = this.caller(kind);
    checkFunction(caller, 'f', f);
    checkBoolean(caller, 'preservesPartitioning', preservesPartitioning);
    const params = preservesPartitioning === true ? { keepsKeys: true } : {};
    return this.narrow(caller, params, { f: f as UserFunction });
  }
}
