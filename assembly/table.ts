/**
 * The table: word -> count. Open addressing, linear probing, slots of 32 bytes:
 *
 *    0   16   the word, zero padded; or, if it is longer, where its bytes are (u32)
 *   16    4   its length + 1; 0 in a free slot
 *   20    4   murmur of a longer word
 *   24    8   count (i64)
 *
 * I1  Words are equal when their bytes and lengths are: padding never counts, NUL is a byte.
 * I2  A word's place is the upper bits of its home hash, in every table. Whoever goes through the
 *     slots in order, and adds the words to another table, fills that one from one end, and its
 *     probes become as long as the table: hence the order of `listSlots` in columns.ts.
 * I3  At most half of the slots are taken, but for one more while the table grows.
 * I4  Bytes of long words never move until `clear`.
 */
import { give, logOf, take } from './memory';
import { murmur, same, Word } from './word';

export const LENGTH: usize = 16;
export const HASH: usize = 20;
export const COUNT: usize = 24;
export const SLOT: usize = 32;

export const SMALLEST: u32 = 7;

let bits: u32 = SMALLEST;
let shift: u64 = 64 - SMALLEST;
let limit: u32 = 0;
export let slots: usize = 0;
export let slotsEnd: usize = 0;
/** Distinct words. */
export let used: u32 = 0;

/** The chunk that long words are now written to, as a list: next chunk (u32), log of size (u32). */
let chunk: usize = 0;
let chunkAt: usize = 0;
let chunkEnd: usize = 0;
const CHUNK_LOG: u32 = 14;

export class Table {
  /** Adds to the count of a word of at most 16 bytes. */
  @inline static add(w: v128, n: u32, count: i64): void {
    const low = Word.low(w);
    const high = Word.high(w);
    let slot = slots + ((<usize>(Word.home(low, high) >> shift)) << 5);
    while (true) {
      const length = load<u32>(slot, LENGTH);
      const differs =
        (load<u64>(slot) ^ low) | (load<u64>(slot, 8) ^ high) | <u64>(length ^ (n + 1));
      if (differs == 0) {
        store<i64>(slot, load<i64>(slot, COUNT) + count, COUNT);
        break;
      }
      if (length == 0) {
        v128.store(slot, w);
        enter(slot, n, 0, count);
        break;
      }
      slot += SLOT;
      if (slot == slotsEnd) slot = slots;
    }
  }
}

/** Adds to the count of the n bytes at p; n > 16. */
export function addLong(p: usize, n: u32, count: i64): void {
  const hash = murmur(p, n);
  let slot = slots + ((<usize>(Word.homeOfLong(hash) >> shift)) << 5);
  while (true) {
    const length = load<u32>(slot, LENGTH);
    if (length == n + 1 && load<u32>(slot, HASH) == hash && same(load<u32>(slot), p, n)) {
      store<i64>(slot, load<i64>(slot, COUNT) + count, COUNT);
      return;
    }
    if (length == 0) {
      v128.store(slot, i32x4.replace_lane(i32x4.splat(0), 0, <i32>keep(p, n)));
      enter(slot, n, hash, count);
      return;
    }
    slot += SLOT;
    if (slot == slotsEnd) slot = slots;
  }
}

/** Completes a free slot, into which the word was stored. */
function enter(slot: usize, n: u32, hash: u32, count: i64): void {
  store<u32>(slot, n + 1, LENGTH);
  store<u32>(slot, hash, HASH);
  store<i64>(slot, count, COUNT);
  if (++used > limit) resize(bits + 1);
}

/** Where the bytes of the word in a slot begin. */
export function wordAt(slot: usize, n: u32): usize {
  return n > 16 ? <usize>load<u32>(slot) : slot;
}

/** Copies a long word to where it stays. */
function keep(p: usize, n: u32): usize {
  if (<usize>n > chunkEnd - chunkAt) {
    const log = max(CHUNK_LOG, logOf(<u64>n + 8));
    const next = take(log);
    store<u32>(next, <u32>chunk);
    store<u32>(next, log, 4);
    chunk = next;
    chunkAt = next + 8;
    chunkEnd = next + ((<usize>1) << log);
  }
  const at = chunkAt;
  memory.copy(at, p, n);
  chunkAt += <usize>n;
  return at;
}

/** Makes room for a table of `count` words without growing on the way. */
export function reserve(count: u32): void {
  const wanted = bitsFor(count);
  if (slots == 0 || wanted > bits) resize(wanted);
}

function bitsFor(count: u32): u32 {
  return max(SMALLEST, logOf((<u64>count) << 1));
}

function allocate(wanted: u32): void {
  const log = wanted + 5;
  slots = take(log);
  slotsEnd = slots + ((<usize>1) << log);
  memory.fill(slots, 0, (<usize>1) << log);
  bits = wanted;
  shift = 64 - wanted;
  limit = (<u32>1) << (wanted - 1);
}

function resize(wanted: u32): void {
  const oldBits = bits;
  const old = slots;
  const oldEnd = slotsEnd;
  allocate(wanted);
  if (old == 0) return;
  for (let from = old; from < oldEnd; from += SLOT) {
    const length = load<u32>(from, LENGTH);
    if (length == 0) continue;
    const home =
      length > 17
        ? Word.homeOfLong(load<u32>(from, HASH))
        : Word.home(load<u64>(from), load<u64>(from, 8));
    let to = slots + ((<usize>(home >> shift)) << 5);
    while (load<u32>(to, LENGTH) != 0) {
      to += SLOT;
      if (to == slotsEnd) to = slots;
    }
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
  }
  give(old, oldBits + 5);
}

/**
 * Forgets every word. Costs as much as the table is large, so a table that has become far too
 * large for what it held gets smaller.
 */
export function clear(): void {
  const wanted = bitsFor(used);
  used = 0;
  if (bits > wanted + 2) {
    give(slots, bits + 5);
    slots = 0;
    allocate(wanted + 1);
  } else {
    memory.fill(slots, 0, slotsEnd - slots);
  }
  while (chunk != 0) {
    const next = <usize>load<u32>(chunk);
    give(chunk, load<u32>(chunk, 4));
    chunk = next;
  }
  chunkAt = 0;
  chunkEnd = 0;
}
