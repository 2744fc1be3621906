/**
 * What belongs to one stretch of event time: a value for each key that has one there. Keys are slots of a table that all
 * panes share, so panes are merged by walking arrays.
 *
 * Used by one task, on its thread.
 *
 * I1  Entries keep their place: the n-th key that came is entry n as long as the pane lives, recoveries included.
 */
export class Pane {
  readonly number: number;
  /** Of each entry. */
  readonly slots: number[] = [];
  readonly values: unknown[] = [];
  /** Entries that are in a log. */
  logged = 0;
  /** Those of them that have changed since. */
  changed: number[] = [];
  #isChanged: Uint8Array | undefined;
  /** By slot: the entry, from 1; 0: none. Made when somebody looks for one. */
  #at: Int32Array | undefined;

  constructor(number: number) {
    this.number = number;
  }

  get count(): number {
    return this.slots.length;
  }

  /** The entry of a slot, or -1. */
  find(slot: number): number {
    const at = (this.#at ??= this.#index());
    return slot < at.length ? at[slot]! - 1 : -1;
  }

  /** Adds an entry for a slot that has none. */
  add(slot: number, value: unknown): void {
    let at = (this.#at ??= this.#index());
    if (slot >= at.length) {
      const grown = new Int32Array(Math.max(slot + 1, at.length * 2));
      grown.set(at);
      at = this.#at = grown;
    }
    this.slots.push(slot);
    this.values.push(value);
    at[slot] = this.slots.length;
  }

  set(entry: number, value: unknown): void {
    this.values[entry] = value;
    if (entry >= this.logged) return;
    const marks = (this.#isChanged ??= new Uint8Array(this.logged));
    if (marks[entry] === 1) return;
    marks[entry] = 1;
    this.changed.push(entry);
  }

  /** All entries are in a log. */
  wasLogged(): void {
    this.logged = this.slots.length;
    this.changed = [];
    this.#isChanged = undefined;
  }

  /** Nobody looks for entries for now. */
  rest(): void {
    this.#at = undefined;
  }

  /** Fills an entry from a log. */
  restore(entry: number, slot: number, value: unknown): void {
    this.slots[entry] = slot;
    this.values[entry] = value;
  }

  #index(): Int32Array {
    let most = 63;
    for (const slot of this.slots) if (slot > most) most = slot;
    const at = new Int32Array(most + 1);
    for (let entry = 0; entry < this.slots.length; entry++) at[this.slots[entry]!] = entry + 1;
    return at;
  }
}
