/**
 * What a sink is: the end of a topology, or of a stream (`to`). It lives in one task, whose thread alone calls it. There
 * is one interface, and what a sink has of it decides what it gives:
 *
 *   plain                process            shows records as they come; after a recovery some may be shown again
 *   idempotent           replace            is given each (output, batch, partition) whole, and replaces what was there
 *   transactional files  process, publish   writes under temporary names; the coordinator gives files their own once the
 *                                           point counts
 *   transactional store  process, prepare,  what came since the point before is kept in the hand-over, and committed
 *                        commit, holds      once the point counts: one transaction of rows and id
 *
 * A point counts when the job will never go back behind it: at once when it is held, or, with a checkpoint directory,
 * when its checkpoint is complete.
 *
 *   records ─▶ process … endBatch ─▶ prepare(c) ─▶ kept in the hand-over ─▶ c counts ─▶ holds()? ─▶ commit(c, output)
 *
 * I1  What was prepared at a point that comes to nothing is never committed or published.
 * I2  `commit` is called with ascending ids, and again with the same id and output until one of them returned: after each
 *     death, each rejection and each timeout `holds` is asked first, but a call of an old life may still arrive. So it
 *     must do nothing, in the same transaction, where the target holds that id or a greater one.
 * I3  Output of an id never changes, but where a start went back to an older checkpoint because the newest was damaged;
 *     what the target holds already is then passed over.
 */
import type { Publication } from '../actors/task.ts';
import type { Disk } from '../env/env.ts';

/** What a sink gives when something dies. */
export type Delivery =
  /** At least once. */
  | 'plain'
  /** Exactly once in effect: what is written twice replaces itself. */
  | 'idempotent'
  /** Exactly once. */
  | 'transactional';

export interface SinkContext {
  /** Its name in the topology, or that of the output. */
  readonly name: string;
  readonly instance: number;
  readonly parallelism: number;
  /**
   * The same in every life of this instance, and unlike that of any other, in this job and all others. A store keeps the
   * id under it. With a checkpoint directory it lives as long as that; without one, as long as the run.
   */
  readonly key: string;
  /**
   * Number of the barrier behind which this process began, 0 for a new job; undefined without a checkpoint directory.
   */
  readonly start: number | undefined;
  /** Where files are written: the machine's disk, a simulated one under `simulate`. */
  readonly disk: Disk;
  /** Unlike that of any other life of this sink. */
  readonly life: string;
  /**
   * Does something on a disk. While the disk is full, or fails, it is done again and again, and a promise waits for it
   * that no `asyncTimeoutMs` bounds: so `act` must begin where it left off. Other errors are thrown.
   */
  patiently(act: () => void): void | Promise<void>;
  /** Writes text where the run's `print()` writes. A promise: it has enough for now. */
  write(text: string): void | Promise<void>;
  /** Gives a batch to `run.results(name)`. */
  collect(name: string, barrier: number, time: number, rows: readonly unknown[]): void;
}

/** What is replaced as a whole. */
export interface SinkPart {
  /** Name of the sink, or of the output. */
  readonly output: string;
  /** Number of the batch; ascends, and is the same when the batch runs again. */
  readonly batch: number;
  /** Batch time in ms; the same when the batch runs again. */
  readonly time: number;
  /** Partition of the stream; in a topology, instance of the sink. */
  readonly partition: number;
}

/** What was prepared and doesn't count yet, or isn't committed. */
export interface Kept {
  readonly id: number;
  readonly publish: readonly Publication[];
}

export interface Sink<T> {
  open?(ctx: SinkContext): void;
  /** Records as they come. A promise holds the stream back until it settles; a rejection fails the batch. */
  process?(records: readonly T[]): void | Promise<void>;
  /** Instead of `process`: all records of a part, none too. What it had before, more or less, is to be gone. */
  replace?(records: readonly T[], part: SinkPart): void | Promise<void>;
  /** All records before the batch barrier `barrier` have come. */
  endBatch?(barrier: number, time: number): void | Promise<void>;
  /** A recovery point: the files that came before it, complete, with the names that they get when it counts. */
  publish?(id: number): readonly Publication[] | Promise<readonly Publication[]>;
  /**
   * The end of a batch that is a recovery point: all that came since the one before, as plain data for the codec, to be
   * committed when the point counts. Undefined: nothing came.
   */
  prepare?(id: number): unknown;
  /**
   * Writes what was prepared, and the id, in one transaction; nothing where the target holds that id or a greater one.
   * A rejection is tried again, then fails the task.
   */
  commit?(id: number, output: unknown): void | Promise<void>;
  /** The id that the target holds; undefined when it holds none. Asked before the first commit of each life. */
  holds?(): number | undefined | Promise<number | undefined>;
  /**
   * A life begins: points up to `durable` count, and have their files' names; `kept` were prepared behind it. What else
   * an earlier life left may be removed. Nothing is prepared before its promise settles.
   */
  recover?(durable: number, kept: readonly Kept[]): void | Promise<void>;
  /** What of an open batch must outlive a recovery to a point inside it. */
  snapshot?(): unknown;
  restore?(state: unknown): void;
  close?(): void;
}

/** What makes a sink: one for each instance, in the thread that runs it. */
export interface SinkSpec<T> {
  readonly kind: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly make: () => Sink<T>;
  /** What it has of `Sink` must fit. @default 'plain' */
  readonly delivery?: Delivery;
  /** Of a store: the stream is held back while more than so many bytes wait to be committed. @default 64 MiB */
  readonly maxPendingBytes?: number;
  /** Of a store: a commit that fails is tried again for so long before its task fails, in ms. @default 60 s */
  readonly retryForMs?: number;
}

/** What of a spec belongs to the plan: all but its functions. */
export function sinkParams({
  params,
  delivery = 'plain',
  maxPendingBytes,
  retryForMs,
}: SinkSpec<never>): Readonly<Record<string, unknown>> {
  return {
    ...params,
    delivery,
    ...(maxPendingBytes === undefined ? {} : { maxPendingBytes }),
    ...(retryForMs === undefined ? {} : { retryForMs }),
  };
}
