/** What was observed of a chaos run, and what each fault came to. Pure. */
import type { WireError } from '../../errors.ts';
import { fromWire } from '../../errors.ts';
import type { RunEvent, RunMetrics, StopReport } from '../../run/running.ts';
import type { NumberedServer } from './numbered-server.ts';
import type { Output } from './output.ts';
import type { Fault } from './script.ts';

/** Times are ms since the job was up. */
export interface SeenEvent {
  readonly atMs: number;
  readonly event: RunEvent;
}

/** Of the job's process. */
export interface Sample {
  readonly atMs: number;
  /** Resident memory. */
  readonly bytes: number;
  readonly threads: number;
}

export interface DoneFault {
  readonly fault: Fault;
  readonly orderedMs: number;
  /** Undefined: it never came to it. */
  doneMs: number | undefined;
  detail: string;
}

export interface Observed {
  readonly events: readonly SeenEvent[];
  readonly faults: readonly DoneFault[];
  readonly outputs: ReadonlyMap<string, Output>;
  /** Records that each server had to give. */
  readonly served: ReadonlyMap<NumberedServer, number>;
  readonly samples: readonly Sample[];
  /** With each sample until faults are over: how far behind its rate each server was, in ms, in the script's order. */
  readonly behind: readonly (readonly number[])[];
  /** Faults whose time, batch or event did not come. */
  readonly missed: readonly string[];
  readonly metrics: RunMetrics | undefined;
  readonly report: StopReport | undefined;
  readonly error: WireError | undefined;
  /** As the command's; undefined for a process that was killed before it could say. */
  readonly code: number | undefined;
  readonly signal: string | null;
  /** Temporary files of the job that were there when its process had ended. */
  readonly leftFiles: readonly string[];
  readonly stderr: string;
  readonly durationMs: number;
  /** When faults were over: from then on what was served is given out, and the job is drained. */
  readonly quietMs: number;
  /** It did not end, and was killed for it. */
  readonly gaveUp: string | undefined;
  /** Somebody wanted no more of it. */
  readonly interrupted: boolean;
}

/** One line of the timeline. */
export interface TimelineEntry {
  readonly atMs: number;
  readonly fault: string;
  readonly target: string;
  /** What was seen of it, in order. */
  readonly saw: readonly string[];
  /** From the fault until all worked again; undefined when nothing had to recover. */
  readonly recoveryMs?: number;
  /** How much later than usual the batch came out in which it fell. */
  readonly lateMs?: number;
}

/** Work may go on before the end of a thread is told. */
const LAST_WORDS_MS = 250;

/** Things told of a fault. */
const SAW = 6;

export function faultText(fault: Fault): string {
  switch (fault.kind) {
    case 'thread': {
      const { way, victim, exitCode } = fault;
      if (way === 'task') return 'throw in a task';
      if (way === 'corrupt') return 'damaged frame';
      if (way === 'terminate') return `kill ${victim}`;
      return `${way === 'spin' ? 'hang' : way} ${victim}${exitCode === undefined ? '' : ` (${exitCode})`}`;
    }
    case 'point': {
      const { point, fault: what, record, times, parameter } = fault;
      if (record !== undefined) return `poison at ${point} (${what})`;
      const much =
        what === 'slow'
          ? ` by ${parameter} ms`
          : times !== undefined && times > 1
            ? ` × ${times}`
            : '';
      return `${what} at ${point}${much}`;
    }
    case 'block':
      return `main thread blocked ${fault.ms} ms`;
    case 'freeze':
      return `SIGSTOP ${fault.ms} ms`;
    case 'kill9':
      return 'kill -9';
    case 'processKill':
      return `kill -9, and a start${fault.ms > 0 ? ` ${fault.ms} ms later` : ''}`;
    case 'disk':
      return `disk ${fault.how} ${fault.ms} ms`;
    case 'signal':
      return fault.signal;
    case 'disconnect':
      return fault.ms > 0 ? `server away ${fault.ms} ms` : 'connections cut';
    default:
      return fault satisfies never;
  }
}

export function timelineOf(observed: Observed): TimelineEntry[] {
  const { events } = observed;
  const usual = median(delays(events));
  return observed.faults
    .filter((each) => each.doneMs !== undefined)
    .map(({ fault, doneMs, detail }) => {
      const from = doneMs!;
      const recovered = recoveredAt(fault, from, events);
      const begins = from + pauseOf(fault);
      const late = fault.kind === 'kill9' ? undefined : lateness(from, events, usual);
      return {
        atMs: from,
        fault: faultText(fault),
        target: detail,
        saw: sawOf(from, recovered === undefined ? from + 1000 : recovered + LAST_WORDS_MS, events),
        ...(recovered === undefined ? {} : { recoveryMs: Math.max(0, recovered - begins) }),
        ...(late === undefined ? {} : { lateMs: late }),
      };
    })
    .sort((a, b) => a.atMs - b.atMs);
}

function pauseOf(fault: Fault): number {
  return fault.kind === 'block' ||
    fault.kind === 'freeze' ||
    fault.kind === 'disconnect' ||
    fault.kind === 'disk' ||
    fault.kind === 'processKill'
    ? fault.ms
    : 0;
}

/** When all worked again; undefined when nothing had to recover. */
function recoveredAt(fault: Fault, from: number, events: readonly SeenEvent[]): number | undefined {
  const after = (start: number, wanted: (event: RunEvent) => boolean): number | undefined =>
    events.find(({ atMs, event }) => atMs >= start && wanted(event))?.atMs;
  const following = (
    first: (event: RunEvent) => boolean,
    second: (event: RunEvent) => boolean,
  ): number | undefined => {
    const begun = after(from, first);
    return begun === undefined ? undefined : after(begun, second);
  };
  switch (fault.kind) {
    case 'thread':
      if (fault.victim === 'sources' || fault.victim === 'spare') {
        const role = fault.victim === 'spare' ? 'worker' : 'sources';
        return following(
          (event) => event.type === 'actorExited' && event.role === role,
          (event) => event.type === 'actorStarted' && event.role === role,
        );
      }
      break;
    case 'point':
      if (fault.fault === 'slow' || fault.fault === 'clear') return undefined;
      break;
    case 'block':
    case 'freeze':
      return after(from + fault.ms, (event) => event.type === 'batchCompleted');
    case 'disconnect':
      return following(
        (event) => event.type === 'sourceState' && event.state === 'disconnected',
        (event) => event.type === 'sourceState' && event.state === 'connected',
      );
    case 'processKill':
      return after(from, (event) => event.type === 'started');
    case 'disk':
      return following(
        (event) => event.type === 'degraded',
        (event) => event.type === 'recovered',
      );
    case 'kill9':
    case 'signal':
      return undefined;
    default:
      return fault satisfies never;
  }
  return following(
    (event) => event.type === 'recovering',
    (event) => event.type === 'started',
  );
}

function lateness(from: number, events: readonly SeenEvent[], usual: number): number | undefined {
  for (const { atMs, event } of events) {
    if (atMs >= from && event.type === 'batchCompleted')
      return Math.max(0, event.totalDelayMs - usual);
  }
  return undefined;
}

function delays(events: readonly SeenEvent[]): number[] {
  return events.flatMap(({ event }) =>
    event.type === 'batchCompleted' ? [event.totalDelayMs] : [],
  );
}

function sawOf(from: number, to: number, events: readonly SeenEvent[]): string[] {
  const saw: string[] = [];
  for (const { atMs, event } of events) {
    if (atMs < from || atMs > to || saw.length === SAW) continue;
    const text = eventText(event);
    if (text !== undefined && !saw.includes(text)) saw.push(text);
  }
  return saw;
}

function eventText(event: RunEvent): string | undefined {
  switch (event.type) {
    case 'actorExited':
      return `${event.role} died: ${event.reason.split('\n', 1)[0]}`;
    case 'recovering':
      return `back to barrier ${event.barrier}`;
    case 'started':
      return 'all at work';
    case 'sourceState':
      return `source ${event.state}`;
    case 'possibleGap':
      return 'POSSIBLE GAP';
    case 'batchFailed':
      return 'batch given up';
    case 'degraded':
      return `degraded: ${event.what}`;
    case 'recovered':
      return `${event.what} again`;
    case 'givingUp':
    case 'failed':
      return `${event.type}: ${fromWire(event.error).message.split('\n', 1)[0]}`;
    default:
      return undefined;
  }
}

export function median(numbers: readonly number[]): number {
  if (numbers.length === 0) return 0;
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
