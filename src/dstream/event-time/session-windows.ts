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
 * I3  Results of a batch are in order of end, start and slot.
 */
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import { GatherCell } from '../state/gather-cell.ts';
import { KeyedState, LIVE } from '../state/keyed-state.ts';
import { ValueCell } from '../state/value-cell.ts';
import { DueSlots } from './due-slots.ts';
import { LateRecords } from './late.ts';
import type { WindowOperatorOptions } from './pane-windows.ts';
import { Results } from './results.ts';

/** Times of the first and last record, the accumulator, whether it gave its result, records since its last result. */
type Session = [first: number, last: number, value: unknown, fired: boolean, fresh: number];

/** Buckets that a gap is cut into. */
const BUCKETS_A_GAP = 8;

export class SessionWindows implements BatchOperator {
  readonly takes = 'pairs';
  readonly cells: BatchOperator['cells'];
  readonly #options: WindowOperatorOptions<'session'>;
  readonly #open: GatherCell = new GatherCell();
  readonly #sessions: KeyedState<Session[]> = new KeyedState();
  readonly #watermark: ValueCell<number> = new ValueCell(-Infinity);
  readonly #lastEarlyMs: ValueCell<number | undefined> = new ValueCell<number | undefined>(
    undefined,
  );
  readonly #late: LateRecords;
  #due: DueSlots | undefined;
  /** Slots that have a session whose lateness has passed. */
  #expired: number[] = [];

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
    const { isKeyed, aggregate, count, early } = this.#options;
    const before = this.#watermark.value;
    const now = Math.max(before, batch.watermark);
    const touched: number[] = [];
    for (const block of this.#open.take())
      if ('keys' in block) this.#take(block.keys, block.values, before, touched);
    const given: { readonly slot: number; readonly session: Session }[] = [];
    const due = this.#dueSlots();
    // What came late for a session that gave its result, and early results by count.
    for (const slot of new Set(touched)) this.#again(slot, before, now, given);
    for (const slot of due.take(now)) this.#fire(slot, now, given);
    if (early.everyMs > 0) this.#giveEarly(batch, now, given);
    const { gapMs } = this.#options.window;
    given.sort(
      (a, b) => a.session[1] - b.session[1] || a.session[0] - b.session[0] || a.slot - b.slot,
    );
    const results = new Results(isKeyed, aggregate.copy);
    const { keys } = this.#sessions;
    for (const { slot, session } of given)
      results.add(keys[slot], session[0], session[1] + gapMs, session[2]);
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
    touched: number[],
  ): void {
    const { allowedLatenessMs, blame, isKeyed, window } = this.#options;
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
        const into = slot < 0 ? table.add(key, []) : slot;
        this.#put(table.states[into]!, time, value);
        table.touch(into);
        due.wait(into, end);
        touched.push(into);
      } catch (error) {
        blame(error, isKeyed ? [key, value] : value);
      }
    }
  }

  /** When the session ends that a record of that time would be in. */
  #endWith(sessions: readonly Session[], time: number): number {
    const { gapMs } = this.#options.window;
    let last = time;
    for (let i = 0; i < sessions.length; i++) {
      const session = sessions[i]!;
      if (session[0] - last < gapMs && time - session[1] < gapMs) last = Math.max(last, session[1]);
    }
    return last + gapMs;
  }

  /** Puts a record where it belongs, and joins the sessions that it joins. */
  #put(sessions: Session[], time: number, value: unknown): void {
    const { window, aggregate } = this.#options;
    const { gapMs } = window;
    const { create, mergeValue, mergeCombiners } = aggregate;
    let at = sessions.length;
    while (at > 0 && time - sessions[at - 1]![1] < gapMs) at--;
    // From `at` on, sessions end behind the record's gap.
    const session = sessions[at];
    if (session === undefined || session[0] - time >= gapMs) {
      sessions.splice(at, 0, [time, time, create(value), false, 1]);
      return;
    }
    session[2] = mergeValue(session[2], value);
    session[4]++;
    if (time < session[0]) session[0] = time;
    if (time <= session[1]) return;
    session[1] = time;
    const next = sessions[at + 1];
    if (next === undefined || next[0] - time >= gapMs) {
      session[3] = false;
      return;
    }
    session[1] = next[1];
    session[2] = mergeCombiners(session[2], next[2]);
    session[3] = session[3] && next[3];
    session[4] += next[4];
    sessions.splice(at + 1, 1);
  }

  #again(
    slot: number,
    before: number,
    now: number,
    given: { readonly slot: number; readonly session: Session }[],
  ): void {
    const { early, window } = this.#options;
    for (const session of this.#sessions.states[slot]!) {
      const end = session[1] + window.gapMs;
      const isAgain = end <= before && session[4] > 0;
      const isEarly = end > now && early.count > 0 && session[4] >= early.count;
      if (!isAgain && !isEarly) continue;
      session[3] = isAgain;
      session[4] = 0;
      given.push({ slot, session });
    }
  }

  /** Sessions of a key whose end the watermark has passed. */
  #fire(
    slot: number,
    now: number,
    given: { readonly slot: number; readonly session: Session }[],
  ): void {
    const { allowedLatenessMs, window } = this.#options;
    if ((this.#sessions.flags[slot]! & LIVE) === 0) return;
    let next = Infinity;
    for (const session of this.#sessions.states[slot]!) {
      const end = session[1] + window.gapMs;
      if (end <= now && !session[3]) {
        session[3] = true;
        session[4] = 0;
        this.#sessions.touch(slot);
        given.push({ slot, session });
      }
      next = Math.min(next, end <= now ? end + allowedLatenessMs : end);
    }
    if (next > now) this.#dueSlots().wait(slot, next);
    else this.#expired.push(slot);
  }

  #giveEarly(
    { time, zeroTime }: BatchEnd,
    now: number,
    given: { readonly slot: number; readonly session: Session }[],
  ): void {
    const { early, window } = this.#options;
    if (time - (this.#lastEarlyMs.value ?? zeroTime) < early.everyMs) return;
    this.#lastEarlyMs.value = time;
    const { flags, states } = this.#sessions;
    for (let slot = 0; slot < states.length; slot++) {
      if ((flags[slot]! & LIVE) === 0) continue;
      for (const session of states[slot]!) {
        if (session[4] === 0 || session[1] + window.gapMs <= now) continue;
        session[4] = 0;
        this.#sessions.touch(slot);
        given.push({ slot, session });
      }
    }
  }

  /** Sessions whose lateness has passed go, and keys that have no other. */
  #evict(now: number): void {
    const { allowedLatenessMs, window } = this.#options;
    const table = this.#sessions;
    for (const slot of this.#expired) {
      if ((table.flags[slot]! & LIVE) === 0) continue;
      const kept = table.states[slot]!.filter(
        ([, last]) => last + window.gapMs + allowedLatenessMs > now,
      );
      if (kept.length === 0) {
        table.remove(slot);
        continue;
      }
      table.set(slot, kept);
      let next = Infinity;
      for (const [, last, , fired] of kept)
        next = Math.min(next, last + window.gapMs + (fired ? allowedLatenessMs : 0));
      this.#dueSlots().wait(slot, next);
    }
    this.#expired = [];
  }

  #dueSlots(): DueSlots {
    if (this.#due !== undefined) return this.#due;
    const { gapMs } = this.#options.window;
    this.#due = new DueSlots(gapMs / BUCKETS_A_GAP);
    const { flags, states } = this.#sessions;
    for (let slot = 0; slot < states.length; slot++) {
      if ((flags[slot]! & LIVE) === 0) continue;
      for (const [, last] of states[slot]!) this.#due.wait(slot, last + gapMs);
    }
    return this.#due;
  }
}
