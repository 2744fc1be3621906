/** Whether what a script claims is true of what was observed. Pure. */
import { fromWire, MillraceError } from '../../errors.ts';
import { heldBack, memoryFlat, neverPauses, threadsFlat } from './flow.ts';
import { thousands } from './numbers.ts';
import { median, type Observed, type TimelineEntry } from './observed.ts';
import type { Output } from './output.ts';
import type { Scenario } from './script.ts';
import type { Between, Claim } from './script-claims.ts';

export interface Judgement {
  readonly claim: string;
  readonly ok: boolean;
  /** What was found. */
  readonly found: string;
}

/** The script's claims, and those that every run makes: it ends as it should, its faults were done, nothing lies about. */
export function judge(
  scenario: Scenario,
  observed: Observed,
  timeline: readonly TimelineEntry[],
): Judgement[] {
  return [
    ...scenario.claims.flatMap((claim) => judged(claim, observed, timeline)),
    ...(observed.interrupted
      ? [
          {
            claim: 'the script runs to its end',
            ok: false,
            found: `it was cut short after ${(observed.durationMs / 1000).toFixed(1)} s`,
          },
        ]
      : []),
    ...ending(scenario, observed),
    faultsDone(observed),
    noFilesLeft(scenario, observed),
  ];
}

function judged(claim: Claim, observed: Observed, timeline: readonly TimelineEntry[]): Judgement[] {
  const { metrics, events, served } = observed;
  switch (claim.kind) {
    case 'ledgerExact':
      return ofStreams('ledger', 'exact', claim.streams, observed, (output) => [
        output.differences(served),
        `${thousands(output.total)} records, each once`,
      ]);
    case 'ledgerExactBut':
      return ofStreams(
        'ledger',
        `exact but for ${claim.records.map((each) => `'${each}'`).join(', ')}`,
        claim.streams,
        observed,
        (output) => [
          output.differences(served, claim.records),
          `${thousands(output.total)} records, each once`,
        ],
      );
    case 'ledgerPrefix':
      return ofStreams('ledger', 'is a beginning', claim.streams, observed, (output) => [
        output.prefixDifferences(),
        `the first ${thousands(output.total)} records, each once`,
      ]);
    case 'orderPerKey':
      return ofStreams('order', 'kept for each key', claim.streams, observed, (output) => [
        output.isCounts ? ['it has counts, which have no order'] : output.disorder,
        `${thousands(output.total)} records in order`,
      ]);
    case 'restarts':
      return [
        counted(
          'restarts',
          claim.count,
          metrics?.restarts ?? events.filter(({ event }) => event.type === 'recovering').length,
        ),
      ];
    case 'deaths':
      return [
        counted(
          'deaths of threads',
          claim.count,
          events.filter(({ event }) => event.type === 'actorExited').length,
        ),
      ];
    case 'quarantined':
      return [counted('threads given up', claim.count, metrics?.quarantined ?? 0)];
    case 'seen':
      return [
        counted(
          `events ${claim.type}`,
          claim.count,
          events.filter(({ event }) => event.type === claim.type).length,
        ),
      ];
    case 'recovery':
      return [
        bounded(
          'recovery',
          claim.atMostMs,
          timeline.flatMap(({ recoveryMs }) => recoveryMs ?? []),
        ),
      ];
    case 'lateness':
      return [
        bounded(
          'lateness of a batch',
          claim.atMostMs,
          timeline.flatMap(({ lateMs }) => lateMs ?? []),
        ),
      ];
    case 'memoryFlat':
      return [memoryFlat(claim, observed)];
    case 'threadsFlat':
      return [threadsFlat(observed)];
    case 'neverPauses':
      return [neverPauses(claim.server, claim.stream, observed)];
    case 'heldBack':
      return [heldBack(claim, observed)];
    case 'servedAtMost': {
      const sum = [...served.values()].reduce((a, b) => a + b, 0);
      return [
        {
          claim: `served at most ${thousands(claim.records)} records`,
          ok: sum <= claim.records,
          found: thousands(sum),
        },
      ];
    }
    case 'fails':
      return [failure(claim.code, claim.message, observed)];
    case 'exit':
      return [
        {
          claim: `exit code ${claim.code}`,
          ok: observed.code === claim.code,
          found: String(observed.code ?? observed.signal),
        },
      ];
    case 'killed':
      return [
        {
          claim: 'the process was killed, and its run is over',
          ok: observed.signal === 'SIGKILL' && observed.code === undefined,
          found: observed.signal ?? `exit code ${observed.code}`,
        },
      ];
    default:
      return claim satisfies never;
  }
}

/** One judgement a stream: all that were collected, or those that are named. */
function ofStreams(
  what: string,
  holds: string,
  streams: readonly string[],
  { outputs }: Observed,
  look: (output: Output) => readonly [faults: readonly string[], good: string],
): Judgement[] {
  const names =
    streams.length > 0 ? streams : outputs.size > 0 ? [...outputs.keys()] : ['any stream'];
  return names.map((name) => {
    const claim = `${what} of ${name} ${holds}`;
    const output = outputs.get(name);
    if (output === undefined)
      return { claim, ok: false, found: 'the job collected no such stream' };
    const [faults, good] = look(output);
    return {
      claim,
      ok: faults.length === 0,
      found: faults.length === 0 ? good : faults.join('; '),
    };
  });
}

function counted(what: string, wanted: number | Between, is: number): Judgement {
  const { atLeast = 0, atMost = Infinity } =
    typeof wanted === 'number' ? { atLeast: wanted, atMost: wanted } : wanted;
  const text =
    atLeast === atMost
      ? `${atLeast}`
      : atMost === Infinity
        ? `at least ${atLeast}`
        : atLeast === 0
          ? `at most ${atMost}`
          : `${atLeast} to ${atMost}`;
  return { claim: `${what}: ${text}`, ok: is >= atLeast && is <= atMost, found: String(is) };
}

function bounded(what: string, atMostMs: number, times: readonly number[]): Judgement {
  const most = Math.max(0, ...times);
  return {
    claim: `${what} at most ${atMostMs} ms`,
    ok: times.length > 0 && most <= atMostMs,
    found:
      times.length === 0
        ? 'nothing had to recover'
        : `${times.length} times, median ${Math.round(median(times))} ms, at most ${Math.round(most)} ms`,
  };
}

function failure(code: string, message: RegExp | undefined, { error }: Observed): Judgement {
  const claim = `the job fails with ${code}${message === undefined ? '' : ` and ${message}`}`;
  if (error === undefined) return { claim, ok: false, found: 'it did not fail' };
  const thrown = fromWire(error);
  const is = thrown instanceof MillraceError ? thrown.code : thrown.name;
  return {
    claim,
    ok: is === code && (message === undefined || message.test(thrown.message)),
    found: `${is}: ${thrown.message.split('\n', 1)[0]}`,
  };
}

function ending({ claims }: Scenario, observed: Observed): Judgement[] {
  const { gaveUp, code, signal, error, stderr } = observed;
  if (gaveUp !== undefined) return [{ claim: 'the job ends', ok: false, found: gaveUp }];
  if (claims.some(({ kind }) => kind === 'fails' || kind === 'exit' || kind === 'killed'))
    return [];
  const found =
    error !== undefined
      ? fromWire(error).message
      : code === undefined
        ? `killed by ${signal}${stderr === '' ? '' : `: ${stderr.trim()}`}`
        : `exit code ${code}`;
  return [{ claim: 'the job drains', ok: code === 0, found }];
}

function faultsDone({ faults, missed }: Observed): Judgement {
  const done = faults.filter(({ doneMs }) => doneMs !== undefined).length;
  return {
    claim: 'all faults were done',
    ok: done === faults.length && missed.length === 0,
    found:
      `${done} of ${faults.length}` +
      (missed.length === 0 ? '' : `; these never came: ${missed.join(', ')}`),
  };
}

function noFilesLeft({ claims }: Scenario, { leftFiles }: Observed): Judgement {
  // Nobody was left to remove them; the watcher does.
  const killed = claims.some(({ kind }) => kind === 'killed');
  return {
    claim: killed ? 'temporary files are cleaned up behind it' : 'no temporary file is left',
    ok: killed || leftFiles.length === 0,
    found: leftFiles.length === 0 ? 'none' : leftFiles.join(', '),
  };
}
