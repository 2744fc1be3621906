/**
 * Who has taken which barrier in this epoch, and what was handed over there.
 *
 * I1  A barrier is held when every task of the region, the sinks among them, has taken it in one epoch.
 * I2  Tasks take barriers in order, so barriers are held in order.
 */
import type { FromWorker } from '../actors/messages.ts';

export type Taken = Extract<FromWorker, { type: 'taken' }>;

export interface BarrierEntry {
  readonly number: number;
  readonly taken: Map<number, Taken>;
  firstTakenAt: number;
}

export class BarrierLedger {
  #tasks: number;
  #open = new Map<number, BarrierEntry>();

  constructor(tasks: number) {
    this.#tasks = tasks;
  }

  /** Notes it, and gives the entry when the barrier is held by it. */
  take(message: Taken, now: number): BarrierEntry | undefined {
    let entry = this.#open.get(message.barrier);
    if (entry === undefined)
      this.#open.set(
        message.barrier,
        (entry = { number: message.barrier, taken: new Map(), firstTakenAt: now }),
      );
    entry.taken.set(message.task, message);
    if (entry.taken.size < this.#tasks) return undefined;
    this.#open.delete(message.barrier);
    return entry;
  }

  /** Whether this task has taken it in this epoch. */
  has(barrier: number, task: number): boolean {
    return this.#open.get(barrier)?.taken.has(task) ?? false;
  }

  /** The first barrier behind one that a task has not taken. */
  untaken(task: number, behind: number): number {
    let number = behind + 1;
    while (this.has(number, task)) number++;
    return number;
  }

  /** Barriers that are open, behind one and up to another. */
  between(before: number, last: number): BarrierEntry[] {
    return [...this.#open.values()].filter(({ number }) => number > before && number <= last);
  }

  /** A new epoch: what was taken in the old one means nothing. */
  abort(): void {
    this.#open.clear();
  }
}
