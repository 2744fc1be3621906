/** The report of a chaos run: for people as text, for machines as plain data. Pure. */
import { fromWire, toWire } from '../../errors.ts';
import type { Judgement } from './claims.ts';
import { thousands } from './numbers.ts';
import type { Observed, Sample, TimelineEntry } from './observed.ts';
import type { Scenario } from './script.ts';

export interface ChaosBatch {
  /** When it was through, in ms since the job was up. */
  readonly atMs: number;
  readonly records: number;
  readonly delayMs: number;
}

/** Plain data: `JSON.stringify` says all of it. */
export interface ChaosReport {
  readonly job: string;
  readonly seed: number;
  readonly durationMs: number;
  /** Every claim holds. */
  readonly ok: boolean;
  readonly claims: readonly Judgement[];
  /** Those that don't, in sentences: for `expect(report.failed).toEqual([])`. */
  readonly failed: readonly string[];
  readonly timeline: readonly TimelineEntry[];
  readonly batches: readonly ChaosBatch[];
  /** Resident memory and threads of the job's process, over time. */
  readonly samples: readonly Sample[];
  readonly restarts: number;
  readonly deaths: number;
  /** As the command's; undefined for a process that was killed. */
  readonly code: number | undefined;
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

export function reportOf(
  job: string,
  scenario: Scenario,
  observed: Observed,
  timeline: readonly TimelineEntry[],
  claims: readonly Judgement[],
): ChaosReport {
  const { events, error } = observed;
  const thrown = error === undefined ? undefined : fromWire(error);
  return {
    job,
    seed: scenario.seed,
    durationMs: Math.round(observed.durationMs),
    ok: claims.every(({ ok }) => ok),
    claims,
    failed: claims.filter(({ ok }) => !ok).map(({ claim, found }) => `${claim}: ${found}`),
    timeline,
    batches: events.flatMap(({ atMs, event }) =>
      event.type === 'batchCompleted'
        ? [{ atMs, records: event.records, delayMs: event.totalDelayMs }]
        : [],
    ),
    samples: observed.samples,
    restarts:
      observed.metrics?.restarts ??
      events.filter(({ event }) => event.type === 'recovering').length,
    deaths: events.filter(({ event }) => event.type === 'actorExited').length,
    code: observed.code,
    error:
      thrown === undefined
        ? undefined
        : {
            code: String((toWire(thrown) as { code?: unknown }).code ?? thrown.name),
            message: thrown.message,
          },
  };
}

/** The timeline, the claims and the verdict. */
export function reportText(report: ChaosReport): string {
  const { job, seed, durationMs, timeline, batches, claims, ok, restarts, deaths } = report;
  const records = batches.reduce((sum, batch) => sum + batch.records, 0);
  const lines = [
    `job ${job}, seed ${seed}: ${(durationMs / 1000).toFixed(1)} s, ${thousands(batches.length)} batches, ${thousands(records)} records, ` +
      `${timeline.length} faults, ${deaths} deaths, ${restarts} recoveries`,
    '',
    ...timeline.map(entryText),
    ...(timeline.length === 0 ? [] : ['']),
    ...claims.map(
      ({ claim, ok: holds, found }) => `${holds ? '  ok  ' : ' FAIL '} ${claim}: ${found}`,
    ),
    '',
    ok
      ? 'verdict: all claims hold'
      : `verdict: ${report.failed.length} of ${claims.length} claims FAILED`,
  ];
  return `${lines.join('\n')}\n`;
}

function entryText({ atMs, fault, target, saw, recoveryMs, lateMs }: TimelineEntry): string {
  const time = `${(atMs / 1000).toFixed(2)} s`.padStart(9);
  const what = saw.length === 0 ? 'nothing was seen of it' : saw.join(' · ');
  const recovery = recoveryMs === undefined ? [] : [`recovered in ${Math.round(recoveryMs)} ms`];
  const late =
    lateMs === undefined || lateMs < 1 ? [] : [`its batch ${Math.round(lateMs)} ms late`];
  return [`${time}  ${fault.padEnd(22)} ${target.padEnd(20)} ${what}`, ...recovery, ...late].join(
    ' · ',
  );
}
