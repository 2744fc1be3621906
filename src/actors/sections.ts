/**
 * Lists of values of one type as bytes, without msgpack: several times faster, and exact where msgpack is not.
 *
 *   numbers  doubles, one after another (-0, NaN and infinities as they are)
 *   strings  their lengths as u32, then their characters: one byte each when all of them are ASCII, else two (UTF-16,
 *            so half a surrogate pair survives)
 *   keys     `ByteKeys`: lengths as u32, then bytes
 *
 * Writing a list of strings joins them, and reading one cuts one large string: per string that is a third of what a
 * call of an encoder costs. Strings of 13 characters and more are then slices which keep their block's text alive; who
 * keeps keys for long makes them its own (`KeyTable` does).
 *
 * Sections begin at multiples of 8 of an area that is 8-byte aligned. One thread's code only; nothing here is shared.
 */
import type { ByteKeys } from './block.ts';

export const FORM_PACKED = 0;
export const FORM_NUMBERS = 1;
export const FORM_ASCII = 2;
export const FORM_UTF16 = 3;
export const FORM_BYTE_KEYS = 4;

const DEFAULT_BYTES: number = 64 * 1024;
/** Larger areas are let go after the block that needed them. */
const KEPT_BYTES: number = 4 * 1024 * 1024;

/** Where blocks are encoded: an area that grows. What it held is overwritten by the next block. */
export class Scratch {
  bytes: Buffer;
  words: Uint32Array;
  doubles: Float64Array;

  constructor() {
    this.bytes = Buffer.allocUnsafeSlow(DEFAULT_BYTES);
    this.words = new Uint32Array(this.bytes.buffer);
    this.doubles = new Float64Array(this.bytes.buffer);
  }

  /** Forgets an area that grew out of all proportion. */
  begin(): void {
    if (this.bytes.length > KEPT_BYTES) this.#replace(DEFAULT_BYTES, 0);
  }

  /** Makes room for `bytes` in all, of which the first `used` are kept. */
  reserve(bytes: number, used: number): void {
    if (bytes > this.bytes.length)
      this.#replace(Math.max(bytes + 7, 2 * this.bytes.length) & ~7, used);
  }

  #replace(bytes: number, used: number): void {
    const before = this.bytes;
    this.bytes = Buffer.allocUnsafeSlow(bytes);
    this.bytes.set(before.subarray(0, used));
    this.words = new Uint32Array(this.bytes.buffer);
    this.doubles = new Float64Array(this.bytes.buffer);
  }
}

/** Writes numbers at `at`; the end, or -1 when one of them is something else. */
export function writeNumbers(scratch: Scratch, at: number, values: readonly unknown[]): number {
  const count = values.length;
  scratch.reserve(at + 8 * count, at);
  const { doubles } = scratch;
  const first = at >> 3;
  for (let i = 0; i < count; i++) {
    const value = values[i];
    if (typeof value !== 'number') return -1;
    doubles[first + i] = value;
  }
  return at + 8 * count;
}

export function writeDoubles(scratch: Scratch, at: number, values: Float64Array): number {
  scratch.reserve(at + 8 * values.length, at);
  scratch.doubles.set(values, at >> 3);
  return at + 8 * values.length;
}

/** Numbers as their own array. */
export function readDoubles(buffer: Buffer, start: number, count: number): Float64Array {
  const copy = new Float64Array(count);
  copy.set(new Float64Array(buffer.buffer, start, count));
  return copy;
}

/** Numbers as a plain array, small integers as V8 likes them best. */
export function readNumbers(buffer: Buffer, start: number, count: number): number[] {
  const doubles = new Float64Array(buffer.buffer, start, count);
  const values = Array<number>(count);
  for (let i = 0; i < count; i++) {
    const value = doubles[i]!;
    const integer = value | 0;
    values[i] = integer === value && (integer !== 0 || 1 / value > 0) ? integer : value;
  }
  return values;
}

/** The end of the section that `writeStrings` wrote. */
export interface StringsEnd {
  end: number;
  form: number;
}

/** Writes strings at `at`; false when one of them is something else. The outcome is left in `result`. */
export function writeStrings(
  scratch: Scratch,
  at: number,
  values: readonly unknown[],
  result: StringsEnd,
): boolean {
  const count = values.length;
  const start = at + 4 * count;
  scratch.reserve(start, at);
  const { words } = scratch;
  const first = at >> 2;
  let text = '';
  for (let i = 0; i < count; i++) {
    const value = values[i];
    if (typeof value !== 'string') return false;
    words[first + i] = value.length;
    text += value;
  }
  // Room for the longest UTF-8 form, so that a text of that many bytes is ASCII for sure.
  scratch.reserve(start + 3 * text.length, start);
  if (scratch.bytes.write(text, start, 'utf8') === text.length) {
    result.form = FORM_ASCII;
    result.end = start + text.length;
  } else {
    result.form = FORM_UTF16;
    result.end = start + scratch.bytes.write(text, start, 'utf16le');
  }
  return true;
}

/** Throws a RangeError when the lengths and the section's end don't fit together. */
export function readStrings(
  buffer: Buffer,
  form: number,
  start: number,
  bytes: number,
  count: number,
): string[] {
  const lengths = new Uint32Array(buffer.buffer, start, count);
  const from = start + 4 * count;
  const text = buffer.toString(form === FORM_ASCII ? 'latin1' : 'utf16le', from, start + bytes);
  const values = Array<string>(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const end = at + lengths[i]!;
    values[i] = text.substring(at, end);
    at = end;
  }
  if (at !== text.length)
    throw new RangeError(`strings of ${at} characters in a text of ${text.length}`);
  return values;
}

export function writeByteKeys(scratch: Scratch, at: number, keys: ByteKeys): number {
  const { lengths, bytes } = keys;
  const start = at + 4 * lengths.length;
  scratch.reserve(start + bytes.length, at);
  scratch.words.set(lengths, at >> 2);
  scratch.bytes.set(bytes, start);
  return start + bytes.length;
}

/** Keys that own their bytes: they outlive the frame. */
export function readByteKeys(
  buffer: Buffer,
  start: number,
  bytes: number,
  count: number,
): ByteKeys {
  const own = new Uint8Array(bytes);
  own.set(new Uint8Array(buffer.buffer, start, bytes));
  return { lengths: new Uint32Array(own.buffer, 0, count), bytes: own.subarray(4 * count) };
}
