import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BadKey, canonicalKey } from '../../../src/dstream/keys/canonical.ts';
import { KeyTable } from '../../../src/dstream/keys/key-table.ts';
import { partitionOf } from '../../../src/dstream/keys/partitioner.ts';
import { TextIndex } from '../../../src/dstream/keys/text-index.ts';
import { hashBytes } from '../../../src/dstream/kernel/hash.ts';

const primitive = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.double(),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom<unknown>('1', 1, 1n, -0, 0, Number.NaN, null, true, false, '', 'null', 'n1;'),
  fc.bigInt(),
);
const key = fc.letrec<{ key: unknown }>((tie) => ({
  key: fc.oneof(
    { maxDepth: 3 },
    primitive,
    fc.array(tie('key'), { maxLength: 3 }),
    fc.dictionary(fc.string({ maxLength: 3 }), tie('key'), { maxKeys: 3 }),
  ),
})).key;

/** Equality by value as the API says it, written in another way than the code under test. */
function equal(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number')
    return a === b || (Number.isNaN(a) && Number.isNaN(b));
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every(
      (name) =>
        Object.hasOwn(b, name) &&
        equal((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]),
    )
  );
}

/** The same key, made anew, with its properties in another order. */
function remade(a: unknown): unknown {
  if (Object.is(a, 0)) return -0;
  if (typeof a !== 'object' || a === null) return a;
  if (Array.isArray(a)) return a.map(remade);
  return Object.fromEntries(
    Object.entries(a)
      .reverse()
      .map(([name, value]) => [name, remade(value)]),
  );
}

describe('keys', () => {
  test('have one canonical form exactly when they are equal by value', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(canonicalKey(a) === canonicalKey(b)).toBe(equal(a, b));
      }),
      { numRuns: 500 },
    );
  });

  test('that are equal by value have one form, one slot and one partition', () => {
    fc.assert(
      fc.property(key, fc.integer({ min: 1, max: 9 }), (a, n) => {
        const b = remade(a);
        expect(canonicalKey(b)).toBe(canonicalKey(a));
        expect(partitionOf(b, n)).toBe(partitionOf(a, n));
        expect(partitionOf(a, n)).toBeLessThan(n);
        const table = new KeyTable<number>();
        table.add(a, 1);
        expect(table.get(b)).toBe(1);
      }),
      { numRuns: 500 },
    );
  });

  test('of text go where the hash of their bytes says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 9 }), (text, n) => {
        expect(partitionOf(text, n)).toBe(hashBytes(Buffer.from(text)) % n);
      }),
    );
  });

  test('that have no value are refused', () => {
    class Point {}
    const cycle: unknown[] = [];
    cycle.push(cycle);
    const bad = [
      undefined,
      () => 1,
      Symbol('s'),
      new Date(),
      new Map(),
      new Set(),
      new Point(),
      new Uint8Array(1),
      /x/,
      Promise.resolve(),
      [undefined],
      { a: new Date() },
      { [Symbol('s')]: 1 },
      cycle,
    ];
    for (const each of bad) {
      expect(() => canonicalKey(each), String(typeof each)).toThrow(BadKey);
      expect(() => new KeyTable().find(each)).toThrow(BadKey);
    }
    expect(() => canonicalKey(new Point())).toThrow(
      'an instance of Point has no value to compare by',
    );
    expect(() => canonicalKey([() => 1])).toThrow('it holds a function');
  });
});

describe('an index of texts', () => {
  // Around what can be packed: lengths up to 14, characters 0, 255 and 256.
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', '\0', '\x01', 'ÿ', 'Ā', '\ud800'),
    maxLength: 14,
  });

  test('agrees with a Map, cleared or grown', () => {
    fc.assert(
      fc.property(fc.array(fc.array(text, { maxLength: 60 }), { maxLength: 3 }), (batches) => {
        const index = new TextIndex();
        for (const batch of batches) {
          index.clear();
          const map = new Map<string, number>();
          for (const each of batch) {
            expect(index.find(each)).toBe(map.get(each) ?? -1);
            if (map.has(each)) continue;
            index.add(each, map.size);
            map.set(each, map.size);
          }
          for (const [each, slot] of map) expect(index.find(each)).toBe(slot);
        }
      }),
    );
  });

  test('adds a text that was looked for in vain, whatever came in between', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, fc.boolean()), { maxLength: 60 }), (steps) => {
        const index = new TextIndex();
        const found: [number, number][] = [];
        const map = new Map<string, number>();
        for (const [each, add] of steps) {
          // Looked for or not: `add` may come right behind a search in vain, or behind another's.
          if (!add || map.has(each)) found.push([index.find(each), map.get(each) ?? -1]);
          else {
            index.add(each, map.size);
            map.set(each, map.size);
          }
        }
        for (const [each, slot] of map) found.push([index.find(each), slot]);
        expect(found.filter(([got, want]) => got !== want)).toEqual([]);
      }),
    );
  });

  test('keeps a hundred thousand texts apart, forgets them, and shrinks', () => {
    const index = new TextIndex();
    for (let i = 0; i < 100_000; i++) index.add(`key ${i}`, i);
    for (let i = 0; i < 100_000; i++)
      if (index.find(`key ${i}`) !== i) throw new Error(`lost key ${i}`);
    index.clear();
    expect([index.find('key 0'), index.find('key 99999')]).toEqual([-1, -1]);
    index.add('key 7', 0);
    index.clear();
    index.add('key 7', 3);
    expect([index.find('key 7'), index.find('key 8')]).toEqual([3, -1]);
  });
});

/** Texts of 12 characters that all fall on one place of the index. */
function collidingTexts(count: number): string[] {
  const texts: string[] = [];
  const words = new Int32Array(3);
  const bytes = new Uint8Array(words.buffer);
  for (let i = 1; texts.length < count; i++) {
    words[1] = Math.imul(i, 0x9e3779b1);
    words[2] = Math.imul(i, 0x7feb352d);
    words[0] = 0x12345678 ^ Math.imul(words[1]!, 0x85ebca6b) ^ Math.imul(words[2]!, 0x27d4eb2f);
    if (!bytes.includes(0)) texts.push(Buffer.from(bytes).toString('latin1'));
  }
  return texts;
}

test('I2: an index of texts that were made to collide finds them all, and soon', () => {
  const index = new TextIndex();
  const texts = collidingTexts(20_000);
  texts.forEach((text, slot) => {
    expect(index.find(text)).toBe(-1);
    index.add(text, slot);
  });
  texts.forEach((text, slot) => expect(index.find(text)).toBe(slot));
});

test.each([
  ['that were made to collide', (): string[] => collidingTexts(3000)],
  ['of all kinds', (): string[] => Array.from({ length: 3000 }, (_, n) => mixedText(n))],
])('I3: an index of texts %s agrees with a map while they come and go', (_, make) => {
  const texts = make();
  const index = new TextIndex();
  const model = new Map<string, number>();
  const wrong: string[] = [];
  let at = 1;
  for (let step = 0; step < 20_000; step++) {
    at = (at * 48_271) % 2_147_483_647;
    const text = texts[at % texts.length]!;
    const slot = index.find(text);
    if (slot !== (model.get(text) ?? -1)) wrong.push(text);
    if (slot < 0) {
      index.add(text, step);
      model.set(text, step);
      // More leave as time goes on, and then more come again.
    } else if (at % 7 < 1 + ((step >> 11) % 5)) {
      index.remove(text);
      model.delete(text);
    }
  }
  expect(wrong).toEqual([]);
  for (const text of texts) expect(index.find(text)).toBe(model.get(text) ?? -1);
});

/** Short, long, empty, and with characters that are not packed. */
function mixedText(n: number): string {
  const text = n.toString(36).repeat((n % 5) * (n % 3));
  return n % 11 === 0 ? `${text}\0` : n % 13 === 0 ? `${text}\u0416` : text + String(n % 700);
}

describe('a table of keys', () => {
  test('agrees with a list searched by equality', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.integer()), { maxLength: 40 }), (entries) => {
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
      }),
    );
  });

  test('I3: keeps the order of arrival, and hands its arrays over when it is emptied', () => {
    const table = new KeyTable<number>();
    table.set('b', 1);
    table.set('a long key, which may be a slice of a block', 2);
    const { keys, values } = table;
    table.clear();
    expect([keys, values]).toEqual([
      ['b', 'a long key, which may be a slice of a block'],
      [1, 2],
    ]);
    expect([table.size, table.get('b')]).toEqual([0, undefined]);
  });
});
