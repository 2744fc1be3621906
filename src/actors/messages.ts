/**
 * What threads say to each other beside the data: one union for each direction. All of it is plain data and shared
 * memory, posted through a `Port`, in order. Everything that belongs to a run of the region carries its epoch; what
 * comes from an older one is ignored.
 */
import type { Barrier } from './block.ts';
import type { RecordInHand } from './in-hand.ts';
import type { ConsumerWords, ReceiverMemory } from './receiver-edge.ts';
import type { RingMemory } from './ring.ts';
import type { OutputTimes, Publication, TaskEvent } from './task.ts';
import type { WireError } from '../errors.ts';

/** How one end of an edge is reached. `base` is where a consumer of this epoch begins. `peer` is the doorbell slot of the thread at the other end. */
export type EdgeEnd =
  | { readonly kind: 'local'; readonly edge: number; readonly feedback?: boolean }
  | {
      readonly kind: 'ring';
      readonly edge: number;
      readonly memory: RingMemory;
      readonly peer: number;
      readonly feedback?: boolean;
    }
  | {
      readonly kind: 'receiver';
      readonly edge: number;
      readonly memory: ReceiverMemory;
      readonly words: ConsumerWords;
      readonly base: number;
      readonly peer: number;
      /** No frame may be taken by consumers of two epochs. */
      readonly sole?: boolean;
      readonly dropOld?: boolean;
    };

export interface TaskStart {
  readonly task: number;
  /** As in `TaskWiring`. */
  readonly commits?: boolean;
  readonly inputs: readonly EdgeEnd[];
  readonly outputs: readonly EdgeEnd[];
  /** Files that hold the task's hand-overs up to the target, oldest first. */
  readonly parts: readonly string[];
  /** It takes records one by one until it has taken barrier `until`: one of them may have killed its predecessor. */
  readonly careful?: {
    readonly until: number;
    /** Hashes of records, an occurrence each. */ readonly passOver: readonly string[];
  };
}

/** Coordinator to worker. */
export type ToWorker =
  /** Drop whatever runs, build these tasks anew from `parts`, go on behind the target. A start is a recovery to 0. */
  | {
      readonly type: 'start';
      readonly epoch: number;
      readonly tasks: readonly TaskStart[];
      /** Number of the last batch barrier at or before the target. */
      readonly batchStart: number;
      /** Batches that were given up, by the batch barrier before them. */
      readonly skip: readonly number[];
      /** Number of the newest barrier that is durable. */
      readonly durable: number;
    }
  /**
   * What was handed over up to this barrier will outlive what the job's promise says (the process, with a checkpoint
   * directory): sinks may commit what they prepared for it. They may hear it again.
   */
  | { readonly type: 'durable'; readonly barrier: number }
  /** The job is over, or this thread's part in it: drop everything. */
  | { readonly type: 'stop' };

/** Worker to coordinator. */
export type FromWorker =
  /** Tasks of that epoch are at work; of older ones nothing is left here. */
  | { readonly type: 'began'; readonly epoch: number }
  /** A task took a barrier: its results are on their way, its hand-over is in a file. */
  | {
      readonly type: 'taken';
      readonly epoch: number;
      readonly task: number;
      readonly barrier: number;
      /** Receiver edges: [edge id, offset behind the barrier]. */
      readonly offsets: readonly (readonly [number, number])[];
      readonly handOver?: {
        readonly mode: 'replace' | 'append' | 'keep';
        readonly path?: string;
        readonly drop?: number;
        readonly publish?: readonly Publication[];
      };
      /** Records read since the barrier before. */
      readonly records: number;
      /** Time at work since the barrier before, in ms, promises of user code included. @default 0 */
      readonly busyMs?: number;
      /** Hashes of records that were passed over since the recovery point before. */
      readonly passed?: readonly string[];
      /** Of the task of the outputs: when they ran. */
      readonly outputs?: readonly OutputTimes[];
    }
  /** A task that commits (`TaskWiring.commits`) has committed all up to that barrier. */
  | {
      readonly type: 'committed';
      readonly epoch: number;
      readonly task: number;
      readonly barrier: number;
    }
  /**
   * A task threw. `batchStart` names the batch: the last batch barrier that it took. `inHand`: what it was called with,
   * if that was a block; a careful task knows the record.
   */
  | {
      readonly type: 'failed';
      readonly epoch: number;
      readonly task: number;
      readonly batchStart: number;
      readonly error: WireError;
      readonly inHand?: 'block' | RecordInHand;
    };

/** Coordinator to the thread of the sources. */
export type ToSources =
  /** The consumers of the receiver edges are new ones. */
  | {
      readonly type: 'consumers';
      readonly edges: readonly {
        readonly edge: number;
        readonly words: ConsumerWords;
        readonly peer: number;
      }[];
    }
  | { readonly type: 'cut'; readonly barrier: Barrier }
  /** A recovery point is held: BASE has moved. */
  | { readonly type: 'held'; readonly barrier: number }
  /**
   * The checkpoint at this barrier is complete; recoveries of the process begin at `oldest` at the earliest, so what logs
   * have before that is not needed.
   */
  | { readonly type: 'durable'; readonly barrier: number; readonly oldest: number }
  /** From now on a source may send so many records a second. */
  | { readonly type: 'rate'; readonly source: number; readonly rate: number }
  /** Take in no more; answered by `intakeStopped`. */
  | { readonly type: 'stopIntake' };

/** The thread of the sources to the coordinator. */
export type FromSources =
  /**
   * Barriers behind the start that stand in logs, ascending: they are to be cut again, with the same numbers and times.
   * The first word to a coordinator of a job that has logs.
   */
  | { readonly type: 'recorded'; readonly cuts: readonly Barrier[] }
  | { readonly type: 'put'; readonly source: number; readonly barrier: number }
  /** Half of a receiver edge is retained: a recovery point is wanted. */
  | { readonly type: 'relief'; readonly source: number }
  | { readonly type: 'intakeStopped' }
  | { readonly type: 'sourceFailed'; readonly source: number; readonly error: WireError };

/** What a worker tells the embedding process. `output` and `barrier` make it recognisable when it is said again. */
export interface FromTask {
  readonly type: 'task';
  readonly task: number;
  readonly event: TaskEvent;
}
