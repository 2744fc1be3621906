/**
 * How many records a source may send: a bucket of tokens, one a record, which fills with time. Belongs to one source's
 * host, on the thread of the sources.
 *
 * I1  In any stretch of time no more are sent than rate × time + BURST_MS of the rate, or one.
 */
import type { Clock } from '../env/env.ts';

/** What may be saved up. */
const BURST_MS = 100;
/** Tokens are waited for in steps of so long at least, so that blocks don't become small. */
const LEAST_WAIT_MS = 10;

export class RateLimit {
  readonly #clock: Clock;
  /** Records a second. */
  #rate: number;
  #tokens = 0;
  #at: number;

  /** @param rate records a second; Infinity for no limit */
  constructor(clock: Clock, rate: number) {
    this.#clock = clock;
    this.#rate = rate;
    this.#at = clock.monotonic();
  }

  get rate(): number {
    return this.#rate;
  }

  set rate(rate: number) {
    this.#fill();
    this.#rate = rate;
    this.#tokens = Math.min(this.#tokens, this.#most());
  }

  /** Records that may be sent now: a whole number, or Infinity. */
  due(): number {
    if (this.#rate === Infinity) return Infinity;
    this.#fill();
    // A rounding error is no token.
    return Math.floor(this.#tokens + 1e-6);
  }

  take(records: number): void {
    if (this.#rate !== Infinity) this.#tokens -= records;
  }

  /** When there will be some, in ms from now. */
  waitMs(): number {
    return Math.max(LEAST_WAIT_MS, Math.ceil(((1 - this.#tokens) * 1000) / this.#rate));
  }

  #most(): number {
    return Math.max(1, (this.#rate * BURST_MS) / 1000);
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    if (this.#rate !== Infinity)
      this.#tokens = Math.min(this.#most(), this.#tokens + ((now - this.#at) * this.#rate) / 1000);
    this.#at = now;
  }
}
