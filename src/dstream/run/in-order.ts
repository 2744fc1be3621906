/**
 * Gives the blocks of several senders in the order of senders, whatever the timing. Senders are numbered: they are the
 * partitions that arrive at the task, in the plan's order. Blocks of the first pass at once, so work goes on while they
 * arrive; those of the others wait for the barrier.
 *
 * Used by wide tasks, on their thread.
 *
 * I1  Within a sender blocks keep their order.
 * I2  With a `limit`, blocks that wait are passed early once they hold more records, still by sender: memory is
 *     bounded, and the order then depends on timing. Operators for which order is part of the promise set none.
 */
import { type Block, recordsIn } from '../../actors/block.ts';

/** Records that wait at most, where order is no promise. */
export const WAITING_RECORDS: number = 1_048_576;

export class InOrder {
  readonly #use: (block: Block) => void;
  readonly #limit: number;
  /** Blocks that wait, by sender. */
  #waiting: Map<number, Block[]> = new Map();
  #records = 0;

  constructor(use: (block: Block) => void, limit: number = Number.POSITIVE_INFINITY) {
    this.#use = use;
    this.#limit = limit;
  }

  /** Takes a block of a sender. */
  offer(sender: number, block: Block): void {
    if (sender === 0) {
      this.#use(block);
      return;
    }
    const blocks = this.#waiting.get(sender);
    if (blocks === undefined) this.#waiting.set(sender, [block]);
    else blocks.push(block);
    this.#records += recordsIn(block);
    if (this.#records > this.#limit) this.drain();
  }

  /** Passes on all that wait. */
  drain(): void {
    const waiting = this.#waiting;
    this.clear();
    for (const sender of [...waiting.keys()].sort((a, b) => a - b))
      waiting.get(sender)!.forEach(this.#use);
  }

  /** What waits, to be given to `restore`; undefined when nothing does. */
  held(): unknown {
    return this.#waiting.size === 0 ? undefined : [...this.#waiting];
  }

  restore(held: unknown): void {
    this.#waiting = new Map((held ?? []) as [number, Block[]][]);
    this.#records = 0;
    for (const blocks of this.#waiting.values())
      for (const block of blocks) this.#records += recordsIn(block);
  }

  clear(): void {
    this.#waiting = new Map();
    this.#records = 0;
  }
}
