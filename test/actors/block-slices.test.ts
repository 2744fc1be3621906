import { describe, expect, it } from 'vitest';
import type { Block } from '../../src/actors/block.ts';
import { BlockSlices } from '../../src/actors/block-slices.ts';
import type { TaskBody } from '../../src/actors/task.ts';
import type { Clock } from '../../src/env/env.ts';

/** A body that takes so long a line or record, and keeps what it got. */
class SlowBody {
  nowMs = 0;
  readonly pieces: Block[] = [];
  readonly clock: Clock = {
    now: () => this.nowMs,
    monotonic: () => this.nowMs,
    after: () => {
      throw new Error('no timer is needed');
    },
  };
  readonly #msEach: () => number;

  constructor(msEach: () => number) {
    this.#msEach = msEach;
  }

  block(block: Block): void {
    this.pieces.push(block);
    const count =
      block.kind === 'text' ? linesOf(block).length : block.kind === 'rows' ? block.rows.length : 1;
    this.nowMs += count * this.#msEach();
  }
}

function linesOf(block: Block): string[] {
  if (block.kind !== 'text') return [];
  return Buffer.from(block.bytes).toString('latin1').replace(/\n$/, '').split('\n');
}

/** How long each piece took. */
function feedAll(slices: BlockSlices, block: Block, body: SlowBody): number[] {
  const took: number[] = [];
  for (let isLast = false; !isLast;) {
    const before = body.nowMs;
    isLast = slices.feed(block, body as unknown as TaskBody, before);
    expect(slices.endedMs).toBe(body.nowMs);
    took.push(body.nowMs - before);
  }
  return took;
}

const lines = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => `line ${n}`.padEnd(59, '.'));
const text = (from: readonly string[], end = '\n'): Block => ({
  kind: 'text',
  port: 3,
  bytes: Buffer.from(from.join('\n') + end),
});

describe('BlockSlices', () => {
  it('gives a slow body pieces of whole lines, together the block, each soon short (I1, I2)', () => {
    const body = new SlowBody(() => 1);
    const slices = new BlockSlices(body.clock, 0);
    const all = lines(4000);
    for (const end of ['\n', '']) {
      body.pieces.length = 0;
      const took = feedAll(slices, text(all, end), body);
      expect(body.pieces.flatMap(linesOf)).toEqual(all);
      expect(new Set(body.pieces.map(({ port }) => port))).toEqual(new Set([3]));
      expect(Math.max(...took.slice(8))).toBeLessThanOrEqual(21);
    }
  });

  it('gives a fast body its blocks whole, from the fourth piece on (I2)', () => {
    const body = new SlowBody(() => 0);
    const slices = new BlockSlices(body.clock, 0);
    const block = text(lines(4000));
    feedAll(slices, block, body);
    expect(body.pieces.length).toBeLessThanOrEqual(4);
    body.pieces.length = 0;
    feedAll(slices, block, body);
    expect(body.pieces).toEqual([block]);
    expect(body.pieces[0]).toBe(block);
  });

  it('cuts records too, gives at least one at a time, and leaves columns whole (I1, I3)', () => {
    const body = new SlowBody(() => 500);
    const slices = new BlockSlices(body.clock, 0);
    const rows = Array.from({ length: 1000 }, (_, n) => n);
    const took = feedAll(slices, { kind: 'rows', port: 1, rows }, body);
    expect(body.pieces.flatMap((piece) => (piece.kind === 'rows' ? piece.rows : []))).toEqual(rows);
    expect(took.at(-1)).toBe(500);
    body.pieces.length = 0;
    const columns: Block = {
      kind: 'columns',
      port: 0,
      count: 3,
      keys: ['a', 'b', 'c'],
      values: [1, 2, 3],
    };
    feedAll(slices, columns, body);
    expect(body.pieces).toEqual([columns]);
  });

  it('takes an empty block and a line longer than a piece as they are', () => {
    const body = new SlowBody(() => 1000);
    const slices = new BlockSlices(body.clock, 0);
    feedAll(slices, text(lines(2000)), body);
    body.pieces.length = 0;
    const long = ['x'.repeat(100_000), 'y'];
    feedAll(slices, text(long), body);
    expect(body.pieces.flatMap(linesOf)).toEqual(long);
    const empty: Block = { kind: 'text', port: 0, bytes: new Uint8Array(0) };
    expect(feedAll(slices, empty, body)).toHaveLength(1);
  });

  it('goes back to whole blocks when the body is fast again (I2)', () => {
    let msEach = 1;
    const body = new SlowBody(() => msEach);
    const slices = new BlockSlices(body.clock, 0);
    feedAll(slices, text(lines(2000)), body);
    msEach = 0;
    feedAll(slices, text(lines(2000)), body);
    body.pieces.length = 0;
    feedAll(slices, text(lines(2000)), body);
    expect(body.pieces).toHaveLength(1);
  });
});
