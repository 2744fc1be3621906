/**
 * Barriers that all tasks have taken, on the way to being held: in order, and one whose index can't be written waits,
 * with those behind it, until the disk takes it. Belongs to the coordinator.
 *
 * I1  A barrier is held once, in order, or not at all when its epoch ends before.
 */
import { mayPass, type Trouble } from '../actors/trouble.ts';
import type { Clock, Timer } from '../env/env.ts';
import type { BarrierEntry } from './barrier-ledger.ts';

export interface HoldingOptions {
  readonly clock: Clock;
  readonly trouble: Trouble;
  /** The barrier is to be held. A throw of the disk's is tried again; then nothing of it may have been done. */
  readonly hold: (entry: BarrierEntry) => void;
}

export class Holding {
  readonly #options: HoldingOptions;
  #waiting: BarrierEntry[] = [];
  #timer: Timer | undefined;

  constructor(options: HoldingOptions) {
    this.#options = options;
  }

  add(entry: BarrierEntry): void {
    this.#waiting.push(entry);
    if (this.#waiting.length === 1) this.#goOn();
  }

  /** A new epoch: they are to be taken again. */
  abort(): void {
    this.#waiting = [];
    this.#timer?.cancel();
  }

  #goOn(): void {
    const { hold, clock, trouble } = this.#options;
    while (this.#waiting.length > 0) {
      try {
        hold(this.#waiting[0]!);
      } catch (error) {
        if (!mayPass(error)) throw error;
        this.#timer = clock.after(trouble.failed(error), () => this.#goOn());
        return;
      }
      trouble.over();
      this.#waiting.shift();
    }
  }
}
