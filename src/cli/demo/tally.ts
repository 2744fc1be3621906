/**
 * What the job has counted, and its comparison with what the server has served. Pure.
 *
 * I1  The position is the job's own: words are separated by one space and lines end with a newline, so the bytes that
 *     were counted are the sum over all words of their length and one. A word lost or counted twice moves it, and then
 *     neither lines nor counts agree with the ledger there.
 */
import type { Ledger, Served } from './text-process.ts';

export class Tally {
  readonly counts: Map<string, number> = new Map();
  lines = 0;
  words = 0;
  bytes = 0;

  addCounts(pairs: readonly (readonly [string, number])[]): void {
    for (const [word, count] of pairs) {
      this.counts.set(word, (this.counts.get(word) ?? 0) + count);
      this.words += count;
      this.bytes += (word.length + 1) * count;
    }
  }

  addLines(lines: number): void {
    this.lines += lines;
  }
}

/** The words with the most occurrences, most first; equal ones by name. */
export function topOf(
  counts: Iterable<readonly [string, number]>,
  n: number,
): readonly (readonly [string, number])[] {
  const top: (readonly [string, number])[] = [];
  for (const pair of counts) {
    if (top.length === n && pair[1] <= top[n - 1]![1]) continue;
    top.push(pair);
    top.sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    if (top.length > n) top.pop();
  }
  return top;
}

export interface Comparison {
  readonly exact: boolean;
  /** Served, but neither counted nor missing: it was still on its way when the job was stopped. */
  readonly leftBytes: number;
  /** What differs, in sentences. */
  readonly differences: readonly string[];
}

/** Differences that are told one by one. */
const SHOWN = 10;

/**
 * @param ledger the server's, at the position that the job has counted to
 * @param served all that the server has sent
 */
export function compare(tally: Tally, ledger: Ledger, served: Served): Comparison {
  const differences: string[] = [];
  if (tally.lines !== ledger.lines) {
    differences.push(
      `the job counted ${tally.lines} lines; the server served ${ledger.lines} up to byte ${ledger.bytes}`,
    );
  }
  if (tally.bytes > served.bytes) {
    differences.push(`the job counted ${tally.bytes} bytes; the server served ${served.bytes}`);
  }
  let wrong = 0;
  for (const word of new Set([...tally.counts.keys(), ...ledger.counts.keys()])) {
    const counted = tally.counts.get(word) ?? 0;
    const sent = ledger.counts.get(word) ?? 0;
    if (counted === sent) continue;
    wrong++;
    if (wrong <= SHOWN) differences.push(`'${word}': counted ${counted}, served ${sent}`);
  }
  if (wrong > SHOWN) differences.push(`and ${wrong - SHOWN} more words`);
  return {
    exact: differences.length === 0,
    leftBytes: Math.max(0, served.bytes - tally.bytes),
    differences,
  };
}
