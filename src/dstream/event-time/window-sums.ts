/**
 * The results of windows made of panes, at a cost that does not grow with the panes of a window.
 *
 * Panes come in blocks of as many as a window has. A window begins in one block and ends in the next, so it is a tail of
 * the one and a head of the other:
 *
 *   panes    | 0  1  2  3 | 4  5  6  7 |        a window of 4 panes
 *                  [tail 2 .. head 5]           tail 2 = 2 + 3, head 5 = 4 + 5
 *
 * The tails of a block are summed once, from its end backwards; the head grows with each window. So a window costs one
 * step a key for its new pane and one to join tail and head.
 *
 * Used by one task, on its thread.
 *
 * I1  How values are grouped depends on the numbers of panes alone: a result is the same after a recovery, and the same
 *     for one key alone (`of`) as for all (`all`), to the last bit.
 * I2  Nothing here is state: it is made of panes whenever it is missing.
 * I3  A slot that went from one key to another has old values only in tails of windows that are done.
 */
import type { Aggregate } from './aggregate.ts';
import type { PaneCell } from './pane-cell.ts';

/** In place of a value that is not there. */
export const NONE: unique symbol = Symbol('none');

/** By slot. */
type Column = unknown[];

export class WindowSums {
  readonly #cell: PaneCell;
  readonly #panes: number;
  readonly #merge: Aggregate['mergeCombiners'];
  /** Of which block, and by pane in it. */
  #tails: { readonly block: number; readonly columns: readonly Column[] } | undefined;
  #head: { readonly block: number; to: number; readonly column: Column } | undefined;

  /** @param panes of a window; more than 1 */
  constructor(cell: PaneCell, panes: number, merge: Aggregate['mergeCombiners']) {
    this.#cell = cell;
    this.#panes = panes;
    this.#merge = merge;
  }

  /** The values of the window that begins with a pane, by slot; NONE where a key has none. Good until the next call. */
  all(first: number, slots: number): readonly unknown[] {
    const { tail, head } = this.#parts(first);
    if (head === undefined) return tail;
    const merge = this.#merge;
    const sums: unknown[] = [];
    for (let slot = 0; slot < slots; slot++) {
      const a = slot < tail.length ? tail[slot] : NONE;
      const b = slot < head.length ? head[slot] : NONE;
      sums.push(a === NONE ? b : b === NONE ? a : merge(a, b));
    }
    return sums;
  }

  /** The same for one key. */
  of(first: number, slot: number): unknown {
    const last = first + this.#panes - 1;
    const end = this.#blockOf(last) * this.#panes;
    const tail = this.#tailOf(first, Math.min(last + 1, first === end ? last + 1 : end), slot);
    const head = first === end ? NONE : this.#headOf(end, last, slot);
    return tail === NONE ? head : head === NONE ? tail : this.#merge(tail, head);
  }

  /** A value of a pane has changed, or is new. */
  changed(pane: number, slot: number): void {
    const block = this.#blockOf(pane);
    const from = block * this.#panes;
    const tails = this.#tails;
    if (tails?.block === block) {
      for (let at = pane - from; at >= 0; at--)
        put(tails.columns[at]!, slot, this.#tailOf(from + at, from + this.#panes, slot));
    }
    const head = this.#head;
    if (head?.block === block && pane <= head.to)
      put(head.column, slot, this.#headOf(from, head.to, slot));
  }

  #parts(first: number): { readonly tail: Column; readonly head: Column | undefined } {
    const block = this.#blockOf(first);
    const at = first - block * this.#panes;
    if (this.#tails?.block !== block) this.#tails = { block, columns: this.#tailsOf(block) };
    const tail = this.#tails.columns[at]!;
    if (at === 0) return { tail, head: undefined };
    const last = first + this.#panes - 1;
    if (this.#head?.block !== block + 1 || this.#head.to > last)
      this.#head = { block: block + 1, to: (block + 1) * this.#panes - 1, column: [] };
    const head = this.#head;
    while (head.to < last) this.#join(head.column, ++head.to, false);
    return { tail, head: head.column };
  }

  #tailsOf(block: number): Column[] {
    const columns: Column[] = [];
    let column: Column = [];
    for (let at = this.#panes - 1; at >= 0; at--) {
      column = column.slice();
      this.#join(column, block * this.#panes + at, true);
      columns[at] = column;
    }
    return columns;
  }

  /** Merges a pane into a column, before or behind what is there. */
  #join(column: Column, number: number, before: boolean): void {
    const pane = this.#cell.get(number);
    if (pane === undefined) return;
    const merge = this.#merge;
    const { slots, values } = pane;
    for (let entry = 0; entry < slots.length; entry++) {
      const slot = slots[entry]!;
      while (column.length <= slot) column.push(NONE);
      const other = column[slot];
      const value = values[entry];
      column[slot] = other === NONE ? value : before ? merge(value, other) : merge(other, value);
    }
  }

  /** p[from] + (p[from + 1] + (… + p[to - 1])) */
  #tailOf(from: number, to: number, slot: number): unknown {
    let sum: unknown = NONE;
    for (let number = to - 1; number >= from; number--) {
      const value = this.#valueOf(number, slot);
      if (value !== NONE) sum = sum === NONE ? value : this.#merge(value, sum);
    }
    return sum;
  }

  /** ((p[from] + p[from + 1]) + …) + p[last] */
  #headOf(from: number, last: number, slot: number): unknown {
    let sum: unknown = NONE;
    for (let number = from; number <= last; number++) {
      const value = this.#valueOf(number, slot);
      if (value !== NONE) sum = sum === NONE ? value : this.#merge(sum, value);
    }
    return sum;
  }

  #valueOf(number: number, slot: number): unknown {
    const pane = this.#cell.get(number);
    const entry = pane?.find(slot) ?? -1;
    return entry < 0 ? NONE : pane!.values[entry];
  }

  #blockOf(pane: number): number {
    return Math.floor(pane / this.#panes);
  }
}

function put(column: Column, slot: number, value: unknown): void {
  while (column.length <= slot) column.push(NONE);
  column[slot] = value;
}
