/**
 * A pane of a keyed window: the keys that came in its time, each once, with what their values came to.
 * Columns, by entry. Used within one task, by its thread only.
 */
const FIRST_ENTRIES = 16;
const NO_LINKS: Int32Array = new Int32Array(0);

export class Pane {
  readonly number: number;
  count = 0;
  /** The slot of each entry's key. */
  slots: Int32Array = new Int32Array(FIRST_ENTRIES);
  values: unknown[] = [];
  /**
   * Another entry of the same key, for who wants it (`two-stacks.ts`): its pane's place in the ring, and where there. Both
   * of an entry side by side: who follows them goes all over memory.
   */
  links: Int32Array = NO_LINKS;
  /** Entries below it have been written to a log; but those in `changed` have changed since. */
  logged = 0;
  changed: number[] = [];

  constructor(number: number) {
    this.number = number;
  }

  add(slot: number, value: unknown): void {
    if (this.count === this.slots.length) {
      this.slots = grown(this.slots, Math.max(FIRST_ENTRIES, this.count * 2));
    }
    this.slots[this.count++] = slot;
    this.values.push(value);
  }

  makeLinks(): void {
    this.links = new Int32Array(2 * this.count).fill(-1);
  }
}

/** What stands where nothing is: keeps no object alive, and an array of numbers one of numbers. */
export function placeholder(value: unknown): unknown {
  return typeof value === 'number' ? 0 : undefined;
}

export function grown(array: Int32Array, size: number): Int32Array {
  const larger = new Int32Array(size);
  larger.set(array);
  return larger;
}
