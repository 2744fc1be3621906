/**
 * A table from keys, compared by value, to slots of an array of values. Used within one task, by its thread only.
 *
 * Hot loops reach into it. A key that is there costs one look-up and one store:
 *   const slot = table.find(key);
 *   if (slot >= 0) table.values[slot] = f(table.values[slot], v);
 *   else table.add(key, v);
 *
 * I1  `keys` and `values` are dense, in order of first arrival, and the same arrays until `clear`.
 */
import { KeyIndex } from './key-index.ts';

export class KeyTable<V> extends KeyIndex {
  /** The keys, by slot. */
  keys: unknown[] = [];
  /** The values, by slot. */
  values: V[] = [];

  get size(): number {
    return this.keys.length;
  }

  /** Adds a key that is not in the table. */
  add(key: unknown, value: V): void {
    this.keys.push(this.index(key, this.keys.length));
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
    this.clearIndex();
    this.keys = [];
    this.values = [];
  }
}
