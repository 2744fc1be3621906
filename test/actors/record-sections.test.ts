import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeRows, encodeBlock } from '../../src/actors/codec.ts';
import { FORM_RECORDS } from '../../src/actors/record-sections.ts';

interface Crossed {
  readonly rows: readonly unknown[];
  readonly form: number;
}

/** As a ring does it: the payload lies in shared memory, at a multiple of 8. */
function cross(rows: readonly unknown[]): Crossed {
  const bytes = encodeBlock({ kind: 'rows', port: 0, rows });
  const form = bytes[0]!;
  const buffer = Buffer.from(new SharedArrayBuffer(24 + bytes.length + 8));
  buffer.set(bytes, 24);
  const decoded = decodeRows(0, buffer, 24, bytes.length, rows.length);
  buffer.fill(0xaa);
  return { rows: decoded.rows, form };
}

/** More often than it takes until code is made for the records' properties (I2). */
function crossOften(rows: readonly unknown[]): Crossed {
  const first = encodeBlock({ kind: 'rows', port: 0, rows }).slice();
  let crossed = cross(rows);
  for (let n = 0; n < 4; n++) {
    crossed = cross(rows);
    expect(crossed.rows).toStrictEqual(rows);
  }
  expect(encodeBlock({ kind: 'rows', port: 0, rows })).toEqual(first);
  return crossed;
}

const many = (make: (i: number) => unknown): unknown[] =>
  Array.from({ length: 40 }, (_, i) => make(i));

describe('objects with the same properties', () => {
  const text = fc.string({
    unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
    maxLength: 40,
  });
  const column = fc.constantFrom<fc.Arbitrary<unknown>>(
    fc.integer(),
    fc.integer({ min: -5, max: 5 }),
    fc.double(),
    fc.constantFrom(0, -0, NaN, 2 ** 31, -(2 ** 31), 2 ** 53),
    fc.string({ maxLength: 30 }),
    text,
    fc.oneof(fc.integer(), text, fc.constantFrom(undefined, null, true), fc.bigInt()),
    fc.array(fc.record({ a: fc.integer() }, { noNullPrototype: true }), { maxLength: 3 }),
    fc.record({ x: fc.double(), y: text }, { noNullPrototype: true }),
    fc.date({ noInvalidDate: true }),
  );
  const name = fc.oneof(
    text,
    fc.constantFrom('a', 'b', 'valueOf', 'length', '7', '0', '', "'", '\u2028'),
  );

  it('come out as they went in, whatever the properties are called and hold, before and behind the making of code', () => {
    fc.assert(
      fc.property(
        fc
          .uniqueArray(
            fc.tuple(
              name.filter((each) => each !== '__proto__' && each !== 'toJSON'),
              column,
            ),
            {
              minLength: 1,
              maxLength: 6,
              selector: ([each]) => each,
            },
          )
          .chain((columns) =>
            fc
              .array(fc.tuple(...columns.map(([, each]) => each)), { minLength: 16, maxLength: 40 })
              .map((values) =>
                values.map((row) => Object.fromEntries(columns.map(([key], c) => [key, row[c]]))),
              ),
          ),
        (rows) => {
          expect(crossOften(rows).form).toBe(FORM_RECORDS);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('keep the order of their properties', () => {
    const { rows } = crossOften(many((i) => ({ z: i, a: `${i}`, m: null })));
    expect(Object.keys(rows[7] as object)).toEqual(['z', 'a', 'm']);
  });

  it('tell 0 from -0, and integers of 32 bits from larger ones', () => {
    const rows = many((i) => ({ zero: i === 30 ? -0 : 0, large: i + 2 ** 31 - 10, small: -i }));
    expect(Object.is((crossOften(rows).rows[30] as { zero: number }).zero, -0)).toBe(true);
  });
});

describe('other lists have another form, and come out the same', () => {
  it.each<[string, unknown[]]>([
    ['one record has a property more', many((i) => (i === 39 ? { a: 1, b: 2 } : { a: i }))],
    ['one record has a property less', many((i) => (i === 39 ? {} : { a: i }))],
    [
      'one record has them in another order',
      many((i) => (i === 39 ? { b: 1, a: 2 } : { a: i, b: i })),
    ],
    ['one record is something else', many((i) => (i === 39 ? 'x' : { a: i }))],
    ['one record is an array', many((i) => (i === 39 ? [1] : { a: i }))],
    ['few records', [{ a: 1 }, { a: 2 }]],
    ['without properties', many(() => ({}))],
    ['Maps', many((i) => new Map([['a', i]]))],
    [
      'more properties than code is made for',
      many((i) => Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`p${n}`, i]))),
    ],
  ])('%s', (_name, rows) => {
    expect(crossOften(rows).form).not.toBe(FORM_RECORDS);
  });

  it('instances of a class come out as plain objects, and what has toJSON as what that gives', () => {
    class Point {
      x: number;
      constructor(x: number) {
        this.x = x;
      }
    }
    expect(cross(many((i) => new Point(i))).rows[3]).toStrictEqual({ x: 3 });
    class Named extends Point {
      toJSON(): string {
        return `p${this.x}`;
      }
    }
    expect(cross(many((i) => new Named(i))).rows[3]).toBe('p3');
  });

  it('a record with a property that throws is refused with a code', () => {
    const rows = many((i) => ({
      get x(): number {
        if (i === 20) throw new Error('no x');
        return i;
      },
    }));
    expect(() => cross(rows)).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_NOT_ENCODABLE' }),
    );
  });
});

it('records whose properties are always others cost no code: what was made is bounded', () => {
  for (let n = 0; n < 2000; n++) {
    const rows = many((i) => ({ [`k${n}`]: i }));
    expect(cross(rows).rows).toStrictEqual(rows);
  }
});
