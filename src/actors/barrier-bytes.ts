/** Barriers as bytes: number and time as doubles, flags and the absent ports as 32-bit words. */
import type { BarrierFrame } from './block.ts';

const FIXED_BYTES = 24;
const BATCH = 1;
const POINT = 2;
const LAST = 4;

export function encodeBarrier(frame: BarrierFrame): Uint8Array {
  const { barrier, absent } = frame;
  const words = new Uint32Array((FIXED_BYTES >> 2) + absent.length + (absent.length & 1));
  const doubles = new Float64Array(words.buffer, 0, 2);
  doubles[0] = barrier.number;
  doubles[1] = barrier.time;
  words[4] = (barrier.batch ? BATCH : 0) | (barrier.point ? POINT : 0) | (barrier.last ? LAST : 0);
  words[5] = absent.length;
  words.set(absent, FIXED_BYTES >> 2);
  return new Uint8Array(words.buffer, 0, FIXED_BYTES + 4 * absent.length);
}

/** Undefined when the bytes are no barrier. */
export function decodeBarrier(bytes: Uint8Array): BarrierFrame | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  const view = new Uint8Array(bytes);
  const doubles = new Float64Array(view.buffer, 0, 2);
  const words = new Uint32Array(view.buffer, 16, (view.length - 16) >> 2);
  const flags = words[0]!;
  const absent = words[1]!;
  if (view.length !== FIXED_BYTES + 4 * absent) return undefined;
  return {
    kind: 'barrier',
    barrier: {
      number: doubles[0]!,
      batch: (flags & BATCH) !== 0,
      point: (flags & POINT) !== 0,
      last: (flags & LAST) !== 0,
      time: doubles[1]!,
    },
    absent: [...words.subarray(2)],
  };
}
