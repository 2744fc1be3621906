/** Which keys of a window have come or gone since the last log, and how keys are written. Used by keyed-panes.ts alone. */
import { packColumns } from '../../actors/codec.ts';
import type { KeySlots } from './key-slots.ts';

export interface KeysLog {
  /** Keys and their slots. */
  readonly keys?: Uint8Array;
  /** Slots that have no key any more. */
  readonly free?: Int32Array;
}

export class ChangedKeys {
  readonly #table: KeySlots;
  #slots: number[] = [];
  #isChanged: Uint8Array = new Uint8Array(64);

  constructor(table: KeySlots) {
    this.#table = table;
  }

  /** The slot has got its key, or lost it. */
  note(slot: number): void {
    if (slot >= this.#isChanged.length) {
      const larger = new Uint8Array(Math.max(slot + 1, this.#isChanged.length * 2));
      larger.set(this.#isChanged);
      this.#isChanged = larger;
    }
    if (this.#isChanged[slot] === 1) return;
    this.#isChanged[slot] = 1;
    this.#slots.push(slot);
  }

  /** Undefined when nothing has changed since the last call. */
  log(): KeysLog | undefined {
    const changed = this.#slots;
    if (changed.length === 0) return undefined;
    this.#slots = [];
    const { keys } = this.#table;
    const slots: number[] = [];
    const free: number[] = [];
    for (const slot of changed) {
      this.#isChanged[slot] = 0;
      (keys[slot] === undefined ? free : slots).push(slot);
    }
    return {
      ...(slots.length > 0 ? { keys: this.#packed(slots) } : {}),
      ...(free.length > 0 ? { free: Int32Array.from(free) } : {}),
    };
  }

  /** The keys of the slots from `from` to before `to`. */
  between(from: number, to: number): Uint8Array {
    const slots: number[] = [];
    for (let slot = from; slot < to; slot++)
      if (this.#table.keys[slot] !== undefined) slots.push(slot);
    return this.#packed(slots);
  }

  #packed(slots: readonly number[]): Uint8Array {
    return packColumns(
      slots.map((slot) => this.#table.keys[slot]),
      slots,
    );
  }
}
