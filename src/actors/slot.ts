/**
 * A slot is a place for one thread: it starts one, says how it ended, and can start the next. Used
 * on the main thread. What it takes for one thread to come and go is in `slot-incarnation.ts`.
 *
 * I1  One thread at a time is at work in a slot. One that was given up doesn't count: it is counted
 *     in `quarantined` until it ends after all.
 * I2  A slot without a thread keeps nothing open: the process can end.
 */
import { millraceError } from '../errors.ts';
import type { ExitReason } from './exit.ts';
import { Incarnation, type LifeState, type SlotOptions } from './slot-incarnation.ts';

export type { SlotOptions, ThreadLimits } from './slot-incarnation.ts';

/** `empty`: nothing was started yet. */
export type SlotState = 'empty' | LifeState;

export class Slot<Task = unknown> {
  readonly name: string;
  #options: SlotOptions;
  #current: Incarnation | undefined;
  #incarnation = 0;
  #quarantined = 0;

  constructor(options: SlotOptions) {
    if (options.filename.protocol !== 'file:') {
      throw millraceError(
        'ERR_MILLRACE_BAD_OPTION',
        `filename must be a file: URL, not ${options.filename.href}`,
        {
          context: { option: 'filename', value: options.filename.href },
        },
      );
    }
    this.name = options.name;
    this.#options = options;
  }

  get state(): SlotState {
    return this.#current?.state ?? 'empty';
  }

  /** Number of the thread that was started last, from 1; 0 before the first. */
  get incarnation(): number {
    return this.#incarnation;
  }

  /** Node's id of the thread that was started last. */
  get threadId(): number | undefined {
    return this.#current?.threadId;
  }

  /** Threads of this slot that were given up and have not ended. */
  get quarantined(): number {
    return this.#quarantined;
  }

  /** How the thread that was started last ended. */
  get exited(): Promise<ExitReason> {
    if (this.#current === undefined) {
      throw millraceError('ERR_MILLRACE_NOT_STARTED', `slot ${this.name} has not been started`);
    }
    return this.#current.exited;
  }

  /**
   * Starts a thread and gives it `task`, which must be cloneable apart from what `transfer` lists.
   * Resolves when the thread says that it is ready.
   * @throws `ERR_MILLRACE_BOOTSTRAP` when it ended before, once it is known how (`context.reason`);
   *   `ERR_MILLRACE_ALREADY_STARTED` while a thread is at work in this slot
   */
  start(task: Task, transfer: readonly unknown[] = []): Promise<void> {
    const state = this.state;
    if (state !== 'empty' && state !== 'dead' && state !== 'lost') {
      return Promise.reject(
        millraceError(
          'ERR_MILLRACE_ALREADY_STARTED',
          `slot ${this.name} has a thread, which is ${state}`,
        ),
      );
    }
    const incarnation = new Incarnation(this.#options, ++this.#incarnation, {
      lost: () => void this.#quarantined++,
      found: () => void this.#quarantined--,
    });
    this.#current = incarnation;
    return incarnation.start(task, transfer);
  }

  /**
   * Ends the thread, whatever it does. Resolves when it is dead, with how it ended; or with `lost`.
   * @param as what its exit reason is to be. @default killed
   */
  async kill(as: ExitReason = { kind: 'killed' }): Promise<ExitReason> {
    this.#current?.kill(as);
    return this.exited;
  }
}
