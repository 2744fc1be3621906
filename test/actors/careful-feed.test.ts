/** A careful task: records one by one, each noted before it is taken, and those that are listed passed over. */
import { describe, expect, it } from 'vitest';
import type { Block } from '../../src/actors/block.ts';
import { CarefulFeed, PassOver } from '../../src/actors/careful-feed.ts';
import { InHand } from '../../src/actors/in-hand.ts';
import type { TaskBody } from '../../src/actors/task.ts';
import { inHandOf, vitalsBuffer, VitalsWriter, VitalsReader } from '../../src/actors/vitals.ts';
import { VirtualClock } from '../../src/env/virtual-clock.ts';

const text = (content: string): Block => ({ kind: 'text', port: 2, bytes: Buffer.from(content) });
const rows = (...records: unknown[]): Block => ({ kind: 'rows', port: 2, rows: records });

/** What a body was given, piece by piece, and what was in hand then. */
function feedAll(block: Block, passOver = new PassOver([]), hand = new InHand()) {
  const given: unknown[] = [];
  const held: (string | undefined)[] = [];
  const body = {
    block(piece: Block): void {
      if (piece.kind === 'text') given.push(Buffer.from(piece.bytes).toString());
      else given.push(piece.kind === 'rows' ? piece.rows : piece);
      held.push(hand.read()?.text);
    },
  };
  const feed = new CarefulFeed({
    clock: new VirtualClock(),
    input: 0,
    hand,
    passOver,
    mayGoOn: () => true,
  });
  while (!feed.feed(block, body as unknown as TaskBody, 0));
  return { given, held, left: hand.read() };
}

/** The hash under which a record is known. */
const hashOf = (record: unknown): string => new InHand().holdRow(record);
const hashOfLine = (line: string): string => new InHand().holdLine(Buffer.from(line));

describe('records one by one (I1)', () => {
  it('lines are whole, with their ends; what is in hand is the line, and nothing afterwards', () => {
    const { given, held, left } = feedAll(text('a b\nc\r\n\nlast'));
    expect(given).toEqual(['a b\n', 'c\r\n', '\n', 'last']);
    expect(held).toEqual(['a b', 'c', '', 'last']);
    expect(left).toBeUndefined();
  });

  it('rows are whole; blocks without any are passed as they are', () => {
    const { given, held } = feedAll(rows({ a: 1 }, [2, 'x'], 'three'));
    expect(given).toEqual([[{ a: 1 }], [[2, 'x']], ['three']]);
    expect(held).toEqual(['{ a: 1 }', "[ 2, 'x' ]", "'three'"]);
    expect(feedAll(rows()).given).toEqual([[]]);
    expect(feedAll(text('')).given).toEqual(['']);
  });

  it('columns are passed as they are, with nothing in hand (I3)', () => {
    const block: Block = { kind: 'columns', port: 0, count: 2, keys: ['a', 'b'], values: [1, 2] };
    expect(feedAll(block)).toMatchObject({ given: [block], held: [undefined] });
  });

  it('a record at which the body throws stays in hand', () => {
    const hand = new InHand();
    const feed = new CarefulFeed({
      clock: new VirtualClock(),
      input: 0,
      hand,
      passOver: new PassOver([]),
      mayGoOn: () => true,
    });
    const body = {
      block(piece: Block): void {
        if (piece.kind === 'rows' && piece.rows[0] === 13) throw new Error('13');
      },
    };
    expect(() => feed.feed(rows(12, 13, 14), body as unknown as TaskBody, 0)).toThrow('13');
    expect(hand.read()).toEqual({ hash: hashOf(13), text: '13' });
  });

  it('stops between records when it is told to', () => {
    let calls = 0;
    const feed = new CarefulFeed({
      clock: new VirtualClock(),
      input: 0,
      hand: new InHand(),
      passOver: new PassOver([]),
      mayGoOn: () => false,
    });
    const body = { block: () => void calls++ } as unknown as TaskBody;
    const ends = [1, 2, 3].map(() => feed.feed(rows(1, 2, 3), body, 0));
    expect([ends, calls]).toEqual([[false, false, true], 3]);
  });
});

describe('what is passed over (I2)', () => {
  it('is one occurrence for each time that the record is listed', () => {
    const passOver = new PassOver([hashOf(13), hashOf(13), hashOf(17)]);
    expect(feedAll(rows(13, 1, 13, 17, 13, 17), passOver).given).toEqual([[1], [13], [17]]);
    expect([...passOver.takePassed()].sort()).toEqual([hashOf(13), hashOf(13), hashOf(17)].sort());
    expect(passOver.takePassed()).toEqual([]);
  });

  it('is a line whatever ends it', () => {
    const passOver = new PassOver([hashOfLine('bad'), hashOfLine('bad')]);
    expect(feedAll(text('bad\r\ngood\nbad'), passOver).given).toEqual(['good\n']);
  });
});

describe('what is in hand', () => {
  it('is read by others from the shared words of the thread, whatever became of it', () => {
    const buffer = vitalsBuffer(3);
    const writer = new VitalsWriter(buffer, 1);
    const hand = inHandOf(buffer, 1);
    writer.running(5);
    hand.holdRow({ n: 13 });
    expect(new VitalsReader(buffer, 1)).toMatchObject({ state: 'RUNNING', task: 5 });
    expect(inHandOf(buffer, 1).read()).toEqual({ hash: hashOf({ n: 13 }), text: '{ n: 13 }' });
    expect([0, 2].map((line) => inHandOf(buffer, line).read())).toEqual([undefined, undefined]);
    expect([0, 2].map((line) => new VitalsReader(buffer, line).state)).toEqual([
      'STARTING',
      'STARTING',
    ]);
  });

  it('is cut where it is long, and told apart by all of it', () => {
    const hand = new InHand();
    const [a, b] = ['a', 'b'].map((end) => hand.holdLine(Buffer.from('x'.repeat(5000) + end)));
    expect(a).not.toBe(b);
    expect(hand.read()).toMatchObject({
      hash: b,
      text: expect.stringMatching(/^x+… \(5001 bytes\)$/),
    });
    expect(hand.holdRow(['y'.repeat(5000)])).not.toBe(hand.holdRow(['y'.repeat(5001)]));
    expect(hand.read()!.text).toMatch(/^\[\s+'y/);
  });

  it('may be what no bytes can stand for', () => {
    const hand = new InHand();
    expect(hand.holdRow(() => 1)).toBe(hand.holdRow(() => 1));
    expect(hand.read()!.text).toContain('Function');
  });

  it('has a hash of its own: a hundred thousand numbers share none', () => {
    const hand = new InHand();
    const hashes = new Set(Array.from({ length: 100_000 }, (_, n) => hand.holdRow(n)));
    expect(hashes.size).toBe(100_000);
  });
});
