/**
 * The events of a run as lines for people. Pure: events and counters in, text out; it keeps only what one event needs
 * to know of an earlier one.
 *
 * I1  A line says what happened, to what, and why; nothing is said twice.
 * I2  Batches are told with `batches: true` only: what a job prints is its own business.
 */
import type { RunEvent, RunMetrics } from '../run/running.ts';

export interface EventLogOptions {
  /** A line for each batch too. */
  readonly batches: boolean;
}

export class EventLog {
  readonly #options: EventLogOptions;
  /** What the recovery that is under way is for. */
  #cause: string | undefined;
  #startedOnce = false;
  /** The worker that each thread has been, by its slot; what isn't here was a spare. */
  readonly #workers = new Map<number, number>();
  /** Counters as last told. */
  #counted: Readonly<Record<string, number>> = {};
  /** Times of the batches that were cut and are not through. */
  readonly #open = new Set<number>();

  constructor(options: EventLogOptions) {
    this.#options = options;
  }

  /** Times (ms) of the batches that are under way, oldest first. */
  get openBatches(): readonly number[] {
    return [...this.#open];
  }

  /** The lines of one event: none, one or two. */
  lines(event: RunEvent): string[] {
    switch (event.type) {
      case 'batchSubmitted':
        this.#open.add(event.time);
        return [];
      case 'batchCompleted': {
        this.#open.delete(event.time);
        if (!this.#options.batches) return [];
        const { records, processingMs, totalDelayMs } = event;
        return [
          `batch ${timeText(event.time)}: ${thousands(records)} records, worked on for ` +
            `${msText(processingMs)}, out after ${msText(totalDelayMs)}`,
        ];
      }
      case 'batchFailed':
        this.#open.delete(event.time);
        return [`batch ${timeText(event.time)} was given up: ${errorText(event.error)}`];
      case 'deadLetter':
        if (event.reason === 'recordError')
          return [
            `DEAD LETTER: ${event.kind} (${event.operator}) at ${event.callSite} passed a record over ` +
              `(${errorText(event.error)})`,
          ];
        if (event.reason === 'badFile')
          return [`DEAD LETTER: ${event.record} is left out (${errorText(event.error)})`];
        return [
          `DEAD LETTER ${event.number}: a record is passed over after it killed ${event.task} ` +
            `${event.attempts} times (${event.lastError}): ${event.record}`,
        ];
      case 'recovering': {
        this.#cause = event.cause;
        if (event.error === undefined) return [];
        return [
          `${event.cause}, going back to barrier ${event.barrier}: ${errorText(event.error)}`,
        ];
      }
      case 'started': {
        event.workers.forEach((slot, worker) => this.#workers.set(slot, worker));
        const cause = this.#cause;
        const again = this.#startedOnce;
        this.#cause = undefined;
        this.#startedOnce = true;
        if (cause !== undefined) {
          return [`recovered in ${msText(event.tookMs)} from barrier ${event.barrier} (${cause})`];
        }
        return again ? [`a new coordinator goes on from barrier ${event.barrier}`] : [];
      }
      case 'workerWanted':
        // While the threads come up, at the start or for a new coordinator, that is how it should be.
        return this.#cause === undefined ? [] : ['no spare stands ready: waiting for a new thread'];
      case 'sourceState': {
        const error = event.error === undefined ? '' : `: ${errorText(event.error)}`;
        const told = event.retryInMs === undefined || error.includes('next attempt');
        const retry = told ? '' : `; next attempt in ${msText(event.retryInMs)}`;
        return [`source ${event.source} ${event.state}${error}${retry}`];
      }
      case 'possibleGap':
        return [`source ${event.source}: POSSIBLE GAP: ${event.detail}`];
      case 'receiverStarted':
        return [`receiver ${event.streamId} of ${event.name} started`];
      case 'receiverError':
        return [`receiver ${event.streamId} of ${event.name}: ${event.lastErrorMessage}`];
      case 'receiverStopped':
        return [`receiver ${event.streamId} of ${event.name} stopped: ${event.lastErrorMessage}`];
      case 'actorExited':
        return [`${this.threadText(event.role, event.slot)} died: ${event.reason}`];
      case 'restarted': {
        const { run, barrier, time, batches } = event;
        const again =
          batches === 0 ? 'no batch' : `${thousands(batches)} batch${batches === 1 ? '' : 'es'}`;
        const where =
          barrier === 0
            ? 'goes on from the beginning, no checkpoint was complete'
            : `goes on from checkpoint ${barrier} of ${timeText(time)}`;
        return [`${where}, ${again} again (run ${run})`];
      }
      case 'degraded':
        return [
          `DEGRADED: ${event.what} can't be written, and is tried again: ${errorText(event.error)}`,
        ];
      case 'recovered':
        return [`${event.what} is written again`];
      case 'batchesSkipped':
        return [
          `${thousands(event.count)} batch times passed while the process was down, from ` +
            `${timeText(event.from)} to ${timeText(event.to)}: no batches are made for them`,
        ];
      case 'givingUp':
        return [
          `takes in no more, finishes what it has, and then fails: ${errorText(event.error)}`,
        ];
      case 'hint':
        return [event.text];
      case 'actorStarted':
      case 'streamingStarted':
      case 'batchStarted':
      case 'outputStarted':
      case 'outputCompleted':
      case 'counted':
      case 'checkpointCompleted':
      case 'drained':
      case 'failed':
        return [];
      default:
        event satisfies never;
        return [];
    }
  }

  /** `worker 1 (thread 5)`, as the plan counts workers and the run its threads. */
  threadText(role: string, slot: number): string {
    if (role !== 'worker') return `${role} (thread ${slot})`;
    const worker = this.#workers.get(slot);
    return worker === undefined ? `spare (thread ${slot})` : `worker ${worker} (thread ${slot})`;
  }

  /** What was counted since the last call: bad text, long lines. */
  warnings(metrics: RunMetrics): string[] {
    const before = this.#counted;
    this.#counted = metrics.counted;
    return Object.entries(metrics.counted).flatMap(([what, total]) => {
      const news = total - (before[what] ?? 0);
      if (news <= 0) return [];
      const words = COUNTED[what] ?? `times ${what}`;
      return [`${thousands(news)} ${words} (${thousands(total)} in all)`];
    });
  }
}

const COUNTED: Readonly<Record<string, string>> = {
  invalidUtf8: "lines weren't valid UTF-8: the bad bytes were kept as U+FFFD",
  linesCut: 'lines were longer than maxLineBytes and were cut',
  linesSkipped: 'lines were longer than maxLineBytes and were left out',
};

/** An error, or one in its form between threads, in one line. */
export function errorText(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { kind, value, name, code, message } = error as Readonly<Record<string, unknown>>;
  if (kind === 'value') return String(value);
  const first = String(message).split('\n', 1)[0];
  return `${String(code ?? name ?? 'Error')}: ${first}`;
}

/** Time of day, local, as a batch is called: `12:00:05`, with ms where there are any. */
export function timeText(ms: number): string {
  const date = new Date(ms);
  const two = (n: number): string => String(n).padStart(2, '0');
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return ms % 1000 === 0 ? text : `${text}.${String(Math.floor(ms) % 1000).padStart(3, '0')}`;
}

/** `34 ms`, `2.5 s`. */
export function msText(ms: number): string {
  if (ms < 10 && ms !== Math.round(ms)) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toFixed(1))} s`;
}

/** `1,234,567`. */
export function thousands(n: number): string {
  return Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
}
