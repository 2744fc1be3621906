/** A table over bytes holds what a Map would hold, by partition or in one, batch after batch. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeKeys, type ByteColumns } from '../../../src/dstream/kernel/columns.ts';
import { CountTable } from '../../../src/dstream/kernel/count-table.ts';
import { hashString } from '../../../src/dstream/kernel/hash.ts';
import { TextKernel } from '../../../src/dstream/kernel/text-kernel.ts';
import { instantiate } from '../../../src/dstream/kernel/wasm.ts';

type Entries = [string, number][];

const inOrder = (entries: Iterable<[string, number]>): Entries =>
  [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));

const entriesOf = (...columns: ByteColumns[]): Entries =>
  inOrder(
    columns.flatMap((each) =>
      decodeKeys(each).map((key, i): [string, number] => [key, each.values[i]!]),
    ),
  );

/** The same entries in a table and in a Map, whose keys are what UTF-8 makes of them. */
function filled(entries: Iterable<[string, number]>): {
  table: CountTable;
  map: Map<string, number>;
} {
  const table = new CountTable();
  const map = new Map<string, number>();
  for (const [raw, count] of entries) {
    const key = Buffer.from(raw).toString();
    table.add(raw, count);
    map.set(key, (map.get(key) ?? 0) + count);
  }
  return { table, map };
}

/** Keys of 1 to 6 bytes, of exactly 16, and longer ones in turn. */
const numbered = (size: number): Entries =>
  Array.from({ length: size }, (_, i) => [
    [`${i}`, `${i}`.padStart(16, '0'), `${i} and a long tail`][i % 3]!,
    i,
  ]);

// fast-check's own strings of any character take seconds to get ready.
const anyText = fc
  .array(fc.oneof(fc.nat(127), fc.nat(0x10ffff)), { maxLength: 20 })
  .map((codes) => String.fromCodePoint(...codes));

const anyEntries: fc.Arbitrary<Entries> = fc.array(
  fc.tuple(
    fc.oneof(
      anyText,
      fc.constantFrom('', '\0', 'a', 'a\0', 'a\0\0', '\ud800', 'x'.repeat(16), 'x'.repeat(17)),
    ),
    fc.integer({ min: -1000, max: 2 ** 45 }),
  ),
  { maxLength: 400 },
);

describe('the table', () => {
  it('adds, gives by partition and merges what a Map would hold', () => {
    fc.assert(
      fc.property(anyEntries, anyEntries, fc.integer({ min: 1, max: 9 }), (some, more, n) => {
        const { table, map } = filled(some);
        const { table: sum, map: expected } = filled(more);
        const parts = table.columns(n);
        const homes = parts.flatMap((part, p) =>
          decodeKeys(part).filter((key) => hashString(key) % n !== p),
        );
        for (const part of parts) sum.merge(part);
        for (const [key, count] of map) expected.set(key, (expected.get(key) ?? 0) + count);
        expect([parts.length, homes]).toEqual([n, []]);
        expect(entriesOf(...parts)).toEqual(inOrder(map));
        expect(entriesOf(...sum.columns())).toEqual(inOrder(expected));
        expect([table.size, sum.size]).toEqual([map.size, expected.size]);
      }),
      { numRuns: 300 },
    );
    expect.hasAssertions();
  });

  it('grows from tiny and keeps every key, short and long', () => {
    const { table, map } = filled(numbered(50_000));
    expect(entriesOf(...table.columns(7))).toEqual(inOrder(map));
  });

  it('is as fast with keys in the order in which another table gives them', () => {
    // In the order of the slots it takes forty times as long (I2 of assembly/table.ts).
    const keys = Array.from({ length: 200_000 }, (_, i) => `key${i}`);
    const timed = (some: readonly string[], table = new CountTable()): [CountTable, number] => {
      const from = process.cpuUsage().user;
      for (const key of some) table.add(key, 1);
      return [table, process.cpuUsage().user - from];
    };
    const [from, time] = timed(keys);
    const [to, again] = timed(decodeKeys(from.columns()[0]!));
    expect(to.size).toBe(keys.length);
    expect(again).toBeLessThan(time * 10);
  });

  it('I1: tells long keys of one hash apart', () => {
    const keys = [37997, 58214, 49794, 183635].map(
      (i) => `a word of over 16 bytes ${String(i).padStart(6, '0')}`,
    );
    expect(new Set(keys.map(hashString)).size).toBe(2);
    const { table, map } = filled([...keys, ...keys].map((key, i) => [key, i]));
    expect(entriesOf(...table.columns(2))).toEqual(inOrder(map));
  });

  it('keeps long keys apart from each other, whatever room they leave', () => {
    const sizes = [1 << 14, 1 << 15, 1 << 16].flatMap((size) =>
      Array.from({ length: 20 }, (_, i) => size + 2 - i),
    );
    const entries = sizes.map((size, i): [string, number] => [`${i}`.padEnd(size, 'x'), i]);
    const { table, map } = filled(entries);
    expect(entriesOf(...table.columns())).toEqual(inOrder(map));
  });

  it('has room for characters of three bytes', () => {
    const entries = Array.from({ length: 700 }, (_, i): [string, number] => ['字'.repeat(i), i]);
    const { table, map } = filled(entries);
    expect(entriesOf(...table.columns())).toEqual(inOrder(map));
  });

  it('is empty after clear, large or small, and takes a new batch', () => {
    const table = new CountTable();
    for (const size of [40_000, 3, 0, 20_000, 1000, 1, 40_000]) {
      const entries = numbered(size);
      for (const [key, count] of entries) table.add(key, count);
      expect(entriesOf(...table.columns())).toEqual(inOrder(entries));
      table.clear();
      expect([table.size, entriesOf(...table.columns(3))]).toEqual([0, []]);
    }
  });

  it('uses no more memory from batch to batch', () => {
    const kernel = new TextKernel({
      transforms: [{ op: 'grep', needle: '7' }],
      tokens: { op: 'words' },
      aggregate: 'countByValue',
    });
    const line = (_: unknown, i: number): string => `w${i} ${i} ${'y'.repeat(i % 40)}z${i}\n`;
    const block = Buffer.from(Array.from({ length: 9000 }, line).join(''));
    const table = new CountTable();
    const sizes = Array.from({ length: 12 }, () => {
      kernel.block(block);
      for (const columns of kernel.columns(3)) table.merge(columns);
      kernel.clear();
      table.clear();
      return table.memory().length;
    });
    expect(sizes.at(-1)).toBe(sizes[1]);
  });

  it('counts above 2 ** 32, and keeps negative and zero counts', () => {
    const from = new CountTable();
    from.add('big', 2 ** 33 + 1);
    from.add('down', -7);
    from.add('nothing', 0);
    const table = new CountTable();
    for (let i = 0; i < 3; i++) table.merge(from.columns()[0]!);
    expect(entriesOf(...table.columns())).toEqual([
      ['big', 3 * 2 ** 33 + 3],
      ['down', -21],
      ['nothing', 0],
    ]);
  });

  it('merges columns over shared memory, and refuses lengths that do not fit', () => {
    const { table: from, map } = filled(numbered(50));
    const columns = from.columns()[0]!;
    const shared = new Uint8Array(new SharedArrayBuffer(columns.bytes.length));
    shared.set(columns.bytes);
    const table = new CountTable();
    table.merge({ ...columns, bytes: shared });
    expect(() => table.merge({ ...columns, bytes: shared.subarray(1) })).toThrow(RangeError);
    expect(entriesOf(...table.columns())).toEqual(inOrder(map));
  });

  it('throws when memory ends', () => {
    const kernel = instantiate();
    kernel.claim(2 ** 31);
    expect(() => kernel.claim(2 ** 31)).toThrow(RangeError);
  });
});

describe('decodeKeys', () => {
  it('decodes any range, ASCII or not', () => {
    for (const keys of [
      ['a', '', 'x'.repeat(50), 'bc'],
      ['é', '', '😀'.repeat(9), 'bc', '\ufeff'],
    ]) {
      const encoded = keys.map((key) => Buffer.from(key));
      const columns: ByteColumns = {
        count: keys.length,
        lengths: Uint32Array.from(encoded, (key) => key.length),
        bytes: Buffer.concat(encoded),
        values: new Float64Array(keys.length),
      };
      for (let from = 0; from <= keys.length; from++) {
        for (let to = from; to <= keys.length; to++) {
          expect(decodeKeys(columns, from, to)).toEqual(keys.slice(from, to));
        }
      }
    }
  });
});
