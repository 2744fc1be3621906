import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnsBlock, RowsBlock } from '../../src/actors/block.ts';
import {
  decodeColumns,
  decodeRows,
  encodeBlock,
  packValue,
  unpackValue,
} from '../../src/actors/codec.ts';
import { MillraceError } from '../../src/errors.ts';

/** As a ring does it: the payload lies in shared memory, at a multiple of 8. */
function shared(bytes: Uint8Array, at = 24): Buffer {
  const buffer = Buffer.from(new SharedArrayBuffer(at + bytes.length + 8));
  buffer.set(bytes, at);
  return buffer;
}

function crossRows(rows: readonly unknown[]): readonly unknown[] {
  const bytes = encodeBlock({ kind: 'rows', port: 3, rows });
  const buffer = shared(bytes);
  const block = decodeRows(3, buffer, 24, bytes.length, rows.length);
  // What was decoded must outlive the frame.
  buffer.fill(0xaa);
  expect(block.kind).toBe('rows');
  expect(block.port).toBe(3);
  return block.rows;
}

function crossColumns(block: ColumnsBlock): ColumnsBlock {
  const bytes = encodeBlock(block);
  const buffer = shared(bytes);
  const decoded = decodeColumns(block.port, buffer, 24, bytes.length, block.count);
  buffer.fill(0xaa);
  return decoded;
}

const scalar = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
  fc.double(),
  fc.integer(),
  fc.constantFrom(-0, NaN, Infinity, -Infinity, undefined, null, true, false),
  fc.bigInt(),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array(),
  fc.float64Array(),
  fc.int32Array(),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(
      fc.string({ minLength: 1, maxLength: 5 }).filter((key) => key !== '__proto__'),
      tie('any'),
      { maxKeys: 4, noNullPrototype: true },
    ),
    fc.array(fc.tuple(scalar, tie('any')), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(scalar, { maxLength: 3 }).map((each) => new Set(each)),
  ),
})).any;

describe('rows', () => {
  it('any plain value comes out as it went in', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 8 }), (rows) => {
        expect(crossRows(rows)).toStrictEqual(rows);
      }),
      { numRuns: 300 },
    );
  });

  it('lists of one type take the forms without msgpack, and come out the same', () => {
    const text = fc.string({
      unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
    });
    const ascii = fc.string();
    for (const each of [
      text,
      ascii,
      fc.double(),
      fc.integer(),
      fc.tuple(ascii, fc.integer()),
      fc.tuple(text, value),
      fc.tuple(fc.double(), text),
    ]) {
      fc.assert(
        fc.property(fc.array<unknown>(each, { maxLength: 30 }), (rows) => {
          expect(crossRows(rows)).toStrictEqual(rows);
        }),
        { numRuns: 60 },
      );
    }
  });

  it('negative zero and half a surrogate pair survive at any depth', () => {
    const rows = [
      { a: [-0, { b: '\ud800x' }] },
      new Map<unknown, unknown>([['\udc00', new Set([-0, 1])]]),
      [-0, 'x', 3],
    ];
    const [first, second, third] = crossRows(rows) as [
      { a: [number, { b: string }] },
      Map<string, Set<number>>,
      number[],
    ];
    expect(Object.is(first.a[0], -0)).toBe(true);
    expect(first.a[1].b).toBe('\ud800x');
    // A Set makes 0 of -0 by itself.
    expect([...second.get('\udc00')!]).toEqual([0, 1]);
    expect(Object.is(third[0], -0)).toBe(true);
  });

  it('a value that changes its type in the middle of a list is no problem', () => {
    for (const rows of [
      ['a', 1],
      [1, 'a'],
      [1, undefined],
      ['a', null],
      [['a', 1], ['b']],
      [['a', 1], 'b'],
      [],
      [undefined],
      [[]],
      [[1, 2, 3]],
    ]) {
      expect(crossRows(rows)).toStrictEqual(rows);
    }
  });

  it.each([
    ['a function', [{ f: () => 1 }]],
    ['a symbol', [['a', Symbol('s'), 1]]],
    ['something that refers to itself', [cycle()]],
  ])('%s is refused with a code', (_name, rows) => {
    let error: unknown;
    try {
      encodeBlock({ kind: 'rows', port: 0, rows });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(MillraceError);
    expect((error as MillraceError).code).toBe('ERR_MILLRACE_NOT_ENCODABLE');
    // The next block is not harmed.
    expect(crossRows([{ a: 1 }])).toStrictEqual([{ a: 1 }]);
  });

  it('blocks of many records cross too', () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => ({
      word: `w${i}`,
      n: i,
      tags: ['a', i % 7],
    }));
    expect(crossRows(rows)).toStrictEqual(rows);
    const words = rows.map((row) => row.word.repeat(20));
    expect(crossRows(words)).toStrictEqual(words);
    expect(crossRows(words.map((word, i) => [word, i]))).toStrictEqual(
      words.map((word, i) => [word, i]),
    );
  });
});

describe('columns', () => {
  it('keys and values of any kind come out as they went in', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value), { maxLength: 8 }), (pairs) => {
        const keys = pairs.map(([key]) => key);
        const values = pairs.map(([, each]) => each);
        const block = crossColumns({ kind: 'columns', port: 1, count: pairs.length, keys, values });
        expect(block.keys).toStrictEqual(keys);
        expect([...block.values]).toStrictEqual(values);
      }),
      { numRuns: 100 },
    );
  });

  it('numbers for values come out as a Float64Array, whichever they were', () => {
    const keys = ['a', 'b', 'c', 'd'];
    for (const values of [[1, -0, NaN, 2 ** 53], new Float64Array([1, -0, NaN, 2 ** 53])]) {
      const block = crossColumns({ kind: 'columns', port: 1, count: 4, keys, values });
      expect(block).toStrictEqual({
        kind: 'columns',
        port: 1,
        count: 4,
        keys,
        values: new Float64Array([1, -0, NaN, 2 ** 53]),
      });
    }
  });

  it('byte keys own their bytes behind the frame', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 }), (words) => {
        const bytes = new Uint8Array(Buffer.concat(words));
        const lengths = Uint32Array.from(words, (word) => word.length);
        const values = new Float64Array(words.length).fill(2);
        const block = crossColumns({
          kind: 'columns',
          port: 0,
          count: words.length,
          keys: { lengths, bytes },
          values,
        });
        expect(block.keys).toStrictEqual({ lengths, bytes });
        expect(block.values).toStrictEqual(values);
      }),
    );
  });

  it('number keys stay plain numbers', () => {
    const block = crossColumns({
      kind: 'columns',
      port: 0,
      count: 3,
      keys: [1, -0, 1.5],
      values: ['x', 'y', 'z'],
    });
    expect(block.keys).toStrictEqual([1, -0, 1.5]);
    expect(Array.isArray(block.keys)).toBe(true);
  });
});

describe('values of hand-overs', () => {
  it('come back as they were, blocks with views in them too', () => {
    const bytes = new Uint8Array(new ArrayBuffer(64), 5, 6);
    bytes.set([1, 2, 3, 4, 5, 6]);
    const lengths = new Uint32Array(new ArrayBuffer(64), 8, 2);
    lengths.set([2, 4]);
    const block: ColumnsBlock = {
      kind: 'columns',
      port: 2,
      count: 2,
      keys: { lengths, bytes },
      values: new Float64Array([1, 2]),
    };
    const rows: RowsBlock = { kind: 'rows', port: 0, rows: [undefined, -0, new Map([[1, 'x']])] };
    const packed = packValue([block, rows]);
    const back = unpackValue(packed) as [ColumnsBlock, RowsBlock];
    packed.fill(0);
    expect(back).toStrictEqual([block, rows]);
  });

  it('packed bytes stay as they are when more is packed', () => {
    const first = packValue(['a', 1]);
    const copy = Uint8Array.from(first);
    for (let i = 0; i < 100; i++) packValue({ i, text: 'x'.repeat(i * 100) });
    expect(first).toEqual(copy);
  });
});

function cycle(): unknown {
  const one: Record<string, unknown> = {};
  one['self'] = one;
  return one;
}
