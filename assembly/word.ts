/**
 * Words as vectors, and the two hashes.
 *
 * A word of up to 16 bytes is one vector, zero padded. `home` places it in the table and is as
 * cheap as can be: a dearer hash costs a tenth of the speed. `murmur` is MurmurHash3 (x86, 32 bits,
 * seed 0) of a word's bytes: it decides the partition of a key, and src/dstream/kernel/hash.ts
 * computes the same.
 */

/** 16 bytes of ones, then 16 of zeros: a load at 16 - n is a mask of n bytes. */
const MASKS: usize = memory.data<u64>([0xffffffffffffffff, 0xffffffffffffffff, 0, 0], 16);

const K0: u64 = 0x9e3779b97f4a7c15;
const K1: u64 = 0xc2b2ae3d27d4eb4f;
const C1: u32 = 0xcc9e2d51;
const C2: u32 = 0x1b873593;

export class Word {
  /** The first n bytes of a vector, the rest zero; n <= 16. */
  @inline static cut(v: v128, n: u32): v128 {
    return v128.and(v, v128.load(MASKS + 16 - <usize>n));
  }

  @inline static low(w: v128): u64 {
    return <u64>i64x2.extract_lane(w, 0);
  }

  @inline static high(w: v128): u64 {
    return <u64>i64x2.extract_lane(w, 1);
  }

  /** The upper bits of this are the place in a table, whatever its size. */
  @inline static home(low: u64, high: u64): u64 {
    return low * K0 + high * K1;
  }

  /** The same for a longer word, from its murmur. */
  @inline static homeOfLong(hash: u32): u64 {
    return <u64>hash * K0;
  }
}

/** Reads up to 3 bytes behind the word. */
export function murmur(at: usize, n: u32): u32 {
  let h: u32 = 0;
  const tail = at + <usize>(n & ~3);
  for (; at < tail; at += 4) {
    h ^= rotl<u32>(load<u32>(at) * C1, 15) * C2;
    h = rotl<u32>(h, 13) * 5 + 0xe6546b64;
  }
  const rest = load<u32>(at) & (((<u32>1) << ((n & 3) << 3)) - 1);
  h ^= rotl<u32>(rest * C1, 15) * C2;
  h ^= n;
  h = (h ^ (h >> 16)) * 0x85ebca6b;
  h = (h ^ (h >> 13)) * 0xc2b2ae35;
  return h ^ (h >> 16);
}

/** Whether n bytes at p are those at q; n > 16. */
export function same(p: usize, q: usize, n: u32): bool {
  // The last vector may overlap the one before it.
  const last = p + <usize>n - 16;
  while (true) {
    if (v128.any_true(v128.xor(v128.load(p), v128.load(q)))) return false;
    if (p == last) return true;
    const step = min<usize>(16, last - p);
    p += step;
    q += step;
  }
}
