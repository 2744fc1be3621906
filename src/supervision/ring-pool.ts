/**
 * The inner rings of a region. An epoch owns its rings: what threads of an older epoch still do to theirs reaches nobody.
 * When none of them can touch a ring any more its memory is handed on to a later epoch, so a region that is recovered
 * again and again takes no more memory. (Left to the garbage collector it would: the heap of the coordinator is small and
 * quiet, and shared memory doesn't count in it.) Belongs to the coordinator.
 *
 *   epoch 4 lends rings to slots 1, 2 ── 2 dies ──▶ epoch 5, new rings ── 1 has begun epoch 5, 2 is dead ──▶ free for 6
 *
 * I1  A ring is handed on only when each thread that it was lent to is dead, or has begun a later epoch.
 * I2  It is empty then: what lies behind TAIL means nothing.
 */
import type { RingMemory } from '../actors/ring.ts';

interface Lent {
  readonly epoch: number;
  readonly rings: RingMemory[];
  /** Who may still touch them. */
  readonly slots: Set<number>;
}

export interface RingPoolOptions {
  readonly create: () => RingMemory;
  /** Makes a used one as good as new. */
  readonly reset: (ring: RingMemory) => void;
}

export class RingPool {
  readonly #options: RingPoolOptions;
  #lent: Lent[] = [];
  #free: RingMemory[] = [];

  constructor(options: RingPoolOptions) {
    this.#options = options;
  }

  /** What is taken from now on is lent to these threads. */
  begin(epoch: number, slots: readonly number[]): void {
    this.#lent.push({ epoch, rings: [], slots: new Set(slots) });
  }

  take(): RingMemory {
    const used = this.#free.pop();
    if (used !== undefined) this.#options.reset(used);
    const ring = used ?? this.#options.create();
    this.#lent.at(-1)!.rings.push(ring);
    return ring;
  }

  /** A thread is at work on that epoch, and has let go of all that it had in older ones. */
  began(slot: number, epoch: number): void {
    this.#release(slot, epoch);
  }

  /** No thread has that slot any more. */
  dead(slot: number): void {
    this.#release(slot, Infinity);
  }

  #release(slot: number, before: number): void {
    for (const { epoch, slots } of this.#lent) if (epoch < before) slots.delete(slot);
    this.#lent = this.#lent.filter(({ rings, slots }) => {
      if (slots.size > 0) return true;
      this.#free.push(...rings);
      return false;
    });
  }
}
