/**
 * What the demo shows, gathered from the run's events and results. It draws nothing.
 *
 * A batch becomes a row when its counts, its number of lines and its times are all there; they come from different
 * threads, in any order.
 */
import type { KillWay, ThreadInfo } from '../../run/engine.ts';
import type { RunEvent } from '../../run/running.ts';
import { EventLog, timeText } from '../event-log.ts';
import { Tally, topOf } from './tally.ts';

export interface DemoBatch {
  readonly time: number;
  readonly lines: number;
  readonly words: number;
  readonly processingMs: number;
  readonly delayMs: number;
  readonly top: readonly (readonly [string, number])[];
}

export interface DemoView {
  readonly title: string;
  readonly phase: string;
  readonly elapsedMs: number;
  readonly intervalMs: number;
  readonly source: string;
  /** Oldest first. */
  readonly batches: readonly DemoBatch[];
  readonly totals: { readonly lines: number; readonly words: number; readonly distinct: number };
  readonly top: readonly (readonly [string, number])[];
  readonly threads: readonly ThreadInfo[];
  readonly killed: number;
  readonly recovered: number;
  readonly lastRecoveryMs: number | undefined;
  /** Oldest first. */
  readonly messages: readonly string[];
}

interface Partial {
  counts?: { readonly words: number; readonly top: DemoBatch['top'] };
  lines?: number;
  times?: { readonly processingMs: number; readonly delayMs: number };
}

const KEPT_BATCHES = 100;
const KEPT_MESSAGES = 20;
const TOP = 10;

export class DemoModel {
  readonly tally: Tally = new Tally();
  readonly #log = new EventLog({ batches: false });
  readonly #partial = new Map<number, Partial>();
  readonly #batches: DemoBatch[] = [];
  readonly #messages: string[] = [];
  /** Slots that were told to die, and how, until they have. */
  readonly #doomed = new Map<number, KillWay>();
  #killed = 0;
  #recovered = 0;
  #lastRecoveryMs: number | undefined;
  #recovering = false;
  #source = 'connecting';

  get killed(): number {
    return this.#killed;
  }

  /** Threads that were told to die and have not yet. */
  get doomed(): number {
    return this.#doomed.size;
  }

  isDoomed(slot: number): boolean {
    return this.#doomed.has(slot);
  }

  /** Takes in an event; gives the lines that it is worth. */
  event(event: RunEvent, now: number): string[] {
    const lines = this.#log.lines(event).map((line) => this.say(line, now));
    switch (event.type) {
      case 'batchCompleted':
        this.#part(event.time).times = {
          processingMs: event.processingMs,
          delayMs: event.totalDelayMs,
        };
        break;
      case 'sourceState':
        this.#source = event.state;
        break;
      case 'actorExited':
        if (this.#doomed.delete(event.slot)) this.#killed++;
        break;
      case 'recovering':
        this.#recovering = true;
        break;
      case 'started':
        if (this.#recovering) {
          this.#recovering = false;
          this.#recovered++;
          this.#lastRecoveryMs = event.tookMs;
        }
        break;
    }
    return lines;
  }

  counts(time: number, pairs: readonly (readonly [string, number])[]): void {
    this.tally.addCounts(pairs);
    const words = pairs.reduce((sum, [, count]) => sum + count, 0);
    this.#part(time).counts = { words, top: topOf(pairs, TOP) };
  }

  lines(time: number, lines: number): void {
    this.tally.addLines(lines);
    this.#part(time).lines = lines;
  }

  /** A thread is about to be killed; gives the line. */
  doom(thread: ThreadInfo, way: KillWay, now: number): string {
    this.#doomed.set(thread.slot, way);
    return this.say(
      `killing ${this.#log.threadText(thread.role, thread.slot)} (${WAY_TEXT[way]})`,
      now,
    );
  }

  /** A line among the messages. */
  say(text: string, now: number): string {
    const line = `${timeText(Math.floor(now / 1000) * 1000)}  ${text}`;
    this.#messages.push(line);
    if (this.#messages.length > KEPT_MESSAGES) this.#messages.shift();
    return line;
  }

  /** The batches that became complete since the last call, oldest first. */
  takeBatches(): DemoBatch[] {
    const complete: DemoBatch[] = [];
    for (const [time, { counts, lines, times }] of this.#partial) {
      if (counts === undefined || lines === undefined || times === undefined) continue;
      this.#partial.delete(time);
      complete.push({ time, lines, ...counts, ...times });
    }
    complete.sort((a, b) => a.time - b.time);
    this.#batches.push(...complete);
    this.#batches.splice(0, this.#batches.length - KEPT_BATCHES);
    return complete;
  }

  view(now: Pick<DemoView, 'title' | 'phase' | 'elapsedMs' | 'intervalMs' | 'threads'>): DemoView {
    const { lines, words, counts } = this.tally;
    return {
      ...now,
      source: this.#source,
      batches: this.#batches,
      totals: { lines, words, distinct: counts.size },
      top: topOf(counts, TOP),
      killed: this.#killed,
      recovered: this.#recovered,
      lastRecoveryMs: this.#lastRecoveryMs,
      messages: this.#messages,
    };
  }

  #part(time: number): Partial {
    let part = this.#partial.get(time);
    if (part === undefined) this.#partial.set(time, (part = {}));
    return part;
  }
}

export const WAY_TEXT: Readonly<Record<KillWay, string>> = {
  terminate: 'terminate, from outside',
  throw: 'an uncaught error',
  exit: 'process.exit',
  oom: 'out of memory',
  spin: 'an endless loop',
};
