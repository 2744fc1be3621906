/**
 * Text keys and their counts side by side, without a string made.
 *
 * What `CountTable.columns` gives is one ArrayBuffer with three views of it, and it belongs to the
 * caller: it may be kept, transferred, or copied to a ring. Pure functions, any thread.
 */
import { isAscii } from 'node:buffer';

export interface ByteColumns {
  readonly count: number;
  /** Bytes of each key. */
  readonly lengths: Uint32Array;
  /** The keys as UTF-8, one after another. */
  readonly bytes: Uint8Array;
  /** The count of each key: an integer. */
  readonly values: Float64Array;
}

/**
 * V8 makes a substring of 13 characters or more a view of its parent. One such key, kept as state,
 * would keep all the text of its batch alive.
 */
const COPIED = 12;

/** The keys `from` to `to` as strings. Much the fastest when all bytes are ASCII. */
export function decodeKeys(columns: ByteColumns, from = 0, to: number = columns.count): string[] {
  const { lengths } = columns;
  let start = 0;
  for (let i = 0; i < from; i++) start += lengths[i]!;
  let end = start;
  for (let i = from; i < to; i++) end += lengths[i]!;
  const bytes = buffer(columns.bytes.subarray(start, end));
  const keys: string[] = [];
  let at = 0;
  if (!isAscii(bytes)) {
    for (let i = from; i < to; i++) keys.push(bytes.utf8Slice(at, (at += lengths[i]!)));
    return keys;
  }
  const text = bytes.latin1Slice(0, bytes.length);
  for (let i = from; i < to; i++) {
    const stop = at + lengths[i]!;
    keys.push(stop - at <= COPIED ? text.slice(at, stop) : bytes.latin1Slice(at, stop));
    at = stop;
  }
  return keys;
}

/** Node's types leave out the two methods that decode without looking at an encoding's name. */
interface Slices extends Uint8Array {
  latin1Slice(from: number, to: number): string;
  utf8Slice(from: number, to: number): string;
}

function buffer(bytes: Uint8Array): Slices {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as unknown as Slices;
}
