/**
 * What a sink is: the end of a topology, or of a stream (`to`). It lives in one task, whose thread alone calls it.
 *
 *   plain          shows each record as it comes. After a recovery what was shown may be shown again.
 *   by barrier     gathers, and gives what it has to the embedding process at each batch barrier, where it counts once.
 *   transactional  writes to a temporary place, names it at each recovery point (`prepare`), and what was named is
 *                  published once the point counts. That is the coordinator's act, so it happens if and only if the job
 *                  will never go back behind the point, whichever threads die meanwhile.
 *
 * I1  What was prepared at a point that comes to nothing is never published; `open` of the successor removes it.
 */
import type { Publication } from '../actors/task.ts';
import type { Disk } from '../env/env.ts';

export interface SinkContext {
  /** Its name in the topology, or that of the output. */
  readonly name: string;
  readonly instance: number;
  readonly parallelism: number;
  /** Where files are written: the machine's disk, a simulated one under `simulate`. */
  readonly disk: Disk;
  /** Unlike that of any other life of this sink in the process. */
  readonly life: string;
  /** Writes text where the run's `print()` writes. A promise: it has enough for now. */
  write(text: string): void | Promise<void>;
  /** Gives a batch to `run.results(name)`. */
  collect(name: string, barrier: number, time: number, rows: readonly unknown[]): void;
}

export interface Sink<T> {
  open?(ctx: SinkContext): void;
  /** Records as they come. A promise holds the stream back until it settles; a rejection fails the batch. */
  process(records: readonly T[]): void | Promise<void>;
  /** All records before the batch barrier `barrier` have come. */
  endBatch?(barrier: number, time: number): void;
  /** A recovery point: all that came before it is to be published if the point counts. */
  prepare?(barrier: number): readonly Publication[];
  /** What of the batch must outlive a recovery to a point inside it. */
  snapshot?(): unknown;
  restore?(state: unknown): void;
  close?(): void;
}

/** What makes a sink: one for each instance, in the thread that runs it. */
export interface SinkSpec<T> {
  readonly kind: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly make: () => Sink<T>;
}
