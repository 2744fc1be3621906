/**
 * The base class of custom receivers: what a user writes to bring in records from anywhere.
 *
 * An object of it is made by the builder of the job, in every thread that builds the job; it is started in one only, the
 * thread of the sources (the calling thread with `threads: 0`). That is the one place where user code shares a thread
 * with sockets and files: what blocks there, blocks them. So neither `onStart` nor `onStop` may block; they may be async.
 *
 *   initialized ──▶ active ──restart, onStart throws──▶ stopped ──delay──▶ active
 *                     └──────── stop, end of the run ──▶ onStop ──▶ ended
 *
 * I1  Whatever `store` took before the end of `onStop` is sent, if the run stops gracefully.
 * I2  `store` throws when nobody would take the record: before `onStart` and after `onStop`.
 */
import { millraceError } from '../errors.ts';
import type { Duration } from './duration.ts';

/** What runs a receiver (`src/io/receiver-source.ts`). */
export interface ReceiverHost<T> {
  readonly streamId: number;
  readonly isStarted: boolean;
  readonly isStopped: boolean;
  readonly accepted: number;
  store(record: T): boolean;
  storeAll(records: readonly T[], ack: (() => unknown) | undefined): Promise<void>;
  ready(): Promise<void>;
  restart(reason: string, delay: Duration | undefined): void;
  reportError(reason: string, error: unknown): void;
  stop(reason: string): void;
}

export interface StoreOptions {
  /** Called when the records are safe, before the promise settles: where the other side is told that it may forget them. */
  readonly ack?: () => unknown;
}

/**
 * @example
 * class Ticks extends Receiver<number> {
 *   #timer: NodeJS.Timeout | undefined;
 *   onStart(): void {
 *     let n = 0;
 *     this.#timer = setInterval(() => this.store(n++), 100);
 *   }
 *   override onStop(): void {
 *     clearInterval(this.#timer);
 *   }
 * }
 * ssc.receiverStream(new Ticks()).count().print();
 */
export abstract class Receiver<T = unknown> {
  #host: ReceiverHost<T> | undefined;

  /**
   * Begins to receive: opens connections, starts timers, and returns; or goes on as a promise. When it throws or rejects,
   * the receiver is started anew after a while.
   */
  abstract onStart(): void | Promise<void>;

  /**
   * Ends what `onStart` began. What it stores is still taken, and a graceful stop waits for its promise. May be called
   * after an `onStart` that failed.
   */
  onStop(): void | Promise<void> {}

  /**
   * Takes one record, unreliably: it is gathered with others for `blockInterval` at most, and is safe once it has been
   * passed on; what was not is lost if the thread dies. With two arguments it takes an array of records reliably: its
   * promise settles when all of them lie in memory that outlives this thread, so the other side may be told (`ack`), and
   * rejects with ERR_MILLRACE_STOPPED when they were not taken. (Memory: of the process, not of a disk.)
   *
   * @returns of one record: false when the stream is behind, and the receiver should wait for `ready()`. Who does not
   *   wait fills the buffer up to `maxBuffered` records; what comes then is dropped, counted, and told of as a possible gap
   * @throws ERR_MILLRACE_NOT_STARTED, ERR_MILLRACE_STOPPED
   */
  store(record: T): boolean;
  store(records: readonly T[], options: StoreOptions): Promise<void>;
  store(given: T | readonly T[], options?: StoreOptions): boolean | Promise<void> {
    const host = this.#bound('store');
    if (options === undefined) return host.store(given as T);
    if (!Array.isArray(given)) {
      return Promise.reject(
        millraceError(
          'ERR_MILLRACE_BAD_OPTION',
          'store: with two arguments the first must be an array of records',
          { context: { option: 'records' } },
        ),
      );
    }
    return host.storeAll(given as readonly T[], options.ack);
  }

  /** Settles when the stream has caught up with what was stored. */
  ready(): Promise<void> {
    return this.#bound('ready').ready();
  }

  /**
   * Stops the receiver (`onStop`), and starts it again after a delay.
   * @param delay 2 s at first, twice as long each time until records come, at most 1 min, unless given
   */
  restart(reason: string, delay?: Duration): void {
    this.#bound('restart').restart(reason, delay);
  }

  /** Tells the listeners of the run of an error (`receiverError`); the receiver goes on. */
  reportError(reason: string, error?: unknown): void {
    this.#bound('reportError').reportError(reason, error);
  }

  /** Ends the receiver for good. The stream stays, and its batches are empty from then on. */
  stop(reason = 'stopped by itself'): void {
    this.#bound('stop').stop(reason);
  }

  /** Between `onStart` and `onStop`. */
  isStarted(): boolean {
    return this.#host?.isStarted ?? false;
  }

  /** Before `onStart`, and from the moment when `onStop` is to be called: loops of a receiver end by it. */
  isStopped(): boolean {
    return this.#host?.isStopped ?? true;
  }

  /** Number of its stream in the job. */
  get streamId(): number {
    return this.#bound('streamId').streamId;
  }

  /**
   * Records of the stream that are safe, those of earlier lives of the thread included. A receiver of something that is
   * numbered can go on behind them.
   */
  get accepted(): number {
    return this.#bound('accepted').accepted;
  }

  /** @internal The receiver is to be run. */
  static bind(receiver: Receiver, host: ReceiverHost<unknown>): void {
    receiver.#host = host;
  }

  #bound(member: string): ReceiverHost<T> {
    if (this.#host !== undefined) return this.#host;
    throw millraceError(
      'ERR_MILLRACE_NOT_STARTED',
      `${member}: the receiver ${this.constructor.name} has not been started. It is started on the thread of the sources, with the job`,
      { context: { receiver: this.constructor.name } },
    );
  }
}

/** What makes a receiver, of whatever was given; undefined when it is none of what it may be. */
export function receiverMaker(given: unknown): (() => Receiver) | undefined {
  if (typeof given === 'function') {
    const prototype: unknown = given.prototype;
    return isReceiver(prototype)
      ? () => new (given as new () => Receiver)()
      : (given as () => Receiver);
  }
  return isReceiver(given) ? () => given : undefined;
}

function isReceiver(given: unknown): given is Receiver {
  const { onStart, store } = (given ?? {}) as Partial<Receiver>;
  return typeof onStart === 'function' && typeof store === 'function';
}
