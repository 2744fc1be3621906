/**
 * Records that wait for others, by key and time, until the watermark says that none will come: one side of an interval
 * join. A cell of state to which records are only added; those before a bound go.
 *
 * Used by one task, on its thread.
 *
 * I1  A record has a number of its own, and never changes. So a log may have it twice.
 * I2  The records of a key are in order of time, then of arrival.
 * I3  The bound never goes back. Records before it may still be there; nobody looks for them.
 */
import { packColumns, unpackColumns } from '../../actors/codec.ts';
import { KeyTable } from '../keys/key-table.ts';
import type { StateCell } from '../state/cell.ts';

export interface Waiting {
  readonly number: number;
  readonly key: unknown;
  readonly time: number;
  readonly value: unknown;
}

/** Records side by side. */
interface Piece {
  readonly numbers: Float64Array;
  readonly times: Float64Array;
  /** Keys and values. */
  readonly columns: Uint8Array;
}

interface Log {
  readonly bound: number;
  readonly piece: Piece | undefined;
}

const NONE: readonly Waiting[] = [];

export class TimedBuffer implements StateCell {
  readonly #spanMs: number;
  /** By number. */
  #all: Waiting[] = [];
  #byKey: KeyTable<Waiting[]> = new KeyTable();
  #next = 0;
  #bound = -Infinity;
  #sweptAt = -Infinity;
  #logged = 0;
  #loggedBound = -Infinity;
  #round: { to: number; from: number } | undefined;
  /** Records of logs, until somebody asks for them. */
  #restored: Map<number, Waiting> | undefined;

  /** @param spanMs how long a record waits, about: how often those that went are swept out */
  constructor(spanMs: number) {
    this.#spanMs = Math.max(1, spanMs);
  }

  get size(): number {
    return this.#restored?.size ?? this.#all.length;
  }

  add(key: unknown, time: number, value: unknown): void {
    this.#ready();
    this.#put({ number: this.#next++, key, time, value });
  }

  /** The records of a key, all of them. */
  of(key: unknown): readonly Waiting[] {
    this.#ready();
    const slot = this.#byKey.find(key);
    return slot < 0 ? NONE : this.#byKey.values[slot]!;
  }

  /** Nobody will ask for records before that time. */
  trim(bound: number): void {
    this.#ready();
    if (bound <= this.#bound) return;
    this.#bound = bound;
    if (bound - this.#sweptAt < this.#spanMs / 2) return;
    this.#sweptAt = bound;
    const kept = this.#all.filter(({ time }) => time >= bound);
    if (kept.length === this.#all.length) return;
    this.#all = [];
    this.#byKey = new KeyTable();
    for (const each of kept) this.#put(each);
  }

  changes(): Log | undefined {
    this.#ready();
    const fresh = this.#all.slice(this.#indexOf(this.#logged));
    if (fresh.length === 0 && this.#bound === this.#loggedBound) return undefined;
    this.#logged = this.#next;
    this.#loggedBound = this.#bound;
    return { bound: this.#bound, piece: pieceOf(fresh) };
  }

  rewrite(entries: number): { readonly log: Log | undefined; readonly round: boolean } {
    this.#ready();
    const round = (this.#round ??= { from: 0, to: this.#next });
    const at = this.#indexOf(round.from);
    const end = Math.min(at + Math.max(1, entries), this.#indexOf(round.to));
    const piece = pieceOf(this.#all.slice(at, end));
    round.from = this.#all[end]?.number ?? this.#next;
    const isRound = round.from >= round.to;
    if (isRound) this.#round = undefined;
    return {
      log: piece === undefined ? undefined : { bound: this.#bound, piece },
      round: isRound,
    };
  }

  apply(log: unknown): void {
    if (log === undefined) return;
    const { bound, piece } = log as Log;
    this.#bound = Math.max(this.#bound, bound);
    const restored = (this.#restored ??= new Map(this.#all.map((each) => [each.number, each])));
    if (piece === undefined) return;
    const { keys, values } = unpackColumns(piece.columns);
    for (let i = 0; i < keys.length; i++) {
      const number = piece.numbers[i]!;
      restored.set(number, { number, key: keys[i], time: piece.times[i]!, value: values[i] });
    }
  }

  #put(waiting: Waiting): void {
    this.#all.push(waiting);
    const slot = this.#byKey.find(waiting.key);
    if (slot < 0) {
      this.#byKey.add(waiting.key, [waiting]);
      return;
    }
    const list = this.#byKey.values[slot]!;
    let at = list.length;
    while (at > 0 && list[at - 1]!.time > waiting.time) at--;
    if (at === list.length) list.push(waiting);
    else list.splice(at, 0, waiting);
  }

  /** Where the records begin whose number is not before that. */
  #indexOf(number: number): number {
    let [from, to] = [0, this.#all.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#all[middle]!.number < number) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #ready(): void {
    const restored = this.#restored;
    if (restored === undefined) return;
    this.#restored = undefined;
    this.#all = [];
    this.#byKey = new KeyTable();
    for (const each of [...restored.values()].sort((a, b) => a.number - b.number)) {
      this.#next = each.number + 1;
      if (each.time >= this.#bound) this.#put(each);
    }
    this.#sweptAt = this.#bound;
    this.#logged = this.#next;
    this.#loggedBound = this.#bound;
  }
}

function pieceOf(records: readonly Waiting[]): Piece | undefined {
  if (records.length === 0) return undefined;
  return {
    numbers: Float64Array.from(records, ({ number }) => number),
    times: Float64Array.from(records, ({ time }) => time),
    columns: packColumns(
      records.map(({ key }) => key),
      records.map(({ value }) => value),
    ),
  };
}

/** The first of records in order of time that is not before that. */
export function firstAt(list: readonly Waiting[], time: number): number {
  let [from, to] = [0, list.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (list[middle]!.time < time) from = middle + 1;
    else to = middle;
  }
  return from;
}
