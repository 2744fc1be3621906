/** How the tests of semantics compare batches. */
import { inspect } from 'node:util';

type Batches = readonly (readonly unknown[] | null)[];

/** Batches with their times (an interval of 1000 ms), those that are missing left out. */
export function timesOf(
  batches: Batches,
  each: (values: readonly unknown[]) => readonly unknown[] = (values) => values,
): { time: number; values: readonly unknown[] }[] {
  return batches.flatMap((values, index) =>
    values === null ? [] : [{ time: 1000 * (index + 1), values: each(values) }],
  );
}

/** Records in an order of their own, whatever order they came in. */
export function byContent(records: readonly unknown[]): readonly unknown[] {
  const text = (record: unknown): string =>
    inspect(record, { depth: null, sorted: true, compact: true });
  return records.toSorted((a, b) => (text(a) < text(b) ? -1 : 1));
}
