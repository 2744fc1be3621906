/**
 * What runs a batch's plan: actions, which are promises, and their forms for whoever has the batch in hand. Of Batch; used by
 * that thread.
 */
import { millraceError } from '../../errors.ts';
import { badOption, checkFunction, checkInteger } from '../arguments.ts';
import type { Widened } from '../widened.ts';
import { callOf } from './core.ts';
import { firstInOrder, type KeyOf } from './ordered.ts';
import { PairTransformations } from './pair-operators.ts';
import { Evaluation, readAll } from './plan.ts';
import { type PartFormat, savePartitions } from './save.ts';

/** And what it gives. */
export abstract class BatchActions<T> extends PairTransformations<T> {
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
    return this.plan.counts === undefined ? this.#take('take', 1).length === 0 : this.size === 0;
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
    const run = new Evaluation(this.home);
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
    const { counts } = this.plan;
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
    const run = new Evaluation(this.home);
    return Array.from({ length: this.partitions }, (_, p) =>
      this.parts === undefined
        ? (readAll(this.plan, p, run, caller) as T[])
        : ([...this.parts[p]!.rows()] as T[]),
    );
  }

  #take(operator: string, limit: number): T[] {
    const records: T[] = [];
    if (this.parts !== undefined) {
      for (const part of this.parts) {
        const room = limit - records.length;
        if (room <= 0) break;
        const rows = part.count > room ? part.rows(0, room) : part.rows();
        // Not push(...rows): a large partition has more elements than a call may have arguments.
        for (const row of rows) records.push(row as T);
      }
      return records;
    }
    const caller = { operator, callSite: 'its action' };
    const run = new Evaluation(this.home);
    for (let p = 0; p < this.partitions && records.length < limit; p++) {
      for (const chunk of this.plan.read(p, run)) {
        run.hold(caller, chunk);
        const room = Math.min(chunk.length, limit - records.length);
        for (let i = 0; i < room; i++) records.push(chunk[i] as T);
        if (records.length >= limit) break;
      }
    }
    return records;
  }

  #rows(partition: number, run: Evaluation): readonly unknown[] {
    return this.parts?.[partition]!.rows() ?? readAll(this.plan, partition, run);
  }

  #eachChunk(act: (chunk: readonly unknown[]) => void): void {
    const run = new Evaluation(this.home);
    for (let p = 0; p < this.partitions; p++)
      for (const chunk of this.plan.read(p, run)) act(chunk);
  }

  #firstInOrder(operator: string, n: number, f: KeyOf, ascending: boolean): T[] {
    const caller = callOf(operator);
    checkInteger(caller, 'n', n, 0);
    checkFunction(caller, 'f', f);
    const run = new Evaluation(this.home);
    return firstInOrder(this.plan, caller, run, n, f, ascending) as T[];
  }

  #save(operator: string, directory: string, format: PartFormat): void {
    const caller = callOf(operator);
    if (typeof directory !== 'string' || directory === '')
      throw badOption(caller, 'directory', 'text that is not empty', directory);
    const run = new Evaluation(this.home);
    const { partitions } = this;
    const read = (p: number): Iterable<readonly unknown[]> => this.plan.read(p, run);
    savePartitions(this.home.disk, { directory, format, partitions, read });
  }

  #empty(operator: string, instead: string): Error {
    return millraceError(
      'ERR_MILLRACE_EMPTY_BATCH',
      `${operator}: the batch of ${this.time} ms has no records. Ask isEmpty() before, or ${instead}`,
      { context: { operator, batchId: this.time } },
    );
  }
}

const itself = (record: unknown): unknown => record;
