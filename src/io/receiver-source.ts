/**
 * Runs a custom receiver (`dstream/receiver.ts`) as a source: supervises it, gathers what it stores, and sends it.
 *
 *   idle ──open──▶ active ──▶ stopping ──▶ resting ──delay──▶ active
 *                    │           └────────▶ ended
 *                    └──close──▶ closing ──▶ ended
 *
 * I1  Records leave in the order in which they were stored, single ones and arrays alike.
 * I2  Nothing that was stored is lost by a restart, or by a graceful stop: `onStop` first, whose records are still taken,
 *     then no more is taken, then all that was gathered is sent.
 * I3  A promise of `storeAll` settles: its records lie on an edge, or it rejects.
 * I4  Memory is bounded: single records by `maxBuffered`, arrays by their callers, who wait.
 */
import type { Timer } from '../env/env.ts';
import { type Duration, durationMs } from '../dstream/duration.ts';
import { Receiver, type ReceiverHost } from '../dstream/receiver.ts';
import { millraceError, toWire } from '../errors.ts';
import { reconnectBackoff, type Backoff } from './reconnect.ts';
import type { ReceiverTold, Source, SourceContext } from './source.ts';

export interface ReceiverSourceOptions {
  readonly make: () => Receiver;
  readonly streamId: number;
  /** How long single records are gathered, in ms. */
  readonly blockIntervalMs: number;
  /** The first wait before it is started again, in ms. @default 2000 */
  readonly restartDelayMs?: number;
  /** The longest wait, in ms. @default 60_000 */
  readonly longestDelayMs?: number;
  /** What comes while it is not connected is gone. */
  readonly isLossy?: boolean;
  /** Single records that may wait; more are dropped. @default 1_000_000 */
  readonly maxBuffered?: number;
}

/** From here on `store` says that the receiver should wait. */
const ENOUGH_RECORDS = 16_384;
/** So many are sent without waiting for more. */
const BLOCK_RECORDS = 4096;
const PLACE = 'sources';

interface Entry {
  readonly rows: readonly unknown[];
  /** Of `storeAll`. */
  readonly accepted?: () => void;
  readonly refused?: (error: unknown) => void;
}

type State = 'idle' | 'active' | 'stopping' | 'resting' | 'closing' | 'ended';

export class ReceiverSource implements Source, ReceiverHost<unknown> {
  readonly streamId: number;
  readonly #options: ReceiverSourceOptions;
  #receiver: Receiver | undefined;
  #context: SourceContext | undefined;
  #backoff: Backoff | undefined;
  #state: State = 'idle';
  /** Which start it is: what an older `onStart` still comes to is not heard. */
  #start = 0;
  /** Single records that are being gathered. */
  #gathered: unknown[] = [];
  #gatherTimer: Timer | undefined;
  #restartTimer: Timer | undefined;
  /** On their way, in order. */
  #entries: Entry[] = [];
  /** Single records in `#entries`. */
  #waiting = 0;
  #blocked = false;
  #ready: (() => void)[] = [];
  #drained: (() => void) | undefined;
  #dropped = 0;
  /** `onStop` is under way. */
  #stopping: Promise<void> | undefined;

  constructor(options: ReceiverSourceOptions) {
    this.#options = options;
    this.streamId = options.streamId;
  }

  // ---- as a source

  open(context: SourceContext): void {
    this.#context = context;
    this.#blocked = false;
    const { restartDelayMs = 2000, longestDelayMs = 60_000 } = this.#options;
    this.#backoff ??= reconnectBackoff(context.env, {
      minMs: restartDelayMs,
      maxMs: Math.max(longestDelayMs, restartDelayMs),
      jitter: 0,
    });
    this.#startReceiver(context);
  }

  flush(): void {
    this.#gatherTimer?.cancel();
    this.#gatherTimer = undefined;
    if (this.#gathered.length > 0) {
      this.#entries.push({ rows: this.#gathered });
      this.#waiting += this.#gathered.length;
      this.#gathered = [];
    }
    if (!this.#blocked) this.#send();
  }

  resume(): void {
    this.#blocked = false;
    this.#send();
  }

  /** Graceful: what was stored is sent. */
  async close(): Promise<void> {
    const context = this.#context;
    this.#restartTimer?.cancel();
    if (context === undefined) return;
    if (this.#state === 'active') {
      this.#state = 'closing';
      await this.#stopReceiver(context, 'the run stops');
    } else if (this.#state === 'stopping') {
      this.#state = 'closing';
      await this.#stopping;
    }
    this.#state = 'ended';
    const drained = new Promise<void>((resolve) => (this.#drained = resolve));
    this.flush();
    await drained;
    context.state('ended');
  }

  abandon(): void {
    const context = this.#context;
    const wasActive = this.#state === 'active';
    this.#state = 'ended';
    this.#gatherTimer?.cancel();
    this.#restartTimer?.cancel();
    this.#context = undefined;
    if (context !== undefined && wasActive) void this.#stopReceiver(context, 'the run ends');
    for (const { refused } of this.#entries.splice(0)) refused?.(this.#stoppedError());
    this.#makeReady();
    this.#drained?.();
  }

  // ---- as the host of the receiver

  get isStarted(): boolean {
    return this.#state === 'active';
  }

  get isStopped(): boolean {
    return this.#state !== 'active';
  }

  get accepted(): number {
    return this.#context?.position().lines ?? 0;
  }

  store(record: unknown): boolean {
    if (!this.#takes()) throw this.#stoppedError();
    const { maxBuffered = 1_000_000, blockIntervalMs } = this.#options;
    const gathered = this.#gathered;
    if (gathered.length + this.#waiting >= maxBuffered) {
      this.#drop();
      return false;
    }
    gathered.push(record);
    if (gathered.length >= BLOCK_RECORDS) this.flush();
    else
      this.#gatherTimer ??= this.#context!.env.clock.after(blockIntervalMs, () => {
        this.#gatherTimer = undefined;
        this.flush();
      });
    return this.#gathered.length + this.#waiting < ENOUGH_RECORDS;
  }

  storeAll(records: readonly unknown[], ack: (() => unknown) | undefined): Promise<void> {
    if (!this.#takes()) return Promise.reject(this.#stoppedError());
    const taken = new Promise<void>((accepted, refused) => {
      this.flush();
      // The caller may change its array.
      this.#entries.push({ rows: [...records], accepted, refused });
      if (!this.#blocked) this.#send();
    });
    return ack === undefined ? taken : taken.then(() => this.#acknowledge(ack));
  }

  ready(): Promise<void> {
    if (this.#gathered.length + this.#waiting < ENOUGH_RECORDS || this.#state === 'ended')
      return Promise.resolve();
    return new Promise((resolve) => this.#ready.push(resolve));
  }

  restart(reason: string, delay: Duration | undefined): void {
    const context = this.#context;
    if (context === undefined || this.#state !== 'active') return;
    const delayMs = delay === undefined ? undefined : durationMs(delay, 'delay', 0);
    void this.#restart(context, reason, undefined, delayMs);
  }

  reportError(reason: string, error: unknown): void {
    if (this.#context !== undefined) this.#tell(this.#context, 'receiverError', reason, error);
  }

  stop(reason: string): void {
    const context = this.#context;
    if (context === undefined || this.#state !== 'active') return;
    this.#state = 'stopping';
    void this.#stopReceiver(context, reason).then(() => {
      // The run may have ended meanwhile, and waits for what was stored.
      if (this.#state !== 'stopping') return;
      this.#state = 'ended';
      this.flush();
      context.state('ended');
    });
  }

  // ---- the receiver's life

  #startReceiver(context: SourceContext): void {
    this.#state = 'active';
    const start = ++this.#start;
    const failed = (error: unknown): void => {
      if (start !== this.#start || this.#state !== 'active') return;
      const reason = `onStart threw: ${messageOf(error)}`;
      this.#tell(context, 'receiverError', reason, error);
      void this.#restart(context, reason, error);
    };
    try {
      this.#receiver ??= this.#make(context);
      this.#tell(context, 'receiverStarted', '', undefined);
      if (this.#options.isLossy === true && this.accepted > 0)
        context.possibleGap('it was started again; what came meanwhile is not known');
      context.state('connected');
      Promise.resolve(this.#receiver.onStart()).catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #make(context: SourceContext): Receiver {
    const receiver = this.#options.make();
    if (typeof (receiver as Partial<Receiver> | null)?.onStart === 'function') {
      try {
        Receiver.bind(receiver, this);
        return receiver;
      } catch {
        // Of no class of ours.
      }
    }
    const error = millraceError(
      'ERR_MILLRACE_BAD_OPTION',
      `${context.name}: the function gave no receiver: an object of a class that extends Receiver`,
      { context: { source: context.name } },
    );
    context.fail(error);
    throw error;
  }

  async #restart(
    context: SourceContext,
    reason: string,
    error: unknown,
    givenDelayMs?: number,
  ): Promise<void> {
    this.#state = 'stopping';
    const delayMs = givenDelayMs ?? Math.round(this.#backoff!.next());
    await this.#stopReceiver(
      context,
      `Restarting receiver with delay ${delayMs} ms: ${reason}`,
      error,
    );
    if (this.#state !== 'stopping') return;
    this.#state = 'resting';
    this.flush();
    context.state('disconnected', {
      error: millraceError('ERR_MILLRACE_CONNECT', `${context.name}: ${reason}`, {
        cause: error,
        context: { source: context.name },
      }),
      retryInMs: delayMs,
    });
    this.#restartTimer = context.env.clock.after(delayMs, () => {
      if (this.#state === 'resting') this.#startReceiver(context);
    });
  }

  /** `onStop`, and what it comes to. */
  #stopReceiver(context: SourceContext, reason: string, error?: unknown): Promise<void> {
    this.#start++;
    return (this.#stopping = this.#stopped(context, reason, error));
  }

  async #stopped(context: SourceContext, reason: string, error: unknown): Promise<void> {
    try {
      await this.#receiver?.onStop();
    } catch (thrown) {
      this.#tell(context, 'receiverError', `onStop threw: ${messageOf(thrown)}`, thrown);
    }
    this.#tell(context, 'receiverStopped', reason, error);
  }

  #tell(context: SourceContext, type: ReceiverTold['type'], message: string, error: unknown): void {
    context.tell({
      type,
      streamId: this.streamId,
      name: context.name,
      active: this.#state === 'active',
      location: PLACE,
      executorId: PLACE,
      lastErrorMessage: message,
      lastError: error === undefined ? '' : textOf(error),
      lastErrorTime: message === '' ? -1 : context.env.clock.now(),
    });
  }

  // ---- what it stored

  #takes(): boolean {
    return this.#state === 'active' || this.#state === 'stopping' || this.#state === 'closing';
  }

  #send(): void {
    const context = this.#context;
    if (context === undefined) return;
    for (let entry = this.#entries[0]; entry !== undefined; entry = this.#entries[0]) {
      try {
        if (entry.rows.length > 0 && !context.sendRows(entry.rows)) {
          this.#blocked = true;
          return;
        }
        entry.accepted?.();
        this.#backoff?.reset();
      } catch (error) {
        // A record that no edge can carry: its caller hears of it; of single records there is none.
        if (entry.refused === undefined) context.fail(error);
        else entry.refused(error);
      }
      if (entry.accepted === undefined) this.#waiting -= entry.rows.length;
      this.#entries.shift();
      if (this.#waiting < ENOUGH_RECORDS) this.#makeReady();
    }
    if (this.#drained !== undefined) {
      this.#context = undefined;
      this.#makeReady();
      this.#drained();
    }
  }

  async #acknowledge(ack: () => unknown): Promise<void> {
    try {
      await ack();
    } catch (error) {
      this.reportError(`ack threw: ${messageOf(error)}`, error);
    }
  }

  #drop(): void {
    const context = this.#context!;
    if (this.#dropped++ === 0) {
      context.possibleGap(
        `the receiver stores faster than the stream takes it, and does not wait for ready(): records are dropped`,
      );
      // Told once for each time that the buffer was full.
      this.#ready.push(() => {
        context.counted('recordsDropped', this.#dropped);
        this.#dropped = 0;
      });
    }
  }

  #makeReady(): void {
    for (const resolve of this.#ready.splice(0)) resolve();
  }

  #stoppedError(): Error {
    return millraceError(
      'ERR_MILLRACE_STOPPED',
      'store: the receiver has stopped, so nobody takes the record',
      { context: { streamId: this.streamId } },
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function textOf(error: unknown): string {
  const wire = toWire(error);
  return wire.kind === 'error' ? (wire.stack ?? `${wire.name}: ${wire.message}`) : messageOf(error);
}
