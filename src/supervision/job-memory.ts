/**
 * What must outlive the coordinator's thread and is too hot for a file: the epoch, the recoveries so far, the barriers
 * that were cut, and where the grid of their times begins.
 * Main allocates it; one coordinator at a time writes it, a successor reads it after the other's thread is dead.
 *
 * I1  A barrier stands in the table before it is posted to any source, so a successor can post it again.
 * I2  Main alone says who the coordinator is (`fenceCoordinator`); who finds that it is another one writes no more.
 * I3  Numbers ascend by one. The table keeps the newest CUTS; the coordinator cuts no more while half of it is open.
 */
import type { Barrier } from '../actors/block.ts';
import { millraceError } from '../errors.ts';

/** Barriers in the table. */
export const CUTS = 1024;
/** number, time, flags, when it was cut (monotonic ms, which is one clock in all threads) */
const WORDS_PER_CUT = 4;
const EPOCH = 0;
const LAST_CUT = 1;
const RESTARTS = 2;
const INCARNATION = 3;
const ZERO_TIME = 4;
const HEADER = 8;

const BATCH = 1;
const POINT = 2;
const LAST = 4;

export type JobMemoryBuffer = SharedArrayBuffer;

/** Main calls it before it starts a coordinator's successor. */
export function fenceCoordinator(buffer: JobMemoryBuffer): void {
  const words = new Float64Array(buffer);
  words[INCARNATION] = words[INCARNATION]! + 1;
}

export class JobMemory {
  #words: Float64Array;

  constructor(buffer: JobMemoryBuffer) {
    this.#words = new Float64Array(buffer);
  }

  static allocate(): JobMemoryBuffer {
    return new SharedArrayBuffer((HEADER + CUTS * WORDS_PER_CUT) * 8);
  }

  /** Which coordinator it belongs to. */
  get incarnation(): number {
    return this.#words[INCARNATION]!;
  }

  /** Number of the newest run of the region; 0 before the first. */
  get epoch(): number {
    return this.#words[EPOCH]!;
  }

  set epoch(value: number) {
    this.#words[EPOCH] = value;
  }

  /** Recoveries of the region so far. */
  get restarts(): number {
    return this.#words[RESTARTS]!;
  }

  set restarts(value: number) {
    this.#words[RESTARTS] = value;
  }

  /** Number of the newest barrier; 0 before the first. */
  get lastCut(): number {
    return this.#words[LAST_CUT]!;
  }

  /** Where the grid of batch times begins (`Barrier.zeroTime`); 0 before the first barrier. */
  get zeroTime(): number {
    return this.#words[ZERO_TIME]!;
  }

  record(barrier: Barrier, now: number): void {
    const at = HEADER + (barrier.number % CUTS) * WORDS_PER_CUT;
    this.#words[at] = barrier.number;
    this.#words[at + 1] = barrier.time;
    this.#words[at + 2] =
      (barrier.batch ? BATCH : 0) | (barrier.point ? POINT : 0) | (barrier.last ? LAST : 0);
    this.#words[at + 3] = now;
    this.#words[ZERO_TIME] = barrier.zeroTime;
    this.#words[LAST_CUT] = barrier.number;
  }

  cut(number: number): Barrier {
    const at = HEADER + (number % CUTS) * WORDS_PER_CUT;
    if (this.#words[at] !== number) {
      throw millraceError(
        'ERR_MILLRACE_RING_GAP',
        `barrier ${number} is not among the newest ${CUTS}`,
      );
    }
    const flags = this.#words[at + 2]!;
    return {
      number,
      time: this.#words[at + 1]!,
      batch: (flags & BATCH) !== 0,
      point: (flags & POINT) !== 0,
      last: (flags & LAST) !== 0,
      zeroTime: this.zeroTime,
    };
  }

  /** When a barrier of the table was cut. */
  cutAt(number: number): number {
    return this.#words[HEADER + (number % CUTS) * WORDS_PER_CUT + 3]!;
  }
}
