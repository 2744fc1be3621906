import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_BELL } from '../../src/actors/doorbell.ts';
import {
  baseOf,
  createConsumerWords,
  createReceiverEdge,
  fenceSender,
  lastBarrierOf,
  ReceiverEdgeReader,
  ReceiverEdgeWriter,
  setBase,
  type ReceiverMemory,
} from '../../src/actors/receiver-edge.ts';
import { BASE } from '../../src/actors/ring-layout.ts';
import { MillraceError } from '../../src/errors.ts';
import { barrier, barrierFrame, plain, rows, text } from './frames.ts';

const EMPTY = new Uint8Array(0);
const NEAR_WRAP = 2 ** 32 - 2048;

function bytes(content: string): Uint8Array {
  return Buffer.from(content, 'latin1');
}

function reader(memory: ReceiverMemory): ReceiverEdgeReader {
  return new ReceiverEdgeReader({ memory, words: createConsumerWords(), bell: NO_BELL });
}

function drain(from: ReceiverEdgeReader): unknown[] {
  const seen: unknown[] = [];
  for (let frame = from.peek(); frame !== undefined; frame = from.peek()) {
    seen.push(plain(frame));
    from.advance();
  }
  return seen;
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

describe('a receiver edge', () => {
  it('gives text, records and barriers in order, and again from BASE to the next consumer', () => {
    const memory = createReceiverEdge(16_384, { checksum: true });
    const writer = new ReceiverEdgeWriter({ memory, countLines: true });
    expect(writer.sendText(bytes('a\nb'), bytes('c\nd\n'), 100)).toBe(true);
    expect(writer.putBarrier(barrier(1), [])).toBe(true);
    expect(writer.sendRows([1, 'x', undefined])).toBe(true);
    expect(writer.putBarrier(barrier(2), [0])).toBe(true);
    expect(writer.sendText(EMPTY, bytes('tail'), 104)).toBe(true);
    const all = [
      text('a\nbc\nd\n'),
      barrierFrame(1),
      rows(1, 'x', undefined),
      barrierFrame(2, [0]),
      text('tail'),
    ].map(plain);
    expect(drain(reader(memory))).toStrictEqual(all);
    expect(drain(reader(memory))).toStrictEqual(all);
    expect(writer.position()).toEqual({ bytes: 104, lines: 7 });
    expect(writer.lastBarrier).toBe(2);
    expect(lastBarrierOf(memory)).toBe(2);
  });

  it('a consumer begins behind the held recovery point, and what lies before it may be overwritten', () => {
    const memory = createReceiverEdge(4096);
    const writer = new ReceiverEdgeWriter({ memory });
    writer.sendText(bytes('old\n'), EMPTY, 4);
    writer.putBarrier(barrier(1), []);
    writer.sendText(bytes('new\n'), EMPTY, 8);
    const first = reader(memory);
    expect(first.peek()?.kind).toBe('text');
    first.advance();
    expect(first.peek()?.kind).toBe('barrier');
    const before = writer.usedBytes;
    setBase(memory, first.offsetBehind());
    expect(baseOf(memory)).toBe(first.offsetBehind());
    expect(writer.usedBytes).toBeLessThan(before);
    expect(drain(reader(memory))).toStrictEqual([plain(text('new\n'))]);
    first.advance();
    expect(drain(first)).toStrictEqual([plain(text('new\n'))]);
  });

  it('I1, I4: refuses data when it is full of kept bytes, yet takes barriers, until BASE moves', () => {
    const memory = createReceiverEdge(8192);
    const writer = new ReceiverEdgeWriter({ memory, maxUnreadBytes: 1e9 });
    let position = 0;
    while (writer.sendText(bytes('x'.repeat(200)), EMPTY, position + 200)) position += 200;
    expect(writer.position().bytes).toBe(position);
    const consumer = reader(memory);
    drain(consumer);
    expect(writer.sendText(bytes('x'.repeat(200)), EMPTY, position + 200)).toBe(false);
    expect(writer.sendRows(['a'.repeat(200)])).toBe(false);
    for (let n = 1; n <= 4; n++) expect(writer.putBarrier(barrier(n), [])).toBe(true);
    let number = 5;
    while (writer.putBarrier(barrier(number), [])) number++;
    expect(number).toBeLessThan(30);
    drain(consumer);
    setBase(memory, consumer.offsetBehind());
    expect(writer.putBarrier(barrier(number), [])).toBe(true);
    expect(writer.sendText(bytes('x'.repeat(200)), EMPTY, position + 200)).toBe(true);
  });

  it('I5: refuses data when much lies unread, and rings the sender when half of it is read', () => {
    const memory = createReceiverEdge(65_536);
    const writer = new ReceiverEdgeWriter({ memory, maxUnreadBytes: 2000 });
    const words = createConsumerWords();
    let rung = 0;
    writer.setConsumer(words, NO_BELL);
    const send = (): boolean => writer.sendText(bytes('x'.repeat(200)), EMPTY, 1);
    let sent = 0;
    while (send()) sent++;
    expect(sent).toBe(8);
    const consumer = new ReceiverEdgeReader({ memory, words, bell: { ring: () => rung++ } });
    for (let i = 0; i < 3; i++) {
      consumer.peek();
      consumer.advance();
    }
    expect(rung).toBe(0);
    consumer.peek();
    consumer.advance();
    expect(rung).toBe(1);
    expect(writer.unreadBytes).toBeLessThanOrEqual(1000);
    expect(send()).toBe(true);
    consumer.peek();
    consumer.advance();
    expect(rung).toBe(1);
    // A large block passes when nothing is unread.
    drain(consumer);
    expect(writer.sendText(bytes('y'.repeat(10_000)), EMPTY, 2)).toBe(true);
  });

  it('the words of a consumer that was replaced mean nothing', () => {
    const memory = createReceiverEdge(65_536);
    const writer = new ReceiverEdgeWriter({ memory, maxUnreadBytes: 2000 });
    const zombieWords = createConsumerWords();
    writer.setConsumer(zombieWords, NO_BELL);
    const zombie = new ReceiverEdgeReader({ memory, words: zombieWords, bell: NO_BELL });
    while (writer.sendText(bytes('x'.repeat(200)), EMPTY, 1));
    writer.setConsumer(createConsumerWords(), NO_BELL);
    drain(zombie);
    expect(writer.unreadBytes).toBe(writer.usedBytes);
    expect(writer.sendText(bytes('x'.repeat(200)), EMPTY, 1)).toBe(false);
  });

  it('a consumer that BASE has passed ends, and uses nothing that it read', () => {
    const memory = createReceiverEdge(65_536);
    const writer = new ReceiverEdgeWriter({ memory });
    const send = (n: number): void => {
      expect(writer.sendText(bytes(`line ${n}`), EMPTY, n)).toBe(true);
      const barrier = { number: n, batch: true, point: true, last: false, time: n, zeroTime: 0 };
      expect(writer.putBarrier(barrier, [])).toBe(true);
    };
    send(1);
    send(2);
    const replaced = reader(memory);
    expect(replaced.peek()).toMatchObject({ kind: 'text' });
    const successor = reader(memory);
    for (let frame = 0; frame < 2; frame++) {
      successor.peek();
      if (frame === 1) setBase(memory, successor.offsetBehind());
      successor.advance();
    }
    expect(codeOf(() => replaced.advance())).toBe('ERR_MILLRACE_FENCED');
    const late = new ReceiverEdgeReader({
      memory,
      words: createConsumerWords(),
      base: 0,
      bell: NO_BELL,
    });
    expect(codeOf(() => late.peek())).toBe('ERR_MILLRACE_FENCED');
    expect(successor.peek()).toMatchObject({ kind: 'text' });
    successor.advance();
  });

  it('a block larger than a quarter of the edge is refused with a code, a smaller one travels in fragments', () => {
    const memory = createReceiverEdge(8192, { checksum: true });
    const writer = new ReceiverEdgeWriter({ memory, maxUnreadBytes: 1e9 });
    expect(codeOf(() => writer.sendText(bytes('x'.repeat(2000)), bytes('x'.repeat(49)), 1))).toBe(
      'ERR_MILLRACE_RECORD_TOO_LARGE',
    );
    expect(codeOf(() => writer.sendRows([1, 'x'.repeat(3000)]))).toBe(
      'ERR_MILLRACE_RECORD_TOO_LARGE',
    );
    const content = Array.from({ length: 2048 }, (_, i) => String.fromCharCode(97 + (i % 26))).join(
      '',
    );
    expect(writer.sendText(bytes(content.slice(0, 700)), bytes(content.slice(700)), 1)).toBe(true);
    expect(drain(reader(memory))).toContainEqual(plain(text(content)));
  });

  it('rows of any number and size arrive, cut into blocks, over as many refusals as it takes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string({ maxLength: 300 }), { maxLength: 60 }), { maxLength: 6 }),
        (batches) => {
          const memory = createReceiverEdge(4096, { start: NEAR_WRAP });
          const writer = new ReceiverEdgeWriter({ memory });
          const words = createConsumerWords();
          writer.setConsumer(words, NO_BELL);
          const consumer = new ReceiverEdgeReader({ memory, words, bell: NO_BELL });
          const seen: unknown[] = [];
          let number = 0;
          for (const batch of batches) {
            while (!writer.sendRows(batch)) {
              writer.putBarrier(barrier(++number), []);
              for (const frame of drain(consumer))
                if ((frame as { rows?: unknown[] }).rows)
                  seen.push(...(frame as { rows: unknown[] }).rows);
              setBase(memory, consumer.offsetBehind());
            }
          }
          for (const frame of drain(consumer))
            if ((frame as { rows?: unknown[] }).rows)
              seen.push(...(frame as { rows: unknown[] }).rows);
          expect(seen).toStrictEqual(batches.flat());
        },
      ),
      { numRuns: 60 },
    );
  });

  it('a barrier that lies on the edge is not put again', () => {
    const memory = createReceiverEdge(4096);
    const writer = new ReceiverEdgeWriter({ memory });
    writer.putBarrier(barrier(1), []);
    writer.putBarrier(barrier(2), []);
    const successor = new ReceiverEdgeWriter({ memory });
    for (let n = 1; n <= 3; n++) expect(successor.putBarrier(barrier(n), [])).toBe(true);
    expect(drain(reader(memory))).toStrictEqual([1, 2, 3].map((n) => barrierFrame(n)));
  });

  it('a sender that was replaced may send no more', () => {
    const memory = createReceiverEdge(4096);
    const zombie = new ReceiverEdgeWriter({ memory });
    fenceSender(memory);
    const successor = new ReceiverEdgeWriter({ memory });
    expect(successor.sendText(bytes('a\n'), EMPTY, 2)).toBe(true);
    expect(codeOf(() => zombie.sendText(bytes('b\n'), EMPTY, 2))).toBe('ERR_MILLRACE_FENCED');
    expect(codeOf(() => zombie.putBarrier(barrier(1), []))).toBe('ERR_MILLRACE_FENCED');
    expect(drain(reader(memory))).toStrictEqual([plain(text('a\n'))]);
  });
});

/** Thrown right before or right after a store to shared memory: the thread dies there. */
class Death extends Error {}

/** Runs until it ends or dies at the n-th such moment of the edge's own words. True: it died. */
function dyingAt(moment: number, memory: ReceiverMemory, run: () => void): boolean {
  const { store } = Atomics;
  let left = moment;
  Atomics.store = ((array: Int32Array, index: number, value: number) => {
    if (array.buffer !== memory.control || index === BASE) return store(array, index, value);
    if (left-- === 0) throw new Death();
    store(array, index, value);
    if (left-- === 0) throw new Death();
    return value;
  }) as typeof Atomics.store;
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof Death) return true;
    throw error;
  } finally {
    Atomics.store = store;
  }
}

describe('successors', () => {
  it('I2: half a block of a dead sender is ended with ABORT, and its records count as not sent', () => {
    const memory = createReceiverEdge(8192, { checksum: true });
    const writer = new ReceiverEdgeWriter({ memory });
    writer.sendText(bytes('whole\n'), EMPTY, 6);
    const long = bytes(`${'y'.repeat(2047)}\n`);
    const small = new ReceiverEdgeWriter({ memory, maxUnreadBytes: 1e9 });
    // A quarter with its header is more than one frame: it dies before the second store of TAIL.
    expect(dyingAt(2, memory, () => void small.sendText(long, EMPTY, 2054))).toBe(true);
    const successor = new ReceiverEdgeWriter({ memory, maxUnreadBytes: 1e9 });
    expect(successor.position().bytes).toBe(6);
    successor.recover();
    expect(drain(reader(memory))).toStrictEqual([plain(text('whole\n'))]);
    successor.sendText(long, EMPTY, 2054);
    expect(drain(reader(memory))).toStrictEqual(
      [text('whole\n'), text(Buffer.from(long).toString())].map(plain),
    );
  });

  it('I3: whatever dies at whatever store, the chain of successors gives each line and barrier once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(80), { minLength: 1, maxLength: 12 }),
        fc.nat(),
        fc.constantFrom(0, NEAR_WRAP),
        (deaths, seed, start) => {
          let state = seed;
          const roll = (): number => {
            state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
            return (state >>> 8) % 100;
          };
          const stream = Array.from(
            { length: 60 },
            (_, i) => `${i}:${'z'.repeat((i * 37) % 140)}${i % 4 === 0 ? 'z'.repeat(1900) : ''}\n`,
          );
          const ends: number[] = [];
          for (const line of stream) ends.push((ends.at(-1) ?? 0) + line.length);
          const total = ends.at(-1)!;
          const memory = createReceiverEdge(8192, { checksum: true, start });
          /** What the job has seen up to the newest held barrier, and beyond it. */
          let held = { content: '', barriers: [] as number[] };
          let open = { content: '', barriers: [] as number[] };
          let words = createConsumerWords();
          let consumer = new ReceiverEdgeReader({ memory, words, bell: NO_BELL });
          const consume = (): void => {
            const frame = consumer.peek();
            if (frame === undefined) return;
            if (frame.kind === 'text') open.content += Buffer.from(frame.bytes).toString();
            if (frame.kind === 'barrier') {
              open.barriers.push(frame.barrier.number);
              held = { content: open.content, barriers: [...open.barriers] };
              setBase(memory, consumer.offsetBehind());
            }
            consumer.advance();
          };
          const send = (): void => {
            const writer = new ReceiverEdgeWriter({
              memory,
              countLines: true,
              maxUnreadBytes: 3000,
            });
            writer.setConsumer(words, NO_BELL);
            for (let turn = 0; turn < 10_000; turn++) {
              const { bytes: at, lines } = writer.position();
              expect(lines).toBe(ends.filter((end) => end <= at).length);
              if (at === total) return;
              if (roll() < 80)
                writer.sendText(
                  bytes(stream[lines]!.slice(0, 5)),
                  bytes(stream[lines]!.slice(5)),
                  ends[lines]!,
                );
              // A barrier may be offered again that the sender before has put.
              else writer.putBarrier(barrier(writer.lastBarrier + (roll() < 50 ? 1 : 0)), []);
              if (roll() < 60) consume();
              if (roll() < 3) {
                words = createConsumerWords();
                consumer = new ReceiverEdgeReader({ memory, words, bell: NO_BELL });
                writer.setConsumer(words, NO_BELL);
                open = { content: held.content, barriers: [...held.barriers] };
              }
            }
            throw new Error('stuck');
          };
          for (const moment of deaths) dyingAt(moment, memory, send);
          send();
          while (consumer.peek() !== undefined) consume();
          expect(open.content).toBe(stream.join(''));
          expect(open.barriers).toEqual(open.barriers.map((_, i) => i + 1));
        },
      ),
      { numRuns: 60 },
    );
  });
});
