/** How a list of records is spread over partitions: in order, in runs whose lengths differ by at most one. */

/** Record i of n goes to partition p where floor(p·n/P) <= i < floor((p+1)·n/P). */
export function splitRows(rows: readonly unknown[], partitions: number): (readonly unknown[])[] {
  const split: (readonly unknown[])[] = [];
  for (let p = 0; p < partitions; p++) {
    const from = Math.floor((p * rows.length) / partitions);
    split.push(rows.slice(from, Math.floor(((p + 1) * rows.length) / partitions)));
  }
  return split;
}
