/**
 * The entry of the module: what the host calls (src/dstream/kernel/wasm.ts says in which order).
 *
 * The host copies a block of whole lines to `input(length)` and calls `run(length)`. A line ends at
 * \n, the last one also at the end of the block; a \r before the end belongs to it.
 *
 * I1  A separator \r sets `perLine`: line ends are then \n alone before anything is split.
 */
import { lower, kept, read, transform } from './lines';
import { logOf, scratch, take } from './memory';
import { countByte, countWords, mayHave, split, words } from './scan';
import { reserve } from './table';

export { add, merge, partition } from './columns';
export { clear, used } from './table';

const INPUT: usize = memory.data(8, 8);
const LINES: usize = memory.data(8, 8);
const BEFORE: usize = 16;

const WORDS: u32 = 1;

let perLine: bool = false;
let lowerFirst: bool = false;
let tokens: u32 = 0;
let separator: u32 = 10;
let counting: bool = false;
let steps: usize = 0;
let stepCount: u32 = 0;

/** Tokens in the last block, when the program counts. */
export let counted: u32 = 0;

/** Must be called first. */
export function start(): void {
  reserve(0);
}

/** A region that stays. */
export function claim(bytes: u32): usize {
  return take(logOf(bytes));
}

/** `tokens`: 0 lines and split (lines are split at \n), 1 words. */
export function program(
  perLine_: bool,
  lowerFirst_: bool,
  tokens_: u32,
  separator_: u32,
  counting_: bool,
  steps_: usize,
  stepCount_: u32,
): void {
  perLine = perLine_;
  lowerFirst = lowerFirst_;
  tokens = tokens_;
  separator = separator_;
  counting = counting_;
  steps = steps_;
  stepCount = stepCount_;
}

/** Where the host puts `bytes` bytes; at a multiple of 16, and valid until the next call. */
export function input(bytes: u32): usize {
  const region = scratch(INPUT, <u64>bytes + BEFORE + 1);
  // `split` looks at the byte before a line end.
  store<u8>(region + BEFORE - 1, 0);
  return region + BEFORE;
}

/** Takes the block that lies at the input; returns the lines read. */
export function run(length: u32): u32 {
  counted = 0;
  if (length == 0) return 0;
  let p = <usize>load<u32>(INPUT) + BEFORE;
  let end = p + <usize>length;
  if (load<u8>(end - 1) != 10) store<u8>(end++, 10);
  if (lowerFirst) lower(p, end);
  let lines: u32;
  let left: u32;
  if (perLine) {
    const out = scratch(LINES, <u64>(end - p) + 16);
    end = transform(p, end, out, steps, stepCount);
    p = out;
    lines = read;
    left = kept;
  } else {
    lines = left = countByte(p, end, 10);
  }
  if (counting) {
    if (tokens == WORDS) counted = countWords(p, end);
    else if (separator == 10) counted = left;
    else counted = left + countByte(p, end, separator);
  } else if (tokens == WORDS) {
    words(p, end);
  } else {
    split(p, end, separator, !perLine && mayHave(p, end, 13));
  }
  return lines;
}
