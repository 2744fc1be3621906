/**
 * The timers of one stage instance, by time and then by age. Times are monotonic here; handed over they are times of the
 * wall clock, which is the same for whoever goes on.
 */
import type { Clock } from '../../env/env.ts';

interface Timer {
  readonly dueMs: number;
  readonly payload: unknown;
}

export class Timers {
  readonly #clock: Clock;
  /** The next one is the last. */
  readonly #timers: Timer[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Monotonic ms of the next one; Infinity for none. */
  get dueMs(): number {
    return this.#timers.at(-1)?.dueMs ?? Infinity;
  }

  set(afterMs: number, payload: unknown): void {
    const dueMs = this.#clock.monotonic() + Math.max(0, afterMs);
    // Equal times: the older one is called first, so it stands nearer to the end.
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timers[middle]!.dueMs > dueMs) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, { dueMs, payload });
  }

  /** Takes the next one out, if its time has come. */
  take(nowMs: number): Timer | undefined {
    return this.dueMs <= nowMs ? this.#timers.pop() : undefined;
  }

  held(): unknown {
    if (this.#timers.length === 0) return undefined;
    const offset = this.#clock.now() - this.#clock.monotonic();
    return this.#timers.map(({ dueMs, payload }) => [dueMs + offset, payload]);
  }

  restore(held: unknown): void {
    const offset = this.#clock.now() - this.#clock.monotonic();
    for (const [dueMs, payload] of (held ?? []) as [number, unknown][])
      this.#timers.push({ dueMs: dueMs - offset, payload });
  }
}
