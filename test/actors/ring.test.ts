import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Frame } from '../../src/actors/block.ts';
import { NO_BELL } from '../../src/actors/doorbell.ts';
import { HEAD, MIN_RING_BYTES, TAIL } from '../../src/actors/ring-layout.ts';
import { createRing, RingReader, RingWriter, type RingMemory } from '../../src/actors/ring.ts';
import { MillraceError } from '../../src/errors.ts';
import { barrierFrame, frames, plain, rows, text } from './frames.ts';

/** Just before the position wraps. */
const NEAR_WRAP = 2 ** 32 - 256;

const sizes = fc.constantFrom(MIN_RING_BYTES, 256, 512, 1024, 4096, 65_536);

function ends(memory: RingMemory, epoch = 1): { writer: RingWriter; reader: RingReader } {
  return {
    writer: new RingWriter({ memory, epoch, bell: NO_BELL }),
    reader: new RingReader({ memory, epoch, bell: NO_BELL, name: 'edge 7' }),
  };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof MillraceError) return error.code;
    throw error;
  }
  return 'none';
}

/** Sends all frames with the reader in turns, as the coin says; what the reader saw. */
function cross(list: readonly Frame[], memory: RingMemory, coin: () => boolean): unknown[] {
  const { writer, reader } = ends(memory);
  const seen: unknown[] = [];
  let next = 0;
  for (let steps = 0; seen.length < list.length; steps++) {
    if (steps > 100_000) throw new Error(`stuck after ${seen.length} of ${list.length} frames`);
    if (next < list.length && coin()) {
      if (writer.send(list[next]!)) next++;
    } else {
      const frame = reader.peek();
      if (reader.peek() !== frame) throw new Error('peek gave another frame the second time');
      if (frame === undefined) continue;
      seen.push(plain(frame));
      reader.advance();
    }
  }
  expect(reader.peek()).toBeUndefined();
  expect(reader.usedBytes).toBe(0);
  return seen;
}

describe('a ring', () => {
  it('I4: carries any frames, in order, through any size down to one small frame, whoever comes to turn', () => {
    fc.assert(
      fc.property(
        frames,
        sizes,
        fc.boolean(),
        fc.constantFrom(0, NEAR_WRAP),
        fc.infiniteStream(fc.boolean()),
        (list, size, checksum, start, coins) => {
          const seen = cross(
            list,
            createRing(size, { checksum, start }),
            () => coins.next().value ?? true,
          );
          expect(seen).toStrictEqual(list.map(plain));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('positions wrap at 2^32 without anybody noticing', () => {
    const memory = createRing(256, { start: NEAR_WRAP });
    const control = new Int32Array(memory.control);
    const list = Array.from({ length: 50 }, (_, i) => text(`frame ${i}`));
    let turn = 0;
    expect(cross(list, memory, () => turn++ % 2 === 0)).toStrictEqual(list.map(plain));
    expect(control[TAIL]! >>> 0).toBeLessThan(NEAR_WRAP);
    expect(control[HEAD]).toBe(control[TAIL]);
  });

  it('says false when it is full and takes the same frame later', () => {
    const { writer, reader } = ends(createRing(512));
    const first = text('x'.repeat(64));
    let sent = 0;
    while (writer.send(first)) sent++;
    expect(sent).toBe(4);
    expect(writer.send(first)).toBe(false);
    expect(() => writer.send(text('another'))).toThrow(/before the one in hand/);
    reader.peek();
    expect(writer.send(first)).toBe(false);
    reader.advance();
    expect(writer.send(first)).toBe(true);
  });

  it('I2: a frame is not overwritten before it is released', () => {
    const { writer, reader } = ends(createRing(512));
    while (writer.send(text('a'.repeat(64))));
    const frame = reader.peek();
    const late = text('b'.repeat(64));
    expect(plain(frame)).toStrictEqual(plain(text('a'.repeat(64))));
    reader.advance();
    expect(plain(reader.peek())).toStrictEqual(plain(text('a'.repeat(64))));
    expect(late.kind).toBe('text');
  });

  it('a block that is encoded keeps its bytes while it waits, whatever else is encoded', () => {
    const one = ends(createRing(256));
    const two = ends(createRing(256));
    const large = rows(...Array.from({ length: 60 }, (_, i) => `record ${i}`));
    const other = rows(...Array.from({ length: 60 }, (_, i) => ({ i })));
    const seen: unknown[] = [];
    let [done1, done2] = [false, false];
    while (seen.length < 2) {
      done1 ||= one.writer.send(large);
      done2 ||= two.writer.send(other);
      for (const { reader } of [one, two]) {
        const frame = reader.peek();
        if (frame !== undefined) seen.push(plain(frame));
        reader.advance();
      }
    }
    expect([done1, done2]).toEqual([true, true]);
    expect(seen).toContainEqual(large);
    expect(seen).toContainEqual(other);
  });

  it('text in one frame is a view, not a copy', () => {
    const memory = createRing(4096);
    const { writer, reader } = ends(memory);
    writer.send(text('hello'));
    const frame = reader.peek();
    expect(frame?.kind === 'text' && frame.bytes.buffer).toBe(memory.data);
  });

  it('rings the reader for what is published and the sender only when it waits for room', () => {
    const memory = createRing(512);
    const rung = { reader: 0, writer: 0 };
    const writer = new RingWriter({ memory, epoch: 1, bell: { ring: () => rung.reader++ } });
    const reader = new RingReader({ memory, epoch: 1, bell: { ring: () => rung.writer++ } });
    const frame = text('x'.repeat(64));
    writer.send(frame);
    writer.send(frame);
    expect(rung).toEqual({ reader: 2, writer: 0 });
    reader.peek();
    reader.advance();
    expect(rung.writer).toBe(0);
    while (writer.send(frame));
    const before = rung.reader;
    writer.send(frame);
    expect(rung.reader).toBe(before);
    // One frame's room would do, but half a ring is worth a wake-up.
    let freed = 0;
    for (; rung.writer === 0; freed++) {
      reader.peek();
      reader.advance();
    }
    expect(freed).toBe(3);
    expect(reader.usedBytes).toBeLessThanOrEqual(256);
    expect(writer.send(frame)).toBe(true);
    reader.peek();
    reader.advance();
    expect(rung.writer).toBe(1);
  });

  it('a size that no ring can have is refused with a code', () => {
    for (const bytes of [0, -1, NaN, 2 ** 30 + 1]) {
      expect(codeOf(() => createRing(bytes))).toBe('ERR_MILLRACE_BAD_OPTION');
    }
    expect(createRing(1000).data.byteLength).toBe(1024);
    expect(createRing(1).data.byteLength).toBe(MIN_RING_BYTES);
  });
});

describe('damage', () => {
  it('with checksums, any changed byte of a frame is found and never passed over', () => {
    fc.assert(
      fc.property(
        frames.filter((list) => list.length > 0),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (list, where, change) => {
          const memory = createRing(65_536, { checksum: true });
          const { writer, reader } = ends(memory);
          for (const frame of list) writer.send(frame);
          const used = reader.usedBytes;
          const bytes = new Uint8Array(memory.data);
          bytes[where % used]! ^= change;
          const seen: unknown[] = [];
          const code = codeOf(() => {
            for (let frame = reader.peek(); frame !== undefined; frame = reader.peek()) {
              seen.push(plain(frame));
              reader.advance();
            }
          });
          // A byte of padding means nothing. What was given before the damage is right, and it is never passed over.
          expect(['none', 'ERR_MILLRACE_RING_CORRUPT']).toContain(code);
          expect(codeOf(() => reader.peek())).toBe(code);
          expect(seen).toStrictEqual(
            list.slice(0, code === 'none' ? list.length : seen.length).map(plain),
          );
        },
      ),
      { numRuns: 150 },
    );
  });

  it.each([
    ['length', 0],
    ['magic', 1],
  ])('without checksums, a wrong %s is still found', (_name, word) => {
    const memory = createRing(1024);
    const { writer, reader } = ends(memory);
    writer.send(text('hello'));
    new Int32Array(memory.data)[word] = 77_777;
    expect(codeOf(() => reader.peek())).toBe('ERR_MILLRACE_RING_CORRUPT');
  });

  it('HEAD and TAIL that do not fit together are found', () => {
    const memory = createRing(1024);
    const { writer, reader } = ends(memory);
    writer.send(text('hello'));
    new Int32Array(memory.control)[TAIL] = 1_000_000;
    expect(codeOf(() => reader.peek())).toBe('ERR_MILLRACE_RING_CORRUPT');
  });

  it('names the edge and the place', () => {
    const memory = createRing(1024);
    const { writer, reader } = ends(memory);
    writer.send(text('hello'));
    new Int32Array(memory.data)[1] = 0;
    expect(() => reader.peek()).toThrow(/edge 7: the frame at 0 is damaged: its magic is wrong/);
  });
});

describe('sequence', () => {
  /** Sends three frames and lets the reader begin at the second, as if the first were lost. */
  function loseFirst(first: Frame, ...rest: readonly Frame[]): string {
    const memory = createRing(4096);
    const writer = new RingWriter({ memory, epoch: 1, bell: NO_BELL });
    writer.send(first);
    Atomics.store(new Int32Array(memory.control), HEAD, new Int32Array(memory.control)[TAIL]!);
    for (const frame of rest) writer.send(frame);
    const reader = new RingReader({ memory, epoch: 1, bell: NO_BELL });
    return codeOf(() => {
      while (reader.peek() !== undefined) reader.advance();
    });
  }

  it('a frame that is lost is a gap, seen at the next block or at the barrier', () => {
    expect(loseFirst(text('hello'), text('x'))).toBe('ERR_MILLRACE_RING_GAP');
    expect(loseFirst(rows(1, 2), rows(3))).toBe('ERR_MILLRACE_RING_GAP');
    expect(loseFirst(rows(1, 2), barrierFrame(1))).toBe('ERR_MILLRACE_RING_GAP');
    expect(loseFirst(barrierFrame(1), rows(1), barrierFrame(2))).toBe('none');
  });

  it('a frame that comes twice is a gap', () => {
    const memory = createRing(4096);
    const { writer, reader } = ends(memory);
    writer.send(rows(1, 2));
    reader.peek();
    reader.advance();
    // What a sender of the same epoch would do that forgot what it had sent.
    new RingWriter({ memory, epoch: 1, bell: NO_BELL }).send(rows(1, 2));
    expect(codeOf(() => reader.peek())).toBe('ERR_MILLRACE_RING_GAP');
  });

  it('barriers ascend', () => {
    const { writer, reader } = ends(createRing(4096));
    writer.send(barrierFrame(3));
    writer.send(barrierFrame(3));
    reader.peek();
    reader.advance();
    expect(codeOf(() => reader.peek())).toBe('ERR_MILLRACE_RING_GAP');
  });
});

describe('successors', () => {
  it('a sender’s successor begins behind TAIL with an epoch of its own; half a block of the dead one is dropped', () => {
    const memory = createRing(512);
    const { writer, reader } = ends(memory);
    writer.send(text('whole'));
    expect(writer.send(text('y'.repeat(4000)))).toBe(false);
    const successor = new RingWriter({ memory, epoch: 2, bell: NO_BELL });
    expect(plain(reader.peek())).toStrictEqual(plain(text('whole')));
    reader.advance();
    expect(reader.peek()).toBeUndefined();
    expect(successor.send(text('fresh'))).toBe(true);
    expect(plain(reader.peek())).toStrictEqual(plain(text('fresh')));
  });

  it('a reader’s successor sees again what the dead one had not released', () => {
    const memory = createRing(4096);
    const { writer, reader } = ends(memory);
    writer.send(rows(1));
    writer.send(rows(2));
    reader.peek();
    reader.advance();
    reader.peek();
    const successor = new RingReader({ memory, epoch: 1, bell: NO_BELL, resume: true });
    expect(successor.peek()).toStrictEqual(rows(2));
  });

  it('a frame of an older epoch is damage', () => {
    const memory = createRing(4096);
    new RingWriter({ memory, epoch: 1, bell: NO_BELL }).send(rows(1));
    const reader = new RingReader({ memory, epoch: 2, bell: NO_BELL });
    expect(codeOf(() => reader.peek())).toBe('ERR_MILLRACE_RING_CORRUPT');
  });
});
