import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineCutter, type LongLinePolicy } from '../../src/io/line-cutter.ts';

interface Result {
  readonly blocks: { readonly text: string; readonly position: number }[];
  readonly cutter: LineCutter;
}

function cut(
  chunks: readonly (string | Uint8Array)[],
  max = 1000,
  policy: LongLinePolicy = 'fail',
  end = true,
): Result {
  const cutter = new LineCutter(max, policy);
  const blocks: Result['blocks'] = [];
  const drain = (): void => {
    while (cutter.next()) {
      const again = Buffer.concat([cutter.head, cutter.tail]);
      expect(cutter.next(), 'what is not taken is offered again').toBe(true);
      expect(Buffer.concat([cutter.head, cutter.tail]).equals(again)).toBe(true);
      blocks.push({ text: again.toString(), position: cutter.position });
      cutter.taken();
    }
  };
  for (const chunk of chunks) {
    cutter.feed(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
    drain();
  }
  if (end) {
    cutter.finish();
    drain();
  }
  return { blocks, cutter };
}

const textOf = ({ blocks }: Result): string => blocks.map((block) => block.text).join('');

describe('LineCutter', () => {
  it('I1: cuts at the last newline and carries the rest', () => {
    const { blocks } = cut(['a\nb\nc', 'd\ne', 'f', 'g\n'], 1000, 'fail', false);
    expect(blocks).toEqual([
      { text: 'a\nb\n', position: 4 },
      { text: 'cd\n', position: 7 },
      { text: 'efg\n', position: 11 },
    ]);
  });

  it('publishes a last line without newline as a line', () => {
    expect(textOf(cut(['a\nb']))).toBe('a\nb\n');
    expect(textOf(cut(['a\n']))).toBe('a\n');
    expect(textOf(cut([]))).toBe('');
  });

  it('keeps a character whole whose bytes come in two chunks', () => {
    const bytes = Buffer.from('grün 日本\n');
    for (let at = 1; at < bytes.length; at++) {
      expect(textOf(cut([bytes.subarray(0, at), bytes.subarray(at)]))).toBe('grün 日本\n');
    }
  });

  it('fails at a line that is too long, behind the lines before it', () => {
    const { blocks, cutter } = cut(['ok\n', 'long', 'er\nnext\n'], 5, 'fail', false);
    expect(blocks).toEqual([{ text: 'ok\n', position: 3 }]);
    expect(cutter.tooLong).toBe(true);
  });

  it('takes a line of exactly the allowed length', () => {
    expect(textOf(cut(['12345\n12', '345\n12345'], 5))).toBe('12345\n12345\n12345\n');
    expect(cut(['123456\n'], 5).cutter.tooLong).toBe(true);
  });

  it('I2: offers a line that is cut only when its end was seen', () => {
    const open = cut(['a\n1234567', '89'], 5, 'cut', false);
    expect(open.blocks).toEqual([{ text: 'a\n', position: 2 }]);
    const whole = cut(['a\n1234567', '89\nb\n'], 5, 'cut', false);
    expect(whole.blocks).toEqual([
      { text: 'a\n', position: 2 },
      { text: '12345\n', position: 12 },
      { text: 'b\n', position: 14 },
    ]);
    expect(whole.cutter.linesCut).toBe(1);
  });

  it('never cuts a character in two', () => {
    expect(textOf(cut(['123日本\n'], 5, 'cut'))).toBe('123\n');
    expect(textOf(cut(['123', '日本\n'], 5, 'cut'))).toBe('123\n');
    expect(textOf(cut(['12日本\n'], 5, 'cut'))).toBe('12日\n');
  });

  it('skips lines that are too long and counts them', () => {
    const result = cut(['a\n123456', '7\nb\n1234567\nc\n', '123456'], 5, 'skip');
    expect(textOf(result)).toBe('a\nb\nc\n');
    expect(result.cutter.linesSkipped).toBe(3);
  });

  it('begins anew at any position', () => {
    const { cutter } = cut(['abc'], 1000, 'fail', false);
    expect(cutter.partialBytes).toBe(3);
    cutter.start(100);
    cutter.feed(Buffer.from('x\n'));
    expect(cutter.next()).toBe(true);
    expect(cutter.position).toBe(102);
    expect(cutter.head.length).toBe(0);
  });

  it('gives what a line-by-line reader gives, however the bytes are split', () => {
    const character = fc.constantFrom('a', 'b', '\n', '\n', '\r', 'é', '日');
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
    fc.assert(
      fc.property(
        fc.array(character, { maxLength: 80 }),
        sizes,
        fc.integer({ min: 1, max: 12 }),
        fc.constantFrom<LongLinePolicy>('cut', 'skip'),
        (characters, splits, max, policy) => {
          const bytes = Buffer.from(characters.join(''));
          const chunks: Uint8Array[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = splits[i % splits.length]!;
            chunks.push(bytes.subarray(at, at + size));
            at += size;
          }
          const lines = bytes.toString().split('\n');
          if (lines.at(-1) === '') lines.pop();
          const expected = lines.flatMap((line) => {
            if (Buffer.byteLength(line) <= max) return [`${line}\n`];
            if (policy === 'skip') return [];
            let kept = '';
            for (const each of line) {
              if (Buffer.byteLength(kept + each) > max) break;
              kept += each;
            }
            return [`${kept}\n`];
          });
          const result = cut(chunks, max, policy);
          expect(textOf(result)).toBe(expected.join(''));
          // I2: going on from any position gives the rest.
          for (const { position } of result.blocks.slice(0, 3)) {
            const before = result.blocks
              .filter((block) => block.position <= position)
              .map((block) => block.text);
            const rest = textOf(cut([bytes.subarray(position)], max, policy));
            expect(before.join('') + rest).toBe(expected.join(''));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
