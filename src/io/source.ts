/**
 * What a source is to the engine. A source is an actor on the I/O thread (in the calling thread with `threads: 0`);
 * its host (`source-host.ts`) owns its edges, puts the barriers and keeps its restart and backoff, so a source knows
 * nothing of batches' numbers.
 *
 * A push source (socket) sends when something arrives. A pull source (queue, files) is asked at each batch boundary.
 */
import type { Env } from '../env/env.ts';
import type { WireError } from '../errors.ts';

/** Where a resumable source goes on: bytes and lines published so far. */
export interface Position {
  readonly bytes: number;
  readonly lines: number;
}

/** `degraded`: its log can't be written, so it takes in nothing. */
export type SourceState =
  | 'connecting'
  | 'connected'
  | 'disconnected'
  | 'degraded'
  | 'failed'
  | 'ended';

export interface SourceContext {
  readonly env: Env;
  readonly name: string;
  /** Number of partitions of the stream: edges that the host spreads text over. */
  readonly partitions: number;
  /** The largest block that an edge takes: `sendText` gets no more bytes than this. */
  readonly maxBlockBytes: number;
  /**
   * Publishes whole lines, `head` then `tail` (parts of one block, so a line may straddle them), as one text block
   * whose last line may lack its `\n` only if `open` is never sent after. Says false when there is no room: then
   * nothing was taken, and `resume` of the source is called when there is.
   * @param position bytes of the source that lie before the end of this block
   */
  sendText(head: Uint8Array, tail: Uint8Array, position: number): boolean;
  /** Publishes records as one block; says false as `sendText` does. */
  sendRows(rows: readonly unknown[]): boolean;
  /** The position behind the last published block: where a resumable source asks to go on. */
  position(): Position;
  /**
   * Keeps what the source's successor must know after the death of the thread. Absent: nothing outlives the thread. With
   * `isRecorded` it is written down with the next cut.
   */
  readonly note?: {
    /** Plain data as of the newest `write`, of whichever incarnation. */
    read(): unknown;
    /** Replaces it. */
    write(value: unknown): void;
    /** As `write`, before the first batch: counts at once. */
    begin?(value: unknown): void;
  };
  /** Each cut is written down: a source that is asked for batches notes every one, empty ones too. */
  readonly isRecorded?: boolean;
  /** The process was started again, and this source had sent something in the one before. */
  readonly isRestart?: boolean;
  /** It is asked for what it gave before: the place up to which, for those who keep to a rate of their own. */
  replayedTo?(): Position | undefined;
  /** Resolves when all that was sent outlives the process. Undefined: an edge is all that is promised. */
  safe?(): Promise<void> | undefined;
  state(
    state: SourceState,
    detail?: { readonly error?: unknown; readonly retryInMs?: number },
  ): void;
  /** Something may have been lost between the source and us, which nobody can know. */
  possibleGap(detail: string): void;
  counted(
    what: 'invalidUtf8' | 'linesCut' | 'linesSkipped' | 'recordsDropped',
    count: number,
  ): void;
  /** Records a second that may be sent now; Infinity for no limit. Pull sources keep to it themselves. */
  rate(): number;
  /** Something that happened, for the listeners of the run. */
  tell(event: SourceTold): void;
  /** The job can't go on: a coded error. */
  fail(error: unknown): void;
}

/** What listeners hear of a receiver, with Spark's names. */
export interface ReceiverTold {
  readonly type: 'receiverStarted' | 'receiverError' | 'receiverStopped';
  readonly streamId: number;
  /** The receiver's name: its stream's. */
  readonly name: string;
  readonly active: boolean;
  /** Where it runs: always the thread of the sources. */
  readonly location: string;
  readonly executorId: string;
  readonly lastErrorMessage: string;
  /** Text of the error, with its stack. */
  readonly lastError: string;
  /** In ms since 1970; -1 when there was none. */
  readonly lastErrorTime: number;
}

/** A file, or the rest of one, that can't be read as what it should be, and was left out. */
export interface BadFileTold {
  readonly type: 'deadLetter';
  readonly reason: 'badFile';
  /** What was left out, as text. */
  readonly record: string;
  readonly file: string;
  /** Bytes of the file's content before the bad place. */
  readonly offset: number;
  readonly error: WireError;
}

export type SourceTold = ReceiverTold | BadFileTold;

/** One partition of a pulled batch: rows, or whole lines as UTF-8 bytes. */
export type PulledPartition = readonly unknown[] | Uint8Array;

export interface PulledBatch {
  /** One entry a partition; undefined: this batch is missing (not: empty). */
  readonly partitions: readonly PulledPartition[] | undefined;
  /** Nothing will ever come again (a finite test source). */
  readonly ended?: boolean;
}

export interface Source {
  open(context: SourceContext): void;
  /** There is room again after a refused `sendText` or `sendRows`: offer the same again. */
  resume?(): void;
  /** A barrier is about to be put: what is kept back to make blocks larger is to be sent before it. */
  flush?(): void;
  /**
   * Pull sources: the batch that ends at `time` (ms).
   * @param note of a batch that was given before: the same is to be given, and nothing new is taken
   */
  pull?(time: number, note?: unknown): PulledBatch | Promise<PulledBatch>;
  /**
   * Push sources: it goes on at the position that its context says, wherever that is, and gives the same from there. So
   * what it sends need not be logged.
   */
  readonly rewinds?: boolean;
  /** Takes in no more; resolves when nothing is on its way any more. */
  close(): void | Promise<void>;
  /** Ends at once: what lies on no edge yet is given up. Without it, `close` is called and not waited for. */
  abandon?(): void;
}
