/**
 * Windows that reduce: `reduceByKeyAndWindow` and `countByValueAndWindow` over pairs, `reduceByWindow` and
 * `countByWindow` over records, of which a batch has one at most. With an inverse and without.
 * Called by its task's thread only.
 *
 * I1  A missing batch is passed over, so a window always is a batch. It has the keys that came in its time; with an
 *     inverse, all keys that ever came and that `keep` has not refused.
 */
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import type { WindowGrid } from './grid.ts';
import { KeyedPanes } from './keyed-panes.ts';
import { RunningTotals } from './running-totals.ts';
import { TwoStacks } from './two-stacks.ts';

type Reduce = (a: unknown, b: unknown) => unknown;

export interface ReduceWindowOptions {
  readonly grid: WindowGrid;
  readonly keyed: boolean;
  readonly f: Reduce;
  readonly inverse?: Reduce | undefined;
  readonly keep?: ((key: unknown, value: unknown) => boolean) | undefined;
  /** Throws the error of what one of them threw. */
  readonly blame: (error: unknown, key: unknown) => never;
  readonly unknown: (key: unknown) => never;
}

/** The key of records without one. */
const WHOLE = 0;

export class ReduceOperator implements BatchOperator {
  readonly takes: 'rows' | 'pairs';
  readonly cells: { readonly panes: KeyedPanes };
  readonly #options: ReduceWindowOptions;
  readonly #window: RunningTotals | TwoStacks;

  constructor(options: ReduceWindowOptions) {
    const { grid, keyed, f, inverse, keep, blame, unknown } = options;
    this.#options = options;
    this.takes = keyed ? 'pairs' : 'rows';
    let window: RunningTotals | TwoStacks | undefined;
    const panes = new KeyedPanes(
      grid,
      (of) =>
        (window =
          inverse === undefined
            ? new TwoStacks(of, f, blame)
            : new RunningTotals(of, { f, inverse, keep, blame, unknown })),
    );
    this.#window = window!;
    this.cells = { panes };
  }

  rows(_side: number, rows: readonly unknown[]): void {
    this.cells.panes.take(
      rows.map(() => WHOLE),
      rows,
    );
  }

  pairs(_side: number, keys: readonly unknown[], values: readonly unknown[]): void {
    this.cells.panes.take(keys, values);
  }

  end({ time, zeroTime }: BatchEnd): Given | undefined {
    const { panes } = this.cells;
    const { grid, keyed, f, inverse, keep, blame } = this.#options;
    const since = time - zeroTime;
    const number = grid.paneAt(since);
    panes.endBatch(number, f, blame);
    if (grid.endsPane(since)) panes.close(number);
    if (!grid.fires(since)) return undefined;
    const result = this.#window.result();
    if (!keyed) return { rows: result.values };
    return inverse === undefined && keep !== undefined ? this.#filtered(result, keep) : result;
  }

  discard(): void {
    this.cells.panes.drop();
  }

  /** Without an inverse nothing depends on what was given, so what is refused is left out and no more. */
  #filtered(
    { keys, values }: { readonly keys: readonly unknown[]; readonly values: readonly unknown[] },
    keep: (key: unknown, value: unknown) => boolean,
  ): Given {
    const kept: { keys: unknown[]; values: unknown[] } = { keys: [], values: [] };
    let i = 0;
    try {
      for (; i < keys.length; i++) {
        if (!keep(keys[i], values[i])) continue;
        kept.keys.push(keys[i]);
        kept.values.push(values[i]);
      }
    } catch (error) {
      this.#options.blame(error, keys[i]);
    }
    return kept;
  }
}
