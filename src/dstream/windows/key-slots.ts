/**
 * The keys of a window: each has a slot as long as it lives, and everything about it lies in columns by slot.
 * Used within one task, by its thread only.
 *
 * I1  A slot is a key's until it is released, and may then be another's.
 */
import { KeyIndex } from '../keys/key-index.ts';

export class KeySlots extends KeyIndex {
  /** By slot; undefined where it is free (a key never is). */
  keys: unknown[] = [];
  #free: number[] = [];

  /** Keys that are there. */
  get size(): number {
    return this.keys.length - this.#free.length;
  }

  /** Gives a key that is not there a slot. */
  add(key: unknown): number {
    const slot = this.#free.length > 0 ? this.#free.pop()! : this.keys.length;
    this.keys[slot] = this.index(key, slot);
    return slot;
  }

  release(slot: number): void {
    this.unindex(this.keys[slot]);
    this.keys[slot] = undefined;
    this.#free.push(slot);
  }

  /** Takes keys by slot, as they were. */
  restore(keys: unknown[]): void {
    this.clearIndex();
    this.#free = [];
    this.keys = keys;
    for (let slot = keys.length - 1; slot >= 0; slot--) {
      if (keys[slot] === undefined) this.#free.push(slot);
      else keys[slot] = this.index(keys[slot], slot);
    }
  }
}
