import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fromJson, toJson } from '../../../src/run/inspect/json-values.ts';

const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.anything({
      withMap: true,
      withSet: true,
      withDate: true,
      withBigInt: true,
      withTypedArray: true,
    }),
    fc.constantFrom<unknown>(
      undefined,
      Number.NaN,
      -0,
      Infinity,
      { $map: [] },
      { $date: 3 },
      { $x: 1, y: 2 },
    ),
    fc.array(tie('value')),
  ),
})).value;

it('gives back every value that state may be made of', () => {
  fc.assert(
    fc.property(values, (value) => {
      const plain = withoutOddities(value);
      expect(fromJson(JSON.parse(JSON.stringify(toJson(plain))))).toStrictEqual(plain);
    }),
    { numRuns: 500 },
  );
});

it('refuses a form that it does not write', () => {
  for (const json of [{ $else: 1 }, { $number: 'toString' }, { $typed: ['Map', []] }])
    expect(() => fromJson(json)).toThrow(TypeError);
});

/** What comes out of the codec has no symbols, prototypes of its own or accessors. */
function withoutOddities(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return typeof value === 'symbol' ? 's' : value;
  if (Array.isArray(value)) return Array.from(value, withoutOddities);
  if (value instanceof Map)
    return new Map([...value].map(([k, v]) => [withoutOddities(k), withoutOddities(v)]));
  if (value instanceof Set) return new Set([...value].map(withoutOddities));
  if (value instanceof Date || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== '__proto__')
      .map(([key, each]) => [key, withoutOddities(each)]),
  );
}
