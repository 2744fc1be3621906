/** The words of a run: what it tells, what it is asked, what it answers. Types alone; the run is in `running.ts`. */
import type { RecordLetter } from '../actors/task.ts';
import type { Wiring } from '../actors/wiring.ts';
import type { Duration } from '../dstream/duration.ts';
import type { WireError } from '../errors.ts';
import type { ReceiverTold } from '../io/source.ts';
import type { CoordinatorEvent, LeftBehind } from '../supervision/coordinator.ts';
import type { BatchEvent, OutputLabel } from './batch-events.ts';
import type { LogSize, SourceEvent, SourceLogTold, ThreadEvent } from './engine.ts';
import type { Recovered } from './restart.ts';
import type { Savepoint } from './savepoint.ts';

export type RunState = 'initialized' | 'active' | 'draining' | 'stopped' | 'failed';

/** One batch of a stream named by `collectAs`. */
export interface CollectedBatch<T = unknown> {
  /** Batch time in ms. */
  readonly time: number;
  /** All records, partition after partition. */
  readonly values: readonly T[];
  readonly partitions: readonly (readonly T[])[];
}

/** Something that the author of the job may want to know, once. */
export interface HintEvent {
  readonly type: 'hint';
  readonly text: string;
}

/** The job can't go on for long: it takes in no more, finishes what it has, and then fails with this. */
export interface GivingUpEvent {
  readonly type: 'givingUp';
  readonly error: WireError;
}

/** A receiver has started, reports an error, or has stopped. */
export interface ReceiverEvent extends ReceiverTold {
  readonly source: string;
  /** The event itself, for those who look for Spark's `receiverInfo`. Not enumerable. */
  readonly receiverInfo: ReceiverTold;
}

/** A record at which an operator's function threw, and which it passed over (`onRecordError: 'skip'`). */
export interface RecordLetterEvent extends RecordLetter {
  readonly type: 'deadLetter';
  readonly reason: 'recordError';
  /** Time of its batch in ms. */
  readonly time: number;
  /** Letters of its task and batch, this one included; of more than 100 only the first are told. */
  readonly ofBatch: number;
}

/** The job runs: its threads are up, and batches come from now on. */
export interface StreamingStartedEvent {
  readonly type: 'streamingStarted';
  /** In ms since 1970. */
  readonly time: number;
}

export type RunEvent =
  | StreamingStartedEvent
  | BatchEvent
  | Exclude<CoordinatorEvent, { readonly type: BatchEvent['type'] }>
  | Exclude<SourceEvent, ReceiverTold | SourceLogTold>
  | ReceiverEvent
  | ThreadEvent
  | HintEvent
  | GivingUpEvent
  | RecordLetterEvent;

/** A record that was passed over. */
export type DeadLetterEvent = Extract<RunEvent, { type: 'deadLetter' }>;

export interface RunMetrics {
  readonly batches: number;
  readonly failedBatches: number;
  readonly records: number;
  /** Recoveries of the region, whatever caused them. */
  readonly restarts: number;
  /** Threads that were given up and may still run. */
  readonly quarantined: number;
  /** Records that were passed over: they killed their task again and again, or `onRecordError` said so. */
  readonly deadLetters: number;
  /** What was counted on the way: `invalidUtf8`, `linesCut`, `linesSkipped`. */
  readonly counted: Readonly<Record<string, number>>;
  /** With `checkpointDir`: the logs of sources, by name, as of the newest checkpoint. */
  readonly logs: Readonly<Record<string, LogSize>>;
}

export interface StopOptions {
  /** Take in no more, finish what was taken, then stop. Default true. */
  readonly graceful?: boolean;
  /** How long that may take before the rest is given up. Default `'30s'`. */
  readonly deadline?: Duration;
  /** A directory that is new: when all is finished, a savepoint is made there. Needs `checkpointDir`. */
  readonly savepoint?: string;
}

export interface StopReport {
  /**
   * Everything that was taken in has passed all outputs; with a `checkpointDir`, and the last checkpoint is durable: the
   * next start has nothing to run again.
   */
  readonly drained: boolean;
  /** Threads that did not end in time, those that were given up earlier among them. */
  readonly stuckThreads: readonly string[];
  /** When it was not drained: what was left, if that is known. */
  readonly left?: LeftBehind;
  /** The savepoint that was asked for; there is none when it was not drained. */
  readonly savepoint?: Savepoint;
}

export interface PushOptions {
  /**
   * The promise waits until the records are synced to the log of the source, so that they outlive the process: some
   * milliseconds, which pushes share. Without `checkpointDir` there is no log, and it is as without. @default false
   */
  readonly durable?: boolean;
}

export interface RunInput {
  /**
   * Hands records over. Resolves when they are accepted: they are in memory that outlives the threads, and with
   * `checkpointDir` in the log of the source, which outlives a `kill -9`, but not yet a power cut. A full stream makes it
   * wait.
   * @throws rejects with ERR_MILLRACE_STOPPED, ERR_MILLRACE_PEER_DOWN, ERR_MILLRACE_BAD_OPTION
   */
  push(records: readonly unknown[], options?: PushOptions): Promise<void>;
}

/** What outputs and sources are called, for events. */
export interface RunLabels {
  readonly outputs: readonly OutputLabel[];
  readonly sources: readonly string[];
  readonly wiring: Wiring;
}

/** Where what the run hands over lies. */
export interface RunHome {
  readonly recovered: Recovered | undefined;
  readonly checkpoint?: { readonly directory: string };
  checkpointed?(): void;
  settled?(): Promise<void>;
  leave(someoneIsLeft: boolean): void;
}
