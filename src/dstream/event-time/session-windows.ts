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
import { NONE, SessionStore } from './session-store.ts';

/** Buckets that a gap is cut into. */
const BUCKETS_A_GAP = 8;

export class SessionWindows implements BatchOperator {
  readonly takes = 'pairs';
  readonly cells: BatchOperator['cells'];
  readonly #options: WindowOperatorOptions<'session'>;
  readonly #open: GatherCell = new GatherCell();
  /** When a key without sessions goes. It often has a new one before. */
  readonly #keys: KeyedState<number> = new KeyedState();
  readonly #sessions: SessionStore = new SessionStore();
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
      keys: this.#keys,
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
    this.#sessions.ready();
    const before = this.#watermark.value;
    const now = Math.max(before, batch.watermark);
    // Without late records and counts only those have something to give whose time has come.
    const touched = allowedLatenessMs > 0 || early.count > 0 ? new Set<number>() : undefined;
    for (const block of this.#open.take())
      if ('keys' in block) this.#take(block.keys, block.values, before, touched);
    const results = new Results(isKeyed, aggregate.copy);
    // In the order of slots, which is the order of memory too.
    const due = new Int32Array(this.#dueSlots().take(now)).sort();
    const isTime = this.#isTimeForEarly(batch);
    const slots = this.#slotsOf(due, touched, isTime);
    for (let i = 0; i < slots.length; i++) this.#give(slots[i]!, before, now, isTime, results);
    for (let i = 0; i < due.length; i++) this.#evict(due[i]!, now);
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
    const table = this.#keys;
    const due = this.#dueSlots();
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const timed = values[i] as readonly [number, unknown];
      const time = timed[0];
      const value = timed[1];
      try {
        const slot = table.find(key);
        const end = slot < 0 ? time + window.gapMs : this.#endWith(slot, time);
        if (end <= expired) {
          this.#late.add(() => [time, isKeyed ? [key, value] : value]);
          continue;
        }
        let into = slot;
        if (slot >= 0) this.#put(slot, time, value);
        else {
          const first = aggregate.create(value);
          into = table.add(key, 0);
          this.#sessions.add(into, NONE, time, first);
        }
        due.wait(into, end);
        touched?.add(into);
      } catch (error) {
        blame(error, isKeyed ? [key, value] : value);
      }
    }
  }

  /** When the session ends that a record of that time would be in. */
  #endWith(slot: number, time: number): number {
    const { gapMs } = this.#options.window;
    const { firsts, lasts, next } = this.#sessions;
    let last = time;
    for (let at = this.#sessions.headOf(slot); at !== NONE; at = next[at]!)
      if (firsts[at]! - time < gapMs && time - lasts[at]! < gapMs && lasts[at]! > last)
        last = lasts[at]!;
    return last + gapMs;
  }

  /** Puts a record where it belongs, and joins the sessions that it joins. */
  #put(slot: number, time: number, value: unknown): void {
    const { window, aggregate } = this.#options;
    const { gapMs } = window;
    const sessions = this.#sessions;
    const { firsts, lasts, fresh, fired, values, next } = sessions;
    let behind = NONE;
    let at = sessions.headOf(slot);
    while (at !== NONE && time - lasts[at]! >= gapMs) {
      behind = at;
      at = next[at]!;
    }
    if (at === NONE || firsts[at]! - time >= gapMs) {
      sessions.add(slot, behind, time, aggregate.create(value));
      return;
    }
    values[at] = aggregate.mergeValue(values[at], value);
    fresh[at]!++;
    sessions.touch(at);
    if (time < firsts[at]!) firsts[at] = time;
    if (time <= lasts[at]!) return;
    lasts[at] = time;
    const other = next[at]!;
    if (other === NONE || firsts[other]! - time >= gapMs) {
      fired[at] = 0;
      return;
    }
    lasts[at] = lasts[other]!;
    values[at] = aggregate.mergeCombiners(values[at], values[other]);
    fired[at] = fired[at]! & fired[other]!;
    fresh[at] = fresh[at]! + fresh[other]!;
    sessions.remove(other, at);
  }

  /** Keys that may have something to give, in the order of slots. */
  #slotsOf(due: Int32Array, touched: ReadonlySet<number> | undefined, isTime: boolean): Int32Array {
    if (isTime) return this.#sessions.slots();
    if (touched === undefined) return due;
    return new Int32Array(new Set([...touched, ...due])).sort();
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
    const sessions = this.#sessions;
    const { firsts, lasts, fresh, fired, values, next } = sessions;
    const least = isTime ? 1 : early.count;
    for (let at = sessions.headOf(slot); at !== NONE; at = next[at]!) {
      const end = lasts[at]! + window.gapMs;
      const isEnded = end <= now;
      const isDue = isEnded
        ? fired[at] === 0 || (end <= before && fresh[at]! > 0)
        : least > 0 && fresh[at]! >= least;
      if (!isDue) continue;
      fired[at] = isEnded ? 1 : 0;
      fresh[at] = 0;
      sessions.touch(at);
      results.add(this.#keys.keys[slot], firsts[at]!, end, values[at]);
    }
  }

  /** Sessions whose lateness has passed go, and a gap after the last of them the key. Says when to look again. */
  #evict(slot: number, now: number): void {
    const { allowedLatenessMs, window } = this.#options;
    const sessions = this.#sessions;
    const { lasts, next } = sessions;
    let due = Infinity;
    let behind = NONE;
    const isEmpty = sessions.headOf(slot) === NONE;
    for (let at = sessions.headOf(slot); at !== NONE;) {
      const end = lasts[at]! + window.gapMs;
      const following = next[at]!;
      if (end + allowedLatenessMs <= now) sessions.remove(at, behind);
      else {
        due = Math.min(due, end <= now ? end + allowedLatenessMs : end);
        behind = at;
      }
      at = following;
    }
    if (behind === NONE) {
      if (!isEmpty) this.#keys.set(slot, now + window.gapMs);
      due = this.#keys.states[slot]!;
      if (due <= now) {
        this.#keys.remove(slot);
        return;
      }
    }
    this.#dueSlots().wait(slot, due);
  }

  #dueSlots(): DueSlots {
    if (this.#due !== undefined) return this.#due;
    const { gapMs } = this.#options.window;
    const sessions = this.#sessions;
    this.#due = new DueSlots(gapMs / BUCKETS_A_GAP);
    const { flags, states } = this.#keys;
    for (let slot = 0; slot < states.length; slot++) {
      if ((flags[slot]! & LIVE) === 0) continue;
      if (sessions.headOf(slot) === NONE) this.#due.wait(slot, states[slot]!);
      for (let at = sessions.headOf(slot); at !== NONE; at = sessions.next[at]!)
        this.#due.wait(slot, sessions.lasts[at]! + gapMs);
    }
    return this.#due;
  }
}
