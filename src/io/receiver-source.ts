/**
 * Runs a custom receiver (`dstream/receiver.ts`) as a source: supervises it, gathers what it stores, and sends it.
 *
 *   idle ──open──▶ active ──▶ stopping ──▶ resting ──delay──▶ active
 *                    │           └────────▶ ended
 *                    └──close──▶ closing ──▶ ended
 *
 * I1  Nothing that was stored is lost by a restart, or by a graceful stop: `onStop` first, whose records are still taken,
 *     then no more is taken, then all that was gathered is sent.
 */
import type { Timer } from '../env/env.ts';
import { type Duration, durationMs } from '../dstream/duration.ts';
import { Receiver, type ReceiverHost } from '../dstream/receiver.ts';
import { millraceError, toWire } from '../errors.ts';
import { ReceiverOutbox } from './receiver-outbox.ts';
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

const PLACE = 'sources';

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
  #outbox: ReceiverOutbox | undefined;
  #restartTimer: Timer | undefined;
  /** `onStop` is under way. */
  #stopping: Promise<void> | undefined;
  /** It stored something before the process was started again; if singly, some of that may be gone. */
  #gapDue = false;

  constructor(options: ReceiverSourceOptions) {
    this.#options = options;
    this.streamId = options.streamId;
  }

  // ---- as a source

  open(context: SourceContext): void {
    this.#context = context;
    const { restartDelayMs = 2000, longestDelayMs = 60_000 } = this.#options;
    this.#backoff ??= reconnectBackoff(context.env, {
      minMs: restartDelayMs,
      maxMs: Math.max(longestDelayMs, restartDelayMs),
      jitter: 0,
    });
    this.#outbox ??= new ReceiverOutbox(context, {
      blockIntervalMs: this.#options.blockIntervalMs,
      maxBuffered: this.#options.maxBuffered ?? 1_000_000,
      sent: () => this.#backoff?.reset(),
    });
    this.#outbox.resume(context);
    this.#gapDue =
      context.isRestart === true && this.#options.isLossy !== true && this.#start === 0;
    this.#startReceiver(context);
  }

  flush(): void {
    this.#outbox?.flush();
  }

  resume(): void {
    this.#outbox?.resume();
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
    await this.#outbox!.drain();
    this.#context = undefined;
    context.state('ended');
  }

  abandon(): void {
    const context = this.#context;
    const wasActive = this.#state === 'active';
    this.#state = 'ended';
    this.#restartTimer?.cancel();
    this.#context = undefined;
    if (context !== undefined && wasActive) void this.#stopReceiver(context, 'the run ends');
    this.#outbox?.abandon(this.#stoppedError());
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
    if (this.#gapDue) {
      this.#gapDue = false;
      this.#context?.possibleGap(
        'the process was started again; single records that had been stored shortly before may be lost',
      );
    }
    return this.#outbox!.single(record);
  }

  storeAll(records: readonly unknown[], ack: (() => unknown) | undefined): Promise<void> {
    if (!this.#takes()) return Promise.reject(this.#stoppedError());
    const taken = this.#outbox!.array(records);
    return ack === undefined ? taken : taken.then(() => this.#acknowledge(ack));
  }

  ready(): Promise<void> {
    return this.#outbox?.ready() ?? Promise.resolve();
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
      if (this.#options.isLossy === true && (this.accepted > 0 || context.isRestart === true))
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

  async #acknowledge(ack: () => unknown): Promise<void> {
    try {
      await ack();
    } catch (error) {
      this.reportError(`ack threw: ${messageOf(error)}`, error);
    }
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
