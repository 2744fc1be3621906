/**
 * A table from keys, compared by value, to slots of an array of values. Used within one task, by its thread only.
 *
 * Hot loops reach into it. A repeated primitive key costs one look-up and one store:
 *   let slot = table.index.get(key);
 *   if (slot !== undefined || (slot = table.find(key)) >= 0) table.values[slot] = f(table.values[slot], v);
 *   else table.add(key, v);
 *
 * I1  `index` holds primitive keys only. A `Map` compares them as we do: -0 is 0, NaN equals itself, 1n equals 1n.
 * I2  Arrays and objects are found by their canonical form, in a map of its own.
 * I3  `keys` and `values` are dense, in order of first arrival, and the same arrays until `clear`.
 */
import { canonicalKey } from './canonical.ts';

/** Longer strings may be slices that keep the whole text of a block alive; V8 copies shorter ones. */
const SLICE_LENGTH = 13;

export class KeyTable<V> {
  /** Primitive key to slot. */
  index: Map<unknown, number> = new Map();
  /** The keys, by slot. */
  keys: unknown[] = [];
  /** The values, by slot. */
  values: V[] = [];
  #composites: Map<string, number> = new Map();

  get size(): number {
    return this.keys.length;
  }

  /** The slot of a key that `index` may not hold, or -1. Throws `BadKey` for what is no key. */
  find(key: unknown): number {
    if (typeof key === 'object' && key !== null) return this.#composites.get(canonicalKey(key)) ?? -1;
    const slot = this.index.get(key);
    if (slot !== undefined) return slot;
    if (key === undefined || typeof key === 'function' || typeof key === 'symbol') canonicalKey(key);
    return -1;
  }

  /** Adds a key that is not in the table. */
  add(key: unknown, value: V): void {
    const slot = this.keys.length;
    if (typeof key === 'object' && key !== null) {
      this.#composites.set(canonicalKey(key), slot);
      this.keys.push(key);
    } else {
      const own = typeof key === 'string' ? unsliced(key) : key === 0 ? 0 : key;
      this.index.set(own, slot);
      this.keys.push(own);
    }
    this.values.push(value);
  }

  /** The value of a key. */
  get(key: unknown): V | undefined {
    const slot = this.find(key);
    return slot < 0 ? undefined : this.values[slot];
  }

  /** Sets the value of a key, which may be new. */
  set(key: unknown, value: V): void {
    const slot = this.find(key);
    if (slot < 0) this.add(key, value);
    else this.values[slot] = value;
  }

  /** Empties the table. The arrays that `keys` and `values` gave before are the caller's from now on. */
  clear(): void {
    this.index = new Map();
    this.#composites = new Map();
    this.keys = [];
    this.values = [];
  }
}

/** A string that keeps nothing else alive. Joining makes a rope, and cutting its head copies it flat. */
function unsliced(text: string): string {
  return text.length < SLICE_LENGTH ? text : ` ${text}`.slice(1);
}

