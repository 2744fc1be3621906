/**
 * From keys, compared by value, to slots. Tables of keys extend it, so that a look-up is one call.
 * Used within one task, by its thread only.
 *
 * I1  Other primitives than text are in a `Map`, which compares them as we do: -0 is 0, NaN equals itself, 1n equals 1n.
 * I2  Arrays and objects are found by their canonical form.
 */
import { canonicalKey } from './canonical.ts';
import { TextIndex } from './text-index.ts';

/** Longer strings may be slices that keep the whole text of a block alive; V8 copies shorter ones. */
const SLICE_LENGTH = 13;

export class KeyIndex {
  readonly #texts: TextIndex = new TextIndex();
  #primitives: Map<unknown, number> = new Map();
  #composites: Map<string, number> = new Map();

  /** The slot of a key, or -1. Throws `BadKey` for what is no key. */
  find(key: unknown): number {
    if (typeof key === 'string') return this.#texts.find(key);
    const slot = this.#primitives.get(key);
    if (slot !== undefined) return slot;
    return typeof key === 'number' || key === null ? -1 : this.#findOther(key);
  }

  /** Adds a key that is not there. Gives the key as it is to be kept: `-0` as 0, a string on its own feet. */
  protected index(key: unknown, slot: number): unknown {
    if (typeof key === 'string') {
      const own = unsliced(key);
      this.#texts.add(own, slot);
      return own;
    }
    if (typeof key === 'object' && key !== null) {
      this.#composites.set(canonicalKey(key), slot);
      return key;
    }
    const own = key === 0 ? 0 : key;
    this.#primitives.set(own, slot);
    return own;
  }

  /** Removes a key that is there. */
  protected unindex(key: unknown): void {
    if (typeof key === 'string') this.#texts.remove(key);
    else if (typeof key === 'object' && key !== null) this.#composites.delete(canonicalKey(key));
    else this.#primitives.delete(key);
  }

  /** So many keys are about to be added, if they are texts for the most part. */
  protected expect(count: number): void {
    this.#texts.expect(count);
  }

  protected clearIndex(): void {
    this.#texts.clear();
    if (this.#primitives.size > 0) this.#primitives = new Map();
    if (this.#composites.size > 0) this.#composites = new Map();
  }

  #findOther(key: unknown): number {
    if (typeof key === 'bigint' || typeof key === 'boolean') return -1;
    return this.#composites.get(canonicalKey(key)) ?? -1;
  }
}

/** A string that keeps nothing else alive. Joining makes a rope, and cutting its head copies it flat. */
export function unsliced(text: string): string {
  return text.length < SLICE_LENGTH ? text : ` ${text}`.slice(1);
}
