/**
 * Wall time that stands still until somebody sets it, over a clock whose timers go on: for runs on virtual time.
 *
 * Batches then have the times that the test wants, and a file is compared with them, while whatever waits for the
 * world (a socket that connects again, a deadline of a stop) waits as long as the world takes. So nothing hangs for
 * want of somebody who moves the time.
 */
import type { Clock, Timer } from './env.ts';

export class SteppedClock implements Clock {
  readonly #clock: Clock;
  #nowMs: number;

  /** @param startMs wall time at the start. @default 0 */
  constructor(clock: Clock, startMs = 0) {
    this.#clock = clock;
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  after(ms: number, run: () => void): Timer {
    return this.#clock.after(ms, run);
  }

  /** Sets the wall time, in ms since 1970. */
  set(nowMs: number): void {
    this.#nowMs = nowMs;
  }
}
