import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Frame } from '../../src/actors/block.ts';
import { LocalQueue } from '../../src/actors/queue.ts';
import { barrierFrame, frames, rows, text } from './frames.ts';

describe('a local queue', () => {
  it('gives the very frames that were sent, in order', () => {
    fc.assert(
      fc.property(frames, fc.infiniteStream(fc.boolean()), (list, coins) => {
        const queue = new LocalQueue({ maxFrames: 3 });
        const seen: Frame[] = [];
        let next = 0;
        while (seen.length < list.length) {
          if (next < list.length && coins.next().value === true) {
            if (queue.send(list[next]!)) next++;
            continue;
          }
          const frame = queue.peek();
          if (frame !== undefined) seen.push(frame);
          queue.advance();
        }
        expect(seen.every((frame, i) => frame === list[i])).toBe(true);
        expect(queue.peek()).toBeUndefined();
      }),
    );
  });

  it('I1: is bounded in frames and in bytes, and takes any one frame when it is empty', () => {
    const narrow = new LocalQueue({ maxFrames: 2 });
    expect([1, 2, 3].map(() => narrow.send(barrierFrame(1)))).toEqual([true, true, false]);
    const small = new LocalQueue({ maxBytes: 1000 });
    expect(small.send(text('x'.repeat(5000)))).toBe(true);
    expect(small.send(text('y'))).toBe(false);
    // A barrier has no bytes, but waits its turn behind what is too much.
    expect(small.send(barrierFrame(1))).toBe(false);
    small.advance();
    expect(small.send(rows(...Array.from({ length: 10 }, (_, i) => i)))).toBe(true);
    expect(small.send(rows(...Array.from({ length: 10 }, (_, i) => i)))).toBe(false);
    expect(small.send(rows(1))).toBe(true);
    expect(small.length).toBe(2);
  });

  it('many frames make it grow, up to its bound', () => {
    const queue = new LocalQueue({ maxFrames: 100 });
    const list = Array.from({ length: 100 }, (_, i) => barrierFrame(i));
    queue.send(list[99]!);
    queue.advance();
    for (const frame of list) expect(queue.send(frame)).toBe(true);
    expect(queue.send(list[0]!)).toBe(false);
    for (const frame of list) {
      expect(queue.peek()).toBe(frame);
      queue.advance();
    }
  });

  it('I2: text in shared memory is copied, because its sender will let go of it', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(8));
    shared.fill(65);
    const queue = new LocalQueue();
    queue.send({ kind: 'text', port: 4, bytes: shared.subarray(2, 5) });
    shared.fill(0);
    expect(queue.peek()).toEqual({ kind: 'text', port: 4, bytes: new Uint8Array([65, 65, 65]) });
  });
});
