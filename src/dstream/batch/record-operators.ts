/** Transformations of records of any kind. Of Batch; used by the thread that has the batch in hand. */
import { badOption, checkFunction, checkInteger, checkOptions } from '../arguments.ts';
import type { Batch } from '../batch.ts';
import { BatchCore, callOf, checkBatch, innerOf } from './core.ts';
import { crossed } from './joins.ts';
import { counted, spread } from './keyed.ts';
import {
  filtered,
  flatMapped,
  indexed,
  mapped,
  partitionMapped,
  sampled,
  united,
} from './narrow.ts';
import { type KeyOf, sorted } from './ordered.ts';

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

/** What a batch of any records can be made into. */
export abstract class RecordTransformations<T> extends BatchCore {
  // ── Record by record, by partition ────────────────────────────────────────────────────────────

  /** Gives `f(record)` for each record. */
  map<U>(f: (record: T) => U): Batch<U> {
    checkFunction(callOf('map'), 'f', f);
    return this.with(mapped(this.plan, f));
  }

  /** Gives each record of what `f(record)` iterates over. */
  flatMap<U>(f: (record: T) => Iterable<U>): Batch<U> {
    const caller = callOf('flatMap');
    checkFunction(caller, 'f', f);
    return this.with(flatMapped(this.plan, caller, f));
  }

  /** Keeps the records for which `f(record)` is true. */
  filter<S extends T>(f: (record: T) => record is S): Batch<S>;
  filter(f: (record: T) => unknown): Batch<T>;
  filter(f: (record: T) => unknown): Batch<T> {
    checkFunction(callOf('filter'), 'f', f);
    return this.with(filtered(this.plan, f));
  }

  /** Calls `f` with each record on its way, and passes it on as it is. */
  peek(f: (record: T) => void): Batch<T> {
    checkFunction(callOf('peek'), 'f', f);
    return this.with(mapped(this.plan, (record: T) => (f(record), record)));
  }

  /** Gives what `f` makes of all records of a partition, empty ones too. */
  mapPartitions<U>(f: (records: Iterable<T>) => Iterable<U>): Batch<U> {
    const caller = callOf('mapPartitions');
    checkFunction(caller, 'f', f);
    return this.with(partitionMapped(this.plan, caller, (records) => f(records as readonly T[])));
  }

  /** As `mapPartitions`; `f` also gets the number of the partition, from 0. */
  mapPartitionsWithIndex<U>(f: (index: number, records: Iterable<T>) => Iterable<U>): Batch<U> {
    const caller = callOf('mapPartitionsWithIndex');
    checkFunction(caller, 'f', f);
    return this.with(
      partitionMapped(this.plan, caller, (records, index) => f(index, records as readonly T[])),
    );
  }

  /** Makes one array of each partition. */
  glom(): Batch<T[]> {
    return this.with(partitionMapped(this.plan, callOf('glom'), (records) => [records]));
  }

  /** The partitions of this batch, then those of the others in order. */
  union<U = T>(...others: readonly Batch<U>[]): Batch<T | U> {
    const caller = callOf('union');
    others.forEach((other, at) => checkBatch(caller, `batch ${at + 1}`, other));
    return this.with(united([this.plan, ...others.map((other) => innerOf(other).plan)]));
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
    return this.with(sampled(this.plan, fraction, withReplacement, seed));
  }

  /** `[record, index]`: records are counted from 0 over all partitions, in order. */
  zipWithIndex(): Batch<[T, number]> {
    return this.with(indexed(this.plan));
  }

  // ── The whole batch ───────────────────────────────────────────────────────────────────────────

  /** Deals the records out over `numPartitions` partitions, in turn. */
  repartition(numPartitions: number): Batch<T> {
    const caller = callOf('repartition');
    checkInteger(caller, 'numPartitions', numPartitions);
    return this.with(spread(this.plan, caller, numPartitions));
  }

  /** `[value, how often]` for each value; values compare as keys do. */
  countByValue(numPartitions?: number): Batch<[T, number]> {
    const { caller, partitions } = this.keyed('countByValue', numPartitions);
    return this.with(counted(this.plan, caller, partitions, true));
  }

  /** Each value once; values compare as keys do. */
  distinct(numPartitions?: number): Batch<T> {
    const { caller, partitions } = this.keyed('distinct', numPartitions);
    return this.with(counted(this.plan, caller, partitions, false));
  }

  /**
   * The records in order of `f(record)`, over all partitions: those of the first come before those of the second. Equal
   * ones keep their order. Keys may be undefined, null, booleans, numbers, text, dates or arrays of these, which come in
   * this order.
   */
  sortBy(f: (record: T) => unknown, options: SortOptions = {}): Batch<T> {
    return this.sorted('sortBy', f, options);
  }

  /** `[a, b]` for each record of this batch with each of the other. As many partitions as both have, multiplied. */
  cartesian<U>(other: Batch<U>): Batch<[T, U]> {
    const caller = callOf('cartesian');
    checkBatch(caller, 'other', other);
    return this.with(crossed(this.plan, innerOf(other).plan, caller), other);
  }

  /** @internal By whatever name. */
  protected sorted(operator: string, f: KeyOf, options: SortOptions): Batch<T> {
    const caller = callOf(operator);
    checkFunction(caller, 'f', f);
    checkOptions(caller, options, ['ascending']);
    const { ascending = true } = options;
    return this.with(sorted(this.plan, caller, f, ascending));
  }
}
