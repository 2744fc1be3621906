/**
 * A clock that stands still until somebody moves it. Time jumps from timer to timer, so hours pass
 * in a moment and a run with the same seed is the same run.
 *
 * I1  Timers run in order of (time, tie-break, order of `after`). Without a tie-break, those of one
 *     instant run in the order in which they were set.
 * I2  While a timer runs, the clock shows that timer's time. It never goes back.
 * I3  A timer set by a timer runs in the same `advance` if it is due by its end.
 * I4  Wall time moves with the clock, but may be set: batch times follow it, timers don't.
 */
import { millraceError } from '../errors.ts';
import type { Clock, Timer } from './env.ts';

export interface VirtualClockOptions {
  /** Wall time at the start, in ms since 1970. @default 0 */
  readonly startMs?: number;
  /** Orders timers of one instant: a number is drawn for each when it is set. @default order of setting */
  readonly tieBreak?: () => number;
}

interface Entry {
  readonly timeMs: number;
  readonly tie: number;
  readonly order: number;
  /** Undefined once it ran or was cancelled; such an entry is dropped when it comes to the top. */
  run: (() => void) | undefined;
}

export class VirtualClock implements Clock {
  #nowMs = 0;
  #wallOffsetMs: number;
  #tieBreak: (() => number) | undefined;
  #order = 0;
  #pending = 0;
  #advancing = false;
  /** Binary heap, the next timer at 0. */
  #heap: Entry[] = [];

  constructor(options: VirtualClockOptions = {}) {
    this.#wallOffsetMs = options.startMs ?? 0;
    this.#tieBreak = options.tieBreak;
  }

  now(): number {
    return this.#wallOffsetMs + this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): Timer {
    const entry: Entry = {
      timeMs: this.#nowMs + Math.max(0, ms),
      tie: this.#tieBreak === undefined ? 0 : this.#tieBreak(),
      order: this.#order++,
      run,
    };
    this.#push(entry);
    this.#pending++;
    return {
      cancel: () => {
        if (entry.run === undefined) return;
        entry.run = undefined;
        this.#pending--;
      },
    };
  }

  /** Timers that are set and have not run. */
  get pending(): number {
    return this.#pending;
  }

  /** When the next timer is due, on the scale of `monotonic()`; undefined when there is none. */
  nextAt(): number | undefined {
    return this.#top()?.timeMs;
  }

  /** Goes to the next timer and runs it, that one alone. False when there is none. */
  runNext(): boolean {
    const entry = this.#top();
    if (entry === undefined) return false;
    this.#guarded(() => this.#runTop(entry));
    return true;
  }

  /** Lets `ms` pass, with all timers that are due in them. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw badTime(`cannot advance by ${ms} ms: time does not go back`);
    this.runUntil(this.#nowMs + ms);
  }

  /** Lets time pass until `timeMs` on the scale of `monotonic()`. */
  runUntil(timeMs: number): void {
    if (!(timeMs >= this.#nowMs) || timeMs === Infinity) {
      throw badTime(`cannot run from ${this.#nowMs} ms to ${timeMs} ms`);
    }
    this.#guarded(() => {
      for (
        let entry = this.#top();
        entry !== undefined && entry.timeMs <= timeMs;
        entry = this.#top()
      ) {
        this.#runTop(entry);
      }
      this.#nowMs = timeMs;
    });
  }

  /** Sets the wall clock, as an administrator or a time server does. */
  setWall(ms: number): void {
    this.#wallOffsetMs = ms - this.#nowMs;
  }

  #guarded(run: () => void): void {
    if (this.#advancing) {
      throw badTime('a timer cannot move the clock that runs it: set another timer instead');
    }
    this.#advancing = true;
    try {
      run();
    } finally {
      this.#advancing = false;
    }
  }

  #runTop(entry: Entry): void {
    this.#pop();
    const run = entry.run!;
    entry.run = undefined;
    this.#pending--;
    this.#nowMs = entry.timeMs;
    run();
  }

  #top(): Entry | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.run === undefined) this.#pop();
    return this.#heap[0];
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Entry, b: Entry): boolean {
  if (a.timeMs !== b.timeMs) return a.timeMs < b.timeMs;
  return a.tie !== b.tie ? a.tie < b.tie : a.order < b.order;
}

function badTime(message: string): Error {
  return millraceError('ERR_MILLRACE_BAD_DURATION', message);
}
