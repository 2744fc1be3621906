/**
 * Who listens to a run: objects with a function for each kind of event that they care for. Used by the embedding thread.
 *
 * I1  A listener is called in the order of events, at once when something happens; what it throws, or what its promise is
 *     rejected with, is told as a hint and changes nothing.
 */
import type { Caller } from '../dstream/arguments.ts';
import { badOption } from '../dstream/arguments.ts';
import type { RunEvent } from './running.ts';

/** The events that may be of type `T`: some have one of several. */
type EventOf<T, E = RunEvent> = E extends { readonly type: infer U }
  ? T extends U
    ? E
    : never
  : never;

type Handlers = {
  readonly [T in RunEvent['type'] as `on${Capitalize<T>}`]?: (
    event: EventOf<T>,
  ) => void | Promise<void>;
};

/**
 * Any of `onStreamingStarted`, `onBatchSubmitted`, `onBatchStarted`, `onBatchCompleted`, `onOutputStarted`,
 * `onOutputCompleted`, `onReceiverStarted`, `onReceiverError`, `onReceiverStopped`, and the same for every other event of
 * a run. They are called in the process that runs the job, and must be quick: a listener holds up all others.
 */
export interface StreamingListener extends Handlers {
  /** Spark's name of `onOutputStarted`. */
  readonly onOutputOperationStarted?: Handlers['onOutputStarted'];
  /** Spark's name of `onOutputCompleted`. */
  readonly onOutputOperationCompleted?: Handlers['onOutputCompleted'];
  /** Every event, before the function for its kind. */
  readonly onEvent?: (event: RunEvent) => void | Promise<void>;
}

const ALIASES: Readonly<Record<string, keyof StreamingListener>> = {
  outputStarted: 'onOutputOperationStarted',
  outputCompleted: 'onOutputOperationCompleted',
};

export class Listeners {
  readonly #listeners = new Set<StreamingListener>();
  readonly #onError: (text: string) => void;

  constructor(onError: (text: string) => void) {
    this.#onError = onError;
  }

  /** @throws ERR_MILLRACE_BAD_OPTION */
  add(caller: Caller, listener: StreamingListener): void {
    if (typeof listener !== 'object' || listener === null)
      throw badOption(
        caller,
        'listener',
        'an object with functions such as onBatchCompleted',
        listener,
      );
    this.#listeners.add(listener);
  }

  remove(listener: StreamingListener): void {
    this.#listeners.delete(listener);
  }

  tell(event: RunEvent): void {
    if (this.#listeners.size === 0) return;
    const name = `on${event.type[0]!.toUpperCase()}${event.type.slice(1)}`;
    const alias = ALIASES[event.type];
    for (const listener of this.#listeners) {
      for (const each of ['onEvent', name, ...(alias === undefined ? [] : [alias])])
        this.#call(listener, each, event);
    }
  }

  #call(listener: StreamingListener, name: string, event: RunEvent): void {
    try {
      const handler: unknown = (listener as Record<string, unknown>)[name];
      if (typeof handler !== 'function') return;
      const given: unknown = handler.call(listener, event);
      if (typeof (given as PromiseLike<void> | undefined)?.then === 'function')
        (given as PromiseLike<void>).then(undefined, (error: unknown) => this.#failed(name, error));
    } catch (error) {
      this.#failed(name, error);
    }
  }

  #failed(name: string, error: unknown): void {
    const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#onError(`${name} of a listener failed: ${what}`);
  }
}
