/**
 * When a disk that refuses is asked again, and by whom it isn't meanwhile.
 *
 *   fine ──failed──▶ waiting ──(a while)──▶ trying ──over──▶ fine
 *                       ▲                     │
 *                       └───────failed────────┘
 */
import { Trouble } from '../actors/trouble.ts';
import type { Clock, Timer } from '../env/env.ts';

export interface RetryOptions {
  readonly clock: Clock;
  /** A spell begins, with what the disk said. */
  readonly onTrouble: (error: unknown) => void;
  /** It is over. */
  readonly onRecovered: () => void;
  /** It is time to try again. */
  readonly again: () => void;
}

export class Retry {
  readonly #options: RetryOptions;
  readonly #trouble: Trouble;
  #timer: Timer | undefined;
  /** What the disk said last. */
  error: unknown;

  constructor(options: RetryOptions) {
    this.#options = options;
    this.#trouble = new Trouble(options.onTrouble, options.onRecovered);
  }

  /** The disk is not to be asked now. */
  get isWaiting(): boolean {
    return this.#timer !== undefined;
  }

  failed(error: unknown): void {
    this.error = error;
    if (this.#timer !== undefined) return;
    const { clock, again } = this.#options;
    this.#timer = clock.after(this.#trouble.failed(error), () => {
      this.#timer = undefined;
      again();
    });
  }

  over(): void {
    this.stop();
    this.#trouble.over();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
