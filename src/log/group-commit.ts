/**
 * When a log is synced. One sync at a time; who comes meanwhile shares the next one.
 *
 *   somebody waits       at once, at the end of this turn of the event loop
 *   nobody does          when enough has come, or after a while: then the sync that somebody waits for is short
 *
 * I1  `wait` resolves when `reached` has said so, never because a sync was begun.
 * I2  While the disk refuses (`mayRun`), nothing is begun; who is told that it may be asked again calls `run`.
 */
import type { Clock, Timer } from '../env/env.ts';

export interface GroupCommitOptions {
  readonly clock: Clock;
  readonly everyMs: number;
  readonly everyBytes: number;
  readonly mayRun: () => boolean;
  /** Syncs all that was appended before; never rejects. */
  readonly sync: () => Promise<void>;
}

interface Waiter {
  readonly ordinal: number;
  readonly resolve: () => void;
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #waiters: Waiter[] = [];
  #reached: number;
  /** Appended since the newest sync began. */
  #bytes = 0;
  #timer: Timer | undefined;
  #isSoon = false;
  #running: Promise<void> | undefined;
  #isOver = false;

  /** @param reached ordinal up to which all is durable */
  constructor(options: GroupCommitOptions, reached: number) {
    this.#options = options;
    this.#reached = reached;
  }

  added(bytes: number): void {
    this.#bytes += bytes;
    this.#schedule();
  }

  wait(ordinal: number): Promise<void> {
    if (ordinal <= this.#reached) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push({ ordinal, resolve });
      this.#schedule();
    });
  }

  reached(ordinal: number): void {
    this.#reached = ordinal;
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => waiter.ordinal > ordinal);
    for (const waiter of waiters) if (waiter.ordinal <= ordinal) waiter.resolve();
  }

  /** Syncs now, unless one is under way or there is nothing to do. */
  run(): void {
    this.#isSoon = false;
    const { mayRun, sync } = this.#options;
    if (this.#running !== undefined || this.#isOver || !mayRun()) return;
    if (this.#bytes === 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    const bytes = this.#bytes;
    const reached = this.#reached;
    this.#bytes = 0;
    this.#running = sync().then(() => {
      this.#running = undefined;
      // It failed: all of it is still to be done.
      if (this.#reached === reached) this.#bytes += bytes;
      this.#schedule();
    });
  }

  /** Resolves when nothing is under way any more; `isDue`: once all that was appended has had its sync. */
  async finish(isDue: boolean): Promise<void> {
    await this.#running;
    if (isDue && this.#bytes > 0) {
      this.run();
      await this.#running;
    }
    this.#isOver = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #schedule(): void {
    if (this.#running !== undefined || this.#isSoon || this.#isOver) return;
    const { clock, everyMs, everyBytes, mayRun } = this.#options;
    if (!mayRun()) return;
    if (this.#bytes >= everyBytes || (this.#waiters.length > 0 && this.#bytes > 0)) {
      this.#isSoon = true;
      queueMicrotask(() => this.run());
    } else if (this.#bytes > 0) {
      this.#timer ??= clock.after(everyMs, () => {
        this.#timer = undefined;
        this.run();
      });
    }
  }
}
