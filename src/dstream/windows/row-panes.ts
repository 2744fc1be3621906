/**
 * The panes of a window over records of any kind, as a cell of state: lists of records as they came.
 * Used within one task, by its thread only.
 *
 * I1  A list is written to the log once, when it came, and again when it is its turn in a rewrite.
 * I2  Lists of the open batch wait until it ends, so they can be dropped.
 */
import { packValue, unpackValue } from '../../actors/codec.ts';
import type { StateCell } from '../state/cell.ts';

type Rows = readonly unknown[];

interface RowPane {
  readonly number: number;
  readonly lists: Rows[];
  /** Lists of it that a log has. */
  logged: number;
}

/** First what `moved` says is done, then lists are put where they belong, then those of the open batch are added. */
interface Log {
  /** The open batch's lists go to this pane, from this index on; NONE: they are dropped. */
  readonly moved?: readonly [number, number];
  /** Pane, index in it, records. */
  readonly lists: readonly (readonly [number, number, Uint8Array])[];
  readonly open: readonly Uint8Array[];
  readonly evicted: number;
}

const NONE = -1;
/** As in keyed-panes.ts. */
const ROUND = 64;
const LEAST_RATE = 8192;

export class RowPanes implements StateCell {
  /** In order of time. */
  readonly #panes: Map<number, RowPane> = new Map();
  #evicted = NONE;
  #waiting: Rows[] = [];
  #waitingLogged = 0;
  /** Where the logged lists of a batch that has ended since went. */
  #moved: readonly [number, number] | undefined = undefined;
  #rows = 0;
  #fresh = 0;
  #wasFresh = 0;
  #rewriting: { pane: number; list: number } | undefined = undefined;

  take(rows: Rows): void {
    if (rows.length === 0) return;
    this.#waiting.push(rows);
    this.#fresh += rows.length;
  }

  drop(): void {
    this.#end(NONE);
  }

  /** The batch ends in pane `number`. */
  endBatch(number: number): void {
    this.#end(number);
  }

  /** The records of the panes (after, to]. */
  between(after: number, to: number): unknown[] {
    const rows: unknown[] = [];
    for (const pane of this.#panes.values()) {
      if (pane.number <= after || pane.number > to) continue;
      for (const list of pane.lists) for (const row of list) rows.push(row);
    }
    return rows;
  }

  /** The panes up to `number` leave. */
  evict(number: number): void {
    if (number > this.#evicted) this.#evicted = number;
    for (const pane of this.#panes.values()) {
      if (pane.number > number) return;
      this.#panes.delete(pane.number);
      // While logs are applied, some lists are still to come.
      pane.lists.forEach((list) => (this.#rows -= list.length));
    }
  }

  #end(number: number): void {
    const waiting = this.#waiting;
    const logged = this.#waitingLogged;
    this.#waiting = [];
    this.#waitingLogged = 0;
    if (logged > 0) this.#moved = [number, this.#panes.get(number)?.lists.length ?? 0];
    if (number === NONE || waiting.length === 0) return;
    const pane = this.#paneOf(number);
    // The log that has these has all of the pane that was there before.
    if (logged > 0) pane.logged = pane.lists.length + logged;
    for (const list of waiting) this.#put(pane, pane.lists.length, list);
  }

  #paneOf(number: number): RowPane {
    let pane = this.#panes.get(number);
    if (pane === undefined) {
      pane = { number, lists: [], logged: 0 };
      this.#panes.set(number, pane);
    }
    return pane;
  }

  #put(pane: RowPane, index: number, list: Rows): void {
    this.#rows += list.length - (pane.lists[index]?.length ?? 0);
    pane.lists[index] = list;
  }

  // ── The cell ──────────────────────────────────────────────────────────────────────────────────

  get size(): number {
    return Math.min(this.#rows, ROUND * Math.max(this.#wasFresh, LEAST_RATE));
  }

  get changed(): number {
    return this.#fresh;
  }

  changes(): unknown {
    this.#wasFresh = this.#fresh;
    this.#fresh = 0;
    const lists: (readonly [number, number, Uint8Array])[] = [];
    for (const pane of this.#panes.values()) {
      for (let i = pane.logged; i < pane.lists.length; i++)
        lists.push([pane.number, i, packValue(pane.lists[i])]);
      pane.logged = pane.lists.length;
    }
    const open = this.#waiting.slice(this.#waitingLogged).map((list) => packValue(list));
    this.#waitingLogged = this.#waiting.length;
    const moved = this.#moved;
    this.#moved = undefined;
    if (lists.length + open.length === 0 && moved === undefined) return undefined;
    const log: Log = {
      ...(moved === undefined ? {} : { moved }),
      lists,
      open,
      evicted: this.#evicted,
    };
    return log;
  }

  /** From the newest pane to the oldest: most of the older ones will have left by then. */
  rewrite(entries: number): { readonly log: unknown; readonly round: boolean } {
    const lists: (readonly [number, number, Uint8Array])[] = [];
    // A round that begins amid a batch would pass over lists that a log has, and that no pane has yet.
    if (this.#rewriting === undefined && this.#waitingLogged > 0)
      return { log: undefined, round: false };
    const numbers = [...this.#panes.keys()].reverse();
    const state = (this.#rewriting ??= { pane: numbers[0] ?? NONE, list: 0 });
    let left = entries;
    for (const number of numbers) {
      if (number > state.pane) continue;
      if (left <= 0) break;
      const pane = this.#panes.get(number)!;
      if (number < state.pane) {
        state.pane = number;
        state.list = 0;
      }
      for (; state.list < pane.lists.length && left > 0; state.list++) {
        const list = pane.lists[state.list]!;
        lists.push([number, state.list, packValue(list)]);
        left -= list.length;
      }
    }
    const last = numbers.at(-1) ?? NONE;
    const lastPane = this.#panes.get(last);
    const round =
      lastPane === undefined ||
      state.pane < last ||
      (state.pane === last && state.list >= lastPane.lists.length);
    if (round) this.#rewriting = undefined;
    const log: Log | undefined =
      lists.length === 0 ? undefined : { lists, open: [], evicted: this.#evicted };
    return { log, round };
  }

  apply(given: unknown): void {
    const log = given as Log;
    if (log.moved !== undefined) {
      const [number, from] = log.moved;
      const waiting = this.#waiting;
      this.#waiting = [];
      if (number !== NONE)
        waiting.forEach((list, i) => this.#put(this.#paneOf(number), from + i, list));
    }
    for (const [number, index, bytes] of log.lists)
      this.#put(this.#paneOf(number), index, unpackValue(bytes) as Rows);
    for (const bytes of log.open) this.#waiting.push(unpackValue(bytes) as Rows);
    this.#waitingLogged = this.#waiting.length;
    this.#sort();
    this.evict(log.evicted);
  }

  /** Rewrites come newest first. */
  #sort(): void {
    const panes = [...this.#panes.values()].sort((a, b) => a.number - b.number);
    this.#panes.clear();
    for (const pane of panes) {
      pane.logged = pane.lists.length;
      this.#panes.set(pane.number, pane);
    }
  }
}
