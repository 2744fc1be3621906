/** What sources take, but for those of files (`file-options.ts`). */
import type { Duration } from './duration.ts';

/** What a server that can resume is told: what of its stream has arrived and need not be sent again. */
export interface StreamPosition {
  /** Bytes, line ends included. */
  readonly bytes: number;
  readonly lines: number;
}

export interface SocketOptions {
  /**
   * What to send on each connection, before anything is read. A server that then goes on behind the position makes
   * the socket replayable: nothing is lost or doubled when a connection or thread dies. Runs on the I/O thread, so it
   * must be quick. @default nothing is sent; what a dying I/O thread had not yet passed on is lost
   */
  readonly hello?: (position: StreamPosition) => string | Uint8Array;
  /** The longest line in bytes, without its end. @default 1048576 (1 MiB); at least 1 */
  readonly maxLineBytes?: number;
  /**
   * What to do with a longer one: `'fail'` the job with ERR_MILLRACE_LINE_TOO_LONG, `'cut'` it to `maxLineBytes`, or
   * `'skip'` it. Cut and skipped lines are counted. @default 'fail'
   */
  readonly onLongLine?: 'fail' | 'cut' | 'skip';
  /** The only one: bytes that aren't UTF-8 become U+FFFD and are counted. @default 'utf8' */
  readonly encoding?: 'utf8';
  /** Lines a second that are read at most. @default as the run's `maxRate` */
  readonly maxRate?: number;
  /**
   * With `checkpointDir`: what comes in is logged before it goes on. False for those who accept that what came after the
   * newest checkpoint is lost with the process. With `hello` nothing is logged anyway. @default true
   */
  readonly writeAheadLog?: boolean;
  /** A name in place of `socketTextStream#1`, as by `named`. */
  readonly name?: string;
}

export interface ReceiverOptions {
  /** How long it waits before it starts the receiver again, at first; twice as long each time, up to 1 min. @default '2s' */
  readonly restartDelay?: Duration;
  /** Records of `store(record)` that may wait for the stream; more are dropped, and counted. @default 1000000 */
  readonly maxBuffered?: number;
  /** Records a second that are passed on at most. @default as the run's `maxRate` */
  readonly maxRate?: number;
  /**
   * With `checkpointDir`: what comes in is logged before it goes on. False for those who accept that what came after the
   * newest checkpoint is lost with the process. @default true
   */
  readonly writeAheadLog?: boolean;
  /** A name in place of `receiverStream#1`, as by `named`. */
  readonly name?: string;
}

export interface SocketStreamOptions {
  /** Records a second that are passed on at most. @default as the run's `maxRate` */
  readonly maxRate?: number;
  /**
   * With `checkpointDir`: what comes in is logged before it goes on. False for those who accept that what came after the
   * newest checkpoint is lost with the process. @default true
   */
  readonly writeAheadLog?: boolean;
  /** A name in place of `socketStream#1`, as by `named`. */
  readonly name?: string;
}

export interface IterableOptions {
  /** Records a second that are taken at most. @default as the run's `maxRate` */
  readonly maxRate?: number;
  /**
   * With `checkpointDir`: what comes in is logged before it goes on. False for those who accept that what came after the
   * newest checkpoint is lost with the process. Of one that takes no position: another is asked again. @default true
   */
  readonly writeAheadLog?: boolean;
  /** A name in place of `fromAsyncIterable#1`, as by `named`. */
  readonly name?: string;
}

export interface InputOptions {
  /** Records a second that are passed on at most. @default as the run's `maxRate` */
  readonly maxRate?: number;
  /**
   * With `checkpointDir`: what comes in is logged before it goes on. False for those who accept that what came after the
   * newest checkpoint is lost with the process. @default true
   */
  readonly writeAheadLog?: boolean;
}

export interface QueueOptions<T> {
  /** One array of the queue a batch; false: all that are there, as one batch. @default true */
  readonly oneAtATime?: boolean;
  /** The batch when the queue is empty. @default an empty batch */
  readonly default?: readonly T[];
}
