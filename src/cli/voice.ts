/**
 * How `run` speaks: for people (what the job prints on standard output, all else as lines on standard error) or, with
 * `--json`, one JSON object a line on standard output.
 */
import type { CollectedBatch, RunEvent, RunMetrics, StopReport } from '../run/running.ts';
import { EventLog, thousands, timeText } from './event-log.ts';
import { jsonLine, plainError } from './json-lines.ts';

export interface RunStart {
  readonly job: string;
  readonly file: string;
  readonly threads: number;
  readonly batchIntervalMs: number;
  /** Names of the tasks of each worker. */
  readonly placement: readonly (readonly string[])[];
}

export interface RunSummary {
  readonly code: number;
  readonly drained: boolean;
  readonly durationMs: number;
  readonly metrics: RunMetrics;
  readonly stuckThreads: readonly string[];
  /** What was given up, when it was not drained and that is known. */
  readonly left?: StopReport['left'];
  readonly error?: unknown;
}

export interface Voice {
  started(start: RunStart): void;
  event(event: RunEvent): void;
  /** Called now and then with the newest counters. */
  counters(metrics: RunMetrics): void;
  printed(text: string): void;
  collected(name: string, batch: CollectedBatch): void;
  /** What the command itself does and why. */
  note(text: string): void;
  summary(summary: RunSummary): void;
}

/** Where text goes. */
export type Write = (text: string) => void;

export class TextVoice implements Voice {
  readonly #out: Write;
  readonly #err: Write;
  readonly #log: EventLog;

  constructor(out: Write, err: Write, batches: boolean) {
    this.#out = out;
    this.#err = err;
    this.#log = new EventLog({ batches });
  }

  started({ job, file, threads, batchIntervalMs, placement }: RunStart): void {
    const workers = placement.map(
      (tasks, worker) => `worker ${worker}: ${tasks.join(' ') || 'nothing'}`,
    );
    const where =
      threads === 0 ? 'in this thread' : `on ${threads} worker thread${threads === 1 ? '' : 's'}`;
    this.note(
      `job ${job} (${file}) runs ${where}, a batch every ${batchIntervalMs} ms; ${workers.join('; ')}`,
    );
  }

  event(event: RunEvent): void {
    for (const line of this.#log.lines(event)) this.note(line);
  }

  counters(metrics: RunMetrics): void {
    for (const line of this.#log.warnings(metrics)) this.note(line);
  }

  printed(text: string): void {
    this.#out(text);
  }

  collected(): void {}

  note(text: string): void {
    this.#err(`millrace: ${text}\n`);
  }

  summary({ drained, durationMs, metrics, stuckThreads, left, error }: RunSummary): void {
    const { batches, records, restarts, failedBatches } = metrics;
    for (const name of stuckThreads) this.note(`${name} didn't end and was left behind`);
    for (const line of leftLines(left)) this.note(line);
    const end =
      error !== undefined ? 'failed' : drained ? 'drained' : 'stopped before it was drained';
    const extra = [
      ...(restarts === 0 ? [] : [`${restarts} recover${restarts === 1 ? 'y' : 'ies'}`]),
      ...(failedBatches === 0 ? [] : [`${failedBatches} batches given up`]),
    ];
    this.note(
      `${end} after ${(durationMs / 1000).toFixed(1)} s: ${thousands(batches)} batches, ` +
        `${[`${thousands(records)} records`, ...extra].join(', ')}`,
    );
  }
}

export class JsonVoice implements Voice {
  readonly #out: Write;
  readonly #now: () => number;

  constructor(out: Write, now: () => number) {
    this.#out = out;
    this.#now = now;
  }

  started(start: RunStart): void {
    this.#say({ type: 'runStarted', ...start });
  }

  event(event: RunEvent): void {
    this.#say(event);
  }

  counters(): void {}

  printed(text: string): void {
    this.#say({ type: 'printed', text });
  }

  collected(name: string, { time, values }: CollectedBatch): void {
    this.#say({ type: 'collected', name, time, values });
  }

  note(text: string): void {
    this.#say({ type: 'note', text });
  }

  summary({ error, ...summary }: RunSummary): void {
    this.#say({
      type: 'summary',
      ...summary,
      ...(error === undefined ? {} : { error: plainError(error) }),
    });
  }

  #say<E extends { readonly type: string }>(event: E): void {
    this.#out(jsonLine(event, this.#now()));
  }
}

/** What a drain gave up, in sentences. */
export function leftLines(left: StopReport['left']): string[] {
  if (left === undefined) return [];
  const { openBarrier, tasksBehind, sources } = left;
  const lines: string[] = [];
  if (openBarrier !== undefined) {
    const behind = tasksBehind.length === 0 ? 'no task' : tasksBehind.join(' ');
    const { number, time } = openBarrier;
    lines.push(
      `left: barrier ${number} (batch ${timeText(time)}) was not through; behind it: ${behind}`,
    );
  }
  for (const { source, unreadBytes } of sources)
    lines.push(`left: ${thousands(unreadBytes)} bytes of source ${source} were not read`);
  return lines;
}
