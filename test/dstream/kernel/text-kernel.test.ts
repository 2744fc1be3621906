/** I1 of text-kernel.ts: a kernel gives exactly what the closure form gives. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeKeys } from '../../../src/dstream/kernel/columns.ts';
import { kernelFor } from '../../../src/dstream/kernel/program.ts';
import { TextKernel } from '../../../src/dstream/kernel/text-kernel.ts';
import type { TextProgram, TextTokens, TextTransform } from '../../../src/plan/text-program.ts';

const program = (
  tokens: TextTokens,
  transforms: readonly TextTransform[] = [],
  aggregate: TextProgram['aggregate'] = 'countByValue',
): TextProgram => ({ transforms, tokens, aggregate });
const WORDS: TextTokens = { op: 'words' };
const LINES: TextTokens = { op: 'lines' };
const split = (separator: string): TextTokens => ({ op: 'split', separator });

/** Programs that among them go every way through the module. */
const programs: readonly TextProgram[] = [WORDS, LINES, split(','), split('\r'), split(' ')]
  .flatMap((tokens) => [
    program(tokens),
    program(tokens, [{ op: 'trim' }]),
    program(tokens, [{ op: 'toLowerCase' }]),
    program(tokens, [{ op: 'grep', needle: 'ab' }, { op: 'trim' }]),
    program(tokens, [{ op: 'trim' }, { op: 'grep', needle: 'a' }, { op: 'toLowerCase' }]),
    program(tokens, [{ op: 'grep', needle: 'b' }, { op: 'trim' }, { op: 'grep', needle: ' ' }]),
  ])
  .flatMap((each) => [each, { ...each, aggregate: 'count' }]);

// ── The closure form, as anyone would write it ──────────────────────────────────────────────────

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
}

function tokensOf(line: string, tokens: TextTokens): string[] {
  if (tokens.op === 'lines') return [line];
  if (tokens.op === 'split') return line.split(tokens.separator);
  return line.split(/[ \t\n\v\f\r]+/).filter((word) => word !== '');
}

function closureForm(of: TextProgram, text: string): Map<string, number> {
  let lines = linesOf(text);
  for (const transform of of.transforms) {
    if (transform.op === 'trim') lines = lines.map((line) => line.trim());
    else if (transform.op === 'toLowerCase') lines = lines.map((line) => line.toLowerCase());
    else lines = lines.filter((line) => line.includes(transform.needle));
  }
  const counts = new Map<string, number>();
  for (const token of lines.flatMap((line) => tokensOf(line, of.tokens))) {
    counts.set(token, (counts.get(token) ?? 0) + 1);
  }
  return counts;
}

// ── Both forms, to be compared ──────────────────────────────────────────────────────────────────

interface Result {
  readonly lines: number;
  readonly count: number;
  readonly size: number;
  readonly entries: readonly (readonly [string, number])[];
}

const inOrder = (entries: Iterable<[string, number]>): [string, number][] =>
  [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));

function expected(of: TextProgram, ...texts: string[]): Result {
  const counts = closureForm(of, texts.join(''));
  const lines = texts.reduce((sum, text) => sum + linesOf(text).length, 0);
  if (of.aggregate === 'countByValue') {
    return { lines, count: 0, size: counts.size, entries: inOrder(counts) };
  }
  const count = [...counts.values()].reduce((sum, each) => sum + each, 0);
  return { lines, count, size: 0, entries: [] };
}

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));

/** Takes the blocks, each by the kernel if it is usable, and begins anew. */
function take(kernel: TextKernel, of: TextProgram, ...texts: string[]): Result {
  let lines = 0;
  for (const text of texts) {
    const bytes = bytesOf(text);
    if (kernel.usable(bytes)) {
      lines += kernel.block(bytes);
    } else {
      lines += linesOf(text).length;
      closureForm(of, text).forEach((count, key) => kernel.add(key, count));
    }
  }
  const [columns] = kernel.columns();
  const entries = decodeKeys(columns!).map((key, i): [string, number] => [
    key,
    columns!.values[i]!,
  ]);
  const result = { lines, count: kernel.count, size: kernel.size, entries: inOrder(entries) };
  kernel.clear();
  return result;
}

// ── Random text and programs ────────────────────────────────────────────────────────────────────

const ascii = fc.oneof(
  { weight: 6, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 6, arbitrary: fc.stringMatching(/^[a-cA-C]{1,3}$/) },
  { weight: 6, arbitrary: fc.constantFrom(' ', '\n', '\r\n', ',', '\t', '\v', '\f', '\r', '  ') },
  { weight: 1, arbitrary: fc.constantFrom('\n\n', '\r\r\n', '\n\r', '\0', 'a\0', '\x1c', '\x0e') },
  { weight: 1, arbitrary: fc.nat(80).map((n) => 'x'.repeat(n)) },
);
// fast-check's own strings of any character take seconds to get ready.
const anyText = fc
  .array(fc.nat(0x10ffff), { maxLength: 4 })
  .map((codes) => Buffer.from(String.fromCodePoint(...codes)).toString());
const other = fc.oneof(
  fc.constantFrom('é', '\u0085', '\u00a0', '\u2028', '\ufeff', '\ufffd', 'İ', '字', '😀'),
  anyText,
);
const join = (parts: string[]): string => parts.join('');
const asciiText = fc.array(ascii, { maxLength: 60 }).map(join);
const mixed = fc.oneof({ weight: 5, arbitrary: ascii }, { weight: 1, arbitrary: other });
const text = fc.oneof(asciiText, fc.array(mixed, { maxLength: 60 }).map(join));

const needle = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'ab', 'A', ',', '\r', '\n', ' ', 'é', '\0', 'x'.repeat(17)),
  anyText,
);
const transform: fc.Arbitrary<TextTransform> = fc.oneof(
  fc.constant({ op: 'trim' } as const),
  fc.constant({ op: 'toLowerCase' } as const),
  needle.map((each) => ({ op: 'grep', needle: each }) as const),
);
const anyProgram: fc.Arbitrary<TextProgram> = fc.record({
  transforms: fc.array(transform, { maxLength: 4 }),
  tokens: fc.oneof(
    fc.constantFrom(WORDS, LINES, ...[',', ' ', '\t', 'a', '\r', '\n', '\0', '\x7f'].map(split)),
    fc.integer({ min: 0, max: 127 }).map((code) => split(String.fromCharCode(code))),
  ),
  aggregate: fc.constantFrom('countByValue', 'count'),
});

describe('every program', () => {
  it('is equal to its closure form on random text', () => {
    fc.assert(
      fc.property(anyProgram, fc.array(text, { minLength: 1, maxLength: 4 }), (each, texts) => {
        const kernel = new TextKernel(each);
        for (const one of texts) expect(take(kernel, each, one)).toEqual(expected(each, one));
      }),
      { numRuns: 1200 },
    );
    expect.hasAssertions();
  });

  it('is equal to its closure form however the text is cut, both forms in turn', () => {
    fc.assert(
      fc.property(anyProgram, fc.array(text, { maxLength: 8 }), (each, parts) => {
        const blocks = parts.map((part) => `${part}\n`);
        expect(take(new TextKernel(each), each, ...blocks)).toEqual(expected(each, ...blocks));
      }),
      { numRuns: 500 },
    );
    expect.hasAssertions();
  });

  it('sees words about as long as vectors and masks at every place in them', () => {
    const lengths = [...Array(19).keys(), 31, 32, 33, 47, 48, 49, 63, 64, 65];
    for (const each of programs) {
      const kernel = new TextKernel(each);
      for (const length of lengths) {
        const lines = Array.from({ length: 66 }, (_, at) => {
          const word = `A${'b'.repeat(length)}`;
          return `${'x'.repeat(at % 17)} ${word.slice(0, length)},${word}${at % 3 ? '' : '\r'}`;
        });
        const one = lines.join('\n');
        expect(take(kernel, each, one)).toEqual(expected(each, one));
      }
    }
  });

  it('takes words and lines of over 64 KB', () => {
    const long = 'Ab'.repeat(40_000);
    const one = `${long} ${long}c\n${long}\n,${long} ab,${long}d\r\n${long}`;
    for (const each of programs) {
      expect(take(new TextKernel(each), each, one)).toEqual(expected(each, one));
    }
  });

  it('takes a text of several pieces, and lines that are longer than one', () => {
    const piece = 'some words, more words\n'.repeat(50_000);
    const line = 'word '.repeat(210_000);
    for (const each of [program(WORDS), program(LINES), program(split(','), [{ op: 'trim' }])]) {
      const one = `${piece}${line}\n${piece}${line}`;
      expect(take(new TextKernel(each), each, one)).toEqual(expected(each, one));
    }
  });

  it('tells words with NUL from shorter ones', () => {
    const one =
      'a a\0 a\0\0 \0 \0\0\na\0\n' + `${'b'.repeat(15)} ${'b'.repeat(15)}\0 ${'b'.repeat(16)}\0`;
    for (const each of programs) {
      expect(take(new TextKernel(each), each, one)).toEqual(expected(each, one));
    }
  });

  it('reads no line from an empty block, one from a lone line end', () => {
    for (const each of programs) {
      const kernel = new TextKernel(each);
      for (const one of ['', '\n', '\r\n', '\r', '\r\n\r\n\n', '\n\n\n\r\n', '\n'.repeat(9000)]) {
        expect(take(kernel, each, one)).toEqual(expected(each, one));
      }
    }
  });

  it('leaves nothing of a longer block in a shorter one', () => {
    for (const each of programs) {
      const kernel = new TextKernel(each);
      take(kernel, each, 'aaab bb\r\ncc,cc ab dddd eeee ffff gggg hhhh iiii jjjj kkkk\r\n\r\n\r\n');
      expect(take(kernel, each, 'ab')).toEqual(expected(each, 'ab'));
    }
  });
});

describe('what a kernel can take', () => {
  it('refuses separators that are not one ASCII character, and halves of surrogate pairs', () => {
    expect(kernelFor(program(WORDS))).toBe(true);
    expect(kernelFor(program(split(',')))).toBe(true);
    expect(kernelFor(program(split('\0')))).toBe(true);
    expect(kernelFor(program(LINES, [{ op: 'grep', needle: '😀' }]))).toBe(true);
    for (const separator of ['', ', ', 'é', '\u0080', '字']) {
      expect(kernelFor(program(split(separator)))).toBe(false);
    }
    expect(kernelFor(program(LINES, [{ op: 'grep', needle: '\ud83d' }]))).toBe(false);
    expect(() => new TextKernel(program(split('')))).toThrow(RangeError);
  });

  it('takes valid UTF-8 only, and ASCII only where letters or white space matter', () => {
    const grep = new TextKernel(program(WORDS, [{ op: 'grep', needle: 'é' }]));
    const trim = new TextKernel(program(WORDS, [{ op: 'trim' }]));
    const lower = new TextKernel(program(WORDS, [{ op: 'toLowerCase' }]));
    for (const kernel of [grep, trim, lower]) {
      for (const invalid of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0x61, 0x80]]) {
        expect(kernel.usable(Uint8Array.from(invalid))).toBe(false);
      }
      expect(kernel.usable(bytesOf('plain\n'))).toBe(true);
      expect(kernel.usable(bytesOf('é\n'))).toBe(kernel === grep);
    }
  });

  it('I2: takes blocks of shared memory and keeps nothing of them', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(64), 3, 40);
    const kernel = new TextKernel(program(WORDS));
    shared.set(bytesOf('one two one\n'.padEnd(40, ' ')));
    expect(kernel.usable(shared)).toBe(true);
    expect(kernel.block(shared)).toBe(2);
    shared.fill(0x78);
    expect(decodeKeys(kernel.columns()[0]!).sort()).toEqual(['one', 'two']);
  });
});
