/** What a chaos script may claim, and how that is noted. `claims.ts` judges it. */
import { type Duration, durationMs } from '../../dstream/duration.ts';
import type { RunEvent } from '../../run/running.ts';
import type { MemoryBound } from './flow.ts';
import { EVENTS, known } from './known.ts';
import type { NumberedServer } from './numbered-server.ts';

export interface Between {
  /** @default 0 */
  readonly atLeast?: number;
  /** @default no bound */
  readonly atMost?: number;
}

/** What must have been true. */
export interface Claims {
  /** Every record that was served is in these collected streams exactly once; of `[key, count]` pairs: is counted so. @default all */
  ledgerExact(...streams: string[]): void;
  /** The same, but for these records, which must not be there: those that were passed over. */
  ledgerExactBut(records: readonly string[], ...streams: string[]): void;
  /** What came out is exactly a beginning of what was served. */
  ledgerPrefix(...streams: string[]): void;
  /** The records of each key came out in the order in which they were served. @default all streams of records */
  orderPerKey(...streams: string[]): void;
  /** Recoveries of the region. */
  restarts(count: number | Between): void;
  /** Threads that ended, or were given up. */
  deaths(count: number | Between): void;
  /** Threads that were given up and may still run. */
  quarantined(count: number | Between): void;
  /** From each fault until all works again. Faults that nothing had to recover from don't count. */
  recovery(bound: { readonly atMostMs: number }): void;
  /** How much later than usual the batch came out in which a fault fell. */
  lateness(bound: { readonly atMostMs: number }): void;
  /**
   * Resident memory does not grow: from a third of the time of the faults on until they are over, or in the window that is
   * given, neither the median of the second half against that of the first, nor a straight line through all samples, rises
   * by more than this.
   */
  memoryFlat(bound: {
    readonly withinPercent: number;
    readonly from?: Duration;
    readonly until?: Duration;
  }): void;
  /** Behind the last fault the process has no more threads than before the first. */
  threadsFlat(): void;
  /**
   * While records came from this server, each batch of the stream had some: at least a quarter of the usual number. Its
   * first and its last batch don't count.
   * @default stream 'records'
   */
  neverPauses(server: NumberedServer, stream?: string): void;
  /** The server came to be so far behind its rate: backpressure reached it. @default any server */
  heldBack(bound: { readonly atLeast: Duration; readonly server?: NumberedServer }): void;
  /** So many events of a type were seen. */
  seen(type: RunEvent['type'], count: number | Between): void;
  /** No more than so much of what is served was taken in by the end: it was held back. */
  servedAtMost(records: number): void;
  /** The job fails with this code. Without it, and without `exit` or `killed`, it must drain. */
  fails(code: string, message?: RegExp): void;
  /** The exit code that the command would have: 0 drained, 70 failed, 71 memory, 75 not drained. */
  exit(code: number): void;
  /** The process was killed; its run is over, and nothing of it is left. */
  killed(): void;
}

export type Claim =
  | {
      readonly kind: 'ledgerExact' | 'ledgerPrefix' | 'orderPerKey';
      readonly streams: readonly string[];
    }
  | {
      readonly kind: 'ledgerExactBut';
      readonly records: readonly string[];
      readonly streams: readonly string[];
    }
  | { readonly kind: 'restarts' | 'deaths' | 'quarantined'; readonly count: number | Between }
  | { readonly kind: 'seen'; readonly type: RunEvent['type']; readonly count: number | Between }
  | { readonly kind: 'recovery' | 'lateness'; readonly atMostMs: number }
  | ({ readonly kind: 'memoryFlat' } & MemoryBound)
  | { readonly kind: 'threadsFlat' }
  | { readonly kind: 'neverPauses'; readonly server: NumberedServer; readonly stream: string }
  | {
      readonly kind: 'heldBack';
      readonly atLeastMs: number;
      readonly server: NumberedServer | undefined;
    }
  | { readonly kind: 'servedAtMost'; readonly records: number }
  | { readonly kind: 'fails'; readonly code: string; readonly message: RegExp | undefined }
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'killed' };

/** Notes what a script claims. */
export function claimsInto(claims: Claim[]): Claims {
  return {
    ledgerExact: (...streams) => void claims.push({ kind: 'ledgerExact', streams }),
    ledgerExactBut: (records, ...streams) =>
      void claims.push({ kind: 'ledgerExactBut', records, streams }),
    ledgerPrefix: (...streams) => void claims.push({ kind: 'ledgerPrefix', streams }),
    orderPerKey: (...streams) => void claims.push({ kind: 'orderPerKey', streams }),
    restarts: (count) => void claims.push({ kind: 'restarts', count }),
    deaths: (count) => void claims.push({ kind: 'deaths', count }),
    quarantined: (count) => void claims.push({ kind: 'quarantined', count }),
    recovery: ({ atMostMs }) => void claims.push({ kind: 'recovery', atMostMs }),
    lateness: ({ atMostMs }) => void claims.push({ kind: 'lateness', atMostMs }),
    memoryFlat: ({ withinPercent, from, until }) =>
      void claims.push({
        kind: 'memoryFlat',
        withinPercent,
        fromMs: from === undefined ? undefined : durationMs(from, 'from', 0),
        untilMs: until === undefined ? undefined : durationMs(until, 'until', 0),
      }),
    threadsFlat: () => void claims.push({ kind: 'threadsFlat' }),
    neverPauses: (server, stream = 'records') =>
      void claims.push({ kind: 'neverPauses', server, stream }),
    heldBack: ({ atLeast, server }) =>
      void claims.push({
        kind: 'heldBack',
        atLeastMs: durationMs(atLeast, 'atLeast', 0),
        server,
      }),
    seen: (type, count) =>
      void claims.push({ kind: 'seen', type: known('claim.seen', type, EVENTS), count }),
    servedAtMost: (records) => void claims.push({ kind: 'servedAtMost', records }),
    fails: (code, message) => void claims.push({ kind: 'fails', code, message }),
    exit: (code) => void claims.push({ kind: 'exit', code }),
    killed: () => void claims.push({ kind: 'killed' }),
  };
}
