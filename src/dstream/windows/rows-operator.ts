/**
 * `window`: at each slide the records of the last batches, oldest first, partition by partition.
 * Called by its task's thread only.
 *
 * I1  A missing batch is passed over, so a window always is a batch: an empty one, if nothing came.
 */
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import type { WindowGrid } from './grid.ts';
import { RowPanes } from './row-panes.ts';

export class RowsOperator implements BatchOperator {
  readonly takes = 'rows';
  readonly cells: { readonly panes: RowPanes };
  readonly #grid: WindowGrid;

  constructor(grid: WindowGrid) {
    this.#grid = grid;
    this.cells = { panes: new RowPanes() };
  }

  rows(_side: number, rows: readonly unknown[]): void {
    this.cells.panes.take(rows);
  }

  end({ time, zeroTime }: BatchEnd): Given | undefined {
    const { panes } = this.cells;
    const grid = this.#grid;
    const since = time - zeroTime;
    const number = grid.paneAt(since);
    if (grid.isTaken(number)) panes.endBatch(number);
    else panes.drop();
    if (!grid.fires(since)) return undefined;
    const rows = panes.between(number - grid.panes, number);
    panes.evict(Math.min(number, number + grid.panesASlide - grid.panes));
    return { rows };
  }

  discard(): void {
    this.cells.panes.drop();
  }
}
