/**
 * A table text -> count over bytes. The sender's side of `countByValue` fills it from text
 * (text-kernel.ts), the keyed side from columns; neither makes a string.
 *
 * Used by one thread, the one that made it.
 *
 * I1  Keys are equal when their UTF-8 bytes are. A string with a lone surrogate is the key that
 *     has U+FFFD in its place.
 * I2  Counts are integers (a fraction is cut off), exact up to 2^53, and may be negative. A key
 *     stays until `clear`, even at 0.
 * I3  The order of `columns` says nothing, but it is one in which any table takes them fast.
 */
import type { ByteColumns } from './columns.ts';
import { instantiate, type Kernel } from './wasm.ts';

const encoder = new TextEncoder();

export class CountTable {
  /** For text-kernel.ts, which runs programs in the same instance. */
  readonly kernel: Kernel;
  #view: Uint8Array;

  constructor() {
    this.kernel = instantiate();
    this.#view = new Uint8Array(this.kernel.memory.buffer);
  }

  /** Distinct keys. */
  get size(): number {
    return (this.kernel.used.value as number) >>> 0;
  }

  /** Adds to the count of one key. */
  add(key: string, count: number): void {
    const at = this.input(key.length * 3);
    const memory = this.memory();
    const length = key.length;
    let i = 0;
    // The encoder's call costs more than a short key.
    if (length <= 32) {
      for (; i < length; i++) {
        const code = key.charCodeAt(i);
        if (code > 127) break;
        memory[at + i] = code;
      }
    }
    if (i < length) i = encoder.encodeInto(key, memory.subarray(at, at + length * 3)).written;
    this.kernel.add(at, i, count);
  }

  /** Adds the counts of another table. Throws a RangeError when the lengths don't fit the bytes. */
  merge(columns: ByteColumns): void {
    const { count, bytes } = columns;
    const at = this.input(count * 12 + bytes.length);
    const { buffer } = this.memory();
    new Float64Array(buffer, at, count).set(columns.values.subarray(0, count));
    new Uint32Array(buffer, at + count * 8, count).set(columns.lengths.subarray(0, count));
    new Uint8Array(buffer, at + count * 12, bytes.length).set(bytes);
    if (this.kernel.merge(at, count, bytes.length) === 0) {
      throw new RangeError(`columns of ${count} keys don't have ${bytes.length} bytes`);
    }
  }

  /**
   * All entries, in one go for all partitions: columns()[p] has the keys with
   * `hashString(key) % partitions === p`. Each is a copy in a buffer of its own.
   */
  columns(partitions = 1): ByteColumns[] {
    const records = (this.kernel.partition(partitions) >>> 0) >>> 2;
    const { buffer } = this.memory();
    const words = new Uint32Array(buffer);
    const all: ByteColumns[] = [];
    for (let p = 0; p < partitions; p++) {
      const record = records + p * 8;
      const count = words[record]!;
      const bytes = words[record + 1]!;
      const from = words[record + 2]!;
      const own = buffer.slice(from, from + count * 12 + bytes);
      all.push({
        count,
        lengths: new Uint32Array(own, count * 8, count),
        bytes: new Uint8Array(own, count * 12, bytes),
        values: new Float64Array(own, 0, count),
      });
    }
    return all;
  }

  /** Forgets every key; the memory is kept for the next batch. */
  clear(): void {
    this.kernel.clear();
  }

  /** Where `bytes` bytes of arguments go. Memory may grow by it: ask for `memory()` after. */
  input(bytes: number): number {
    return this.kernel.input(bytes) >>> 0;
  }

  memory(): Uint8Array {
    // When memory grows, the views of it become empty.
    if (this.#view.length === 0) this.#view = new Uint8Array(this.kernel.memory.buffer);
    return this.#view;
  }
}
