/**
 * The words between a coordinator and those around it: what it is given, what it may do to memory, what it tells the
 * embedding thread. Plain data, but for the functions of its options.
 */
import type { RecordInHand } from '../actors/in-hand.ts';
import type { ConsumerWords, ReceiverMemory } from '../actors/receiver-edge.ts';
import type { RingMemory } from '../actors/ring.ts';
import type { OutputTimes } from '../actors/task.ts';
import type { Wiring } from '../actors/wiring.ts';
import type { Env } from '../env/env.ts';
import type { WireError } from '../errors.ts';
import type { BackoffOptions } from './backoff.ts';
import type { BatchMode } from './batcher.ts';
import type { CheckpointSpec } from './checkpoint/checkpoint-spec.ts';
import type { JobMemory } from './job-memory.ts';
import type { PidOptions } from './pid.ts';

export interface CoordinatorPolicy {
  readonly batchIntervalMs: number;
  /** Longest time between two recovery points while a batch is open. */
  readonly reliefIntervalMs: number;
  readonly maxBatchFailures: number;
  readonly onBatchError: 'fail' | 'continue';
  readonly maxRestarts: number;
  readonly withinMs: number;
  readonly backoff: BackoffOptions;
  /** @default 'fail' */
  readonly onPoison?: 'fail' | 'quarantine';
  /** @default 10 */
  readonly maxPoisonPerMin?: number;
  /** How the rate of sources follows what a batch took. @default it doesn't */
  readonly pid?: PidOptions;
}

/** What a thread died with. */
export interface DiedWith {
  /** Whose step was on its stack. */
  readonly task: number;
  /** Known of a careful task. */
  readonly record?: RecordInHand;
}

/** Memory and words that the coordinator hands out; made by whoever may allocate them. */
export interface EdgeMemory {
  createRing(): RingMemory;
  /** Empties one that nobody can touch any more. */
  resetRing(ring: RingMemory): void;
  createWords(): ConsumerWords;
  /** Of a receiver edge; lives as long as the job. */
  receiver(edge: number): ReceiverMemory;
  setBase(edge: number, offset: number): void;
}

export type CoordinatorEvent =
  | {
      readonly type: 'started';
      readonly epoch: number;
      readonly barrier: number;
      readonly tookMs: number;
      readonly workers: readonly number[];
    }
  | {
      readonly type: 'recovering';
      readonly epoch: number;
      readonly barrier: number;
      readonly cause: string;
      readonly restarts: number;
      readonly error?: WireError;
    }
  | {
      readonly type: 'batchSubmitted';
      readonly barrier: number;
      readonly time: number;
      readonly submissionTime: number;
    }
  /** All that came in for the batch has been read. */
  | ({ readonly type: 'batchStarted'; readonly barrier: number; readonly time: number } & Pick<
      BatchTimes,
      'submissionTime' | 'processingStartTime' | 'inputs'
    >)
  | ({
      readonly type: 'batchCompleted';
      readonly barrier: number;
      readonly time: number;
      readonly records: number;
      readonly schedulingDelayMs: number;
      readonly processingMs: number;
      readonly totalDelayMs: number;
    } & BatchTimes)
  | ({
      readonly type: 'batchFailed';
      readonly barrier: number;
      readonly time: number;
      readonly error: WireError;
    } & BatchTimes)
  /** A record that killed its task again and again is passed over. It may be said again; `number` makes it recognisable. */
  | {
      readonly type: 'deadLetter';
      readonly reason: 'poison';
      /** Counts up from 1. */
      readonly number: number;
      /** The record, as text; long ones are cut. */
      readonly record: string;
      /** Name of the task. */
      readonly task: string;
      readonly attempts: number;
      readonly lastError: string;
    }
  /** All up to that barrier outlives the process. */
  | {
      readonly type: 'checkpointCompleted';
      readonly barrier: number;
      /** Of its batch. */
      readonly time: number;
      /** From when the barrier was held. */
      readonly tookMs: number;
      /** Written for it: what tasks handed over since the checkpoint before, and the manifest. */
      readonly bytes: number;
    }
  /** Something can't be written (the disk is full, say) and is tried again until it can; the job waits for it. */
  | { readonly type: 'degraded'; readonly what: string; readonly error: WireError }
  | { readonly type: 'recovered'; readonly what: string }
  /** The process goes on behind that barrier; so many batches that an earlier one had begun run again. */
  | {
      readonly type: 'restarted';
      /** Starts of the process on its directory, this one included. */
      readonly run: number;
      readonly barrier: number;
      /** Of the batch that it ended; 0 at the beginning of the job. */
      readonly time: number;
      readonly batches: number;
    }
  /** While the process was down more batch times passed than are made up for: so many have no batch. */
  | {
      readonly type: 'batchesSkipped';
      readonly count: number;
      /** Times of the first and the last of them. */
      readonly from: number;
      readonly to: number;
    }
  /** A worker is missing and no spare stands ready. */
  | { readonly type: 'workerWanted' }
  | { readonly type: 'drained' }
  | { readonly type: 'failed'; readonly error: WireError };

/** What listeners want to know of a batch. Wall times in ms. */
export interface BatchTimes {
  readonly submissionTime: number;
  readonly processingStartTime: number;
  readonly processingEndTime: number;
  /** Records by source. */
  readonly inputs: readonly number[];
  /** Outputs that ran, in order. */
  readonly outputs: readonly OutputTimes[];
}

/** What isn't through yet. */
export interface LeftBehind {
  /** The oldest barrier that was cut and is not held, with the time of its batch. */
  readonly openBarrier?: { readonly number: number; readonly time: number };
  /** Names of the tasks that have not taken it. */
  readonly tasksBehind: readonly string[];
  /** What came in and was not read; only sources that have some. */
  readonly sources: readonly { readonly source: string; readonly unreadBytes: number }[];
}

export interface CoordinatorOptions {
  readonly env: Env;
  readonly wiring: Wiring;
  readonly memory: JobMemory;
  /** Where hand-overs and the index of what is held lie; of a checkpoint directory, `state`. */
  readonly directory: string;
  /** The job is to outlive its process. @default it isn't */
  readonly checkpoint?: CheckpointSpec;
  readonly policy: CoordinatorPolicy;
  readonly mode: BatchMode;
  readonly edges: EdgeMemory;
  /** What the thread in that slot died with, if a step of a task was on its stack. @default nobody knows */
  readonly diedWith?: (slot: number) => DiedWith | undefined;
  readonly emit: (event: CoordinatorEvent) => void;
}
