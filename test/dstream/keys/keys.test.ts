import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BadKey, canonicalKey } from '../../../src/dstream/keys/canonical.ts';
import { KeyTable } from '../../../src/dstream/keys/key-table.ts';
import { partitionOf } from '../../../src/dstream/keys/partitioner.ts';
import { hashBytes } from '../../../src/dstream/kernel/hash.ts';

const primitive = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.double(),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom<unknown>('1', 1, 1n, -0, 0, Number.NaN, null, true, false, '', 'null', 'n1;'),
  fc.bigInt(),
);
const key = fc.letrec<{ key: unknown }>((tie) => ({
  key: fc.oneof({ maxDepth: 3 }, primitive, fc.array(tie('key'), { maxLength: 3 }), fc.dictionary(fc.string({ maxLength: 3 }), tie('key'), { maxKeys: 3 })),
})).key;

/** Equality by value as the API says it, written in another way than the code under test. */
function equal(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a === b || (Number.isNaN(a) && Number.isNaN(b));
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && equal((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]));
}

/** The same key, made anew, with its properties in another order. */
function remade(a: unknown): unknown {
  if (Object.is(a, 0)) return -0;
  if (typeof a !== 'object' || a === null) return a;
  if (Array.isArray(a)) return a.map(remade);
  return Object.fromEntries(Object.entries(a).reverse().map(([name, value]) => [name, remade(value)]));
}

describe('keys', () => {
  test('have one canonical form exactly when they are equal by value', () => {
    fc.assert(fc.property(key, key, (a, b) => {
      expect(canonicalKey(a) === canonicalKey(b)).toBe(equal(a, b));
    }), { numRuns: 500 });
  });

  test('that are equal by value have one form, one slot and one partition', () => {
    fc.assert(fc.property(key, fc.integer({ min: 1, max: 9 }), (a, n) => {
      const b = remade(a);
      expect(canonicalKey(b)).toBe(canonicalKey(a));
      expect(partitionOf(b, n)).toBe(partitionOf(a, n));
      expect(partitionOf(a, n)).toBeLessThan(n);
      const table = new KeyTable<number>();
      table.add(a, 1);
      expect(table.get(b)).toBe(1);
    }), { numRuns: 500 });
  });

  test('of text go where the hash of their bytes says', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 9 }), (text, n) => {
      expect(partitionOf(text, n)).toBe(hashBytes(Buffer.from(text)) % n);
    }));
  });

  test('that have no value are refused', () => {
    class Point {}
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const bad = [undefined, () => 1, Symbol('s'), new Date(), new Map(), new Set(), new Point(), new Uint8Array(1), /x/, Promise.resolve(), [undefined], { a: new Date() }, { [Symbol('s')]: 1 }, cycle];
    for (const each of bad) {
      expect(() => canonicalKey(each), String(typeof each)).toThrow(BadKey);
      expect(() => new KeyTable().find(each)).toThrow(BadKey);
    }
    expect(() => canonicalKey(new Point())).toThrow('an instance of Point has no value to compare by');
    expect(() => canonicalKey([() => 1])).toThrow('it holds a function');
  });
});

describe('a table of keys', () => {
  test('agrees with a list searched by equality', () => {
    fc.assert(fc.property(fc.array(fc.tuple(key, fc.integer()), { maxLength: 40 }), (entries) => {
      const table = new KeyTable<number>();
      const list: [unknown, number][] = [];
      for (const [each, value] of entries) {
        table.set(each, value);
        const known = list.find(([other]) => equal(other, each));
        if (known === undefined) list.push([each, value]);
        else known[1] = value;
      }
      expect(table.values).toEqual(list.map(([, value]) => value));
      expect(table.size).toBe(list.length);
      expect(table.keys.every((each, i) => equal(each, list[i]![0]))).toBe(true);
    }));
  });

  test('I3: keeps the order of arrival, and hands its arrays over when it is emptied', () => {
    const table = new KeyTable<number>();
    table.set('b', 1);
    table.set('a long key, which may be a slice of a block', 2);
    const { keys, values } = table;
    table.clear();
    expect([keys, values]).toEqual([['b', 'a long key, which may be a slice of a block'], [1, 2]]);
    expect([table.size, table.get('b')]).toEqual([0, undefined]);
  });
});
