// Text for benches: Zipf's law over 50,000 words, the same bytes for the same seed (src/testing/zipf-text.ts).
import { zipfText } from '../dist/testing/zipf-text.js';

/** Whole lines, at most `bytes` long. */
export const makeText = (bytes, seed = 1) => zipfText(bytes, { seed }).text;

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
