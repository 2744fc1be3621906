/**
 * Results that a trigger wants before their window ends: how many records have come for each window and key since its
 * last result, and when a result is due.
 *
 * Used by one task, on its thread.
 *
 * I1  What is due is judged at the end of a batch, by batch time and counts alone.
 */
import type { BatchEnd, BatchOperator } from '../run/batch-operator.ts';
import { ValueCell } from '../state/value-cell.ts';
import { PaneCell } from './pane-cell.ts';
import type { EarlyParams } from './window.ts';

export class EarlyResults {
  readonly cells: BatchOperator['cells'];
  readonly #params: EarlyParams;
  /** By window: for each key how many records have come. */
  readonly #fresh: PaneCell = new PaneCell();
  /** Batch time of the last result by time. */
  readonly #lastMs: ValueCell<number | undefined> = new ValueCell<number | undefined>(undefined);

  constructor(params: EarlyParams) {
    this.#params = params;
    this.cells = { fresh: this.#fresh, lastEarly: this.#lastMs };
  }

  /** A record has come for a window that is open. */
  came(window: number, slot: number): void {
    const counts = this.#fresh.open(window);
    const entry = counts.find(slot);
    if (entry < 0) counts.add(slot, 1);
    else counts.set(entry, (counts.values[entry] as number) + 1);
  }

  /** The window has ended. */
  drop(window: number): void {
    this.#fresh.drop(window);
  }

  /** Gives what is due of windows behind the last that has ended. */
  give(
    { time, zeroTime }: BatchEnd,
    ended: number,
    give: (window: number, slot: number) => void,
  ): void {
    for (const window of this.#fresh.numbers()) {
      if (window > ended) break;
      this.#fresh.drop(window);
    }
    const { count, everyMs } = this.#params;
    if (everyMs > 0) {
      const lastMs = this.#lastMs.value ?? zeroTime;
      if (time - lastMs < everyMs) return;
      this.#lastMs.value = time;
    }
    const least = Math.max(1, count);
    for (const window of this.#fresh.numbers()) {
      const counts = this.#fresh.get(window)!;
      for (let entry = 0; entry < counts.count; entry++) {
        if ((counts.values[entry] as number) < least) continue;
        counts.set(entry, 0);
        give(window, counts.slots[entry]!);
      }
    }
  }
}
