/**
 * Entries of a pane as a log has them: pieces, each with what some entries were at some time. The newest piece that has
 * a key says what its value is. Pure functions.
 */
import { Pane } from './pane.ts';

export interface Piece {
  readonly pane: number;
  /** The last pane that was complete when it was written. */
  readonly at: number;
  readonly slots: Int32Array;
  readonly values: readonly unknown[] | Float64Array;
}

/** What is written of entries: all from `from` to before `to`, or those that are listed. It refers to live values. */
export function pieceOf(
  pane: Pane,
  entries: { readonly from: number; readonly to: number } | readonly number[],
  at: number,
): Piece {
  if (!('from' in entries)) {
    return {
      pane: pane.number,
      at,
      slots: Int32Array.from(entries, (i) => pane.slots[i]!),
      values: packed(entries.map((i) => pane.values[i])),
    };
  }
  const { from, to } = entries;
  return {
    pane: pane.number,
    at,
    slots: pane.slots.slice(from, to),
    values: packed(pane.values, from, to),
  };
}

/** Values as the codec takes them: numbers alone are 8 bytes each, and copied in one go. */
export function packed(
  values: readonly unknown[],
  from = 0,
  to: number = values.length,
): readonly unknown[] | Float64Array {
  const numbers = new Float64Array(to - from);
  for (let i = from; i < to; i++) {
    const value = values[i];
    if (typeof value !== 'number') return values.slice(from, to);
    numbers[i - from] = value;
  }
  return numbers;
}

/** The pane that the pieces make, oldest piece first, and for each entry the `at` of its piece. `slots`: above all slots. */
export function joinPieces(
  number: number,
  pieces: readonly Piece[],
  slots: number,
): { readonly pane: Pane; readonly at: Float64Array } {
  const pane = new Pane(number);
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined) {
    pane.slots = only.slots;
    pane.count = only.slots.length;
    pane.values = Array.from(only.values);
    pane.logged = pane.count;
    return { pane, at: new Float64Array(pane.count).fill(only.at) };
  }
  const at: number[] = [];
  const seen = new Uint8Array(slots);
  for (let p = pieces.length - 1; p >= 0; p--) {
    const piece = pieces[p]!;
    for (let i = 0; i < piece.slots.length; i++) {
      const slot = piece.slots[i]!;
      if (slot >= slots || seen[slot] === 1) continue;
      seen[slot] = 1;
      pane.add(slot, piece.values[i]);
      at.push(piece.at);
    }
  }
  pane.logged = pane.count;
  return { pane, at: Float64Array.from(at) };
}
