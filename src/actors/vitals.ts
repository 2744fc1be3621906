/**
 * The vital signs of threads: shared words that say what each is at, without a message and though
 * its event loop stands still. The thread writes its own line; the watchdog and the monitor read.
 *
 * A line is 64 bytes, one processor cache line, so that threads don't disturb each other:
 *
 *   word 0  STATE     index into THREAD_STATES
 *   word 1  PROGRESS  counts finished steps, modulo 2^32
 *   word 2  TASK      id of the task whose step runs or ran last; -1 when it is no task's
 *   rest    reserved, 0
 *
 * Behind the lines lies for each thread what a careful task has in hand (`in-hand.ts`).
 *
 * Each word has one writer, the owner of the line, who stores it whole. A reader may conclude: the
 * words were true at some moment since the last look; two equal PROGRESS values a while apart mean
 * that no step was finished (2^32 steps in between are out of reach). A dead owner leaves its last
 * words behind. A thread that was given up (`lost`) may wake and write, so its line is never given
 * to another thread.
 */
import { IN_HAND_BYTES, InHand } from './in-hand.ts';
import type { Progress } from './task.ts';

export const THREAD_STATES = [
  /** It loads its job. */
  'STARTING',
  /** It has nothing to do. */
  'IDLE',
  /** A task's step is on its stack. */
  'RUNNING',
  /** It waits for a promise of user code, as long as `asyncTimeoutMs` allows. */
  'AWAITING',
  /** It waits for room downstream: backpressure. Look at the receiver of its output. */
  'BLOCKED_OUT',
  /** It encodes and writes a hand-over. */
  'SNAPSHOT',
  /** It ends in good order. */
  'DRAINING',
] as const;

export type ThreadState = (typeof THREAD_STATES)[number];

const LINE_BYTES = 64;
const LINE_WORDS = LINE_BYTES / Int32Array.BYTES_PER_ELEMENT;
const STATE = 0;
const PROGRESS = 1;
const TASK = 2;

const STARTING = THREAD_STATES.indexOf('STARTING');
const IDLE = THREAD_STATES.indexOf('IDLE');
const RUNNING = THREAD_STATES.indexOf('RUNNING');
const AWAITING = THREAD_STATES.indexOf('AWAITING');
const BLOCKED_OUT = THREAD_STATES.indexOf('BLOCKED_OUT');

/** Memory for the lines of so many threads. */
export function vitalsBuffer(lines: number): SharedArrayBuffer {
  return new SharedArrayBuffer(lines * (LINE_BYTES + IN_HAND_BYTES));
}

/** The owner's side of a line. */
export class VitalsWriter {
  #words: Int32Array<SharedArrayBuffer>;
  #progress: number;

  /** A new owner goes on from where the last one stopped counting, so its first step shows. */
  constructor(buffer: SharedArrayBuffer, line: number) {
    this.#words = lineOf(buffer, line);
    this.#progress = Atomics.load(this.#words, PROGRESS);
    Atomics.store(this.#words, TASK, -1);
    Atomics.store(this.#words, STATE, STARTING);
  }

  state(state: ThreadState): void {
    Atomics.store(this.#words, STATE, THREAD_STATES.indexOf(state));
  }

  /** One more step is finished; or user code says that it lives (`ctx.heartbeat()`). */
  progress(): void {
    this.#progress = (this.#progress + 1) | 0;
    Atomics.store(this.#words, PROGRESS, this.#progress);
  }

  /** A step begins. Progress is counted first: from here on the clock of a hang runs anew. */
  running(task = -1): void {
    this.progress();
    Atomics.store(this.#words, TASK, task);
    Atomics.store(this.#words, STATE, RUNNING);
  }

  /** A step is over, and came to `progress`. */
  idle(progress: Progress = 'idle'): void {
    const state = progress === 'blocked' ? BLOCKED_OUT : progress === 'awaiting' ? AWAITING : IDLE;
    Atomics.store(this.#words, STATE, state);
  }
}

/** Anybody's view of a line. */
export class VitalsReader {
  #words: Int32Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer, line: number) {
    this.#words = lineOf(buffer, line);
  }

  get state(): ThreadState {
    return THREAD_STATES[Atomics.load(this.#words, STATE)]!;
  }

  get progress(): number {
    return Atomics.load(this.#words, PROGRESS);
  }

  /** Id of the task whose step runs or ran last; undefined when it is no task's. */
  get task(): number | undefined {
    const task = Atomics.load(this.#words, TASK);
    return task < 0 ? undefined : task;
  }
}

/** What the thread of a line has in hand. */
export function inHandOf(buffer: SharedArrayBuffer, line: number): InHand {
  const lines = buffer.byteLength / (LINE_BYTES + IN_HAND_BYTES);
  return new InHand(buffer, lines * LINE_BYTES + line * IN_HAND_BYTES);
}

function lineOf(buffer: SharedArrayBuffer, line: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(buffer, line * LINE_BYTES, LINE_WORDS);
}
