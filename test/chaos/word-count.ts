/**
 * The job of test/fixtures/jobs/counts.js on a text server of its own, and the comparison of what it counted with the
 * server's ledger, word by word.
 */
import type { RunOptions } from 'millrace';
import { TextServer, type TextServerOptions } from '../../src/testing/text-server.ts';
// @ts-expect-error plain JavaScript, as threads load it
import { ORDERS } from '../fixtures/jobs/counts.js';
import { WatchedRun } from './watched-run.ts';

export type Form = 'closures' | 'declared';
export const INTERVAL_MS = 250;
const WORDS_PER_LINE = 10;

export interface WordCountOptions {
  readonly forms: readonly Form[];
  /** Lines a second on each connection. @default 20_000 */
  readonly rate?: number;
  readonly resumable?: boolean;
  readonly server?: TextServerOptions;
  readonly run?: Omit<RunOptions<never>, 'args'>;
}

export class WordCount {
  readonly server: TextServer;
  readonly watched: WatchedRun;
  readonly forms: readonly Form[];
  /** See the job. */
  readonly orders: Int32Array<SharedArrayBuffer>;

  constructor(
    server: TextServer,
    watched: WatchedRun,
    forms: readonly Form[],
    orders: Int32Array<SharedArrayBuffer>,
  ) {
    this.server = server;
    this.watched = watched;
    this.forms = forms;
    this.orders = orders;
  }

  static async start(options: WordCountOptions): Promise<WordCount> {
    const { forms, rate = 20_000, resumable = true } = options;
    const server = new TextServer({
      resumable,
      rate,
      vocabulary: 2000,
      loopBytes: 1 << 20,
      ...options.server,
    });
    const port = await server.listen();
    const orders = new Int32Array(new SharedArrayBuffer(4 * ORDERS));
    const watched = await WatchedRun.start(
      'counts.js',
      { threads: 2, ...options.run, args: { port, forms, resumable, orders } as never },
      forms,
    );
    return new WordCount(server, watched, forms, orders);
  }

  /** What was counted by now, in all batches together. */
  counted(form: Form): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { values } of this.watched.batches.get(form)!) {
      for (const [word, count] of values as [string, number][]) {
        counts.set(word, (counts.get(word) ?? 0) + count);
      }
    }
    return counts;
  }

  /** Lines counted by now; every line has ten words. */
  lines(form: Form): number {
    return total(this.counted(form)) / WORDS_PER_LINE;
  }

  /** The server holds; everything that it sent is counted; then the run is stopped. Gives what is wrong. */
  async finishHeld(): Promise<string[]> {
    const position = this.server.hold();
    const lines = this.server.linesAt(position);
    await this.watched.until(`${lines} lines are counted`, () =>
      this.forms.every((form) => this.lines(form) >= lines),
    );
    const faults = await this.#stop();
    for (const form of this.forms) faults.push(...this.#differences(form, position));
    return faults;
  }

  /**
   * The run is stopped in the middle of the stream. It has counted whole lines up to some position, and each once.
   * Gives what is wrong.
   */
  async finishFlowing(): Promise<string[]> {
    const faults = await this.#stop();
    for (const form of this.forms) {
      faults.push(...this.#differences(form, this.server.bytesOf(Math.floor(this.lines(form)))));
    }
    return faults;
  }

  async close(): Promise<void> {
    await this.watched.run.stop({ graceful: false });
    await this.server.stop();
  }

  async #stop(): Promise<string[]> {
    const { run } = this.watched;
    const { drained, stuckThreads } = await run.stop();
    await this.watched.ended();
    const faults: string[] = [];
    if (!drained || run.state !== 'stopped')
      faults.push(`not drained, ${run.state}: ${this.watched.story()}`);
    for (const name of stuckThreads) faults.push(`stuck: ${name}`);
    for (const { slot, state } of run.threads())
      if (state !== 'down') faults.push(`the thread in slot ${slot} is ${state}`);
    for (const form of this.forms) faults.push(...this.#wrongTimes(form));
    return faults;
  }

  /** Batches come in order, none twice, none left out. */
  #wrongTimes(form: Form): string[] {
    const times = this.watched.batches.get(form)!.map(({ time }) => time);
    const wrong = times.flatMap((time, n) => {
      const wanted =
        n === 0 ? Math.ceil(time / INTERVAL_MS) * INTERVAL_MS : times[n - 1]! + INTERVAL_MS;
      return time === wanted ? [] : [`${form}: batch ${n} has time ${time} instead of ${wanted}`];
    });
    return times.length > 1 ? wrong : [`${form}: there are ${times.length} batches only`];
  }

  #differences(form: Form, position: number): string[] {
    const counted = this.counted(form);
    const ledger = this.server.ledgerAt(position);
    const words = new Set([...counted.keys(), ...ledger.keys()]);
    return [...words].flatMap((word) => {
      const [is, wanted] = [counted.get(word) ?? 0, ledger.get(word) ?? 0];
      return is === wanted
        ? []
        : [`${form}: ${JSON.stringify(word)} is counted ${is} times instead of ${wanted}`];
    });
  }
}

export function total(counts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}
