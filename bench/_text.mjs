// Text for benchmarks: the same seed gives the same bytes on every machine.
//
// Words follow Zipf's law (exponent 1.0) over a vocabulary of 50,000 distinct lower-case words.
// Frequent words are short, as in real text, so a line of ten words is about 60 bytes.
// One word in 500 is longer than 16 bytes, so no counter gets away without its slow path.
// Pure functions: no clock, no files, any thread.

/** A 32-bit generator (mulberry32): returns a function giving integers 0 … 2^32 - 1. */
export function randomSource(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** `size` distinct words, the most frequent rank first. */
export function makeVocabulary(size = 50_000, seed = 1) {
  const next = randomSource(seed ^ 0x5bd1e995);
  const words = [];
  const seen = new Set();
  while (words.length < size) {
    const rank = words.length;
    // Lengths of the ranks: 1-4, then 3-6, then 5-10, and a few long ones.
    let length;
    if (rank % 500 === 499) length = 17 + (next() % 16);
    else if (rank < 40) length = 1 + (next() % 4);
    else if (rank < 1000) length = 3 + (next() % 4);
    else length = 5 + (next() % 6);
    let word = '';
    for (let i = 0; i < length; i++) word += String.fromCharCode(97 + (next() % 26));
    if (seen.has(word)) continue;
    seen.add(word);
    words.push(word);
  }
  return words;
}

/**
 * A sampler of ranks 0 … n - 1 with weights 1 / (rank + 1) ** exponent, by Walker's alias method:
 * two random numbers and one comparison a sample, however large n is.
 */
export function zipfSampler(n, next, exponent = 1.0) {
  const weights = new Float64Array(n);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += weights[i] = (i + 1) ** -exponent;
  const keep = new Float64Array(n);
  const alias = new Uint32Array(n);
  const small = [];
  const large = [];
  for (let i = 0; i < n; i++) {
    keep[i] = (weights[i] / sum) * n;
    (keep[i] < 1 ? small : large).push(i);
  }
  while (small.length > 0 && large.length > 0) {
    const low = small.pop();
    const high = large[large.length - 1];
    alias[low] = high;
    keep[high] -= 1 - keep[low];
    if (keep[high] < 1) small.push(large.pop());
  }
  // What is left over is 1 but for rounding.
  for (const i of small) keep[i] = 1;
  for (const i of large) keep[i] = 1;
  return () => {
    const i = next() % n;
    return next() < keep[i] * 4294967296 ? i : alias[i];
  };
}

/**
 * Whole lines of Zipf text, at most `bytes` long and at least `bytes` less one line.
 * Words are separated by single spaces, lines end with \n.
 */
export function makeText(bytes, seed = 1, options = {}) {
  const { vocabulary = 50_000, exponent = 1.0, wordsPerLine = 10 } = options;
  const words = makeVocabulary(vocabulary, seed).map((word) => Buffer.from(word, 'latin1'));
  const sample = zipfSampler(vocabulary, randomSource(seed), exponent);
  const out = Buffer.alloc(bytes);
  const line = Buffer.alloc(wordsPerLine * 64);
  let at = 0;
  for (;;) {
    let length = 0;
    for (let i = 0; i < wordsPerLine; i++) {
      const word = words[sample()];
      line.set(word, length);
      length += word.length;
      line[length++] = i === wordsPerLine - 1 ? 10 : 32;
    }
    if (at + length > bytes) return out.subarray(0, at);
    out.set(line.subarray(0, length), at);
    at += length;
  }
}

/** Cuts text into blocks of whole lines of at most `size` bytes (a longer line is a block of its own). */
export function blocksOf(text, size = 256 * 1024) {
  const blocks = [];
  for (let at = 0; at < text.length;) {
    let end = Math.min(text.length, at + size);
    if (end < text.length) {
      const newline = text.lastIndexOf(10, end - 1);
      end = newline >= at ? newline + 1 : text.indexOf(10, end) + 1 || text.length;
    }
    blocks.push(text.subarray(at, end));
    at = end;
  }
  return blocks;
}
