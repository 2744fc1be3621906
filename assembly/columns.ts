/**
 * The table as columns, and columns into the table.
 *
 * `partition(n)` lays out one group of columns a partition, murmur(word) % n: counts (f64), then
 * lengths (u32), then the bytes of the words. A record of 16 bytes a partition says where it is.
 *
 * I1  Every group begins at a multiple of 8, and 16 bytes behind it belong to nobody: words are
 *     copied 16 bytes at a time.
 */
import { scratch } from './memory';
import {
  addLong,
  COUNT,
  LENGTH,
  reserve,
  SLOT,
  slots,
  slotsEnd,
  SMALLEST,
  Table,
  used,
  wordAt,
} from './table';
import { murmur, Word } from './word';

const RECORDS: usize = memory.data(8, 8);
const LIST: usize = memory.data(8, 8);
const GROUPS: usize = memory.data(8, 8);

// A partition's record: the count of words, of their bytes, where the group is, and while it is
// filled where the next of each column goes.
const BYTES: usize = 4;
const AT: usize = 8;
const NEXT_COUNT: usize = 12;
const NEXT_LENGTH: usize = 16;
const NEXT_BYTE: usize = 20;
const RECORD: usize = 32;

/**
 * Addresses of the taken slots, with room for 4 bytes beside each. Runs of neighbours stay
 * together, which caches like; the runs come in bit-reversed order, so that any first part of the
 * list is spread evenly over the table (I2 of table.ts).
 */
function listSlots(): usize {
  const list = scratch(LIST, ((<u64>used) << 3) + 8);
  const runs = (slotsEnd - slots) >> (SMALLEST + 5);
  let out = list;
  let run: usize = 0;
  for (let i: usize = 0; i < runs; i++) {
    let slot = slots + (run << (SMALLEST + 5));
    const end = slot + (SLOT << SMALLEST);
    for (; slot < end; slot += SLOT) {
      // Without a branch: whether a slot is taken is a coin toss.
      store<u32>(out, <u32>slot);
      out += select<usize>(8, 0, load<u32>(slot, LENGTH) != 0);
    }
    // The reversed counter: carries go to the right.
    let bit = runs >> 1;
    while (run & bit) {
      run ^= bit;
      bit >>= 1;
    }
    run |= bit;
  }
  return list;
}

/** Lays out the table for n partitions; returns their records, which begin {count, bytes, at}. */
export function partition(n: u32): usize {
  const list = listSlots();
  const listEnd = list + ((<usize>used) << 3);
  const records = scratch(RECORDS, <u64>n * RECORD);
  const recordsEnd = records + <usize>n * RECORD;
  memory.fill(records, 0, recordsEnd - records);
  for (let item = list; item < listEnd; item += 8) {
    const slot = <usize>load<u32>(item);
    const length = load<u32>(slot, LENGTH) - 1;
    const index = n == 1 ? 0 : murmur(wordAt(slot, length), length) % n;
    const record = records + <usize>index * RECORD;
    store<u32>(item, <u32>record, 4);
    store<u32>(record, load<u32>(record) + 1);
    store<u32>(record, load<u32>(record, BYTES) + length, BYTES);
  }
  let total: u64 = 0;
  for (let record = records; record < recordsEnd; record += RECORD) total += sizeOf(record);
  let group = scratch(GROUPS, total);
  for (let record = records; record < recordsEnd; record += RECORD) {
    const count = load<u32>(record);
    store<u32>(record, <u32>group, AT);
    store<u32>(record, <u32>group, NEXT_COUNT);
    store<u32>(record, <u32>group + (count << 3), NEXT_LENGTH);
    store<u32>(record, <u32>group + count * 12, NEXT_BYTE);
    group += <usize>sizeOf(record);
  }
  for (let item = list; item < listEnd; item += 8) put(load<u32>(item), load<u32>(item, 4));
  return records;
}

/** What a group takes, by I1. */
function sizeOf(record: usize): u64 {
  return (<u64>load<u32>(record) * 12 + load<u32>(record, BYTES) + 16 + 7) & ~7;
}

function put(slot: usize, record: usize): void {
  const length = load<u32>(slot, LENGTH) - 1;
  const count = load<u32>(record, NEXT_COUNT);
  store<f64>(count, <f64>load<i64>(slot, COUNT));
  store<u32>(record, count + 8, NEXT_COUNT);
  const at = load<u32>(record, NEXT_LENGTH);
  store<u32>(at, length);
  store<u32>(record, at + 4, NEXT_LENGTH);
  const byte = load<u32>(record, NEXT_BYTE);
  if (length <= 16) v128.store(byte, v128.load(slot));
  else memory.copy(byte, wordAt(slot, length), length);
  store<u32>(record, byte + length, NEXT_BYTE);
}

/**
 * Adds columns to the table: `count` words, laid out as a group is. Does nothing and returns false
 * when the lengths don't come to `bytes`.
 */
export function merge(group: usize, count: u32, bytes: u32): bool {
  const lengths = group + ((<usize>count) << 3);
  let total: u64 = 0;
  for (let i: usize = 0; i < count; i++) total += load<u32>(lengths + (i << 2));
  if (total != bytes) return false;
  reserve(max(used, count));
  let byte = group + <usize>count * 12;
  for (let i: usize = 0; i < count; i++) {
    const length = load<u32>(lengths + (i << 2));
    const times = <i64>load<f64>(group + (i << 3));
    if (length <= 16) Table.add(Word.cut(v128.load(byte), length), length, times);
    else addLong(byte, length, times);
    byte += length;
  }
  return true;
}

/** Adds one word. */
export function add(at: usize, length: u32, count: f64): void {
  const times = <i64>count;
  if (length <= 16) Table.add(Word.cut(v128.load(at), length), length, times);
  else addLong(at, length, times);
}
