/**
 * Runs the sources of a job. Lives in the one event-loop thread that owns the sending ends of the receiver edges (the
 * calling thread with `threads: 0`), and knows nothing of ports and doorbells: who owns it passes on what arrives.
 *
 *      coordinator ── cut, held, stopIntake ──▶ SourceHost ── blocks, barriers ──▶ receiver edges
 *      doorbell ──────────── pump ────────────▶     │
 *                                                   └── onPut, onRelief, onState, onEvent, onFailure ──▶
 *
 * I1  Sources are independent: a slow, blocked or broken one delays nobody but those who need its barriers.
 * I2  A new host over the same edges, after the death of the thread, goes on where the edges end: a resumable source
 *     from the last published position, barriers that were put are not put again. With logs it goes on where they end,
 *     on edges that are new as well (`source-journal.ts`).
 */
import type { Barrier } from '../actors/block.ts';
import type { Env } from '../env/env.ts';
import type { SourceLog } from '../log/log-record.ts';
import { HostedSource } from './hosted-source.ts';
import type { Source, SourceState, SourceTold } from './source.ts';
import type { SourceEdge } from './source-edge.ts';

export interface SourceSpec {
  readonly id: number;
  /** As messages show it, with the call site: `socketTextStream at app.ts:4:7`. */
  readonly name: string;
  readonly source: Source;
  /** One for each partition of the stream. */
  readonly edges: readonly SourceEdge[];
  /**
   * Where a source may keep what its successor must know after the death of the thread: a path in a directory of the
   * job, to which `.0` and `.1` are added. @default nothing is kept
   */
  readonly notePath?: string;
  /** What it sends outlives the process. @default the thread only */
  readonly log?: SourceLogSpec;
  /** Records a second that it may send at most. @default no limit */
  readonly maxRate?: number;
  /** Records a second until somebody says another rate. @default `maxRate` */
  readonly initialRate?: number;
}

export interface SourceLogSpec {
  /** Number of the barrier that the process began behind. */
  readonly start: number;
  /** Blocks of a source that can't be rewound are logged, too. */
  readonly isWrittenAhead: boolean;
  /** Nothing is sent twice, whatever is lost by that. @default false */
  readonly isOnce?: boolean;
  open(events: SourceLogEvents): SourceLog;
}

export interface SourceLogEvents {
  readonly onTrouble: (error: unknown) => void;
  readonly onRecovered: () => void;
  readonly onRoom: () => void;
}

export interface StateDetail {
  readonly error?: unknown;
  readonly retryInMs?: number;
}

export type HostedEvent =
  | { readonly type: 'possibleGap'; readonly detail: string }
  | { readonly type: 'counted'; readonly what: string; readonly count: number }
  | SourceTold;

export interface SourceHostEvents {
  /** The barrier lies on all edges of the source. */
  onPut(source: number, barrier: number): void;
  /** An edge of the source is more than half full: a recovery point is wanted. */
  onRelief(source: number): void;
  onState(source: number, state: SourceState, detail: StateDetail): void;
  onEvent(source: number, event: HostedEvent): void;
  /** The job can't go on. */
  onFailure(source: number, error: unknown): void;
}

export class SourceHost {
  readonly #sources: readonly HostedSource[];

  constructor(env: Env, specs: readonly SourceSpec[], events: SourceHostEvents) {
    this.#sources = specs.map((spec) => new HostedSource(env, spec, events));
  }

  /** Opens the sources. */
  open(): void {
    for (const source of this.#sources) source.open();
  }

  /** Puts the barrier on every edge, behind what was sent, and behind the batch that it closes. */
  cut(barrier: Barrier): void {
    for (const source of this.#sources) source.cut(barrier);
  }

  /** There may be room: consumers have read, or BASE has moved. */
  pump(): void {
    for (const source of this.#sources) source.pump();
  }

  /** The recovery point is held, and BASE has moved behind it. */
  onHeld(barrier: number): void {
    for (const source of this.#sources) source.held(barrier);
  }

  /** What lies before that barrier is not needed any more, in any log. */
  trim(oldest: number): void {
    for (const source of this.#sources) source.trim(oldest);
  }

  /** Records of a source's log behind that barrier. */
  behind(source: number, barrier: number): number {
    return this.#sources[source]?.behind(barrier) ?? 0;
  }

  /** Barriers behind the start that stand in logs, ascending. */
  recorded(): readonly Barrier[] {
    const cuts = new Map<number, Barrier>();
    for (const source of this.#sources)
      for (const barrier of source.recorded()) cuts.set(barrier.number, barrier);
    return [...cuts.values()].toSorted((a, b) => a.number - b.number);
  }

  /** How many records a second a source may send from now on. */
  setRate(source: number, rate: number): void {
    this.#sources[source]?.setRate(rate);
  }

  /** Resolves when nothing more will be sent but barriers, which may still be cut. */
  async stopIntake(): Promise<void> {
    await Promise.all(this.#sources.map((source) => source.stopIntake()));
  }

  /** The job is over: sources end at once, and what lies on no edge yet is given up. */
  abandon(): void {
    for (const source of this.#sources) source.abandon();
  }
}
