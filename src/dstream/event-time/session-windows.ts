/**
 * Session windows of event time: for each key, runs of records less than a gap apart.
 *
 *   time     ──●──●───────●─────▶        gap ├───┤
 *   sessions  [●──●───)  [●───)          a record between the two joins them into one
 *
 * A session ends a gap after its last record, and gives its result when the watermark passes that. A late record within
 * the allowed lateness makes it give again, with the bounds that it has then.
 *
 * Used by one task, on its thread.
 *
 * I1  A record is late when the session that it would make or join ended, and its lateness passed, by the watermark of
 *     the barrier before.
 * I2  Sessions of a key are in order of time and a gap or more apart.
 * I3  Results of a batch are in order of slots, then of time: so the same after a recovery.
 */
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import { GatherCell } from '../state/gather-cell.ts';
import { KeyedState, LIVE } from '../state/keyed-state.ts';
import { ValueCell } from '../state/value-cell.ts';
import { DueSlots } from './due-slots.ts';
import { LateRecords } from './late.ts';
import type { WindowOperatorOptions } from './pane-windows.ts';
import { Results } from './results.ts';

/**
 * The sessions of a key, one after another: times of the first and last record, the accumulator, whether it gave its
 * result, and records since its last result.
 */
type Sessions = unknown[];

const FIRST = 0;
const LAST = 1;
const VALUE = 2;
const FIRED = 3;
const FRESH = 4;
const WIDTH = 5;

/** Buckets that a gap is cut into. */
const BUCKETS_A_GAP = 8;

export class SessionWindows implements BatchOperator {
  readonly takes = 'pairs';
  readonly cells: BatchOperator['cells'];
  readonly #options: WindowOperatorOptions<'session'>;
  readonly #open: GatherCell = new GatherCell();
  readonly #sessions: KeyedState<Sessions> = new KeyedState();
  readonly #watermark: ValueCell<number> = new ValueCell(-Infinity);
  readonly #lastEarlyMs: ValueCell<number | undefined> = new ValueCell<number | undefined>(
    undefined,
  );
  readonly #late: LateRecords;
  #due: DueSlots | undefined;

  constructor(options: WindowOperatorOptions<'session'>) {
    this.#options = options;
    this.#late = new LateRecords(options.givesLate);
    this.cells = {
      open: this.#open,
      sessions: this.#sessions,
      watermark: this.#watermark,
      lastEarly: this.#lastEarlyMs,
    };
  }

  /** Values are `[timestamp, value]`. */
  pairs(side: number, keys: readonly unknown[], values: readonly unknown[]): void {
    this.#open.pairs(side, keys, values);
  }

  end(batch: BatchEnd): Given {
    const { isKeyed, aggregate, count, early, allowedLatenessMs } = this.#options;
    const before = this.#watermark.value;
    const now = Math.max(before, batch.watermark);
    // Without late records and counts only those have something to give whose time has come.
    const touched = allowedLatenessMs > 0 || early.count > 0 ? new Set<number>() : undefined;
    for (const block of this.#open.take())
      if ('keys' in block) this.#take(block.keys, block.values, before, touched);
    const results = new Results(isKeyed, aggregate.copy);
    // In the order of slots, which is the order of memory too.
    const due = Int32Array.from(this.#dueSlots().take(now)).sort();
    const isTime = this.#isTimeForEarly(batch);
    for (const slot of this.#slotsOf(due, touched, isTime))
      this.#give(slot, before, now, isTime, results);
    for (const slot of due) this.#evict(slot, now);
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
    touched: Set<number> | undefined,
  ): void {
    const { aggregate, allowedLatenessMs, blame, isKeyed, window } = this.#options;
    const expired = watermark - allowedLatenessMs;
    const table = this.#sessions;
    const due = this.#dueSlots();
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const timed = values[i] as readonly [number, unknown];
      const time = timed[0];
      const value = timed[1];
      try {
        const slot = table.find(key);
        const end = slot < 0 ? time + window.gapMs : this.#endWith(table.states[slot]!, time);
        if (end <= expired) {
          this.#late.add(() => [time, isKeyed ? [key, value] : value]);
          continue;
        }
        let into = slot;
        if (slot < 0) into = table.add(key, [time, time, aggregate.create(value), false, 1]);
        else {
          this.#put(table.states[into]!, time, value);
          table.touch(into);
        }
        due.wait(into, end);
        touched?.add(into);
      } catch (error) {
        blame(error, isKeyed ? [key, value] : value);
      }
    }
  }

  /** When the session ends that a record of that time would be in. */
  #endWith(sessions: Sessions, time: number): number {
    const { gapMs } = this.#options.window;
    let last = time;
    for (let at = 0; at < sessions.length; at += WIDTH) {
      const other = sessions[at + LAST] as number;
      if ((sessions[at + FIRST] as number) - time < gapMs && time - other < gapMs && other > last)
        last = other;
    }
    return last + gapMs;
  }

  /** Puts a record where it belongs, and joins the sessions that it joins. */
  #put(sessions: Sessions, time: number, value: unknown): void {
    const { window, aggregate } = this.#options;
    const { gapMs } = window;
    let at = sessions.length;
    while (at > 0 && time - (sessions[at - WIDTH + LAST] as number) < gapMs) at -= WIDTH;
    // From `at` on, sessions end behind the record's gap.
    if (at === sessions.length || (sessions[at + FIRST] as number) - time >= gapMs) {
      sessions.splice(at, 0, time, time, aggregate.create(value), false, 1);
      return;
    }
    sessions[at + VALUE] = aggregate.mergeValue(sessions[at + VALUE], value);
    sessions[at + FRESH] = (sessions[at + FRESH] as number) + 1;
    if (time < (sessions[at + FIRST] as number)) sessions[at + FIRST] = time;
    if (time <= (sessions[at + LAST] as number)) return;
    sessions[at + LAST] = time;
    const next = at + WIDTH;
    if (next === sessions.length || (sessions[next + FIRST] as number) - time >= gapMs) {
      sessions[at + FIRED] = false;
      return;
    }
    sessions[at + LAST] = sessions[next + LAST];
    sessions[at + VALUE] = aggregate.mergeCombiners(sessions[at + VALUE], sessions[next + VALUE]);
    sessions[at + FIRED] = sessions[at + FIRED] === true && sessions[next + FIRED] === true;
    sessions[at + FRESH] = (sessions[at + FRESH] as number) + (sessions[next + FRESH] as number);
    sessions.splice(next, WIDTH);
  }

  /** Keys that may have something to give, in the order of slots. */
  #slotsOf(
    due: Int32Array,
    touched: ReadonlySet<number> | undefined,
    isTime: boolean,
  ): Iterable<number> {
    if (isTime) {
      const { flags, states } = this.#sessions;
      return states.flatMap((_, slot) => ((flags[slot]! & LIVE) === 0 ? [] : [slot]));
    }
    if (touched === undefined) return due;
    return Int32Array.from(new Set([...touched, ...due])).sort();
  }

  #isTimeForEarly({ time, zeroTime }: BatchEnd): boolean {
    const { everyMs } = this.#options.early;
    if (everyMs === 0 || time - (this.#lastEarlyMs.value ?? zeroTime) < everyMs) return false;
    this.#lastEarlyMs.value = time;
    return true;
  }

  /** Gives the sessions of a key whose end the watermark passes, that late records have changed, or that are due early. */
  #give(slot: number, before: number, now: number, isTime: boolean, results: Results): void {
    const { early, window } = this.#options;
    const sessions = this.#sessions.states[slot]!;
    const least = isTime ? 1 : early.count;
    for (let at = 0; at < sessions.length; at += WIDTH) {
      const end = (sessions[at + LAST] as number) + window.gapMs;
      const fresh = sessions[at + FRESH] as number;
      const isEnded = end <= now;
      const isDue = isEnded
        ? sessions[at + FIRED] === false || (end <= before && fresh > 0)
        : least > 0 && fresh >= least;
      if (!isDue) continue;
      sessions[at + FIRED] = isEnded;
      sessions[at + FRESH] = 0;
      this.#sessions.touch(slot);
      results.add(
        this.#sessions.keys[slot],
        sessions[at + FIRST] as number,
        end,
        sessions[at + VALUE],
      );
    }
  }

  /** Sessions whose lateness has passed go, and with the last of them the key. Says when to look again. */
  #evict(slot: number, now: number): void {
    const { allowedLatenessMs, window } = this.#options;
    const table = this.#sessions;
    const sessions = table.states[slot]!;
    let next = Infinity;
    let kept = 0;
    for (let at = 0; at < sessions.length; at += WIDTH) {
      const end = (sessions[at + LAST] as number) + window.gapMs;
      if (end + allowedLatenessMs <= now) continue;
      next = Math.min(next, end <= now ? end + allowedLatenessMs : end);
      if (kept < at) sessions.copyWithin(kept, at, at + WIDTH);
      kept += WIDTH;
    }
    if (kept === 0) {
      table.remove(slot);
      return;
    }
    if (kept < sessions.length) {
      sessions.length = kept;
      table.touch(slot);
    }
    this.#dueSlots().wait(slot, next);
  }

  #dueSlots(): DueSlots {
    if (this.#due !== undefined) return this.#due;
    const { gapMs } = this.#options.window;
    this.#due = new DueSlots(gapMs / BUCKETS_A_GAP);
    const { flags, states } = this.#sessions;
    for (let slot = 0; slot < states.length; slot++) {
      if ((flags[slot]! & LIVE) === 0) continue;
      const sessions = states[slot]!;
      for (let at = 0; at < sessions.length; at += WIDTH)
        this.#due.wait(slot, (sessions[at + LAST] as number) + gapMs);
    }
    return this.#due;
  }
}
