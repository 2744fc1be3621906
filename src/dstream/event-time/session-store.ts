/**
 * The sessions of all keys, as a cell of state. Everything about a session lies in columns by its number, so a million
 * of them is no object for the garbage collector; those of a key are linked in order of time.
 *
 *   heads     by slot of a key: its first session, or -1
 *   next      by session: the one behind it, or -1
 *
 * Hot loops read the columns directly, and say what they have changed (`touch`). Used by one task, on its thread.
 *
 * I1  Numbers of sessions say nothing: they are used again, and another life may give others.
 * I2  A round of rewriting goes over the numbers that there were when it began; what came later is in the changes since.
 */
import { packColumns, unpackColumns } from '../../actors/codec.ts';
import type { StateCell } from '../state/cell.ts';

export const NONE = -1;
const FIRST_SESSIONS = 1024;
const DIRTY = 1;

/** Sessions that are gone; and those that have changed, side by side. */
interface Log {
  readonly freed: Int32Array;
  readonly numbers: Int32Array;
  readonly slots: Int32Array;
  readonly lasts: Float64Array;
  readonly fresh: Float64Array;
  readonly fired: Uint8Array;
  /** First times and accumulators. */
  readonly columns: Uint8Array;
}

export class SessionStore implements StateCell {
  /** By session: times of its first and last record, and records since its last result. */
  firsts: Float64Array = new Float64Array(FIRST_SESSIONS);
  lasts: Float64Array = new Float64Array(FIRST_SESSIONS);
  fresh: Float64Array = new Float64Array(FIRST_SESSIONS);
  /** 1 for one that gave its result. */
  fired: Uint8Array = new Uint8Array(FIRST_SESSIONS);
  readonly values: unknown[] = [];
  next: Int32Array = new Int32Array(FIRST_SESSIONS);
  size = 0;
  /** By session: its key's slot; NONE for one that is free. */
  #slots: Int32Array = new Int32Array(FIRST_SESSIONS);
  #flags: Uint8Array = new Uint8Array(FIRST_SESSIONS);
  #heads: Int32Array = new Int32Array(FIRST_SESSIONS).fill(NONE);
  #free: number[] = [];
  #dirty: number[] = [];
  #round: { from: number; readonly to: number } | undefined;
  /** After a restore, until somebody asks. */
  #isUnlinked = false;

  /** Links sessions that were restored. To be called before anything else in a batch. */
  ready(): void {
    if (!this.#isUnlinked) return;
    this.#isUnlinked = false;
    const slots = this.#slots;
    const live: number[] = [];
    this.#free = [];
    for (let number = this.values.length - 1; number >= 0; number--) {
      if (slots[number] === NONE) this.#free.push(number);
      else live.push(number);
    }
    live.sort((a, b) => slots[b]! - slots[a]! || this.firsts[b]! - this.firsts[a]!);
    this.#heads.fill(NONE);
    for (const number of live) {
      const slot = slots[number]!;
      this.next[number] = this.headOf(slot);
      this.#setHead(slot, number);
    }
    this.size = live.length;
  }

  /** The first session of a key. */
  headOf(slot: number): number {
    return slot < this.#heads.length ? this.#heads[slot]! : NONE;
  }

  /** A session of one record, behind another of its key (NONE: as its first). */
  add(slot: number, behind: number, time: number, value: unknown): void {
    const number = this.#free.pop() ?? this.values.length;
    if (number === this.#slots.length) this.#grow();
    this.#slots[number] = slot;
    this.firsts[number] = time;
    this.lasts[number] = time;
    this.fresh[number] = 1;
    this.fired[number] = 0;
    this.values[number] = value;
    if (behind === NONE) {
      this.next[number] = this.headOf(slot);
      this.#setHead(slot, number);
    } else {
      this.next[number] = this.next[behind]!;
      this.next[behind] = number;
    }
    this.size++;
    this.touch(number);
  }

  /** Removes a session that lies behind another of its key (NONE: it is its first). */
  remove(number: number, behind: number): void {
    const slot = this.#slots[number]!;
    if (behind === NONE) this.#heads[slot] = this.next[number]!;
    else this.next[behind] = this.next[number]!;
    this.#slots[number] = NONE;
    this.values[number] = undefined;
    this.#free.push(number);
    this.size--;
    this.touch(number);
  }

  /** The session has changed. */
  touch(number: number): void {
    if (this.#flags[number] === DIRTY) return;
    this.#flags[number] = DIRTY;
    this.#dirty.push(number);
  }

  /** Slots of keys that have sessions, ascending. */
  slots(): Int32Array {
    const slots = new Int32Array(this.#heads.length);
    let n = 0;
    for (let slot = 0; slot < this.#heads.length; slot++)
      if (this.#heads[slot] !== NONE) slots[n++] = slot;
    return slots.slice(0, n);
  }

  // ── The cell ──────────────────────────────────────────────────────────────────────────────────

  changes(): Log | undefined {
    const dirty = this.#dirty;
    if (dirty.length === 0) return undefined;
    this.#dirty = [];
    for (const number of dirty) this.#flags[number] = 0;
    return this.#logOf(dirty);
  }

  rewrite(entries: number): { readonly log: Log | undefined; readonly round: boolean } {
    this.ready();
    const round = (this.#round ??= { from: 0, to: this.values.length });
    const numbers: number[] = [];
    let { from } = round;
    for (; from < round.to && numbers.length < entries; from++)
      if (this.#slots[from] !== NONE) numbers.push(from);
    round.from = from;
    const isRound = from >= round.to;
    if (isRound) this.#round = undefined;
    return { log: numbers.length === 0 ? undefined : this.#logOf(numbers), round: isRound };
  }

  apply(log: unknown): void {
    if (log === undefined) return;
    const { freed, numbers, slots, lasts, fresh, fired, columns } = log as Log;
    const { keys: firsts, values } = unpackColumns(columns);
    for (const number of freed) {
      this.#reach(number);
      this.#slots[number] = NONE;
      this.values[number] = undefined;
    }
    for (let i = 0; i < numbers.length; i++) {
      const number = numbers[i]!;
      this.#reach(number);
      this.#slots[number] = slots[i]!;
      this.firsts[number] = firsts[i] as number;
      this.lasts[number] = lasts[i]!;
      this.fresh[number] = fresh[i]!;
      this.fired[number] = fired[i]!;
      this.values[number] = values[i];
    }
    this.size = this.values.length;
    this.#isUnlinked = true;
  }

  #logOf(numbers: readonly number[]): Log {
    const count = numbers.length;
    const freed = new Int32Array(count);
    const used = new Int32Array(count);
    const slots = new Int32Array(count);
    const lasts = new Float64Array(count);
    const fresh = new Float64Array(count);
    const fired = new Uint8Array(count);
    const firsts: number[] = [];
    const values: unknown[] = [];
    let gone = 0;
    let n = 0;
    for (let i = 0; i < count; i++) {
      const number = numbers[i]!;
      if (this.#slots[number] === NONE) {
        freed[gone++] = number;
        continue;
      }
      used[n] = number;
      slots[n] = this.#slots[number]!;
      lasts[n] = this.lasts[number]!;
      fresh[n] = this.fresh[number]!;
      fired[n] = this.fired[number]!;
      firsts.push(this.firsts[number]!);
      values.push(this.values[number]);
      n++;
    }
    return {
      freed: freed.slice(0, gone),
      numbers: used.slice(0, n),
      slots: slots.slice(0, n),
      lasts: lasts.slice(0, n),
      fresh: fresh.slice(0, n),
      fired: fired.slice(0, n),
      columns: packColumns(firsts, values),
    };
  }

  #setHead(slot: number, number: number): void {
    if (slot >= this.#heads.length) {
      const heads = new Int32Array(Math.max(slot + 1, this.#heads.length * 2)).fill(NONE);
      heads.set(this.#heads);
      this.#heads = heads;
    }
    this.#heads[slot] = number;
  }

  /** Makes room for a number, while logs are applied. */
  #reach(number: number): void {
    while (this.values.length <= number) {
      if (this.values.length === this.#slots.length) this.#grow();
      this.#slots[this.values.length] = NONE;
      this.values.push(undefined);
    }
  }

  #grow(): void {
    const size = this.#slots.length * 2;
    const doubles = (old: Float64Array): Float64Array => {
      const grown = new Float64Array(size);
      grown.set(old);
      return grown;
    };
    const integers = (old: Int32Array): Int32Array => {
      const grown = new Int32Array(size);
      grown.set(old);
      return grown;
    };
    const bytes = (old: Uint8Array): Uint8Array => {
      const grown = new Uint8Array(size);
      grown.set(old);
      return grown;
    };
    this.firsts = doubles(this.firsts);
    this.lasts = doubles(this.lasts);
    this.fresh = doubles(this.fresh);
    this.fired = bytes(this.fired);
    this.#flags = bytes(this.#flags);
    this.#slots = integers(this.#slots);
    this.next = integers(this.next);
  }
}
