/**
 * What a receiver stored, on its way to the edges. Part of `receiver-source.ts`.
 *
 * I1  Records leave in the order in which they were stored, single ones and arrays alike.
 * I2  A promise of `array` settles: its records are safe (on an edge; with a log, synced there), or it rejects.
 * I3  Memory is bounded: single records by `maxBuffered`, arrays by their callers, who wait.
 */
import type { Timer } from '../env/env.ts';
import type { SourceContext } from './source.ts';
import { WhenSafe } from './when-safe.ts';

export interface ReceiverOutboxOptions {
  /** How long single records are gathered, in ms. */
  readonly blockIntervalMs: number;
  /** Single records that may wait; more are dropped. */
  readonly maxBuffered: number;
  /** Something lies on an edge. */
  readonly sent: () => void;
}

/** From here on the receiver should wait. */
const ENOUGH_RECORDS = 16_384;
/** So many are sent without waiting for more. */
const BLOCK_RECORDS = 4096;

interface Entry {
  readonly rows: readonly unknown[];
  /** Of an array. */
  readonly caller?: {
    readonly accepted: () => void;
    readonly refused: (error: unknown) => void;
  };
}

export class ReceiverOutbox {
  readonly #options: ReceiverOutboxOptions;
  #context: SourceContext;
  /** Single records that are being gathered. */
  #gathered: unknown[] = [];
  #timer: Timer | undefined;
  /** On their way, in order. */
  #entries: Entry[] = [];
  /** Single records in `#entries`. */
  #waiting = 0;
  #blocked = false;
  #ready: (() => void)[] = [];
  #drained: (() => void) | undefined;
  #dropped = 0;
  #isOver = false;
  /** Arrays that lie on edges and are not yet safe. */
  readonly #unsafe = new WhenSafe();

  constructor(context: SourceContext, options: ReceiverOutboxOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** Takes a record; false when the receiver should wait for `ready`. */
  single(record: unknown): boolean {
    const { maxBuffered, blockIntervalMs } = this.#options;
    if (this.#gathered.length + this.#waiting >= maxBuffered) {
      this.#drop();
      return false;
    }
    this.#gathered.push(record);
    if (this.#gathered.length >= BLOCK_RECORDS) this.flush();
    else
      this.#timer ??= this.#context.env.clock.after(blockIntervalMs, () => {
        this.#timer = undefined;
        this.flush();
      });
    return this.#hasRoom();
  }

  /** Resolves when all are safe. */
  array(records: readonly unknown[]): Promise<void> {
    return new Promise((accepted, refused) => {
      this.flush();
      // The caller may change its array.
      this.#entries.push({ rows: [...records], caller: { accepted, refused } });
      if (!this.#blocked) this.#send();
    });
  }

  ready(): Promise<void> {
    if (this.#hasRoom() || this.#isOver) return Promise.resolve();
    return new Promise((resolve) => this.#ready.push(resolve));
  }

  /** Gathers no longer. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#gathered.length > 0) {
      this.#entries.push({ rows: this.#gathered });
      this.#waiting += this.#gathered.length;
      this.#gathered = [];
    }
    if (!this.#blocked) this.#send();
  }

  /** There is room again, or another context. */
  resume(context: SourceContext = this.#context): void {
    this.#context = context;
    this.#blocked = false;
    this.#send();
  }

  /** Resolves when all lies on edges, and its callers know; nothing is stored any more. */
  async drain(): Promise<void> {
    this.#isOver = true;
    const drained = new Promise<void>((resolve) => (this.#drained = resolve));
    this.flush();
    await drained;
    await this.#unsafe.allSettled();
  }

  /** Gives up what is on its way. */
  abandon(error: Error): void {
    this.#isOver = true;
    this.#timer?.cancel();
    for (const { caller } of this.#entries.splice(0)) caller?.refused(error);
    this.#unsafe.abandon(error);
    this.#makeReady();
    this.#drained?.();
  }

  #hasRoom(): boolean {
    return this.#gathered.length + this.#waiting < ENOUGH_RECORDS;
  }

  #send(): void {
    const context = this.#context;
    for (let entry = this.#entries[0]; entry !== undefined; entry = this.#entries[0]) {
      try {
        if (entry.rows.length > 0 && !context.sendRows(entry.rows)) {
          this.#blocked = true;
          return;
        }
        if (entry.caller !== undefined)
          this.#unsafe.settle(context.safe?.(), entry.caller.accepted, entry.caller.refused);
        this.#options.sent();
      } catch (error) {
        // A record that no edge can carry: its caller hears of it; of single records there is none.
        if (entry.caller === undefined) context.fail(error);
        else entry.caller.refused(error);
      }
      if (entry.caller === undefined) this.#waiting -= entry.rows.length;
      this.#entries.shift();
      if (this.#hasRoom()) this.#makeReady();
    }
    this.#drained?.();
  }

  #drop(): void {
    if (this.#dropped++ > 0) return;
    const context = this.#context;
    context.possibleGap(
      'the receiver stores faster than the stream takes it, and does not wait for ready(): records are dropped',
    );
    // Told once for each time that the buffer was full.
    this.#ready.push(() => {
      context.counted('recordsDropped', this.#dropped);
      this.#dropped = 0;
    });
  }

  #makeReady(): void {
    for (const resolve of this.#ready.splice(0)) resolve();
  }
}
