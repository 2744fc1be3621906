/**
 * A disk that refuses, and when it is asked again: after 100 ms, and up to 2 s from then on.
 *
 *   fine ──failed──▶ waiting ──(backoff)──▶ trying ──over──▶ fine
 *                       ▲                     │
 *                       └───────failed────────┘
 */
import type { Clock, Timer } from '../env/env.ts';
import { Backoff } from '../supervision/backoff.ts';

export interface TroubleEvents {
  /** A spell begins, with what the disk said. */
  onTrouble(error: unknown): void;
  /** It is over. */
  onRecovered(): void;
}

export class Trouble {
  readonly #clock: Clock;
  readonly #events: TroubleEvents;
  readonly #retry: () => void;
  readonly #backoff = new Backoff({ minMs: 100, maxMs: 2000, jitter: 0 }, () => 0.5);
  #timer: Timer | undefined;
  #isOn = false;
  /** What the disk said last. */
  error: unknown;

  constructor(clock: Clock, events: TroubleEvents, retry: () => void) {
    this.#clock = clock;
    this.#events = events;
    this.#retry = retry;
  }

  /** The disk is not to be asked now. */
  get isWaiting(): boolean {
    return this.#timer !== undefined;
  }

  failed(error: unknown): void {
    this.error = error;
    this.#timer ??= this.#clock.after(this.#backoff.next(), () => {
      this.#timer = undefined;
      this.#retry();
    });
    if (this.#isOn) return;
    this.#isOn = true;
    this.#events.onTrouble(error);
  }

  over(): void {
    if (!this.#isOn) return;
    this.stop();
    this.#isOn = false;
    this.error = undefined;
    this.#backoff.reset();
    this.#events.onRecovered();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
