/**
 * How threads wake each other. `Atomics.wait` watches one word, and a thread has many rings, so each thread has one
 * doorbell in a buffer that all share. Whoever has published something rings it, which costs two loads as long as the
 * thread is awake.
 *
 * Each slot has two words, on lines of their own:
 *
 * BELL    written by anyone, by `Atomics.add` only. Never held, so a dead ringer leaves nothing behind but at worst a
 *         ring that was counted and not notified; no park lasts longer than its bound, which then ends it.
 * ASLEEP  owner: the thread itself. 0, or 2 × (BELL as it was seen before the last look at the rings) + 1. A ringer
 *         rings only if BELL still is what the sleeper saw: the first one to come wakes it, the others have no work.
 *         A dead sleeper leaves it set; ringing it does no harm.
 *
 * I1  No ring is lost: the sleeper marks itself asleep, then looks once more, then waits. The ringer publishes, then
 *     looks at ASLEEP. All of these are sequentially consistent, so one of the two sees the other.
 */
const LINE = 16;
const SLOT_WORDS: number = 2 * LINE;
const BELL = 0;
const ASLEEP: number = LINE;

/** Shared by all threads of a run. */
export type DoorbellMemory = SharedArrayBuffer;

/** What an edge rings after it has published or freed something. */
export interface Bell {
  ring(): void;
}

/** Where nobody waits: tests, and edges whose ends take turns. */
export const NO_BELL: Bell = { ring() {} };

export function createDoorbells(slots: number): DoorbellMemory {
  return new SharedArrayBuffer(slots * SLOT_WORDS * 4);
}

function wordsOf(memory: DoorbellMemory, slot: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(memory, slot * SLOT_WORDS * 4, SLOT_WORDS);
}

/** The bell of another thread. */
export class RemoteBell implements Bell {
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(memory: DoorbellMemory, slot: number) {
    this.#words = wordsOf(memory, slot);
  }

  ring(): void {
    const words = this.#words;
    const asleep = Atomics.load(words, ASLEEP);
    if (asleep === 0 || asleep !== mark(Atomics.load(words, BELL))) return;
    Atomics.add(words, BELL, 1);
    Atomics.notify(words, BELL);
  }
}

/** The bell of a host in the calling thread: a callback, which should do no more than plan a turn. */
export class LocalBell implements Bell {
  readonly #rung: () => void;

  constructor(rung: () => void) {
    this.#rung = rung;
  }

  ring(): void {
    this.#rung();
  }
}

/**
 * The sleeping side; one a thread, used by that thread only.
 *   sleeper.prepare();
 *   if (there is something to do) sleeper.awake(); else sleeper.park(250);
 */
export class Sleeper {
  readonly #words: Int32Array<SharedArrayBuffer>;
  #seen = 0;
  #waiting: Promise<'rung' | 'timeout'> | undefined;

  constructor(memory: DoorbellMemory, slot: number) {
    this.#words = wordsOf(memory, slot);
    this.awake();
  }

  /** Marks this thread asleep. Look at all rings and ports once more after it, then park. */
  prepare(): void {
    this.#seen = Atomics.load(this.#words, BELL);
    Atomics.store(this.#words, ASLEEP, mark(this.#seen));
  }

  /** There was something after all. */
  awake(): void {
    Atomics.store(this.#words, ASLEEP, 0);
  }

  /** Waits for a ring, at most `maxMs`. Worker threads only: it blocks the event loop. */
  park(maxMs: number): void {
    Atomics.wait(this.#words, BELL, this.#seen, maxMs);
    this.awake();
  }

  /**
   * The same for a thread that lives in its event loop. It keeps no event loop alive: the caller holds something that
   * does. While a wait is pending, calling again gives the same promise.
   */
  parkAsync(maxMs: number): Promise<'rung' | 'timeout'> {
    if (this.#waiting !== undefined) return this.#waiting;
    const wait = Atomics.waitAsync(this.#words, BELL, this.#seen, maxMs);
    if (!wait.async) {
      this.awake();
      return Promise.resolve(wait.value === 'timed-out' ? 'timeout' : 'rung');
    }
    this.#waiting = wait.value.then((value) => {
      this.#waiting = undefined;
      this.awake();
      return value === 'timed-out' ? 'timeout' : 'rung';
    });
    return this.#waiting;
  }
}

function mark(bell: number): number {
  return (bell << 1) | 1;
}
