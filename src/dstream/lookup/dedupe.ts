/**
 * Gives the first of the records of a key within a time, and passes over those that follow it. Time is the batch's, or
 * the record's own where it has one.
 *
 * Used by one task, on its thread.
 *
 * I1  A record is passed over exactly when one of its key that was given is less than `within` away.
 * I2  What has event time and is before the watermark of the barrier before can't be judged any more: it is passed over
 *     and counted.
 */
import { DueSlots } from '../event-time/due-slots.ts';
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import { GatherCell } from '../state/gather-cell.ts';
import { KeyedState, LIVE } from '../state/keyed-state.ts';
import { ValueCell } from '../state/value-cell.ts';

export interface DedupeOptions {
  readonly withinMs: number;
  /** Values are `[timestamp, record]`, and so are results; else they are records. */
  readonly isTimed: boolean;
  readonly blame: (error: unknown, record: unknown) => never;
  readonly count: (what: string, count: number) => void;
}

const BUCKETS = 16;

export class Dedupe implements BatchOperator {
  readonly takes = 'pairs';
  readonly cells: BatchOperator['cells'];
  readonly #options: DedupeOptions;
  readonly #open: GatherCell = new GatherCell();
  /** Times of the records that were given, by key. */
  readonly #given: KeyedState<readonly number[]> = new KeyedState();
  readonly #watermark: ValueCell<number> = new ValueCell(-Infinity);
  #due: DueSlots | undefined;

  constructor(options: DedupeOptions) {
    this.#options = options;
    this.cells = { open: this.#open, given: this.#given, watermark: this.#watermark };
  }

  pairs(side: number, keys: readonly unknown[], values: readonly unknown[]): void {
    this.#open.pairs(side, keys, values);
  }

  end({ time, watermark, missing }: BatchEnd): Given | undefined {
    const { isTimed, count } = this.#options;
    const blocks = this.#open.take();
    const times: number[] = [];
    const rows: unknown[] = [];
    if (!isTimed) {
      this.#forget(time);
      for (const block of blocks)
        if ('keys' in block) this.#take(block.keys, block.values, time, times, rows);
      return missing.length > 0 ? undefined : { rows };
    }
    const before = this.#watermark.value;
    let late = 0;
    for (const block of blocks)
      if ('keys' in block) late += this.#takeTimed(block.keys, block.values, before, times, rows);
    if (late > 0) count('lateRecords', late);
    const now = Math.max(before, watermark);
    this.#watermark.value = now;
    this.#forget(now);
    return { keys: times, values: rows };
  }

  discard(): void {
    this.#open.clear();
  }

  mark(): number {
    return this.#watermark.value;
  }

  #take(
    keys: readonly unknown[],
    values: readonly unknown[],
    time: number,
    times: number[],
    rows: unknown[],
  ): void {
    for (let i = 0; i < keys.length; i++)
      if (this.#isFirst(keys[i], time, values[i])) {
        times.push(time);
        rows.push(values[i]);
      }
  }

  /** Gives how many were late. */
  #takeTimed(
    keys: readonly unknown[],
    values: readonly unknown[],
    watermark: number,
    times: number[],
    rows: unknown[],
  ): number {
    let late = 0;
    for (let i = 0; i < keys.length; i++) {
      const timed = values[i] as readonly [number, unknown];
      if (timed[0] < watermark) late++;
      else if (this.#isFirst(keys[i], timed[0], timed[1])) {
        times.push(timed[0]);
        rows.push(timed[1]);
      }
    }
    return late;
  }

  #isFirst(key: unknown, time: number, record: unknown): boolean {
    const { withinMs, blame } = this.#options;
    const table = this.#given;
    try {
      const slot = table.find(key);
      if (slot >= 0) {
        const given = table.states[slot]!;
        for (let i = given.length - 1; i >= 0; i--)
          if (Math.abs(time - given[i]!) < withinMs) return false;
        table.set(slot, [...given, time]);
        this.#slots().wait(slot, time + withinMs);
        return true;
      }
      this.#slots().wait(table.add(key, [time]), time + withinMs);
      return true;
    } catch (error) {
      return blame(error, record);
    }
  }

  /** Forgets what is `within` back or more. */
  #forget(now: number): void {
    const { withinMs } = this.#options;
    const table = this.#given;
    const due = this.#slots();
    for (const slot of due.take(now)) {
      if ((table.flags[slot]! & LIVE) === 0) continue;
      const given = table.states[slot]!;
      const kept = given.filter((time) => time + withinMs > now);
      if (kept.length === 0) {
        table.remove(slot);
        continue;
      }
      if (kept.length < given.length) table.set(slot, kept);
      due.wait(slot, Math.min(...kept) + withinMs);
    }
  }

  #slots(): DueSlots {
    if (this.#due !== undefined) return this.#due;
    this.#due = new DueSlots(this.#options.withinMs / BUCKETS);
    const { flags, states } = this.#given;
    for (let slot = 0; slot < states.length; slot++)
      if ((flags[slot]! & LIVE) !== 0)
        this.#due.wait(slot, Math.min(...states[slot]!) + this.#options.withinMs);
    return this.#due;
  }
}
