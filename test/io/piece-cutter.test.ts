/** Pieces hold whole records, in order, nothing left out, and don't depend on where reading began. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  csvFrom,
  endOfCsv,
  fixedFrom,
  linesFrom,
  type PieceCutter,
} from '../../src/io/piece-cutter.ts';

const WINDOW = 8;

/** Pieces of a content that is read window by window from a position on, and where each ends. */
function pieces(content: Buffer, from: number, cutter: PieceCutter): [string, number][] {
  const found: [string, number][] = [];
  const take = (): void => {
    for (let piece = cutter.next(); piece !== undefined; piece = cutter.next())
      found.push([Buffer.from(piece).toString('latin1'), cutter.position]);
  };
  for (let at = from; at < content.length && cutter.fault === undefined;) {
    const end = Math.min(content.length, (Math.floor(at / WINDOW) + 1) * WINDOW);
    cutter.feed(content.subarray(at, end));
    take();
    at = end;
  }
  if (cutter.fault === undefined) cutter.finish();
  take();
  return found;
}

const joined = (found: readonly [string, number][]): string => found.map(([text]) => text).join('');

describe('pieces of lines', () => {
  it('hold all of the content, in whole lines', () => {
    const found = pieces(
      Buffer.from('a\nbb\nlonger than a window\n\nc'),
      0,
      linesFrom(0, 100, false),
    );
    expect(found).toEqual([
      ['a\nbb\n', 5],
      ['longer than a window\n\n', 27],
      ['c', 28],
    ]);
  });

  it('pass over what is too long, where they may; else that is a fault', () => {
    const content = Buffer.from(`a\n${'x'.repeat(40)}\nb\n`);
    expect(joined(pieces(content, 0, linesFrom(0, 20, true)))).toBe('a\nb\n');
    const cutter = linesFrom(0, 20, false);
    expect(joined(pieces(content, 0, cutter))).toBe('a\n');
    expect([cutter.fault, cutter.position]).toEqual(['tooLong', 2]);
  });

  it('I2: count and place what they passed over', () => {
    const cutter = linesFrom(0, 20, true);
    const found = pieces(Buffer.from(`a\n${'x'.repeat(40)}\nb\n${'y'.repeat(40)}`), 0, cutter);
    expect(found.at(-1)).toEqual(['b\n', 45]);
    expect([cutter.linesSkipped, cutter.position]).toEqual([2, 85]);
  });
});

describe('pieces of CSV', () => {
  it('never end within quotes', () => {
    const text = 'a,"x\ny"\nb,"say ""no\n"""\n"c\n",1\n5" disk,2\n';
    const found = pieces(Buffer.from(text), 0, csvFrom(0, 100, false, ','));
    expect(joined(found)).toBe(text);
    const whole = ['a,"x\ny"\n', 'b,"say ""no\n"""\n', '"c\n",1\n', '5" disk,2\n'];
    const ends = whole.map((_, n) => whole.slice(0, n + 1).join('').length);
    for (const [, position] of found) expect(ends).toContain(position);
  });

  it('give up a line, not the file, for a quote without its other half', () => {
    const text = `"lost,1\n${'ok,2\n'.repeat(20)}`;
    expect(joined(pieces(Buffer.from(text), 0, csvFrom(0, 30, true, ',')))).toBe(
      'ok,2\n'.repeat(20),
    );
  });

  it('can be cut behind any record', () => {
    const piece = Buffer.from('a,"x\ny"\nb,1\n"c\n",2\n');
    expect([1, 2, 3, 9].map((most) => endOfCsv(piece, ',', most))).toEqual([
      { end: 8, records: 1 },
      { end: 12, records: 2 },
      { end: 19, records: 3 },
      { end: 19, records: 3 },
    ]);
  });
});

describe('pieces of bytes', () => {
  it('are multiples of a record; a rest is a fault', () => {
    const cutter = fixedFrom(0, 5);
    const found = pieces(Buffer.from('aaaaabbbbbcccccdd'), 0, cutter);
    expect(joined(found)).toBe('aaaaabbbbbccccc');
    for (const [text] of found) expect(text.length % 5).toBe(0);
    expect([cutter.fault, cutter.position]).toEqual(['remainder', 15]);
  });
});

it('I1: who begins behind any piece gets the pieces that follow it', () => {
  const record = fc.oneof(
    fc.stringMatching(/^[a-c,]{0,12}$/),
    fc.stringMatching(/^[a-c\n]{0,12}$/).map((text) => `"${text}"`),
  );
  fc.assert(
    fc.property(
      fc.array(record, { maxLength: 12 }),
      fc.integer({ min: 0, max: 100 }),
      (all, pick) => {
        const content = Buffer.from(all.map((each) => `${each},1\n`).join(''));
        const found = pieces(content, 0, csvFrom(0, 1000, true, ','));
        expect(joined(found)).toBe(content.toString());
        const n = found.length === 0 ? 0 : pick % found.length;
        const from = n === 0 ? 0 : found[n - 1]![1];
        expect(pieces(content, from, csvFrom(from, 1000, true, ','))).toEqual(found.slice(n));
      },
    ),
  );
});
