/**
 * Blocks as bytes and back, and any value as bytes for hand-overs. The only file that knows msgpackr.
 *
 *   payload = u32 shape, u32 count, u32 bytes of section 1, u32 bytes of section 2, section 1, section 2
 *   shape   = form of section 1 | form of section 2 << 8 | 0x10000 when the rows are pairs
 *
 * Columns have two sections, keys and values. Rows have one; rows that are all pairs have two as columns have, which
 * halves their cost. A section of strings, of numbers or of `ByteKeys` travels without msgpack (sections.ts), and so do
 * objects with the same properties (record-sections.ts); anything else is one `pack` of its array. Map, Set, Date, BigInt, typed arrays, undefined, NaN, -0 and half surrogate pairs come
 * out as they went in. A class's instance comes out as a plain object, what has `toJSON` as what that gives.
 *
 * I1  `encodeBlock` gives bytes that are good until its next call. One scratch area a thread.
 * I2  A decoded block owns what it holds. msgpackr never sees shared memory: the native part that it uses for strings
 *     ends the process when it is given some.
 */
import { addExtension, Packr } from 'msgpackr';
import { millraceError } from '../errors.ts';
import type { ByteKeys, ColumnsBlock, RowsBlock } from './block.ts';
import { IllFormed, isInexact, NegativeZero, withStandIns } from './exact-values.ts';
import { FORM_RECORDS, readRecords, writeRecords, type Packing } from './record-sections.ts';
import {
  FORM_ASCII,
  FORM_BYTE_KEYS,
  FORM_NUMBERS,
  FORM_PACKED,
  FORM_UTF16,
  readByteKeys,
  readDoubles,
  readNumbers,
  readStrings,
  Scratch,
  writeByteKeys,
  writeDoubles,
  writeNumbers,
  writeStrings,
  type StringsEnd,
} from './sections.ts';

const HEADER_BYTES = 16;
const PAIRS = 0x10000;

// Numbers of extensions are msgpackr's to give for all its users in a process; these are not taken by its own.
addExtension({
  Class: NegativeZero,
  type: 0x5a,
  pack: () => new Uint8Array(0),
  unpack: () => -0,
});
addExtension({
  Class: IllFormed,
  type: 0x5b,
  pack: (value: IllFormed) => Buffer.from(value.text, 'utf16le'),
  unpack: (bytes: Uint8Array) => Buffer.from(bytes).toString('utf16le'),
});

const packr = new Packr({ moreTypes: true, copyBuffers: true });
Object.assign(packr, {
  writeFunction(): never {
    throw new TypeError('it holds a function');
  },
});
/** msgpackr: the bytes that `pack` gives are good until it is called again. */
const RESET_BUFFER = 1024;

const scratch = new Scratch();
const strings: StringsEnd = { end: 0, form: 0 };
/** Packed sections are copied here out of the ring, and read before the next one is. */
let packed: Buffer = Buffer.allocUnsafeSlow(64 * 1024);
/** Set by `writeSection`. */
let sectionForm = 0;

/** The bytes of a block, good until the next call. */
export function encodeBlock(block: RowsBlock | ColumnsBlock): Uint8Array {
  scratch.begin();
  if (block.kind === 'columns') return encodePair(block.count, block.keys, block.values, 0);
  const { rows } = block;
  if (arePairs(rows)) return encodePair(rows.length, column(rows, 0), column(rows, 1), PAIRS);
  const end = writeSection(HEADER_BYTES, rows);
  return finish(sectionForm, rows.length, end - HEADER_BYTES, 0, end);
}

function encodePair(
  count: number,
  keys: readonly unknown[] | ByteKeys,
  values: readonly unknown[] | Float64Array,
  shape: number,
): Uint8Array {
  const keysEnd = writeSection(HEADER_BYTES, keys);
  const keysForm = sectionForm;
  const valuesAt = aligned(keysEnd);
  const end = writeSection(valuesAt, values);
  return finish(
    shape | keysForm | (sectionForm << 8),
    count,
    keysEnd - HEADER_BYTES,
    end - valuesAt,
    end,
  );
}

function finish(
  shape: number,
  count: number,
  bytes1: number,
  bytes2: number,
  end: number,
): Uint8Array {
  const { words } = scratch;
  words[0] = shape;
  words[1] = count;
  words[2] = bytes1;
  words[3] = bytes2;
  return scratch.bytes.subarray(0, end);
}

function writeSection(at: number, values: readonly unknown[] | ByteKeys | Float64Array): number {
  if (values instanceof Float64Array) {
    sectionForm = FORM_NUMBERS;
    return writeDoubles(scratch, at, values);
  }
  if (!Array.isArray(values)) {
    sectionForm = FORM_BYTE_KEYS;
    return writeByteKeys(scratch, at, values as ByteKeys);
  }
  const first: unknown = values[0];
  if (typeof first === 'string' && writeStrings(scratch, at, values, strings)) {
    sectionForm = strings.form;
    return strings.end;
  }
  if (typeof first === 'number') {
    const end = writeNumbers(scratch, at, values);
    if (end >= 0) {
      sectionForm = FORM_NUMBERS;
      return end;
    }
  }
  const recordsEnd = writeRecords(scratch, at, values, packing);
  if (recordsEnd >= 0) {
    sectionForm = FORM_RECORDS;
    return recordsEnd;
  }
  sectionForm = FORM_PACKED;
  const bytes = pack(values);
  scratch.reserve(at + bytes.length, at);
  scratch.bytes.set(bytes, at);
  return at + bytes.length;
}

export function decodeColumns(
  port: number,
  buffer: Buffer,
  start: number,
  length: number,
  count: number,
): ColumnsBlock {
  const shape = readHeader(buffer, start, length, count);
  const keysForm = shape & 0xff;
  const keys =
    keysForm === FORM_BYTE_KEYS
      ? readByteKeys(buffer, sectionAt, sectionBytes, count)
      : readSection(buffer, keysForm, count);
  secondSection();
  const valuesForm = (shape >>> 8) & 0xff;
  const values =
    valuesForm === FORM_NUMBERS
      ? readDoubles(buffer, sectionAt, count)
      : readSection(buffer, valuesForm, count);
  return { kind: 'columns', port, count, keys, values };
}

export function decodeRows(
  port: number,
  buffer: Buffer,
  start: number,
  length: number,
  count: number,
): RowsBlock {
  const shape = readHeader(buffer, start, length, count);
  const rows = readSection(buffer, shape & 0xff, count);
  if ((shape & PAIRS) !== 0) {
    secondSection();
    const values = readSection(buffer, (shape >>> 8) & 0xff, count);
    for (let i = 0; i < count; i++) rows[i] = [rows[i], values[i]];
  }
  return { kind: 'rows', port, rows };
}

/** The section at hand, set by `readHeader` and `secondSection`. */
let sectionAt = 0;
let sectionBytes = 0;
let secondBytes = 0;

function readHeader(buffer: Buffer, start: number, length: number, count: number): number {
  const header = new Uint32Array(buffer.buffer, start, HEADER_BYTES >> 2);
  sectionAt = start + HEADER_BYTES;
  sectionBytes = header[2]!;
  secondBytes = header[3]!;
  const end =
    secondBytes === 0
      ? HEADER_BYTES + sectionBytes
      : aligned(HEADER_BYTES + sectionBytes) + secondBytes;
  if (header[1] !== count || end > length)
    throw new RangeError('the sections do not fit into the payload');
  return header[0]!;
}

function secondSection(): void {
  // Payloads begin at multiples of 8, so rounding the place itself gives the same.
  sectionAt = aligned(sectionAt + sectionBytes);
  sectionBytes = secondBytes;
}

function readSection(buffer: Buffer, form: number, count: number): unknown[] {
  switch (form) {
    case FORM_NUMBERS:
      return readNumbers(buffer, sectionAt, count);
    case FORM_ASCII:
    case FORM_UTF16:
      return readStrings(buffer, form, sectionAt, sectionBytes, count);
    case FORM_RECORDS:
      return readRecords(buffer, sectionAt, sectionBytes, count, packing);
    case FORM_PACKED: {
      const values = unpack(buffer, sectionAt, sectionBytes);
      if (!Array.isArray(values) || values.length !== count)
        throw new RangeError(`not a list of ${count} values`);
      return values;
    }
    default:
      throw new RangeError(`unknown form ${form}`);
  }
}

/** Any value as bytes of its own. Throws ERR_MILLRACE_NOT_ENCODABLE for what no bytes can stand for. */
export function packValue(value: unknown): Uint8Array {
  return new Uint8Array(pack(value));
}

export function unpackValue(bytes: Uint8Array): unknown {
  return unpack(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
}

/** Keys and values side by side as bytes of their own, in the form of a block. */
export function packColumns(
  keys: readonly unknown[],
  values: readonly unknown[] | Float64Array,
): Uint8Array {
  scratch.begin();
  return new Uint8Array(encodePair(keys.length, keys, values, 0));
}

export function unpackColumns(bytes: Uint8Array): {
  readonly keys: unknown[];
  readonly values: unknown[];
} {
  const aligned = Buffer.allocUnsafeSlow(bytes.length);
  aligned.set(bytes);
  const count = aligned.readUInt32LE(4);
  const shape = readHeader(aligned, 0, bytes.length, count);
  const keys = readSection(aligned, shape & 0xff, count);
  secondSection();
  return { keys, values: readSection(aligned, (shape >>> 8) & 0xff, count) };
}

function pack(value: unknown): Uint8Array {
  try {
    return packr.pack(isInexact(value) ? withStandIns(value) : value, RESET_BUFFER);
  } catch (error) {
    throw notEncodable(error);
  }
}

function unpack(buffer: Buffer, start: number, bytes: number): unknown {
  if (packed.length < bytes) packed = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * packed.length));
  const copy = packed;
  copy.set(new Uint8Array(buffer.buffer, buffer.byteOffset + start, bytes));
  return packr.unpack(copy, { start: 0, end: bytes });
}

const packing: Packing = { pack, unpack };

function notEncodable(cause: unknown): Error {
  const why =
    cause instanceof RangeError && /call stack/.test(cause.message)
      ? 'it refers to itself, or is nested too deep'
      : cause instanceof Error
        ? cause.message
        : String(cause);
  return millraceError(
    'ERR_MILLRACE_NOT_ENCODABLE',
    `a record can not cross to another thread: ${why}. Records are made of plain values, arrays, objects, Map, Set, Date, BigInt and typed arrays.`,
    { cause },
  );
}

function arePairs(rows: readonly unknown[]): rows is readonly (readonly [unknown, unknown])[] {
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i];
    if (!Array.isArray(row) || row.length !== 2) return false;
  }
  return rows.length > 0;
}

function column(rows: readonly (readonly [unknown, unknown])[], side: 0 | 1): unknown[] {
  const values = Array<unknown>(rows.length);
  for (let i = 0; i < rows.length; i++) values[i] = rows[i]![side];
  return values;
}

function aligned(bytes: number): number {
  return (bytes + 7) & ~7;
}
