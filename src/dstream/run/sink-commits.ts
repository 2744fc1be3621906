/**
 * Commits what a sink has prepared, once it counts: oldest first, one after another, beside the task's steps.
 * Belongs to one task, whose thread calls it.
 *
 *   asking ──holds()──▶ known ──commit(c)──▶ known        a rejection, a timeout: wait ──▶ asking
 *
 * I1  Nothing is committed that doesn't count.
 * I2  What the target holds is asked before the first commit of a life, and whenever it is uncertain whether one took
 *     place; what it holds is not committed again.
 * I3  The stream is held back while more than `maxPendingBytes` are kept and commits are under way. What doesn't count
 *     yet holds nobody back: it may count only once this task has taken another barrier.
 */
import type { Clock } from '../../env/env.ts';
import type { Sink } from '../../plan/sink.ts';
import { type KeptOutput, type Outbox, outputOf } from './outbox.ts';
import type { Patience } from './patience.ts';
import type { WithinTime } from './user-promise.ts';

export interface SinkCommitsOptions {
  readonly sink: Sink<unknown>;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly within: WithinTime;
  readonly patience: Patience;
  readonly maxPendingBytes: number;
  readonly retryForMs: number;
}

export class SinkCommits {
  readonly #options: SinkCommitsOptions;
  #durable = 0;
  /** Undefined: nobody has asked, or it is uncertain again. */
  #held: { readonly id: number | undefined } | undefined;
  #running: Promise<void> | undefined;
  #room: { readonly promise: Promise<void>; readonly open: () => void } | undefined;
  #closed = false;

  constructor(options: SinkCommitsOptions) {
    this.#options = options;
  }

  /** All up to that barrier counts. A promise settles when all of it is committed, and rejects when that can't be done. */
  durable(barrier: number): Promise<void> | undefined {
    this.#durable = Math.max(this.#durable, barrier);
    if (this.#options.sink.commit === undefined) {
      this.#options.outbox.letGo(this.#durable);
      return undefined;
    }
    if (this.#running === undefined && this.#next() === undefined) return undefined;
    return (this.#running ??= this.#run());
  }

  /** What the stream must wait for; undefined when there is room. */
  waiting(): Promise<void> | undefined {
    const { outbox, maxPendingBytes } = this.#options;
    if (outbox.bytes <= maxPendingBytes || this.#running === undefined) return undefined;
    if (this.#room === undefined) {
      let open!: () => void;
      const promise = new Promise<void>((resolve) => {
        open = resolve;
      });
      this.#room = { promise, open };
    }
    return this.#room.promise;
  }

  close(): void {
    this.#closed = true;
    this.#options.patience.close();
  }

  /** The oldest that counts. */
  #next(): KeptOutput | undefined {
    const oldest = this.#options.outbox.kept[0];
    return oldest !== undefined && oldest.id <= this.#durable ? oldest : undefined;
  }

  async #run(): Promise<void> {
    const { outbox, maxPendingBytes } = this.#options;
    try {
      for (let kept = this.#next(); kept !== undefined && !this.#closed; kept = this.#next()) {
        await this.#committed(kept);
        if (this.#closed) return;
        outbox.letGo(kept.id);
        if (outbox.bytes <= maxPendingBytes) this.#letGo();
      }
      this.#letGo();
    } finally {
      this.#running = undefined;
    }
  }

  #letGo(): void {
    this.#room?.open();
    this.#room = undefined;
  }

  async #committed(kept: KeptOutput): Promise<void> {
    const { sink, clock, within, patience, retryForMs } = this.#options;
    if (kept.bytes === undefined) return;
    const beganMs = clock.monotonic();
    while (!this.#closed) {
      try {
        const id = (this.#held ??= { id: await within(asPromise(() => sink.holds?.())) }).id;
        if (this.#closed) return;
        if (id !== undefined && id >= kept.id) return;
        await within(asPromise(() => sink.commit!(kept.id, outputOf(kept))));
        this.#held = { id: kept.id };
        patience.over();
        return;
      } catch (error) {
        this.#held = undefined;
        if (this.#closed) return;
        if (clock.monotonic() - beganMs >= retryForMs) throw error;
        await patience.failed(error);
      }
    }
  }
}

async function asPromise<T>(act: () => T | Promise<T>): Promise<T> {
  return act();
}
