/** I1 of hash.ts; count-table.test.ts holds the module's hash against it. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hashBytes, hashString } from '../../../src/dstream/kernel/hash.ts';

it('is MurmurHash3', () => {
  expect(hashString('')).toBe(0);
  expect(hashString('test')).toBe(0xba6bd213);
  expect(hashString('Hello, world!')).toBe(0xc0363e43);
  expect(hashString('The quick brown fox jumps over the lazy dog')).toBe(0x2e4ff723);
});

// fast-check's own strings of any character take seconds to get ready.
const anyText = fc
  .array(fc.oneof(fc.nat(127), fc.nat(0x10ffff)), { maxLength: 40 })
  .map((codes) => String.fromCodePoint(...codes));

it('I1: is the same of a string and of its bytes', () => {
  fc.assert(
    fc.property(anyText, fc.nat(3), (key, before) => {
      const bytes = Buffer.concat([Buffer.alloc(before, 1), Buffer.from(key), Buffer.from('z')]);
      expect(hashBytes(bytes, before, bytes.length - 1)).toBe(hashString(key));
    }),
    { numRuns: 400 },
  );
  expect.hasAssertions();
});

it('I1: takes a lone surrogate for U+FFFD', () => {
  expect(hashString('a\ud800')).toBe(hashString('a\ufffd'));
});
