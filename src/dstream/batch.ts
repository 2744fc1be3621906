/**
 * A batch in the user's hands: what `foreachBatch` gets.
 *
 * Its partitions may still be columns: a record is made when somebody asks for it, so `take(10)` of a million
 * records makes ten. What was made is not kept: asking twice makes it twice.
 */
import { millraceError } from '../errors.ts';
import { shown } from './arguments.ts';

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

/**
 * The records of one stream between two batch times, in partitions.
 *
 * Actions are promises, as where a batch lies in another thread. Use a batch inside the function that it was given to.
 */
export class Batch<T> {
  /** Batch time in ms since 1970: the end of the batch. */
  readonly time: number;
  readonly #parts: readonly PartitionSource[];

  /** @internal Batches are made by outputs. */
  constructor(time: number, parts: readonly PartitionSource[]) {
    this.time = time;
    this.#parts = parts;
  }

  /** The number of partitions. */
  get partitions(): number {
    return this.#parts.length;
  }

  /** All records, partition by partition. */
  async collect(): Promise<T[]> {
    return this.toArray();
  }

  /**
   * The first `n` records, or all if there are fewer.
   * @throws ERR_MILLRACE_BAD_OPTION when n is no whole number of at least 0
   */
  async take(n: number): Promise<T[]> {
    if (!Number.isSafeInteger(n) || n < 0) {
      throw millraceError(
        'ERR_MILLRACE_BAD_OPTION',
        `take: n must be a whole number of at least 0; it is ${shown(n)}`,
        {
          context: { operator: 'take', option: 'n' },
        },
      );
    }
    return this.toArray(n);
  }

  /**
   * The first record.
   * @throws ERR_MILLRACE_EMPTY_BATCH when there is none
   */
  async first(): Promise<T> {
    if (this.size === 0) {
      throw millraceError(
        'ERR_MILLRACE_EMPTY_BATCH',
        `first: the batch of ${this.time} ms has no records. Ask isEmpty() before, or use take(1)`,
        { context: { operator: 'first', batchId: this.time } },
      );
    }
    return this.toArray(1)[0] as T;
  }

  async isEmpty(): Promise<boolean> {
    return this.size === 0;
  }

  /** The number of records. None of them is made for it. */
  async count(): Promise<number> {
    return this.size;
  }

  /**
   * Calls `f` with each partition, one after another, empty ones too, and waits for its promise. A partition's records
   * are made when `f` begins to read them.
   */
  async forEachPartition(f: (records: Iterable<T>) => void | Promise<void>): Promise<void> {
    for (const part of this.#parts) {
      const records: Iterable<T> = {
        [Symbol.iterator]: () => (part.rows() as readonly T[])[Symbol.iterator](),
      };
      await f(records);
    }
  }

  /** The number of records, at once. */
  get size(): number {
    let size = 0;
    for (const part of this.#parts) size += part.count;
    return size;
  }

  /** The records at once, partition by partition; with `limit` only the first ones. */
  toArray(limit: number = Number.POSITIVE_INFINITY): T[] {
    const records: T[] = [];
    for (const part of this.#parts) {
      const room = limit - records.length;
      if (room <= 0) break;
      const rows = part.count > room ? part.rows(0, room) : part.rows();
      // Not push(...rows): a large partition has more elements than a call may have arguments.
      for (const row of rows) records.push(row as T);
    }
    return records;
  }

  /** The records of each partition, at once. */
  toPartitions(): T[][] {
    return this.#parts.map((part) => [...part.rows()] as T[]);
  }
}
