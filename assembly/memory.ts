/**
 * Regions of the module's private memory.
 *
 * A region has a power of two of bytes. What is given back waits in a list for the next taker of
 * its size; WebAssembly memory never shrinks, so this is all the freeing there is.
 *
 * I1  A read of up to 64 bytes behind a region, and 16 before it, stays inside memory: the loops
 *     load 16 bytes at a time and mask what they must not see.
 * I2  `take` throws before it has changed anything (the host's `outOfMemory` throws).
 */
declare function outOfMemory(bytes: f64): void;

const SLACK: u64 = 64;
const SMALLEST: u32 = 6;

/** Heads of the lists of free regions, by the logarithm of their size. */
const FREE: usize = memory.data(32 * 4, 16);

let top: usize = (__heap_base + 31) & ~15;

/** The logarithm of the smallest region that holds `bytes`. */
export function logOf(bytes: u64): u32 {
  return bytes <= 1 << SMALLEST ? SMALLEST : <u32>(64 - clz<u64>(bytes - 1));
}

/** A region of 2 ** log bytes; what is in it is anything. */
export function take(log: u32): usize {
  if (log > 31) outOfMemory(<f64>((<u64>1) << log));
  const head = FREE + ((<usize>log) << 2);
  const free = load<u32>(head);
  if (free != 0) {
    store<u32>(head, load<u32>(free));
    return free;
  }
  const end = <u64>top + ((<u64>1) << log);
  const have = (<u64>memory.size()) << 16;
  if (end + SLACK > have) {
    const pages = (end + SLACK - have + 0xffff) >> 16;
    if (pages > 0xffff || memory.grow(<i32>pages) < 0) outOfMemory(<f64>((<u64>1) << log));
  }
  const region = top;
  top = <usize>end;
  return region;
}

export function give(region: usize, log: u32): void {
  const head = FREE + ((<usize>log) << 2);
  store<u32>(region, load<u32>(head));
  store<u32>(head, <u32>region);
}

/**
 * A region that is kept and only ever replaced by a larger one. `record` is 8 bytes of static
 * memory: where it is, and the logarithm of its size. Its content is lost when it grows.
 */
export function scratch(record: usize, bytes: u64): usize {
  const log = logOf(bytes);
  const had = load<u32>(record);
  if (had != 0 && load<u32>(record, 4) >= log) return had;
  const region = take(log);
  if (had != 0) give(had, load<u32>(record, 4));
  store<u32>(record, <u32>region);
  store<u32>(record, log, 4);
  return region;
}
