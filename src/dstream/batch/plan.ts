/**
 * What a batch is made of: a plan of operators over partitions, run when an action asks for records.
 * Used by the thread that has the batch in hand.
 *
 * A partition is read in chunks, arrays of records. Operators that work by partition turn chunk into chunk, so `take(10)`
 * behind them reads no more than the chunks that hold ten. Those that need all of a batch (by key, sorted) make their
 * partitions once an action.
 *
 * I1  The number of partitions is known before anything runs.
 * I2  A plan is pure: it may be run again, by another action.
 * I3  What is held at once for an action is bounded (`Evaluation.hold`).
 */
import type { Disk } from '../../env/env.ts';
import { realEnv } from '../../env/real.ts';
import { millraceError } from '../../errors.ts';
import type { Caller } from '../arguments.ts';
import { approximateBytes } from '../run/gathered.ts';

export interface BatchPlan {
  readonly partitions: number;
  /** Records by partition, where that is known without running anything. */
  readonly counts?: readonly number[];
  /** The records of a partition, chunk by chunk. The arrays are the plan's: nobody may change them. */
  read(partition: number, run: Evaluation): Iterable<readonly unknown[]>;
}

/** Where a batch lives: what may be held of it in memory, and the disk that it may be saved to. */
export interface BatchHome {
  readonly maxGatherBytes: number;
  readonly disk: Disk;
}

const MAX_GATHER_BYTES = 256 * 1024 * 1024;

let elsewhere: BatchHome | undefined;

/** Of a batch that no run made. */
export function defaultHome(): BatchHome {
  return (elsewhere ??= { maxGatherBytes: MAX_GATHER_BYTES, disk: realEnv().disk });
}

/** Of what is made of several batches. */
export function commonHome(a: BatchHome, b: BatchHome): BatchHome {
  return a.maxGatherBytes <= b.maxGatherBytes ? a : b;
}

/** What to use instead of an operator on a batch that is too large for one place. */
const INSTEAD: Readonly<Record<string, string>> = {
  sortBy: 'take what matters by reduceByKey or filter of the stream first',
  sortByKey: 'take what matters by reduceByKey or filter of the stream first',
  cartesian: 'join the streams by key',
  zipWithIndex: 'number records in mapPartitionsWithIndex of the stream',
  distinct: 'use countByValue of the stream',
  collect: 'use forEachPartition, or reduce it by the operators of the stream first',
  toArray: 'use forEachPartition, or reduce it by the operators of the stream first',
  toPartitions: 'use forEachPartition, or reduce it by the operators of the stream first',
};

/** One action at work. */
export class Evaluation {
  readonly #maxBytes: number;
  readonly #made = new Map<BatchPlan, readonly (readonly unknown[])[]>();
  #bytes = 0;

  constructor({ maxGatherBytes }: BatchHome) {
    this.#maxBytes = maxGatherBytes;
  }

  /** The partitions of a plan that needs all of its parents, made when they are first asked for. */
  once(
    plan: BatchPlan,
    make: () => readonly (readonly unknown[])[],
  ): readonly (readonly unknown[])[] {
    let made = this.#made.get(plan);
    if (made === undefined) this.#made.set(plan, (made = make()));
    return made;
  }

  /**
   * Counts records that stay in memory for the rest of the action.
   * @throws ERR_MILLRACE_BATCH_TOO_LARGE
   */
  hold({ operator, callSite }: Caller, records: readonly unknown[]): void {
    this.#bytes += approximateBytes({ kind: 'rows', port: 0, rows: records });
    if (this.#bytes <= this.#maxBytes) return;
    throw millraceError(
      'ERR_MILLRACE_BATCH_TOO_LARGE',
      `${operator} of a batch at ${callSite} holds more than maxGatherBytes (${this.#maxBytes}) in one place; ` +
        `${INSTEAD[operator] ?? `use ${operator} of the stream, which works on all threads`}, or shorten batchInterval`,
      { context: { operator, callSite, maxGatherBytes: this.#maxBytes } },
    );
  }
}

/** All records, one partition after another, in chunks. */
export function* chunksOf(plan: BatchPlan, home: BatchHome): Iterable<readonly unknown[]> {
  const run = new Evaluation(home);
  for (let p = 0; p < plan.partitions; p++) yield* plan.read(p, run);
}

/** All records of a partition in one array, which is the caller's. */
export function readAll(
  plan: BatchPlan,
  partition: number,
  run: Evaluation,
  holder?: Caller,
): unknown[] {
  const rows: unknown[] = [];
  for (const chunk of plan.read(partition, run)) {
    if (holder !== undefined) run.hold(holder, chunk);
    // Not push(...chunk): it may have more elements than a call may have arguments.
    for (let i = 0; i < chunk.length; i++) rows.push(chunk[i]);
  }
  return rows;
}

/** The plan of an operator that makes all its partitions at once. */
export function wholePlan(
  partitions: number,
  make: (run: Evaluation) => readonly (readonly unknown[])[],
): BatchPlan {
  const plan: BatchPlan = {
    partitions,
    read: (partition, run) => {
      const rows = run.once(plan, () => make(run))[partition]!;
      return rows.length === 0 ? [] : [rows];
    },
  };
  return plan;
}

/** The plan of an operator that works by partition, chunk by chunk. */
export function narrowPlan(
  parent: BatchPlan,
  onChunk: (chunk: readonly unknown[]) => readonly unknown[],
): BatchPlan {
  return {
    partitions: parent.partitions,
    *read(partition, run) {
      for (const chunk of parent.read(partition, run)) {
        const given = onChunk(chunk);
        if (given.length > 0) yield given;
      }
    },
  };
}
