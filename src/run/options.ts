/** What `run` takes. One place has the names, units, defaults and bounds; a wrong one is an error that says so. */
import { millraceError } from '../errors.ts';
import type { CoordinatorPolicy } from '../supervision/coordinator.ts';

export interface SupervisionOptions {
  /** Deaths of threads that a region survives within `withinMs`. @default 3 */
  readonly maxRestarts?: number;
  /** Window of `maxRestarts` in ms. @default 30_000 */
  readonly withinMs?: number;
  /** Wait before a restart that follows one without progress. @default { minMs: 50, maxMs: 5_000, factor: 2, jitter: 0.2 } */
  readonly backoff?: { readonly minMs?: number; readonly maxMs?: number; readonly factor?: number; readonly jitter?: number };
  /** Attempts at a batch whose user function throws, the first included. @default 4 */
  readonly maxBatchFailures?: number;
  /** What then: the job fails, or the batch is given up, reported, and later batches run. @default 'fail' */
  readonly onBatchError?: 'fail' | 'continue';
  /** A task that runs without progress for this long hangs, and its thread is replaced. @default 30_000 */
  readonly hangTimeoutMs?: number;
  /** A thread that has not ended this long after it was told to is left behind and reported. @default 5_000 */
  readonly killTimeoutMs?: number;
}

export interface RunOptions<A = unknown> {
  /** Given to the job's builder, in every thread: plain data. */
  readonly args?: A;
  /** Worker threads; `0` runs everything in the calling thread. @default the cores this process may use; 0 under a test runner */
  readonly threads?: number;
  /** Bytes that receivers keep until they are covered by a recovery point, a source. @default 64 MiB */
  readonly retainBytes?: number;
  /** Bytes of a batch that may be gathered in one place. @default 256 MiB */
  readonly maxGatherBytes?: number;
  readonly supervision?: SupervisionOptions;
  /** Heap limit of each thread of the job in MiB. @default Node's own */
  readonly maxHeapMb?: number;
  /** Where `print()` writes; a promise holds the stream back until it settles. @default standard output */
  readonly write?: (text: string) => void | Promise<void>;
}

export interface ResolvedRunOptions {
  readonly threads: number;
  readonly retainBytes: number;
  readonly maxGatherBytes: number;
  readonly hangTimeoutMs: number;
  readonly killTimeoutMs: number;
  readonly maxHeapMb: number | undefined;
  readonly policy: CoordinatorPolicy;
}

/** Recovery points are cut at least this often while a batch is open: the work that a death costs. */
const RELIEF_INTERVAL_MS = 500;
const MIB = 1 << 20;

const NAMES = ['args', 'threads', 'retainBytes', 'maxGatherBytes', 'supervision', 'maxHeapMb', 'write'];
const SUPERVISION_NAMES = ['maxRestarts', 'withinMs', 'backoff', 'maxBatchFailures', 'onBatchError', 'hangTimeoutMs', 'killTimeoutMs'];

export function resolveRunOptions(options: RunOptions<never>, batchIntervalMs: number, defaultThreads: number): ResolvedRunOptions {
  refuseUnknown(options, NAMES, '');
  const supervision = options.supervision ?? {};
  refuseUnknown(supervision, SUPERVISION_NAMES, 'supervision.');
  const { backoff = {}, onBatchError = 'fail' } = supervision;
  if (onBatchError !== 'fail' && onBatchError !== 'continue') throw bad('supervision.onBatchError', onBatchError, `'fail' or 'continue'`);
  const retainBytes = whole('retainBytes', options.retainBytes, 64 * MIB, MIB, 1 << 30);
  return {
    threads: whole('threads', options.threads, defaultThreads, 0, 32),
    // Rings are powers of two.
    retainBytes: 2 ** Math.ceil(Math.log2(retainBytes)),
    maxGatherBytes: whole('maxGatherBytes', options.maxGatherBytes, 256 * MIB, 1, Number.MAX_SAFE_INTEGER),
    hangTimeoutMs: whole('supervision.hangTimeoutMs', supervision.hangTimeoutMs, 30_000, 20, 86_400_000),
    killTimeoutMs: whole('supervision.killTimeoutMs', supervision.killTimeoutMs, 5_000, 20, 86_400_000),
    maxHeapMb: options.maxHeapMb === undefined ? undefined : whole('maxHeapMb', options.maxHeapMb, 0, 16, 1 << 20),
    policy: {
      batchIntervalMs,
      reliefIntervalMs: RELIEF_INTERVAL_MS,
      maxBatchFailures: whole('supervision.maxBatchFailures', supervision.maxBatchFailures, 4, 1, 1000),
      onBatchError,
      maxRestarts: whole('supervision.maxRestarts', supervision.maxRestarts, 3, 0, 1_000_000),
      withinMs: whole('supervision.withinMs', supervision.withinMs, 30_000, 1, 86_400_000),
      backoff: { minMs: 50, maxMs: 5_000, factor: 2, jitter: 0.2, ...backoff },
    },
  };
}

function whole(name: string, value: number | undefined, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback;
  if (!Number.isInteger(value) || value < min || value > max) throw bad(name, value, `a whole number from ${min} to ${max}`);
  return value;
}

function refuseUnknown(options: object, names: readonly string[], prefix: string): void {
  for (const key of Object.keys(options)) {
    if (!names.includes(key)) throw millraceError('ERR_MILLRACE_BAD_OPTION', `there is no option ${prefix}${key}; there are ${names.map((name) => prefix + name).join(', ')}`);
  }
}

function bad(name: string, value: unknown, wanted: string): Error {
  return millraceError('ERR_MILLRACE_BAD_OPTION', `${name} is ${JSON.stringify(value) ?? String(value)}; it must be ${wanted}`);
}
