/**
 * Drives one operator by hand: batches in, results out, and between them, as often as wanted, its cells are logged and a
 * new operator is built from the logs, as a recovery does. Old logs are dropped when the cells say that they may be.
 */
import { rowsOf } from '../state/stage.ts';
import { packValue, unpackValue } from '../../../src/actors/codec.ts';
import type { BatchEnd, BatchOperator } from '../../../src/dstream/run/batch-operator.ts';
import { TaskState } from '../../../src/dstream/state/task-state.ts';

export interface DrivenBatch {
  /** Pairs, or rows, of each side. */
  readonly sides: readonly (readonly unknown[])[];
  readonly watermark?: number;
}

export interface DriveOperatorOptions {
  /** Gives 0 … n - 1. */
  readonly pick?: (n: number) => number;
  /** Builds the operator anew from its hand-overs after every so many batches. */
  readonly recoverEvery?: number;
  /** Gives each batch once, drops it, and gives it again. */
  readonly discards?: boolean;
}

/** The results of each batch, as rows. */
export function driveOperator(
  create: () => BatchOperator,
  batches: readonly DrivenBatch[],
  { recoverEvery, discards = false, pick = () => 0 }: DriveOperatorOptions = {},
): unknown[][] {
  let operator = create();
  let state = new TaskState(operator.cells);
  let parts: Uint8Array[] = [];
  const give = ({ sides }: DrivenBatch): void => {
    sides.forEach((rows, side) => {
      // In pieces, as blocks come.
      for (let from = 0; from < rows.length;) {
        const to = Math.min(rows.length, from + 1 + pick(5));
        const piece = rows.slice(from, to);
        if (operator.takes === 'rows') operator.rows!(side, piece);
        else {
          operator.pairs!(
            side,
            piece.map((row) => (row as unknown[])[0]),
            piece.map((row) => (row as unknown[])[1]),
          );
        }
        from = to;
      }
    });
  };
  const handOver = (): void => {
    const given = state.handOver(undefined);
    if (given === undefined) parts = [];
    else if (given.mode === 'replace') parts = [given.bytes];
    else if (given.mode === 'append') parts = [...parts.slice(given.drop ?? 0), given.bytes];
  };
  const recover = (): void => {
    operator = create();
    state = new TaskState(operator.cells);
    state.restore(parts);
  };
  return batches.map((batch, n) => {
    const end: BatchEnd = {
      time: (n + 1) * 1000,
      zeroTime: 0,
      missing: [],
      watermark: batch.watermark ?? -Infinity,
    };
    if (discards) {
      give(batch);
      if (pick(2) === 0) handOver();
      operator.discard();
    }
    give(batch);
    if (recoverEvery !== undefined && pick(2) === 0) {
      handOver();
      recover();
    }
    const given = operator.end(end);
    handOver();
    if (recoverEvery !== undefined && n % recoverEvery === 0) recover();
    if (given === undefined) return [];
    return unpackValue(packValue(rowsOf(given))) as unknown[];
  });
}

/** Numbers that look random and are the same each time. */
export function picker(seed: number): (n: number) => number {
  let state = (seed * 2654435761 + 1) >>> 0;
  return (n) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % n;
  };
}

export function sorted(rows: readonly unknown[]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort();
}
