/**
 * Messages that reached nobody: the newest few are kept, all are counted. One for each system, on the thread that made
 * it.
 *
 * I1  At most `capacity` letters are kept; `total` counts those that were dropped too.
 */
import { describe, type ExitReason } from './exit.ts';

/** Why there was nobody. */
export type DownReason =
  | ExitReason
  /** There is no such actor, or not any more. */
  | { readonly kind: 'noproc' };

export interface DeadLetter {
  /** The path it was sent to. */
  readonly path: string;
  /** Which life it was meant for; 0 for any. */
  readonly incarnation: number;
  readonly message: unknown;
  /** One line: `there is no such actor`, `mailbox is full`, … */
  readonly reason: string;
}

export class DeadLetters {
  readonly capacity: number;
  #ring: DeadLetter[] = [];
  #next = 0;
  #total = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** All that there ever were. */
  get total(): number {
    return this.#total;
  }

  /** Those that are kept, oldest first. */
  list(): readonly DeadLetter[] {
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
  }

  add(letter: DeadLetter): void {
    this.#total++;
    if (this.capacity === 0) return;
    if (this.#ring.length < this.capacity) {
      this.#ring.push(letter);
      return;
    }
    this.#ring[this.#next] = letter;
    this.#next = (this.#next + 1) % this.capacity;
  }
}

export function describeDown(reason: DownReason): string {
  return reason.kind === 'noproc' ? 'there is no such actor' : describe(reason);
}
