/** Drives an operator of a window batch by batch, with hand-overs and recoveries in between, as its task would. */
import type { BatchOperator, Given } from '../../../src/dstream/run/batch-operator.ts';
import { TaskState } from '../../../src/dstream/state/task-state.ts';
import { SmallSteps } from './small-steps.ts';

export const SLIDE_MS = 1000;

export type Pair = readonly [unknown, unknown];
/** null: missing. */
export type Batches<T> = readonly (readonly T[] | null)[];

/** A random number from 0 to below n. */
export type Random = (n: number) => number;

export function randomFrom(seed: number): Random {
  let state = seed * 2654435761 + 1;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.floor(((state >>> 0) / 2 ** 32) * n);
  };
}

export interface DriveOptions {
  /** Says at random when there is a hand-over, and when a death. @default neither */
  readonly random?: Random;
  readonly zeroTime?: number;
}

/** What the operator gives batch by batch; undefined where it has none. */
export function drive<T>(
  make: () => BatchOperator,
  batches: Batches<T>,
  give: (operator: BatchOperator, batch: readonly T[]) => void,
  { random, zeroTime = 0 }: DriveOptions = {},
): (Given | undefined)[] {
  let operator = make();
  const small = random !== undefined && random(2) === 0;
  const stateOf = ({ cells }: BatchOperator): TaskState | SmallSteps =>
    small ? new SmallSteps(cells, random) : new TaskState(cells);
  let state = stateOf(operator);
  let parts: Uint8Array[] = [];
  /** The batch, and how much of it, that the newest hand-over is behind. */
  let held = { batch: 0, records: 0 };
  const given: (Given | undefined)[] = [];
  const handOver = (batch: number, records: number): void => {
    const handed = state.handOver(undefined);
    held = { batch, records };
    if (handed === undefined) parts = [];
    else if (handed.mode === 'append') parts = [...parts.slice(handed.drop ?? 0), handed.bytes];
  };
  const dies = (): void => {
    operator = make();
    state = stateOf(operator);
    state.restore(parts);
  };
  for (let b = 0, from = 0; b < batches.length;) {
    const batch = batches[b]!;
    const half = random === undefined ? 0 : random((batch?.length ?? 0) + 1);
    for (const [start, end] of [
      [from, half],
      [Math.max(from, half), batch?.length ?? 0],
    ] as const) {
      if (batch !== null && end > start) give(operator, batch.slice(start, end));
      if (random !== undefined && end === half && half > from && random(3) === 0) handOver(b, half);
    }
    if (random !== undefined && random(12) === 0) {
      dies();
      if (random(3) === 0) {
        // The batch that the newest hand-over lies in is begun anew.
        operator.discard();
        handOver(held.batch, 0);
      }
      b = held.batch;
      from = held.records;
      continue;
    }
    given[b] = operator.end({
      time: zeroTime + (b + 1) * SLIDE_MS,
      zeroTime,
      missing: batch === null ? [0] : [],
      watermark: Number.NEGATIVE_INFINITY,
    });
    b++;
    from = 0;
    if (random !== undefined && random(2) === 0) handOver(b, 0);
  }
  return given;
}

export function givePairs(operator: BatchOperator, pairs: readonly Pair[]): void {
  operator.pairs!(
    0,
    pairs.map(([key]) => key),
    pairs.map(([, value]) => value),
  );
}

export function giveRows(operator: BatchOperator, rows: readonly unknown[]): void {
  operator.rows!(0, rows);
}

/** Pairs in an order of their own. */
export function sorted(given: Given | undefined): Pair[] | undefined {
  if (given === undefined || !('keys' in given)) return undefined;
  return given.keys
    .map((key, i): Pair => [key, given.values[i]])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

/** Random batches of pairs, some empty or missing; `value` gives the next value. */
export function randomPairs(
  random: Random,
  value: () => unknown,
  { batches = 40, keys = 12 }: { readonly batches?: number; readonly keys?: number } = {},
): Batches<Pair> {
  return Array.from({ length: batches }, () => {
    const kind = random(6);
    if (kind === 0) return null;
    const size = kind === 1 ? 0 : random(keys);
    return Array.from({ length: size }, (): Pair => [`k${random(keys)}`, value()]);
  });
}
