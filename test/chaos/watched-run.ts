/**
 * A run whose events and results are gathered while it goes on, for tests that wait for something and then do something
 * to it. Threads are real; the job comes from test/fixtures/jobs.
 *
 * I1  Nothing is waited for by time: `until` looks again at each event and each batch.
 */
import { run, type CollectedBatch, type Run, type RunEvent, type RunOptions } from 'millrace';
import type { ThreadInfo } from '../../src/run/engine.ts';

/** Longer than anything takes on a busy machine; then what is known is shown. */
const PATIENCE_MS = 45_000;

export type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>;

export class WatchedRun {
  readonly run: Run;
  readonly events: RunEvent[] = [];
  /** By the name given to `collectAs`. */
  readonly batches: Map<string, CollectedBatch[]> = new Map();
  #waiting: Set<() => void> = new Set();
  #reading: Promise<unknown>;

  constructor(running: Run, collected: readonly string[]) {
    this.run = running;
    const events = running.events();
    this.#reading = Promise.all([
      this.#read(events, this.events),
      ...collected.map((name) => {
        const batches: CollectedBatch[] = [];
        this.batches.set(name, batches);
        return this.#read(running.results(name), batches);
      }),
    ]);
    // Results end with the error that fails the run; `stop` and `failure` tell of it.
    this.#reading.catch(() => {});
  }

  static async start(
    jobFile: string,
    options: RunOptions<never>,
    collected: readonly string[] = [],
  ): Promise<WatchedRun> {
    const url = new URL(`../fixtures/jobs/${jobFile}`, import.meta.url);
    return new WatchedRun(await run(url, options as RunOptions), collected);
  }

  ofType<T extends RunEvent['type']>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  /** Resolves when `condition` holds. What it rests on must come with an event or a batch. */
  async until(what: string, condition: () => boolean): Promise<void> {
    if (condition()) return;
    let timer: NodeJS.Timeout | undefined;
    let look = (): void => {};
    try {
      await new Promise<void>((resolve, reject) => {
        look = () => {
          if (condition()) resolve();
        };
        this.#waiting.add(look);
        timer = setTimeout(
          () => reject(new Error(`not seen: ${what}\n${this.story()}`)),
          PATIENCE_MS,
        );
        this.run
          .awaitTermination()
          .then(
            () => reject(new Error(`stopped before this was seen: ${what}\n${this.story()}`)),
            reject,
          );
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(look);
    }
  }

  /** So many more batches are completed from now. */
  async batchesPass(count: number): Promise<void> {
    const from = this.run.metrics().batches;
    await this.until(`${count} more batches`, () => this.run.metrics().batches >= from + count);
  }

  thread(role: ThreadInfo['role'] | 'spare', nth = 0): ThreadInfo | undefined {
    return this.run
      .threads()
      .filter(({ role: r, state }) =>
        role === 'spare' ? state === 'spare' : state === 'up' && r === role,
      )[nth];
  }

  /** All threads are there, and those of the region have their tasks. */
  get isWhole(): boolean {
    const states = this.run.threads().map(({ state }) => state);
    // Before the region starts there are more spares than one.
    return (
      states.every((state) => state === 'up' || state === 'spare') &&
      states.filter((state) => state === 'spare').length === 1
    );
  }

  /** The error that the run fails with. */
  async failure(): Promise<unknown> {
    try {
      await this.run.awaitTermination();
    } catch (error) {
      return error;
    }
    throw new Error(`the run did not fail\n${this.story()}`);
  }

  /** All that was told has been read; afterwards nothing changes any more. */
  async ended(): Promise<void> {
    await this.#reading.catch(() => {});
  }

  /** What happened lately, for the message of a test that fails. */
  story(): string {
    const threads = this.run.threads().map((thread) => JSON.stringify(thread));
    const events = this.events.slice(-25).map((event) => JSON.stringify(event));
    return [
      'threads:',
      ...threads,
      `state: ${this.run.state}`,
      JSON.stringify(this.run.metrics()),
      'events:',
      ...events,
    ].join('\n');
  }

  async #read<T>(from: AsyncIterable<T>, into: T[]): Promise<void> {
    for await (const item of from) {
      into.push(item);
      for (const look of this.#waiting) look();
    }
  }
}
