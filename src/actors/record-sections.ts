/**
 * Plain objects that all have the same properties, as columns: one section a property, without msgpack where a property
 * is always a number or always a string. Several times faster than a `pack` of the objects, and exact by itself.
 *
 *   records   u32 properties, u32 bytes of their names, then of each property u32 form, u32 bytes;
 *             the names as JSON, then the sections, each at a multiple of 8
 *   integers  numbers that are all 32-bit integers, as such
 *
 * Taking objects apart and putting them together is code that is made for their properties, so V8 knows the objects'
 * hidden class. A list of which one object has others, or in another order, has no such form; nor have class instances.
 *
 * I1  Names get into code by JSON only. `__proto__` and `toJSON`, which mean something, are never taken.
 * I2  The bytes depend on the records alone. Code is made for properties that were seen several times, and for few, so
 *     records that are dictionaries make none; loops over the names do the same meanwhile.
 * I3  A string is its own: one that is kept keeps no block alive (V8 makes slices of 13 characters and more).
 */
import {
  FORM_ASCII,
  FORM_NUMBERS,
  FORM_PACKED,
  FORM_UTF16,
  readNumbers,
  type Scratch,
  writeNumbers,
  writeStrings,
  type StringsEnd,
} from './sections.ts';

export const FORM_RECORDS = 5;
const FORM_INTEGERS = 6;

/** Lists that are shorter have more bytes of names than of records. */
const LEAST_RECORDS = 16;
const MOST_PROPERTIES = 32;
const MOST_NAMES_BYTES = 1024;
/** The block with the same properties for which code is made. */
const BLOCKS_BEFORE = 3;
const MOST_SHAPES = 256;
const SLICED_CHARACTERS = 13;
const FIELD_BYTES = 8;
const HEAD_BYTES = 8;

/** False: a record has other properties. Columns are filled as far as it came. */
type Split = (rows: readonly unknown[], columns: readonly unknown[][]) => boolean;
type Join = (rows: unknown[], columns: readonly ArrayLike<unknown>[]) => void;

interface Shape {
  /** 0: not for this form. */
  readonly width: number;
  /** Names as JSON, in UTF-8. */
  readonly names: Buffer;
  blocks: number;
  split: Split;
}

interface Joiner {
  readonly names: readonly string[];
  blocks: number;
  join: Join;
}

/** How to pack what is neither a number nor a string always. */
export interface Packing {
  readonly pack: (values: unknown) => Uint8Array;
  readonly unpack: (buffer: Buffer, start: number, bytes: number) => unknown;
}

const NO_SHAPE: Shape = { width: 0, names: Buffer.alloc(0), blocks: 0, split: () => false };
const shapes = new Map<string, Shape>();
const joiners = new Map<string, Joiner>();
const strings: StringsEnd = { end: 0, form: 0 };

/** Writes objects at `at`; the end, or -1 when they have no such form. */
export function writeRecords(
  scratch: Scratch,
  at: number,
  values: readonly unknown[],
  { pack }: Packing,
): number {
  const count = values.length;
  const shape = count < LEAST_RECORDS ? NO_SHAPE : shapeOf(values[0]);
  const { split, width, names } = shape;
  if (width === 0) return -1;
  const columns: unknown[][] = [];
  for (let c = 0; c < width; c++) columns.push(Array<unknown>(count));
  if (!taken(split, values, columns)) return -1;
  const fieldsAt = at + HEAD_BYTES;
  const namesAt = fieldsAt + width * FIELD_BYTES;
  let end = namesAt + names.length;
  scratch.reserve(end, at);
  scratch.words[at >> 2] = width;
  scratch.words[(at >> 2) + 1] = names.length;
  scratch.bytes.set(names, namesAt);
  for (let c = 0; c < width; c++) {
    const column = columns[c]!;
    const start = aligned(end);
    let form = FORM_PACKED;
    let written = -1;
    if (typeof column[0] === 'number') {
      form = FORM_INTEGERS;
      written = writeIntegers(scratch, start, column);
      if (written < 0) {
        form = FORM_NUMBERS;
        written = writeNumbers(scratch, start, column);
      }
    } else if (typeof column[0] === 'string' && writeStrings(scratch, start, column, strings)) {
      ({ form } = strings);
      written = strings.end;
    }
    if (written < 0) {
      form = FORM_PACKED;
      const bytes = pack(column);
      written = start + bytes.length;
      scratch.reserve(written, start);
      scratch.bytes.set(bytes, start);
    }
    end = written;
    const field = (fieldsAt + c * FIELD_BYTES) >> 2;
    scratch.words[field] = form;
    scratch.words[field + 1] = end - start;
  }
  return end;
}

/** False for a record whose property throws, too: `pack` says what is wrong with it. */
function taken(split: Split, values: readonly unknown[], columns: readonly unknown[][]): boolean {
  try {
    return split(values, columns);
  } catch {
    return false;
  }
}

/** Throws a RangeError when the sections don't fit. */
export function readRecords(
  buffer: Buffer,
  at: number,
  bytes: number,
  count: number,
  packing: Packing,
): unknown[] {
  const head = new Uint32Array(buffer.buffer, at, 2);
  const [width, namesBytes] = [head[0]!, head[1]!];
  const namesAt = at + HEAD_BYTES + width * FIELD_BYTES;
  let end = namesAt + namesBytes;
  if (width > MOST_PROPERTIES || end > at + bytes) throw misfit();
  const fields = new Uint32Array(buffer.buffer, at + HEAD_BYTES, 2 * width);
  const columns: ArrayLike<unknown>[] = [];
  for (let c = 0; c < width; c++) {
    const start = aligned(end);
    end = start + fields[2 * c + 1]!;
    if (end > at + bytes) throw misfit();
    columns.push(readColumn(buffer, fields[2 * c]!, start, end - start, count, packing));
  }
  const rows = Array<unknown>(count);
  joinOf(buffer.toString('utf8', namesAt, namesAt + namesBytes))(rows, columns);
  return rows;
}

function readColumn(
  buffer: Buffer,
  form: number,
  start: number,
  bytes: number,
  count: number,
  { unpack }: Packing,
): ArrayLike<unknown> {
  switch (form) {
    case FORM_INTEGERS:
      if (bytes !== 4 * count) throw misfit();
      return new Int32Array(buffer.buffer, start, count);
    case FORM_NUMBERS:
      if (bytes !== 8 * count) throw misfit();
      return readNumbers(buffer, start, count);
    case FORM_ASCII:
    case FORM_UTF16:
      return readOwnStrings(buffer, form, start, bytes, count);
    case FORM_PACKED: {
      const values = unpack(buffer, start, bytes);
      if (!Array.isArray(values) || values.length !== count) throw misfit();
      return values as unknown[];
    }
    default:
      throw new RangeError(`unknown form ${form}`);
  }
}

/** Writes 32-bit integers; -1 when one of them is something else. */
function writeIntegers(scratch: Scratch, at: number, values: readonly unknown[]): number {
  const count = values.length;
  scratch.reserve(at + 4 * count, at);
  const { words } = scratch;
  const first = at >> 2;
  for (let i = 0; i < count; i++) {
    const value = values[i];
    if (typeof value !== 'number') return -1;
    const integer = value | 0;
    if (integer !== value || (integer === 0 && 1 / value < 0)) return -1;
    words[first + i] = integer;
  }
  return at + 4 * count;
}

function readOwnStrings(
  buffer: Buffer,
  form: number,
  start: number,
  bytes: number,
  count: number,
): string[] {
  if (4 * count > bytes) throw misfit();
  const lengths = new Uint32Array(buffer.buffer, start, count);
  const from = start + 4 * count;
  const [encoding, width] =
    form === FORM_ASCII ? (['latin1', 1] as const) : (['utf16le', 2] as const);
  const text = buffer.toString(encoding, from, start + bytes);
  const values = Array<string>(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const length = lengths[i]!;
    const end = at + length;
    values[i] =
      length < SLICED_CHARACTERS
        ? text.substring(at, end)
        : buffer.toString(encoding, from + at * width, from + end * width);
    at = end;
  }
  if (at !== text.length) throw misfit();
  return values;
}

function shapeOf(first: unknown): Shape {
  if (typeof first !== 'object' || first === null) return NO_SHAPE;
  if (Object.getPrototypeOf(first) !== Object.prototype) return NO_SHAPE;
  const names = Object.keys(first);
  const key = names.join('\0');
  let shape = shapes.get(key);
  if (shape === undefined) {
    if (shapes.size === MOST_SHAPES) shapes.clear();
    const json = Buffer.from(JSON.stringify(names));
    const fits =
      names.length > 0 &&
      names.length <= MOST_PROPERTIES &&
      json.length <= MOST_NAMES_BYTES &&
      !names.includes('__proto__') &&
      !names.includes('toJSON');
    const split: Split = (rows, columns) => splitByNames(names, rows, columns);
    shape = { width: fits ? names.length : 0, names: json, blocks: 0, split };
    shapes.set(key, shape);
  }
  if (++shape.blocks === BLOCKS_BEFORE)
    shape.split = generated(() => splitter(names)) ?? shape.split;
  return shape;
}

function joinOf(json: string): Join {
  let joiner = joiners.get(json);
  if (joiner === undefined) {
    if (joiners.size === MOST_SHAPES) joiners.clear();
    const names = JSON.parse(json) as string[];
    joiner = { names, blocks: 0, join: (rows, columns) => joinByNames(names, rows, columns) };
    joiners.set(json, joiner);
  }
  const { names, join } = joiner;
  if (++joiner.blocks === BLOCKS_BEFORE) joiner.join = generated(() => joinCode(names)) ?? join;
  return joiner.join;
}

/** Undefined under `--disallow-code-generation-from-strings`. */
function generated<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof EvalError)) throw error;
    return undefined;
  }
}

function splitByNames(
  names: readonly string[],
  rows: readonly unknown[],
  columns: readonly unknown[][],
): boolean {
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i];
    if (typeof row !== 'object' || row === null) return false;
    if (Object.getPrototypeOf(row) !== Object.prototype) return false;
    let n = 0;
    for (const name in row) if (name !== names[n++]) return false;
    if (n !== names.length) return false;
    for (let c = 0; c < n; c++) columns[c]![i] = (row as Record<string, unknown>)[names[c]!];
  }
  return true;
}

function joinByNames(
  names: readonly string[],
  rows: unknown[],
  columns: readonly ArrayLike<unknown>[],
): void {
  for (let i = 0; i < rows.length; i++) {
    const row: Record<string, unknown> = {};
    for (let c = 0; c < names.length; c++) row[names[c]!] = columns[c]![i];
    rows[i] = row;
  }
}

function splitter(names: readonly string[]): Split {
  const numbers = names.map((_, c) => c);
  return new Function(
    'names',
    `return function split(rows, columns) {
  ${numbers.map((c) => `const c${c} = columns[${c}];`).join(' ')}
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i];
    if (typeof row !== 'object' || row === null) return false;
    if (Object.getPrototypeOf(row) !== Object.prototype) return false;
    let n = 0;
    for (const name in row) if (name !== names[n++]) return false;
    if (n !== ${names.length}) return false;
    ${names.map((name, c) => `c${c}[i] = row[${JSON.stringify(name)}];`).join(' ')}
  }
  return true;
}`,
  )(names) as Split;
}

function joinCode(names: readonly string[]): Join {
  const numbers = names.map((_, c) => c);
  return new Function(
    `return function join(rows, columns) {
  ${numbers.map((c) => `const c${c} = columns[${c}];`).join(' ')}
  for (let i = 0; i < rows.length; i++)
    rows[i] = { ${names.map((name, c) => `${JSON.stringify(name)}: c${c}[i]`).join(', ')} };
}`,
  )() as Join;
}

function aligned(bytes: number): number {
  return (bytes + 7) & ~7;
}

function misfit(): RangeError {
  return new RangeError('the sections of the records do not fit into the payload');
}
