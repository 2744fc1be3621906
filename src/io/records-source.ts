/**
 * A source of records that can be asked for by position: arrays, generators, and what users write. Lives on the I/O
 * thread; sends as soon as it has something, and in larger blocks when it has more at once.
 *
 * I1  A record has a number; the edges know how many were published (`Position.lines`), so a successor goes on there.
 * I2  Records leave in the order in which they were read; what was refused is offered again before anything else.
 * I3  A turn of the event loop reads a bounded number of records, so barriers are put in time.
 */
import type { Timer } from '../env/env.ts';
import { millraceError } from '../errors.ts';
import { reconnectBackoff, type Backoff, type BackoffOptions } from './reconnect.ts';
import type { Source, SourceContext } from './source.ts';

const TURN_MS = 2;
/** A block begins small, so that the first records of a rush leave soon, and grows while more are there. */
const FIRST_RECORDS = 256;
const MOST_RECORDS = 16_384;
/** With a rate, how often it is looked whether records are due. */
const TICK_MS = 1;
/** How often an array is looked at that had nothing new. */
const GROWTH_MS = 2;
/** Of a supervised one: how long it waits before it calls `read` again. */
const AGAIN: BackoffOptions = { minMs: 2000, maxMs: 60_000, factor: 2, jitter: 0 };

export interface RecordsSourceOptions {
  readonly read?: (position: number) => Iterable<unknown> | AsyncIterable<unknown>;
  /** In place of `read`: the record of a number, of `count` (no end without it). */
  readonly at?: (position: number) => unknown;
  readonly count?: number;
  /** In place of `read`: an array that may grow. */
  readonly items?: readonly unknown[];
  /** Records a second. */
  readonly rate?: number;
  /** When `read`, or what it gives, throws: it is called again after a while, and the job goes on. */
  readonly isSupervised?: boolean;
  /** `read` heeds its position: else what comes when it is called again may not be what was left. @default true */
  readonly isResumable?: boolean;
}

export class RecordsSource implements Source {
  readonly #options: RecordsSourceOptions;
  #context: SourceContext | undefined;
  /** Number of the next record that is read. */
  #next: number | undefined;
  /** Read and not taken by an edge. */
  #rows: unknown[] = [];
  /** `#rows` was refused: the same array is offered again. */
  #refused: unknown[] | undefined;
  #items: Iterator<unknown> | undefined;
  #asyncItems: AsyncIterator<unknown> | undefined;
  #backoff: Backoff | undefined;
  #planned = false;
  /** Records that are read at once. */
  #size = FIRST_RECORDS;
  #timer: Timer | undefined;
  #startedAt = 0;
  #startedWith = 0;
  #waiting: (() => void) | undefined;

  constructor(options: RecordsSourceOptions) {
    this.#options = options;
  }

  get rewinds(): boolean {
    return this.#options.isResumable !== false;
  }

  open(context: SourceContext): void {
    this.#context = context;
    this.#next ??= context.position().lines;
    this.#startedAt = context.env.clock.monotonic();
    this.#startedWith = this.#next;
    context.state('connected');
    if (!this.#offer()) return;
    const { read } = this.#options;
    if (read === undefined) {
      this.#plan();
      return;
    }
    if (this.#options.isResumable === false && (this.#next > 0 || context.isRestart === true))
      context.possibleGap('it is read anew, from wherever it begins now');
    const given = read(this.#next);
    if (Symbol.asyncIterator in given) {
      this.#asyncItems = given[Symbol.asyncIterator]();
      void this.#readAsync(this.#asyncItems);
    } else {
      this.#items = given[Symbol.iterator]();
      this.#plan();
    }
  }

  resume(): void {
    if (this.#context === undefined || !this.#offer()) return;
    if (
      this.#items === undefined &&
      this.#asyncItems === undefined &&
      this.#options.read !== undefined
    ) {
      this.open(this.#context);
      return;
    }
    this.#waiting?.();
    if (this.#asyncItems === undefined) this.#plan();
  }

  close(): void {
    this.#context = undefined;
    this.#timer?.cancel();
    this.#waiting?.();
    const items = this.#items ?? this.#asyncItems;
    this.#items = this.#asyncItems = undefined;
    void Promise.resolve(items?.return?.()).catch(() => {});
  }

  /** Sends what was refused. False: refused again. */
  #offer(): boolean {
    const rows = this.#refused;
    if (rows === undefined) return true;
    if (!this.#context!.sendRows(rows)) return false;
    this.#backoff?.reset();
    this.#refused = undefined;
    return true;
  }

  /** Sends what was read. False: it waits for room. */
  #send(): boolean {
    if (this.#refused !== undefined) return false;
    const rows = this.#rows;
    if (rows.length === 0) return true;
    this.#rows = [];
    this.#refused = rows;
    return this.#offer();
  }

  #plan(afterMs = 0): void {
    const context = this.#context;
    if (this.#planned || context === undefined) return;
    this.#planned = true;
    const turn = (): void => {
      this.#planned = false;
      this.#timer = undefined;
      if (this.#context !== context) return;
      try {
        this.#turn(context);
      } catch (error) {
        this.#failed(context, error);
      }
    };
    if (afterMs === 0) context.env.defer(turn);
    else this.#timer = context.env.clock.after(afterMs, turn);
  }

  /** Reads and sends for a while. */
  #turn(context: SourceContext): void {
    const { clock } = context.env;
    const endMs = clock.monotonic() + TURN_MS;
    let size = this.#size;
    for (;;) {
      const due = this.#due(clock.monotonic());
      const most = Math.min(size, due);
      const isEnd = this.#readSome(most);
      if (!this.#send()) return;
      if (isEnd && this.#options.items === undefined) {
        this.#items = undefined;
        context.state('ended');
        return;
      }
      if (isEnd) {
        this.#size = FIRST_RECORDS;
        return this.#plan(GROWTH_MS);
      }
      if (due <= size) {
        this.#size = FIRST_RECORDS;
        return this.#plan(TICK_MS);
      }
      this.#size = size = Math.min(MOST_RECORDS, size * 2);
      if (clock.monotonic() >= endMs) return this.#plan();
    }
  }

  /** How many records the rate allows now. */
  #due(now: number): number {
    const { rate } = this.#options;
    if (rate === undefined) return Infinity;
    const replayedTo = this.#context?.replayedTo?.()?.lines;
    if (replayedTo !== undefined && this.#next! < replayedTo) {
      // The rate is one of new records.
      this.#startedWith = Math.max(this.#startedWith, replayedTo);
      this.#startedAt = now;
      return replayedTo - this.#next!;
    }
    const allowed = Math.floor(((now - this.#startedAt) * rate) / 1000) + this.#startedWith;
    return Math.max(0, allowed - this.#next!);
  }

  /** True: there is no more, at least now. */
  #readSome(most: number): boolean {
    const { at, items } = this.#options;
    if (at !== undefined) return this.#make(at, most);
    if (items !== undefined) return this.#readArray(items, most);
    return this.#items === undefined || this.#read(this.#items, most);
  }

  #make(at: (position: number) => unknown, most: number): boolean {
    const rows = this.#rows;
    const from = this.#next!;
    const to = Math.min(this.#options.count ?? Infinity, from + most);
    for (let n = from; n < to; n++) rows.push(at(n));
    this.#next = Math.max(from, to);
    return to - from < most;
  }

  #read(items: Iterator<unknown>, most: number): boolean {
    const rows = this.#rows;
    for (let n = 0; n < most; n++) {
      const { done, value } = items.next();
      if (done === true) return true;
      rows.push(value);
      this.#next!++;
    }
    return false;
  }

  #readArray(items: readonly unknown[], most: number): boolean {
    const to = Math.min(items.length, this.#next! + most);
    for (let n = this.#next!; n < to; n++) this.#rows.push(items[n]);
    this.#next = Math.max(this.#next!, to);
    return this.#next >= items.length;
  }

  /** The first record of a turn of the event loop leaves at once, those that follow in that turn together. */
  async #readAsync(items: AsyncIterator<unknown>): Promise<void> {
    const context = this.#context!;
    let deferred = false;
    try {
      for (;;) {
        const { done, value } = await items.next();
        if (this.#asyncItems !== items) return;
        if (done === true) break;
        this.#rows.push(value);
        this.#next!++;
        if (deferred && this.#rows.length < MOST_RECORDS) continue;
        while (!this.#send()) {
          await new Promise<void>((resolve) => (this.#waiting = resolve));
          this.#waiting = undefined;
          if (this.#asyncItems !== items) return;
        }
        if (deferred) {
          // It gives without waiting: the event loop has its turn all the same (I3).
          await new Promise<void>((resolve) => context.env.defer(resolve));
          continue;
        }
        deferred = true;
        context.env.defer(() => {
          deferred = false;
          if (this.#asyncItems === items) this.#send();
        });
      }
      while (!this.#send()) {
        await new Promise<void>((resolve) => (this.#waiting = resolve));
        if (this.#asyncItems !== items) return;
      }
      context.state('ended');
    } catch (error) {
      if (this.#asyncItems === items) this.#failed(context, error);
    }
  }

  #failed(context: SourceContext, cause: unknown): void {
    this.#items = this.#asyncItems = undefined;
    if (this.#options.isSupervised !== true) {
      context.fail(cause);
      return;
    }
    this.#backoff ??= reconnectBackoff(context.env, AGAIN);
    const retryInMs = Math.round(this.#backoff.next());
    const reason = cause instanceof Error ? cause.message : String(cause);
    context.state('disconnected', {
      error: millraceError(
        'ERR_MILLRACE_CONNECT',
        `${context.name}: its iterable threw: ${reason}`,
        {
          cause,
          context: { source: context.name },
        },
      ),
      retryInMs,
    });
    this.#timer = context.env.clock.after(retryInMs, () => this.#again(context));
  }

  #again(context: SourceContext): void {
    if (this.#context !== context) return;
    try {
      this.open(context);
    } catch (error) {
      this.#failed(context, error);
    }
  }
}
