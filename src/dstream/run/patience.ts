/**
 * Does something on a disk until it succeeds: a full disk, or one that fails for a while, fails no batch. Belongs to one
 * task, whose thread calls it.
 *
 * I1  Only what a disk may get over is waited out; all else is thrown.
 * I2  It is told once that it waits, and once that it has got through.
 * I3  What is closed does nothing any more: what waited never settles.
 */
import type { TaskOutput } from '../../actors/task.ts';
import { mayPass, Trouble } from '../../actors/trouble.ts';
import type { Clock, Timer } from '../../env/env.ts';
import { toWire } from '../../errors.ts';

export interface PatienceOptions {
  readonly clock: Clock;
  /** What waits. */
  readonly what: string;
  readonly report: TaskOutput['report'];
}

export class Patience {
  readonly #clock: Clock;
  readonly #trouble: Trouble;
  readonly #timers = new Set<Timer>();

  constructor({ clock, what, report }: PatienceOptions) {
    this.#clock = clock;
    this.#trouble = new Trouble(
      (error) => void report({ type: 'degraded', what, error: toWire(error) }),
      () => void report({ type: 'recovered', what }),
    );
  }

  get isWaiting(): boolean {
    return this.#timers.size > 0;
  }

  close(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  /** A promise: the first attempt failed. */
  attempt(act: () => void): void | Promise<void> {
    try {
      act();
      this.#trouble.over();
      return undefined;
    } catch (error) {
      if (!mayPass(error)) throw error;
      return this.failed(error).then(() => this.attempt(act));
    }
  }

  /** The same for what takes time. */
  async attemptAsync(act: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        await act();
        this.#trouble.over();
        return;
      } catch (error) {
        if (!mayPass(error)) throw error;
        await this.failed(error);
      }
    }
  }

  /** An attempt failed: resolves when it is time for the next one. */
  failed(error: unknown): Promise<void> {
    const delayMs = this.#trouble.failed(error);
    return new Promise((resolve) => {
      const timer = this.#clock.after(delayMs, () => {
        this.#timers.delete(timer);
        resolve();
      });
      this.#timers.add(timer);
    });
  }

  /** An attempt has come to something. */
  over(): void {
    this.#trouble.over();
  }
}
