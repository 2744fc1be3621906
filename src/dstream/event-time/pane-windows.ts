/**
 * Tumbling and sliding windows of event time, by key. A record goes into its pane; windows are made of panes when the
 * watermark passes their end.
 *
 *   late: every window of the record ended, and its lateness passed,          ─▶ side output, counted
 *         by the watermark of the barrier before
 *   else  into its pane ─▶ windows that have ended give the key's result again
 *                      ─▶ windows that end now give a result for each key
 *                      ─▶ windows that are open may give early ones (trigger)
 *
 * Used by one task, on its thread.
 *
 * I1  Whether a record is late depends on the barrier before its batch, not on what else came in it.
 * I2  Each window and key has one result when the watermark passes, at most one in a batch for late records, and at
 *     most one in a batch of the trigger.
 * I3  A key has a slot while some pane has an entry of it.
 */
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import { GatherCell } from '../state/gather-cell.ts';
import { KeyedState } from '../state/keyed-state.ts';
import { ValueCell } from '../state/value-cell.ts';
import type { Aggregate } from './aggregate.ts';
import { EarlyResults } from './early-results.ts';
import { LateRecords } from './late.ts';
import type { Pane } from './pane.ts';
import { PaneCell } from './pane-cell.ts';
import { Results } from './results.ts';
import type { EarlyParams, WindowParams } from './window.ts';
import { WindowGrid } from './window-grid.ts';
import { NONE, WindowSums } from './window-sums.ts';

export interface WindowOperatorOptions<W extends WindowParams['kind'] = WindowParams['kind']> {
  readonly window: Extract<WindowParams, { kind: W }>;
  readonly aggregate: Aggregate;
  readonly allowedLatenessMs: number;
  readonly early: EarlyParams;
  /** Whether results carry keys: else all records have the same one. */
  readonly isKeyed: boolean;
  /** Whether late records are given, on a side of their own. */
  readonly givesLate: boolean;
  /** Throws the error of what a user's function, or a key, threw. */
  readonly blame: (error: unknown, record: unknown) => never;
  readonly count: (what: string, count: number) => void;
}

export class PaneWindows implements BatchOperator {
  readonly takes = 'pairs';
  readonly cells: BatchOperator['cells'];
  readonly #options: WindowOperatorOptions<'sliding'>;
  readonly #grid: WindowGrid;
  readonly #open: GatherCell = new GatherCell();
  readonly #keys: KeyedState<null> = new KeyedState();
  readonly #panes: PaneCell = new PaneCell();
  readonly #watermark: ValueCell<number> = new ValueCell(-Infinity);
  readonly #sums: WindowSums | undefined;
  readonly #early: EarlyResults | undefined;
  readonly #late: LateRecords;
  /** By slot: panes that have an entry. Made of the panes when it is missing. */
  #uses: Int32Array | undefined;

  constructor(options: WindowOperatorOptions<'sliding'>) {
    this.#options = options;
    const { window, aggregate, early, givesLate } = options;
    this.#grid = new WindowGrid(window);
    if (this.#grid.panes > 1)
      this.#sums = new WindowSums(this.#panes, this.#grid.panes, aggregate.mergeCombiners);
    if (early.count > 0 || early.everyMs > 0) this.#early = new EarlyResults(early);
    this.#late = new LateRecords(givesLate);
    this.cells = {
      open: this.#open,
      keys: this.#keys,
      panes: this.#panes,
      watermark: this.#watermark,
      ...this.#early?.cells,
    };
  }

  /** Values are `[timestamp, value]`. */
  pairs(side: number, keys: readonly unknown[], values: readonly unknown[]): void {
    this.#open.pairs(side, keys, values);
  }

  end(batch: BatchEnd): Given {
    const { isKeyed, aggregate, count } = this.#options;
    const before = this.#watermark.value;
    const now = Math.max(before, batch.watermark);
    const again = new Map<number, Set<number>>();
    for (const block of this.#open.take())
      if ('keys' in block) this.#take(block.keys, block.values, before, again);
    const results = new Results(isKeyed, aggregate.copy);
    for (const window of [...again.keys()].sort((a, b) => a - b))
      for (const slot of again.get(window)!) this.#giveOne(window, slot, results);
    this.#fire(before, now, results);
    this.#early?.give(batch, this.#grid.lastEnded(now), (window, slot) =>
      this.#giveOne(window, slot, results),
    );
    this.#evict(now);
    this.#watermark.value = now;
    return this.#late.given(results.keys, results.values, count);
  }

  discard(): void {
    this.#open.clear();
  }

  #take(
    keys: readonly unknown[],
    values: readonly unknown[],
    watermark: number,
    again: Map<number, Set<number>>,
  ): void {
    const { aggregate, allowedLatenessMs, blame, isKeyed } = this.#options;
    const { create, mergeValue } = aggregate;
    const grid = this.#grid;
    const table = this.#keys;
    const early = this.#early;
    this.#uses ??= this.#countUses();
    const ended = grid.lastEnded(watermark);
    const expired = grid.lastEnded(watermark - allowedLatenessMs);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const timed = values[i] as readonly [number, unknown];
      const number = grid.paneAt(timed[0]);
      const last = grid.lastWindow(number);
      let first = grid.firstWindow(number);
      // Between two windows whose slide is longer.
      if (first > last) continue;
      if (last <= expired) {
        this.#late.add(() => [timed[0], isKeyed ? [key, timed[1]] : timed[1]]);
        continue;
      }
      const pane = this.#panes.open(number);
      let slot = -1;
      try {
        slot = table.find(key);
        if (slot < 0) slot = table.add(key, null);
        const entry = pane.find(slot);
        if (entry >= 0) pane.set(entry, mergeValue(pane.values[entry], timed[1]));
        else {
          pane.add(slot, create(timed[1]));
          this.#use(slot);
        }
      } catch (error) {
        blame(error, isKeyed ? [key, timed[1]] : timed[1]);
      }
      if (first <= ended) {
        this.#sums?.changed(number, slot);
        for (let window = Math.max(first, expired + 1); window <= Math.min(last, ended); window++) {
          const slots = again.get(window);
          if (slots === undefined) again.set(window, new Set([slot]));
          else slots.add(slot);
        }
        first = ended + 1;
      }
      if (early !== undefined)
        for (let window = first; window <= last; window++) early.came(window, slot);
    }
  }

  /** Windows whose end the watermark passes. */
  #fire(before: number, now: number, results: Results): void {
    const grid = this.#grid;
    const last = grid.lastEnded(now);
    let next = grid.lastEnded(before) + 1;
    for (const number of this.#panes.numbers()) {
      // Up to the last window that takes the pane; those before it that take none are passed over.
      next = Math.max(next, grid.firstWindow(number));
      const to = Math.min(last, grid.lastWindow(number));
      for (; next <= to; next++) {
        this.#giveAll(next, results);
        this.#early?.drop(next);
      }
      if (next > last) return;
    }
  }

  #giveAll(window: number, results: Results): void {
    const grid = this.#grid;
    const [start, end] = [grid.startMs(window), grid.endMs(window)];
    const { keys } = this.#keys;
    if (this.#sums === undefined) {
      const pane = this.#panes.get(grid.firstPane(window))!;
      const { slots, values } = pane;
      for (let entry = 0; entry < slots.length; entry++)
        results.add(keys[slots[entry]!], start, end, values[entry]);
      pane.rest();
      return;
    }
    const sums = this.#called(() => this.#sums!.all(grid.firstPane(window), keys.length));
    for (let slot = 0; slot < sums.length; slot++)
      if (sums[slot] !== NONE) results.add(keys[slot], start, end, sums[slot]);
  }

  #giveOne(window: number, slot: number, results: Results): void {
    const grid = this.#grid;
    const first = grid.firstPane(window);
    let value: unknown;
    if (this.#sums === undefined) {
      const pane = this.#panes.get(first);
      value = pane === undefined ? NONE : pane.values[pane.find(slot)];
    } else value = this.#called(() => this.#sums!.of(first, slot));
    if (value !== NONE)
      results.add(this.#keys.keys[slot], grid.startMs(window), grid.endMs(window), value);
  }

  #called<T>(sum: () => T): T {
    try {
      return sum();
    } catch (error) {
      return this.#options.blame(error, undefined);
    }
  }

  /** Panes that no window needs any more go, and keys that are in no other. */
  #evict(watermark: number): void {
    const grid = this.#grid;
    const expired = grid.lastEnded(watermark - this.#options.allowedLatenessMs);
    for (const number of this.#panes.numbers()) {
      if (grid.lastWindow(number) > expired) break;
      this.#release(this.#panes.get(number)!);
      this.#panes.drop(number);
    }
  }

  #release(pane: Pane): void {
    const uses = (this.#uses ??= this.#countUses());
    for (const slot of pane.slots) if (--uses[slot]! === 0) this.#keys.remove(slot);
  }

  #use(slot: number): void {
    let uses = this.#uses!;
    if (slot >= uses.length) {
      uses = new Int32Array(Math.max(slot + 1, uses.length * 2));
      uses.set(this.#uses!);
      this.#uses = uses;
    }
    uses[slot]!++;
  }

  #countUses(): Int32Array {
    const uses = new Int32Array(Math.max(64, this.#keys.keys.length));
    for (const number of this.#panes.numbers())
      for (const slot of this.#panes.get(number)!.slots) uses[slot]!++;
    return uses;
  }
}
