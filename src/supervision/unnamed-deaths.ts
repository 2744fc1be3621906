/**
 * Deaths of which nobody has said yet what they were. A closed port is noticed first; what its thread died of is on its
 * way, and decides what is done about it. Belongs to the coordinator.
 */
import type { Clock, Timer } from '../env/env.ts';

/** Of a worker whose port closed before anyone said why. */
export const UNKNOWN_CAUSE = 'its thread is gone';

/** Whoever watches the threads knows by then, in ms. */
const NAMED_WITHIN_MS = 500;

type Named = (cause: string, wasOrdered: boolean) => void;

export class UnnamedDeaths {
  readonly #clock: Clock;
  /** By slot. */
  readonly #deaths = new Map<number, { readonly timer: Timer; readonly named: Named }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `named` with the cause, or that nobody knows it. */
  wait(slot: number, named: Named): void {
    const timer = this.#clock.after(NAMED_WITHIN_MS, () => {
      this.#deaths.delete(slot);
      named(UNKNOWN_CAUSE, false);
    });
    this.#deaths.set(slot, { timer, named });
  }

  /** True: that one was waited for. */
  named(slot: number, cause: string, wasOrdered: boolean): boolean {
    const death = this.#deaths.get(slot);
    if (death === undefined) return false;
    if (cause === UNKNOWN_CAUSE) return true;
    death.timer.cancel();
    this.#deaths.delete(slot);
    death.named(cause, wasOrdered);
    return true;
  }

  stop(): void {
    for (const { timer } of this.#deaths.values()) timer.cancel();
    this.#deaths.clear();
  }
}
