/**
 * `mapAsync`: a promise for each record, some at a time. It lives in the tree of a task, where a loop hands it its
 * records; what the promises give goes on to the segment below.
 *
 *   loop ─▶ waiting ─▶ at work (at most `concurrency`) ─▶ given ─▶ segment below
 *
 * Used on the task's thread. Promises settle whenever they like; what they gave is passed on only when the task has its
 * turn, or waits at a barrier.
 *
 * I1  No barrier is passed before all promises from before it are settled (`settled`). So nothing here outlives a batch.
 * I2  The task reads no more while records wait for a place (`isFull`), so they are those of few blocks.
 * I3  In order: what was given waits for what came before it. Else it goes on as it settles.
 * I4  What settles after the task was cleared or closed is nobody's.
 */
import type { UserFunction } from '../../plan/graph.ts';
import type { Clock } from '../../env/env.ts';
import type { WithinTime } from './user-promise.ts';

export interface AsyncMapOptions {
  readonly f: UserFunction;
  readonly concurrency: number;
  readonly ordered: boolean;
  /** Bounds the time of a promise. */
  readonly within: (record: unknown) => WithinTime;
  /** Throws the error of a record, or passes it over. */
  readonly refuse: (error: unknown, record: unknown) => void;
  /** Tells when to look for records again. @default only a promise that settles does */
  readonly clock?: Clock | undefined;
}

/** Promises are at work: look this often whether there is more to begin. */
const LOOK_MS = 5;

/** Of one record. */
interface Place {
  readonly record: unknown;
  state: 'at work' | 'given' | 'passed over';
  given: unknown;
}

export class AsyncMap {
  readonly #options: AsyncMapOptions;
  #waiting: unknown[] = [];
  /** The next of those that wait. */
  #next = 0;
  /** In order of records, where that is kept: those at work, and those that can't go on yet. */
  #places: Place[] = [];
  #given: unknown[] = [];
  #atWork = 0;
  #failed: { readonly error: unknown } | undefined;
  #life = 0;
  /** Wakes who waits. */
  #wake: (() => void) | undefined;

  constructor(options: AsyncMapOptions) {
    this.#options = options;
  }

  /** Takes records. */
  take(records: readonly unknown[]): void {
    if (this.#next === this.#waiting.length) {
      this.#waiting = records as unknown[];
      this.#next = 0;
    } else for (const record of records) this.#waiting.push(record);
    this.#begin();
  }

  /** What was given since the last call, to go on. */
  given(): readonly unknown[] {
    const given = this.#given;
    this.#given = [];
    return given;
  }

  get isAtWork(): boolean {
    return this.#atWork > 0;
  }

  /** Records wait for a place. */
  get isFull(): boolean {
    return this.#next < this.#waiting.length;
  }

  /**
   * While something is at work: a promise that settles when something has, or when it is time to look for more records.
   * Rejects with the error of a record.
   */
  async waiting(): Promise<void> {
    const { clock } = this.#options;
    await new Promise<void>((resolve) => {
      const timer =
        clock === undefined || this.isFull ? undefined : clock.after(LOOK_MS, () => this.#wakeUp());
      this.#wake = () => {
        timer?.cancel();
        resolve();
      };
    });
    this.check();
  }

  /** A promise until all records are through; undefined when they are. Rejects with the error of one. */
  settled(): Promise<void> | undefined {
    this.check();
    if (this.#atWork === 0) return undefined;
    return new Promise<void>((resolve) => {
      this.#wake = resolve;
    }).then(() => this.settled());
  }

  clear(): void {
    this.#life++;
    this.#waiting = [];
    this.#next = 0;
    this.#places = [];
    this.#given = [];
    this.#atWork = 0;
    this.#failed = undefined;
  }

  /** Throws the error of a record. */
  check(): void {
    if (this.#failed !== undefined) throw this.#failed.error;
  }

  #begin(): void {
    const { concurrency } = this.#options;
    while (this.#atWork < concurrency && this.isFull && this.#failed === undefined)
      this.#start(this.#waiting[this.#next++]);
  }

  #start(record: unknown): void {
    const { f, within } = this.#options;
    const place: Place = { record, state: 'at work', given: undefined };
    const life = this.#life;
    if (this.#options.ordered) this.#places.push(place);
    this.#atWork++;
    let promise: Promise<unknown>;
    try {
      promise = within(record)(Promise.resolve(f(record)));
    } catch (error) {
      promise = Promise.reject(error as Error);
    }
    promise.then(
      (given) => {
        if (life === this.#life) this.#settle(place, 'given', given);
      },
      (error: unknown) => {
        if (life !== this.#life) return;
        try {
          this.#options.refuse(error, record);
          this.#settle(place, 'passed over', undefined);
        } catch (refused) {
          this.#failed ??= { error: refused };
          this.#settle(place, 'passed over', undefined);
        }
      },
    );
  }

  #settle(place: Place, state: 'given' | 'passed over', given: unknown): void {
    place.state = state;
    place.given = given;
    this.#atWork--;
    if (this.#options.ordered) {
      let through = 0;
      for (; through < this.#places.length && this.#places[through]!.state !== 'at work'; through++)
        this.#passOn(this.#places[through]!);
      if (through > 0) this.#places.splice(0, through);
    } else this.#passOn(place);
    this.#begin();
    this.#wakeUp();
  }

  #passOn({ state, given }: Place): void {
    if (state === 'given') this.#given.push(given);
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
