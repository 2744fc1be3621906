/**
 * A table from keys, compared by value, to slots of an array of values. Used within one task, by its thread only.
 *
 * Hot loops reach into it. A key that is there costs one look-up and one store:
 *   const slot = table.find(key);
 *   if (slot >= 0) table.values[slot] = f(table.values[slot], v);
 *   else table.add(key, v);
 *
 * I1  Other primitives than text are in a `Map`, which compares them as we do: -0 is 0, NaN equals itself, 1n equals 1n.
 * I2  Arrays and objects are found by their canonical form.
 * I3  `keys` and `values` are dense, in order of first arrival, and the same arrays until `clear`.
 */
import { canonicalKey } from './canonical.ts';
import { TextIndex } from './text-index.ts';

/** Longer strings may be slices that keep the whole text of a block alive; V8 copies shorter ones. */
const SLICE_LENGTH = 13;

export class KeyTable<V> {
  /** The keys, by slot. */
  keys: unknown[] = [];
  /** The values, by slot. */
  values: V[] = [];
  readonly #texts: TextIndex = new TextIndex();
  #primitives: Map<unknown, number> = new Map();
  #composites: Map<string, number> = new Map();

  get size(): number {
    return this.keys.length;
  }

  /** The slot of a key, or -1. Throws `BadKey` for what is no key. */
  find(key: unknown): number {
    if (typeof key === 'string') return this.#texts.find(key);
    const slot = this.#primitives.get(key);
    if (slot !== undefined) return slot;
    return typeof key === 'number' || key === null ? -1 : this.#findOther(key);
  }

  /** Adds a key that is not in the table. */
  add(key: unknown, value: V): void {
    const slot = this.keys.length;
    let own = key;
    if (typeof key === 'string') {
      own = unsliced(key);
      this.#texts.add(own as string, slot);
    } else if (typeof key === 'object' && key !== null)
      this.#composites.set(canonicalKey(key), slot);
    else {
      if (key === 0) own = 0;
      this.#primitives.set(own, slot);
    }
    this.keys.push(own);
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
    if (this.keys.length === 0) return;
    this.#texts.clear();
    if (this.#primitives.size > 0) this.#primitives = new Map();
    if (this.#composites.size > 0) this.#composites = new Map();
    this.keys = [];
    this.values = [];
  }

  #findOther(key: unknown): number {
    if (typeof key === 'bigint' || typeof key === 'boolean') return -1;
    return this.#composites.get(canonicalKey(key)) ?? -1;
  }
}

/** A string that keeps nothing else alive. Joining makes a rope, and cutting its head copies it flat. */
function unsliced(text: string): string {
  return text.length < SLICE_LENGTH ? text : ` ${text}`.slice(1);
}
