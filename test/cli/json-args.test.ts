import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJsonArgs } from '../../src/cli/json-args.ts';
import { MillraceError } from '../../src/errors.ts';

const positionOf = (text: string): number | undefined => {
  try {
    parseJsonArgs(text);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(MillraceError);
    expect((error as MillraceError).code).toBe('ERR_MILLRACE_BAD_ARGS');
    return (error as MillraceError).context['position'] as number;
  }
};

describe('--args', () => {
  it('gives what the JSON says', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(parseJsonArgs(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['hello', 0],
    ['{a:1}', 1],
    ["{'a':1}", 1],
    ['{"a":}', 5],
    ['{"a":1,}', 7],
    ['{"a":1} x', 8],
    ['[1,,2]', 3],
    ['{"a":99 99}', 8],
    ['trux', 3],
    ['{"a":1', 6],
    ['"ab', 3],
    ['', 0],
  ])('%j is wrong at %d, in every version of Node', (text, position) => {
    expect(positionOf(text)).toBe(position);
  });

  it('shows the line and a mark below the place', () => {
    expect(() => parseJsonArgs('{\n  "port": x\n}')).toThrow(
      '--args isn\'t JSON: "x" can\'t stand here, at position 12 (line 2, column 11)\n      "port": x\n              ^',
    );
    expect(() => parseJsonArgs('{"port":1')).toThrow('it ends too early, at position 9');
  });

  it('a broken text is never wrong beyond its end', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.nat(),
        fc.constantFrom('}', ']', ',', '#', ''),
        (value, at, put) => {
          const text = JSON.stringify(value);
          const cut = text.slice(0, at % (text.length + 1)) + put;
          expect(positionOf(cut) ?? 0).toBeLessThanOrEqual(cut.length);
        },
      ),
    );
  });
});
