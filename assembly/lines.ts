/**
 * What is done line by line: trim, toLowerCase, grep. The lines that stay are written one after
 * another, each ended by \n alone; scan.ts goes on from there.
 *
 * A step is 12 bytes: kind, and for a grep where its needle is and how long.
 */
import { lineEnd } from './scan';

const TRIM: u32 = 0;
const LOWER: u32 = 1;
const GREP: u32 = 2;

/** Lines read by the last `transform`, and lines it kept. */
export let read: u32 = 0;
export let kept: u32 = 0;

/** Returns the end of what was written to `out`, which has room for all, and 16 bytes more. */
export function transform(p: usize, end: usize, out: usize, steps: usize, count: u32): usize {
  const stepsEnd = steps + <usize>count * 12;
  read = 0;
  kept = 0;
  while (p < end) {
    let start = p;
    let stop = lineEnd(p);
    p = stop + 1;
    read++;
    if (stop > start && load<u8>(stop - 1) == 13) stop--;
    let keep = true;
    for (let step = steps; keep && step < stepsEnd; step += 12) {
      const kind = load<u32>(step);
      if (kind == TRIM) {
        while (start < stop && isSpace(load<u8>(start))) start++;
        while (start < stop && isSpace(load<u8>(stop - 1))) stop--;
      } else if (kind == LOWER) {
        lower(start, stop);
      } else if (kind == GREP) {
        keep = includes(start, stop, load<u32>(step, 4), load<u32>(step, 8));
      }
    }
    if (!keep) continue;
    kept++;
    const length = stop - start;
    for (let i: usize = 0; i < length; i += 16) v128.store(out + i, v128.load(start + i));
    out += length;
    store<u8>(out++, 10);
  }
  return out;
}

/** What String.prototype.trim takes away, as far as it is ASCII. */
function isSpace(byte: u32): bool {
  return byte == 32 || byte - 9 < 5;
}

/** ASCII letters become small, in place. */
export function lower(p: usize, end: usize): void {
  for (; p + 16 <= end; p += 16) v128.store(p, lowered(v128.load(p)));
  for (; p < end; p++) {
    const byte = <u32>load<u8>(p);
    if (byte - 65 < 26) store<u8>(p, byte | 32);
  }
}

function lowered(v: v128): v128 {
  const capital = i8x16.lt_u(i8x16.sub(v, i8x16.splat(65)), i8x16.splat(26));
  return v128.or(v, v128.and(capital, i8x16.splat(32)));
}

/** Whether the needle occurs: candidates agree with it in their first and last byte. */
function includes(p: usize, end: usize, needle: usize, n: u32): bool {
  if (n == 0) return true;
  if (<usize>n > end - p) return false;
  const first = i8x16.splat(load<i8>(needle));
  const last = i8x16.splat(load<i8>(needle + <usize>n - 1));
  // One past the last place at which it can begin.
  const places = end - <usize>n + 1;
  for (; p < places; p += 16) {
    let mask = <u32>(
      i8x16.bitmask(
        v128.and(i8x16.eq(v128.load(p), first), i8x16.eq(v128.load(p + <usize>n - 1), last)),
      )
    );
    if (places - p < 16) mask &= ((<u32>1) << (<u32>(places - p))) - 1;
    for (; mask != 0; mask &= mask - 1) {
      const at = p + <usize>ctz(mask);
      let i: usize = 1;
      while (i < <usize>n && load<u8>(at + i) == load<u8>(needle + i)) i++;
      if (i >= <usize>n) return true;
    }
  }
  return false;
}
