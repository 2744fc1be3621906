import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { copied, isMutable, owned } from '../../../src/dstream/state/copied.ts';

class Point {
  x = 1;
}

test.each<[string, unknown]>([
  ['an array in an object', { list: [1, { a: 2 }] }],
  ['an object without prototype', Object.assign(Object.create(null) as object, { a: [1] })],
  ['a map and a set', new Map<unknown, unknown>([['a', new Set([{ b: 1 }])]])],
  ['a date', new Date(5)],
  ['typed arrays', [new Float64Array([1.5, 2]), new Uint8Array([7])]],
  ['a buffer', Buffer.from('text')],
])('%s is copied', (_, value) => {
  const copy = copied(value);
  expect(copy).toEqual(value);
  expect(copy).not.toBe(value);
  expect(isMutable(value)).toBe(true);
});

test('a copy of bytes has bytes of its own', () => {
  const bytes = Buffer.from('text');
  const copy = copied({ bytes });
  bytes[0] = 0;
  expect(copy.bytes.toString()).toBe('text');
});

test.each<[string, unknown]>([
  ['a number', 1],
  ['text', 'a'],
  ['null', null],
  ['what is frozen', Object.freeze({ a: 1 })],
  ['a frozen list', Object.freeze([1])],
])('%s is given as it is, and counts as unchanged', (_, value) => {
  expect(copied(value)).toBe(value);
  expect(isMutable(value)).toBe(false);
});

test('an instance of a class of its own is shared: no copy could be one', () => {
  const point = new Point();
  expect(copied({ point }).point).toBe(point);
});

test('texts of a state keep nothing else alive, and are the same texts', () => {
  // Each is a slice of a text of its own that is a thousand times as long.
  const states = Array.from({ length: 2000 }, (_, n) => {
    const whole = `${n}`.padStart(50_000, 'x');
    const slice = whole.slice(-20);
    return n % 3 === 0 ? slice : n % 3 === 1 ? { slice, n } : [slice];
  });
  const expected = structuredClone(states);
  const kept = states.map((state) => owned(state));
  expect(kept).toEqual(expected);
  states.length = 0;
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  expect(process.memoryUsage().heapUsed).toBeLessThan(80e6);
  expect(kept).toHaveLength(2000);
});

test('what can not be set is left', () => {
  const odd = Object.defineProperty({}, 'text', {
    enumerable: true,
    get: () => 'a long text, really',
  });
  expect(owned(odd)).toBe(odd);
});
