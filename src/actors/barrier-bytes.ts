/**
 * Barriers as bytes: number, time and zero time as doubles; flags and the numbers of marks and absent ports as 32-bit
 * words; then the marks, a double for the port and one for the watermark; then the absent ports as words.
 */
import type { BarrierFrame, Mark } from './block.ts';

const FIXED_BYTES = 40;
const MARK_BYTES = 16;
const BATCH = 1;
const POINT = 2;
const LAST = 4;

export function encodeBarrier(frame: BarrierFrame): Uint8Array {
  const { barrier, absent, marks = [] } = frame;
  const absentAt = FIXED_BYTES + MARK_BYTES * marks.length;
  const words = new Uint32Array((absentAt >> 2) + absent.length + (absent.length & 1));
  const doubles = new Float64Array(words.buffer);
  doubles[0] = barrier.number;
  doubles[1] = barrier.time;
  doubles[2] = barrier.zeroTime;
  words[6] = (barrier.batch ? BATCH : 0) | (barrier.point ? POINT : 0) | (barrier.last ? LAST : 0);
  words[7] = absent.length;
  words[8] = marks.length;
  let at = FIXED_BYTES >> 3;
  for (const [port, watermark] of marks) {
    doubles[at++] = port;
    doubles[at++] = watermark;
  }
  words.set(absent, absentAt >> 2);
  return new Uint8Array(words.buffer, 0, absentAt + 4 * absent.length);
}

/** Undefined when the bytes are no barrier. */
export function decodeBarrier(bytes: Uint8Array): BarrierFrame | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  const { buffer } = new Uint8Array(bytes);
  const doubles = new Float64Array(buffer, 0, bytes.length >> 3);
  const words = new Uint32Array(buffer, 0, bytes.length >> 2);
  const flags = words[6]!;
  const [absent, count] = [words[7]!, words[8]!];
  const absentAt = FIXED_BYTES + MARK_BYTES * count;
  if (bytes.length !== absentAt + 4 * absent) return undefined;
  const marks: Mark[] = [];
  for (let at = FIXED_BYTES >> 3; at < absentAt >> 3; at += 2)
    marks.push([doubles[at]!, doubles[at + 1]!]);
  return {
    kind: 'barrier',
    barrier: {
      number: doubles[0]!,
      batch: (flags & BATCH) !== 0,
      point: (flags & POINT) !== 0,
      last: (flags & LAST) !== 0,
      time: doubles[1]!,
      zeroTime: doubles[2]!,
    },
    absent: [...words.subarray(absentAt >> 2)],
    ...(count === 0 ? {} : { marks }),
  };
}
