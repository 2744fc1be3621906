/**
 * `groupByKeyAndWindow`: at each slide the values of each key in the last batches, oldest first.
 * Called by its task's thread only.
 *
 * I1  What it takes has a list of values for each key; those lists may be somebody else's too, so they are not changed.
 *     A pane has the lists of a key in a list.
 */
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import type { WindowGrid } from './grid.ts';
import { KeyedPanes, type PaneUser } from './keyed-panes.ts';

type Lists = (readonly unknown[])[];

export class GroupOperator implements BatchOperator, PaneUser {
  readonly takes = 'pairs';
  readonly cells: { readonly panes: KeyedPanes };
  readonly #grid: WindowGrid;
  readonly #blame: (error: unknown, key: unknown) => never;

  /** @param blame throws the error of a key that is none */
  constructor(grid: WindowGrid, blame: (error: unknown, key: unknown) => never) {
    this.#grid = grid;
    this.#blame = blame;
    this.cells = { panes: new KeyedPanes(grid, () => this) };
  }

  pairs(_side: number, keys: readonly unknown[], values: readonly unknown[]): void {
    this.cells.panes.take(
      keys,
      values.map((list) => [list]),
    );
  }

  end({ time, zeroTime }: BatchEnd): Given | undefined {
    const { panes } = this.cells;
    const grid = this.#grid;
    const since = time - zeroTime;
    const number = grid.paneAt(since);
    panes.endBatch(number, joined, this.#blame);
    if (grid.endsPane(since)) panes.close(number);
    return grid.fires(since) ? this.#result(number) : undefined;
  }

  discard(): void {
    this.cells.panes.drop();
  }

  keyAdded(): void {}

  paneClosed(number: number): void {
    this.cells.panes.evict(number - this.#grid.panes);
  }

  restored(): void {}

  #result(number: number): Given {
    const { panes } = this.cells;
    const keys: unknown[] = [];
    const values: unknown[][] = [];
    /** By slot: where it is in `keys`, from 1. */
    const places = new Int32Array(panes.keys.keys.length);
    for (let n = Math.max(0, number - this.#grid.panes + 1); n <= number; n++) {
      const pane = panes.pane(n);
      if (pane === undefined) continue;
      for (let i = 0; i < pane.count; i++) {
        const slot = pane.slots[i]!;
        if (places[slot] === 0) {
          places[slot] = keys.push(panes.keys.keys[slot]);
          values.push([]);
        }
        const all = values[places[slot]! - 1]!;
        for (const list of pane.values[i] as Lists) for (const value of list) all.push(value);
      }
    }
    return { keys, values };
  }
}

function joined(lists: unknown, more: unknown): unknown {
  (lists as Lists).push(...(more as Lists));
  return lists;
}
