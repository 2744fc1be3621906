/**
 * Text whose words follow Zipf's law, made from a seed: the same seed gives the same bytes on every machine.
 *
 * Frequent words are short, as in real text, so a line of ten words is about 60 bytes. One word in 500 is longer than
 * 16 bytes, so no counter gets away without its slow path.
 */

export interface ZipfOptions {
  /** @default 1 */
  readonly seed?: number;
  /** Distinct words. @default 50_000 */
  readonly vocabulary?: number;
  /** The word of rank r (from 1) has weight 1 / r ** exponent. @default 1 */
  readonly exponent?: number;
  /** @default 10 */
  readonly wordsPerLine?: number;
}

const NEWLINE = 10;
const SPACE = 32;

/** A 32-bit generator (mulberry32): integers from 0 to 2^32 - 1. */
export function randomIntegers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Distinct lower-case words, the most frequent first. */
export function makeVocabulary(size: number, seed: number): string[] {
  const next = randomIntegers(seed ^ 0x5bd1e995);
  const words = new Set<string>();
  while (words.size < size) {
    const rank = words.size;
    let length: number;
    if (rank % 500 === 499) length = 17 + (next() % 16);
    else if (rank < 40) length = 1 + (next() % 4);
    else if (rank < 1000) length = 3 + (next() % 4);
    else length = 5 + (next() % 6);
    let word = '';
    for (let i = 0; i < length; i++) word += String.fromCharCode(97 + (next() % 26));
    words.add(word);
  }
  return [...words];
}

/** Ranks from 0, drawn by Walker's alias method: two random numbers and one comparison, however many there are. */
export function zipfRanks(size: number, exponent: number, next: () => number): () => number {
  const weights = Float64Array.from({ length: size }, (_, rank) => (rank + 1) ** -exponent);
  const sum = weights.reduce((a, b) => a + b);
  const keep = weights.map((weight) => (weight / sum) * size);
  const alias = new Uint32Array(size);
  const small: number[] = [];
  const large: number[] = [];
  for (let i = 0; i < size; i++) (keep[i]! < 1 ? small : large).push(i);
  while (small.length > 0 && large.length > 0) {
    const low = small.pop()!;
    const high = large.at(-1)!;
    alias[low] = high;
    keep[high]! -= 1 - keep[low]!;
    if (keep[high]! < 1) small.push(large.pop()!);
  }
  // What is left over is 1 but for rounding.
  for (const i of [...small, ...large]) keep[i] = 1;
  return () => {
    const i = next() % size;
    return next() < keep[i]! * 2 ** 32 ? i : alias[i]!;
  };
}

/**
 * Whole lines, at most `bytes` long and at least that less one line. Words are separated by single spaces.
 * @param onLine called for each line with where it ends and the ranks of its words; the array is used again
 */
export function zipfText(
  bytes: number,
  options: ZipfOptions = {},
  onLine?: (end: number, ranks: Uint32Array) => void,
): { readonly text: Buffer; readonly words: readonly string[] } {
  const { seed = 1, vocabulary = 50_000, exponent = 1, wordsPerLine = 10 } = options;
  const words = makeVocabulary(vocabulary, seed);
  const encoded = words.map((word) => Buffer.from(word, 'latin1'));
  const nextRank = zipfRanks(vocabulary, exponent, randomIntegers(seed));
  const out = Buffer.allocUnsafeSlow(bytes);
  const line = Buffer.alloc(wordsPerLine * 64);
  const ranks = new Uint32Array(wordsPerLine);
  let at = 0;
  for (;;) {
    let length = 0;
    for (let i = 0; i < wordsPerLine; i++) {
      const rank = nextRank();
      const word = encoded[rank]!;
      ranks[i] = rank;
      line.set(word, length);
      length += word.length;
      line[length++] = i === wordsPerLine - 1 ? NEWLINE : SPACE;
    }
    if (at + length > bytes) return { text: out.subarray(0, at), words };
    out.set(line.subarray(0, length), at);
    at += length;
    onLine?.(at, ranks);
  }
}
