/**
 * An endless text and what is in it: one Zipf text, repeated, with the counts of its words up to any position.
 *
 * The counts up to every megabyte are kept (50,000 words: 200 KB each), so an answer costs the reading of at most one
 * megabyte, however far the position is.
 */
import { zipfText, type ZipfOptions } from './zipf-text.ts';

export interface TextLedgerOptions extends ZipfOptions {
  /** Length of what is repeated, in bytes, up to one line less. @default 16 MiB */
  readonly loopBytes?: number;
}

const STRIDE_BYTES = 1 << 20;

export class TextLedger {
  /** What is repeated: whole lines. */
  readonly text: Buffer;
  readonly #words: readonly string[];
  readonly #rank = new Map<string, number>();
  /** Where each line ends. */
  readonly #lineEnds: Uint32Array;
  /** Counts by rank of the lines that end at or before each stride. */
  readonly #counts: Uint32Array[] = [];
  /** Number of those lines. */
  readonly #lines: number[] = [0];
  readonly #total: Uint32Array;

  constructor(options: TextLedgerOptions = {}) {
    const { loopBytes = 1 << 24, vocabulary = 50_000 } = options;
    const ends: number[] = [];
    const counts = new Uint32Array(vocabulary);
    this.#counts.push(counts.slice());
    const { text, words } = zipfText(loopBytes, options, (end, ranks) => {
      while (end > STRIDE_BYTES * this.#counts.length) {
        this.#counts.push(counts.slice());
        this.#lines.push(ends.length);
      }
      ends.push(end);
      for (const rank of ranks) counts[rank]!++;
    });
    if (ends.length === 0)
      throw new RangeError(`loopBytes (${loopBytes}) is too small for one line`);
    this.text = text;
    this.#words = words;
    words.forEach((word, rank) => this.#rank.set(word, rank));
    this.#lineEnds = Uint32Array.from(ends);
    this.#total = counts;
  }

  get linesPerLoop(): number {
    return this.#lineEnds.length;
  }

  /** Number of whole lines in the first `bytes` bytes. */
  linesAt(bytes: number): number {
    const loops = Math.floor(bytes / this.text.length);
    return loops * this.linesPerLoop + this.#linesWithin(bytes - loops * this.text.length);
  }

  /** Bytes of the first `lines` lines. */
  bytesOf(lines: number): number {
    const loops = Math.floor(lines / this.linesPerLoop);
    const rest = lines - loops * this.linesPerLoop;
    return loops * this.text.length + (rest === 0 ? 0 : this.#lineEnds[rest - 1]!);
  }

  /** How often each word occurs in the whole lines among the first `bytes` bytes. */
  countsAt(bytes: number): Map<string, number> {
    const loops = Math.floor(bytes / this.text.length);
    const rest = bytes - loops * this.text.length;
    const stride = Math.min(Math.floor(rest / STRIDE_BYTES), this.#counts.length - 1);
    const counts = Float64Array.from(
      this.#counts[stride]!,
      (count, rank) => count + loops * this.#total[rank]!,
    );
    const fromLine = this.#lines[stride]!;
    const from = fromLine === 0 ? 0 : this.#lineEnds[fromLine - 1]!;
    const toLine = this.#linesWithin(rest);
    if (toLine > fromLine) {
      const text = this.text.toString('latin1', from, this.#lineEnds[toLine - 1]! - 1);
      for (const word of text.split(/[ \n]/)) counts[this.#rank.get(word)!]!++;
    }
    const result = new Map<string, number>();
    counts.forEach((count, rank) => {
      if (count > 0) result.set(this.#words[rank]!, count);
    });
    return result;
  }

  /** Lines of one loop that end at or before `bytes`. */
  #linesWithin(bytes: number): number {
    let low = 0;
    let high = this.#lineEnds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#lineEnds[middle]! <= bytes) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
