/**
 * Panes by number, as a cell of state.
 *
 * Used by one task, on its thread.
 *
 * I1  A round of rewriting takes the panes and entries that were there when it began; what came later is in the changes
 *     since. So behind a round everything live was written since the round before.
 * I2  A pane that was dropped never comes back.
 */
import { packColumns, unpackColumns } from '../../actors/codec.ts';
import type { StateCell } from '../state/cell.ts';
import { Pane } from './pane.ts';

/** Entries of a pane: those named, or all from one on. */
interface Piece {
  readonly pane: number;
  readonly entries: Int32Array | number;
  /** Slots and values. */
  readonly columns: Uint8Array;
}

interface Log {
  readonly dropped: readonly number[];
  readonly pieces: readonly Piece[];
}

interface Round {
  readonly panes: readonly { readonly pane: Pane; readonly count: number }[];
  at: number;
  entry: number;
}

export class PaneCell implements StateCell {
  readonly #panes: Map<number, Pane> = new Map();
  #sorted: readonly number[] | undefined;
  #dropped: number[] = [];
  #round: Round | undefined;
  #last: Pane | undefined;

  get size(): number {
    let size = 0;
    for (const pane of this.#panes.values()) size += pane.count;
    return size;
  }

  /** Numbers of the panes that are there, ascending. */
  numbers(): readonly number[] {
    return (this.#sorted ??= [...this.#panes.keys()].sort((a, b) => a - b));
  }

  get(number: number): Pane | undefined {
    return this.#last?.number === number ? this.#last : this.#panes.get(number);
  }

  /** The pane of that number, which may be new. */
  open(number: number): Pane {
    if (this.#last?.number === number) return this.#last;
    let pane = this.#panes.get(number);
    if (pane === undefined) {
      pane = new Pane(number);
      this.#panes.set(number, pane);
      this.#sorted = undefined;
    }
    this.#last = pane;
    return pane;
  }

  drop(number: number): void {
    if (!this.#panes.delete(number)) return;
    this.#sorted = undefined;
    this.#last = undefined;
    this.#dropped.push(number);
  }

  changes(): Log | undefined {
    const pieces: Piece[] = [];
    for (const pane of this.#panes.values()) {
      if (pane.changed.length > 0) pieces.push(pieceOf(pane, pane.changed));
      if (pane.logged < pane.count) pieces.push(pieceBetween(pane, pane.logged, pane.count));
      pane.wasLogged();
    }
    const dropped = this.#dropped;
    if (pieces.length === 0 && dropped.length === 0) return undefined;
    this.#dropped = [];
    return { dropped, pieces };
  }

  rewrite(entries: number): { readonly log: Log | undefined; readonly round: boolean } {
    const round = (this.#round ??= {
      panes: this.numbers().map((number) => {
        const pane = this.#panes.get(number)!;
        return { pane, count: pane.count };
      }),
      at: 0,
      entry: 0,
    });
    const pieces: Piece[] = [];
    let left = Math.max(1, entries);
    while (round.at < round.panes.length && left > 0) {
      const { pane, count } = round.panes[round.at]!;
      const to = this.#panes.has(pane.number) ? Math.min(count, round.entry + left) : 0;
      if (round.entry < to) pieces.push(pieceBetween(pane, round.entry, to));
      left -= Math.max(0, to - round.entry);
      if (to < count && this.#panes.has(pane.number)) round.entry = to;
      else {
        round.at++;
        round.entry = 0;
      }
    }
    const isRound = round.at >= round.panes.length;
    if (isRound) this.#round = undefined;
    return { log: pieces.length === 0 ? undefined : { dropped: [], pieces }, round: isRound };
  }

  apply(log: unknown): void {
    if (log === undefined) return;
    const { dropped, pieces } = log as Log;
    for (const number of dropped) this.#panes.delete(number);
    for (const { pane: number, entries, columns } of pieces) {
      const pane = this.open(number);
      const { keys: slots, values } = unpackColumns(columns);
      for (let i = 0; i < slots.length; i++)
        pane.restore(
          typeof entries === 'number' ? entries + i : entries[i]!,
          slots[i] as number,
          values[i],
        );
      pane.wasLogged();
    }
    this.#sorted = undefined;
    this.#last = undefined;
    this.#dropped = [];
  }
}

function pieceOf(pane: Pane, entries: readonly number[]): Piece {
  return {
    pane: pane.number,
    entries: Int32Array.from(entries),
    columns: packColumns(
      entries.map((entry) => pane.slots[entry]!),
      entries.map((entry) => pane.values[entry]),
    ),
  };
}

function pieceBetween(pane: Pane, from: number, to: number): Piece {
  return {
    pane: pane.number,
    entries: from,
    columns: packColumns(pane.slots.slice(from, to), pane.values.slice(from, to)),
  };
}
