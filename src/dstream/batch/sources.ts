/** Batches that come from nowhere else: what an output gathered, and arrays. */
import type { BatchPlan } from './plan.ts';

/** One partition, decoded as far as it is read. */
export interface PartitionSource {
  readonly count: number;
  /** The records from `from` (0) to before `to` (all). */
  rows(from?: number, to?: number): readonly unknown[];
}

/** A partition that is an array already. */
export function arrayPartition(rows: readonly unknown[]): PartitionSource {
  return {
    count: rows.length,
    rows: (from = 0, to = rows.length) =>
      from <= 0 && to >= rows.length ? rows : rows.slice(from, to),
  };
}

/** The first chunk of a partition is this small, so that a few records cost little; each next one is twice as large. */
const FIRST_CHUNK = 16;
const LARGEST_CHUNK = 8192;

/** Partitions that may still be columns: a record is made when a chunk with it is read. */
export function sourcePlan(parts: readonly PartitionSource[]): BatchPlan {
  return {
    partitions: parts.length,
    counts: parts.map(({ count }) => count),
    *read(partition) {
      const part = parts[partition]!;
      let size = FIRST_CHUNK;
      for (let from = 0; from < part.count; size = Math.min(LARGEST_CHUNK, size * 2)) {
        const to = Math.min(part.count, from + size);
        yield part.rows(from, to);
        from = to;
      }
    },
  };
}

/** Deals an array out: element i of n goes to partition p where floor(p·n/P) <= i < floor((p+1)·n/P). */
export function dealt(
  records: readonly unknown[],
  partitions: number,
): readonly (readonly unknown[])[] {
  const n = records.length;
  return Array.from({ length: partitions }, (_, p) =>
    records.slice(Math.floor((p * n) / partitions), Math.floor(((p + 1) * n) / partitions)),
  );
}
