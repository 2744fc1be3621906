/**
 * Loops over text that see 64 bytes at a time as one mask, a bit a byte.
 *
 * I1  Text ends with \n, so every word and every line ends at a delimiter inside it.
 * I2  What lies behind the end is loaded but masked.
 */
import { addLong, Table } from './table';
import { Word } from './word';

class Mask {
  /** Bytes that are ASCII white space: tab, \n, \v, \f, \r, space. */
  @inline static spaces(v: v128): u64 {
    const controls = i8x16.le_u(i8x16.sub(v, i8x16.splat(9)), i8x16.splat(4));
    return <u64>(<u32>i8x16.bitmask(v128.or(i8x16.eq(v, i8x16.splat(32)), controls)));
  }

  @inline static spaces64(p: usize): u64 {
    return (
      Mask.spaces(v128.load(p)) |
      (Mask.spaces(v128.load(p, 16)) << 16) |
      (Mask.spaces(v128.load(p, 32)) << 32) |
      (Mask.spaces(v128.load(p, 48)) << 48)
    );
  }

  @inline static either(v: v128, a: v128, b: v128): u64 {
    return <u64>(<u32>i8x16.bitmask(v128.or(i8x16.eq(v, a), i8x16.eq(v, b))));
  }

  @inline static either64(p: usize, a: v128, b: v128): u64 {
    return (
      Mask.either(v128.load(p), a, b) |
      (Mask.either(v128.load(p, 16), a, b) << 16) |
      (Mask.either(v128.load(p, 32), a, b) << 32) |
      (Mask.either(v128.load(p, 48), a, b) << 48)
    );
  }

  /** A one for each of the 64 bytes at p that lies before the end. */
  @inline static before(p: usize, end: usize): u64 {
    return end - p >= 64 ? ~(<u64>0) : ((<u64>1) << (<u64>(end - p))) - 1;
  }
}

/** Adds every word between white space. */
export function words(p: usize, end: usize): void {
  let start = p;
  for (; p < end; p += 64) {
    let mask = Mask.spaces64(p) & Mask.before(p, end);
    while (mask != 0) {
      const stop = p + <usize>ctz(mask);
      mask &= mask - 1;
      const n = <u32>(stop - start);
      if (n - 1 < 16) Table.add(Word.cut(v128.load(start), n), n, 1);
      else if (n != 0) addLong(start, n, 1);
      start = stop + 1;
    }
  }
}

/** How many words there are. */
export function countWords(p: usize, end: usize): u32 {
  let total: u64 = 0;
  let spaceBefore: u64 = 1;
  for (; p < end; p += 64) {
    const spaces = Mask.spaces64(p) | ~Mask.before(p, end);
    total += popcnt<u64>(~spaces & ((spaces << 1) | spaceBefore));
    spaceBefore = spaces >> 63;
  }
  return <u32>total;
}

/**
 * Adds every stretch between separators, empty ones too. A line end is a separator; with `crlf` a
 * \r before it belongs to it.
 */
export function split(p: usize, end: usize, separator: u32, crlf: bool): void {
  const a = i8x16.splat(<i8>separator);
  const b = i8x16.splat(10);
  let start = p;
  for (; p < end; p += 64) {
    let mask = Mask.either64(p, a, b) & Mask.before(p, end);
    while (mask != 0) {
      const stop = p + <usize>ctz(mask);
      mask &= mask - 1;
      // The byte before an empty stretch is a separator, never \r (see text.ts).
      let n = <u32>(stop - start);
      if (crlf) n -= u32(load<u8>(stop) == 10) & u32(load<u8>(stop - 1) == 13);
      if (n <= 16) Table.add(Word.cut(v128.load(start), n), n, 1);
      else addLong(start, n, 1);
      start = stop + 1;
    }
  }
}

/** How often a byte occurs. */
export function countByte(p: usize, end: usize, byte: u32): u32 {
  const a = i8x16.splat(<i8>byte);
  let total: u32 = 0;
  while (end - p >= 64) {
    // Each lane counts the hits of its column; it would overflow after 63 rounds.
    let hits = i8x16.splat(0);
    const stop = p + min<usize>((end - p) & ~63, 63 * 64);
    for (; p < stop; p += 64) {
      hits = i8x16.sub(hits, i8x16.eq(v128.load(p), a));
      hits = i8x16.sub(hits, i8x16.eq(v128.load(p, 16), a));
      hits = i8x16.sub(hits, i8x16.eq(v128.load(p, 32), a));
      hits = i8x16.sub(hits, i8x16.eq(v128.load(p, 48), a));
    }
    const sums = i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(hits));
    total += i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1);
    total += i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
  }
  if (p < end) total += <u32>popcnt(Mask.either64(p, a, a) & Mask.before(p, end));
  return total;
}

/** Whether a byte occurs, in the text or up to 63 bytes behind it. */
export function mayHave(p: usize, end: usize, byte: u32): bool {
  const a = i8x16.splat(<i8>byte);
  let hits = i8x16.splat(0);
  for (; p < end; p += 64) {
    hits = v128.or(hits, i8x16.eq(v128.load(p), a));
    hits = v128.or(hits, i8x16.eq(v128.load(p, 16), a));
    hits = v128.or(hits, i8x16.eq(v128.load(p, 32), a));
    hits = v128.or(hits, i8x16.eq(v128.load(p, 48), a));
  }
  return v128.any_true(hits);
}

/** Where the next \n is. */
export function lineEnd(p: usize): usize {
  while (true) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(p), i8x16.splat(10)));
    if (mask != 0) return p + <usize>ctz(mask);
    p += 16;
  }
}
