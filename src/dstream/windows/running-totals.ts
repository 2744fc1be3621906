/**
 * What the values of each key in a window come to, for functions with an inverse: the total of the window before, less
 * what left, with what came. Used within one task, by its thread only.
 *
 *   total = f(inverse(total, f of the leaving panes), f of the entering panes)
 *
 * I1  A key that has a total keeps it for ever, whatever it is (0, say), unless `keep` refuses it. Then it is forgotten,
 *     although panes of the window may have it: its total begins anew with the next value.
 * I2  A key that leaves must have a total, or a new value: else nobody knows what is left.
 * I3  Totals are part of the log, so a recovery calls no function. What is made of floating-point numbers thus has the
 *     rounding of the run so far, not of a new start.
 */
import type { KeyedPanes, KeyLog, PaneUser } from './keyed-panes.ts';
import { type Pane, placeholder } from './pane.ts';
import { packed } from './pieces.ts';

type Reduce = (a: unknown, b: unknown) => unknown;

export interface TotalsOptions {
  readonly f: Reduce;
  readonly inverse: Reduce;
  /** @default all are kept */
  readonly keep?: ((key: unknown, total: unknown) => boolean) | undefined;
  /** Throws the error of what a function threw. */
  readonly blame: (error: unknown, key: unknown) => never;
  /** Throws the error of a key that left and has neither total nor new value (I2). */
  readonly unknown: (key: unknown) => never;
}

interface Log {
  readonly slots: Int32Array;
  readonly totals: readonly unknown[] | Float64Array;
  /** Slots without a total. */
  readonly none: Int32Array;
}

/** Values of keys, from one pane or several. */
interface Part {
  readonly count: number;
  readonly slots: ArrayLike<number>;
  readonly values: readonly unknown[];
}

export class RunningTotals implements PaneUser, KeyLog {
  readonly #panes: KeyedPanes;
  readonly #options: TotalsOptions;
  readonly keyLog: KeyLog = this;
  // By slot.
  #has: Uint8Array = new Uint8Array(64);
  readonly #total: unknown[] = [];
  /** Slots whose total has changed since the last log. */
  #changed: number[] = [];
  #isChanged: Uint8Array = new Uint8Array(64);

  constructor(panes: KeyedPanes, options: TotalsOptions) {
    this.#panes = panes;
    this.#options = options;
  }

  /** All keys that have a total, and their totals. */
  result(): { readonly keys: unknown[]; readonly values: unknown[] } {
    const table = this.#panes.keys.keys;
    const has = this.#has;
    const total = this.#total;
    const { keep } = this.#options;
    const keys: unknown[] = [];
    const values: unknown[] = [];
    let slot = 0;
    try {
      for (; slot < table.length; slot++) {
        if (has[slot] === 0) continue;
        if (keep !== undefined && !keep(table[slot], total[slot])) {
          this.#forget(slot);
          continue;
        }
        keys.push(table[slot]);
        values.push(total[slot]);
      }
    } catch (error) {
      this.#options.blame(error, table[slot]);
    }
    return { keys, values };
  }

  keyAdded(slot: number): void {
    this.#make(slot);
  }

  paneClosed(number: number): void {
    const { panes, panesASlide } = this.#panes.grid;
    if (number % panesASlide !== 0) return;
    const before = number - panesASlide;
    const leaving = this.#part(before - panes, Math.min(before, number - panes));
    const entering = this.#part(Math.max(before, number - panes), number);
    const unknown = this.#leave(leaving);
    this.#enter(entering);
    for (const slot of unknown)
      if (this.#has[slot] === 0) this.#options.unknown(this.#panes.keys.keys[slot]);
    for (let n = Math.max(0, before - panes + 1); n <= number - panes; n++)
      this.#panes.evict(n, this.#has);
  }

  restored(): void {
    // Totals are what they were.
  }

  // ── The log ───────────────────────────────────────────────────────────────────────────────────

  get changed(): number {
    return this.#changed.length;
  }

  changes(): unknown {
    const changed = this.#changed;
    if (changed.length === 0) return undefined;
    this.#changed = [];
    for (const slot of changed) this.#isChanged[slot] = 0;
    return this.#logOf(changed);
  }

  rewrite(from: number, to: number): unknown {
    const slots: number[] = [];
    for (let slot = from; slot < to; slot++) if (this.#has[slot] === 1) slots.push(slot);
    return slots.length === 0 ? undefined : this.#logOf(slots);
  }

  apply(given: unknown): void {
    const { slots, totals, none } = given as Log;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i]!;
      this.#make(slot);
      this.#has[slot] = 1;
      this.#total[slot] = totals[i];
    }
    for (const slot of none) {
      this.#make(slot);
      this.#has[slot] = 0;
      this.#total[slot] = placeholder(this.#total[slot]);
    }
  }

  #logOf(changed: readonly number[]): Log {
    const slots = changed.filter((slot) => this.#has[slot] === 1);
    return {
      slots: Int32Array.from(slots),
      totals: packed(slots.map((slot) => this.#total[slot])),
      none: Int32Array.from(changed.filter((slot) => this.#has[slot] === 0)),
    };
  }

  // ── Totals ────────────────────────────────────────────────────────────────────────────────────

  /** The values of the panes (after, to], those of each key reduced in order. */
  #part(after: number, to: number): Part {
    const found: Pane[] = [];
    for (let n = Math.max(0, after + 1); n <= to; n++) {
      const pane = this.#panes.pane(n);
      if (pane !== undefined) found.push(pane);
    }
    if (found.length === 1) return found[0]!;
    const { f, blame } = this.#options;
    const at = new Map<number, number>();
    const slots: number[] = [];
    const values: unknown[] = [];
    for (const pane of found) {
      for (let i = 0; i < pane.count; i++) {
        const slot = pane.slots[i]!;
        const index = at.get(slot);
        if (index === undefined) {
          at.set(slot, slots.length);
          slots.push(slot);
          values.push(pane.values[i]);
        } else {
          try {
            values[index] = f(values[index], pane.values[i]);
          } catch (error) {
            blame(error, this.#panes.keys.keys[slot]);
          }
        }
      }
    }
    return { count: slots.length, slots, values };
  }

  /** Gives the slots that have no total to take from. */
  #leave({ count, slots, values }: Part): number[] {
    const has = this.#has;
    const total = this.#total;
    const { inverse } = this.#options;
    const unknown: number[] = [];
    let i = 0;
    try {
      for (; i < count; i++) {
        const slot = slots[i]!;
        if (has[slot] === 0) {
          unknown.push(slot);
          continue;
        }
        total[slot] = inverse(total[slot], values[i]);
        this.#note(slot);
      }
    } catch (error) {
      this.#options.blame(error, this.#panes.keys.keys[slots[i]!]);
    }
    return unknown;
  }

  #enter({ count, slots, values }: Part): void {
    const has = this.#has;
    const total = this.#total;
    const { f } = this.#options;
    let i = 0;
    try {
      for (; i < count; i++) {
        const slot = slots[i]!;
        if (has[slot] === 0) {
          has[slot] = 1;
          total[slot] = values[i];
        } else total[slot] = f(total[slot], values[i]);
        this.#note(slot);
      }
    } catch (error) {
      this.#options.blame(error, this.#panes.keys.keys[slots[i]!]);
    }
  }

  #forget(slot: number): void {
    this.#has[slot] = 0;
    this.#total[slot] = placeholder(this.#total[slot]);
    this.#note(slot);
    this.#panes.unpinned(slot);
  }

  #note(slot: number): void {
    if (this.#isChanged[slot] === 1) return;
    this.#isChanged[slot] = 1;
    this.#changed.push(slot);
  }

  #make(slot: number): void {
    // Not undefined: an array of numbers stays one.
    while (this.#total.length <= slot) this.#total.push(0);
    if (slot < this.#has.length) return;
    const size = Math.max(slot + 1, this.#has.length * 2);
    const has = new Uint8Array(size);
    has.set(this.#has);
    this.#has = has;
    const changed = new Uint8Array(size);
    changed.set(this.#isChanged);
    this.#isChanged = changed;
  }
}
