/**
 * The records of one source that are on their way ('at-least-once'): each is kept until the acker has said that nothing
 * of it is left, and sent again when it failed or was not heard of in time.
 *
 * I1  At most `maxPending` records are on their way; the rest wait here, and the source's edge is not read meanwhile.
 * I2  A record that is sent again gets another root: what is still told of the old one means nothing.
 */
import type { Clock } from '../../env/env.ts';

export interface ReplayOptions {
  readonly clock: Clock;
  /** Root of its first record. */
  readonly firstRoot: number;
  readonly maxPending: number;
  readonly timeoutMs: number;
  /** Sends records with their roots. */
  readonly send: (rows: unknown[], roots: number[]) => void;
  readonly count: (what: string, by: number) => void;
}

interface Pending {
  readonly row: unknown;
  readonly dueMs: number;
}

export class Replay {
  readonly #options: ReplayOptions;
  /** By root, the oldest first. */
  readonly #pending = new Map<number, Pending>();
  #waiting: unknown[] = [];
  #nextRoot: number;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#nextRoot = options.firstRoot;
  }

  get isEmpty(): boolean {
    return this.#pending.size === 0 && this.#waiting.length === 0;
  }

  /** Whether it takes more. */
  get hasRoom(): boolean {
    return this.#waiting.length === 0 && this.#pending.size < this.#options.maxPending;
  }

  /** Monotonic ms at which the oldest one's time is over; at once when some wait that need not. */
  get dueMs(): number {
    if (this.#waiting.length > 0 && this.#pending.size < this.#options.maxPending) return 0;
    for (const { dueMs } of this.#pending.values()) return dueMs;
    return Infinity;
  }

  take(rows: readonly unknown[]): void {
    for (let i = 0; i < rows.length; i++) this.#waiting.push(rows[i]);
    this.pump();
  }

  heard(done: Iterable<number>, failed: Iterable<number>): void {
    for (const root of done) this.#pending.delete(root);
    for (const root of failed) this.#again(root);
    this.pump();
  }

  tick(nowMs: number): void {
    for (const [root, { dueMs }] of this.#pending) {
      if (dueMs > nowMs) break;
      this.#options.count('timedOut', 1);
      this.#again(root);
    }
    this.pump();
  }

  /** Sends what may be sent. */
  pump(): void {
    const { maxPending, timeoutMs, clock, send } = this.#options;
    const count = Math.min(this.#waiting.length, maxPending - this.#pending.size);
    if (count <= 0) return;
    const rows = this.#waiting.splice(0, count);
    const dueMs = clock.monotonic() + timeoutMs;
    const roots = rows.map((row) => {
      const root = this.#nextRoot++;
      this.#pending.set(root, { row, dueMs });
      return root;
    });
    send(rows, roots);
  }

  /** All that isn't worked off, as far as is known. */
  held(): unknown {
    if (this.isEmpty) return undefined;
    return [...[...this.#pending.values()].map(({ row }) => row), ...this.#waiting];
  }

  restore(held: unknown): void {
    this.#waiting = held as unknown[];
    this.#options.count('replayed', this.#waiting.length);
  }

  #again(root: number): void {
    const pending = this.#pending.get(root);
    if (pending === undefined) return;
    this.#pending.delete(root);
    this.#options.count('replayed', 1);
    this.#waiting.unshift(pending.row);
  }
}
