/** What `run` takes. One place has the names, units, defaults and bounds; a wrong one is an error that says so. */
import * as v from 'valibot';
import type { OnRecordError } from '../dstream/run/dead-letter.ts';
import { type Duration, durationMs } from '../dstream/duration.ts';
import type { StateStore } from '../dstream/state/build.ts';
import { checkTables } from '../dstream/state/disk/tables.ts';
import { millraceError } from '../errors.ts';
import type { CoordinatorPolicy } from '../supervision/coordinator.ts';
import { checkIntensity } from '../supervision/intensity.ts';
import type { PidOptions } from '../supervision/pid.ts';
import {
  type CheckpointOptions,
  resolveCheckpoint,
  type ResolvedCheckpoint,
} from './checkpoint-options.ts';
import type { SourceRates } from './job-spec.ts';
import type { StreamingListener } from './listeners.ts';

export interface SupervisionOptions {
  /** Deaths of threads that a region survives within `withinMs`. @default 3 */
  readonly maxRestarts?: number;
  /** Window of `maxRestarts` in ms. @default 30_000 */
  readonly withinMs?: number;
  /** Wait before a restart that follows one without progress. @default { minMs: 50, maxMs: 5_000, factor: 2, jitter: 0.2 } */
  readonly backoff?: {
    readonly minMs?: number;
    readonly maxMs?: number;
    readonly factor?: number;
    readonly jitter?: number;
  };
  /** Attempts at a batch whose user function throws, the first included. @default 4 */
  readonly maxBatchFailures?: number;
  /** What then: the job fails, or the batch is given up, reported, and later batches run. @default 'fail' */
  readonly onBatchError?: 'fail' | 'continue';
  /**
   * What becomes of a record at which the function of a record by record operator (`map`, `filter`, `flatMap`,
   * `mapValues` …) throws: its batch fails, or the record is passed over and told of as a dead letter. An operator's own
   * `onRecordError` wins. @default 'fail'
   */
  readonly onRecordError?: OnRecordError;
  /**
   * What becomes of a record that kills its thread each time: after the third time with the record in hand the job fails
   * and names it, or the record is passed over and told of as a dead letter. With 'quarantine' that goes for records at
   * which a function throws, too. @default 'fail'
   */
  readonly onPoison?: 'fail' | 'quarantine';
  /** Records that may be passed over in a minute; with more the job fails. @default 10 */
  readonly maxPoisonPerMin?: number;
  /**
   * A promise of a user's function that has not settled for this long fails the batch as a rejection does. Time in which
   * the event loop stands still does not count. @default 30_000
   */
  readonly asyncTimeoutMs?: number;
  /** A task that runs without progress for this long hangs, and its thread is replaced. @default 30_000 */
  readonly hangTimeoutMs?: number;
  /** A thread that has not ended this long after it was told to is left behind and reported. @default 5_000 */
  readonly killTimeoutMs?: number;
  /** Threads that may be left behind; with one more the job takes in no more, finishes what it has, and fails. @default 2 */
  readonly maxQuarantined?: number;
}

export interface RunOptions<A = unknown> extends CheckpointOptions {
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
  /**
   * Resident memory of the whole process in MiB, buffers and shared memory included. Above it the job takes in no more,
   * finishes what it has, and fails with ERR_MILLRACE_RSS_LIMIT. @default none
   */
  readonly maxRssMb?: number;
  /** Records a second that each source may send; its own `maxRate` may be less. @default no limit */
  readonly maxRate?: number;
  /** How long a receiver gathers what `store(record)` gives it before it passes it on. @default '20ms' */
  readonly blockInterval?: Duration;
  /** Lets the rate of each source follow what batches take. @default it is as the rings have room */
  readonly backpressure?: BackpressureOptions;
  /**
   * Outputs aren't run for a batch that is empty: no line is printed, no file written, no function called. A stream with a
   * record, such as a count of 0, has no empty batch. State, timers and windows go on. @default false
   */
  readonly skipEmptyBatches?: boolean;
  /**
   * Where `updateStateByKey` and `mapWithState` have the states of their keys: on the heap of the workers, or in files
   * next to their hand-overs, for more keys than fit on a heap; that needs lmdb (`npm install lmdb`). An operator's own
   * `stateStore` wins. @default 'memory'
   */
  readonly stateStore?: StateStore;
  /** Hear of all that happens, the start included. @default none */
  readonly listeners?: readonly StreamingListener[];
  /** Where `print()` writes; a promise holds the stream back until it settles. @default standard output */
  readonly write?: (text: string) => void | Promise<void>;
}

export interface BackpressureOptions {
  /** @default false */
  readonly enabled?: boolean;
  /** Records a second until the first batches are done. @default `maxRate` */
  readonly initialRate?: number;
  readonly pid?: PidOptions;
}

export interface ResolvedRunOptions {
  readonly threads: number;
  readonly retainBytes: number;
  readonly maxGatherBytes: number;
  readonly asyncTimeoutMs: number;
  readonly onRecordError: OnRecordError;
  readonly rates: SourceRates;
  readonly hangTimeoutMs: number;
  readonly killTimeoutMs: number;
  readonly maxQuarantined: number;
  /** Undefined: what recoveries need ends with the run. */
  readonly checkpoint: ResolvedCheckpoint | undefined;
  readonly skipEmptyBatches: boolean;
  readonly stateStore: StateStore;
  readonly listeners: readonly StreamingListener[];
  readonly maxHeapMb: number | undefined;
  readonly maxRssMb: number | undefined;
  readonly policy: CoordinatorPolicy;
}

/** Recovery points are cut at least this often while a batch is open: the work that a death costs. */
const RELIEF_INTERVAL_MS = 500;
const MIB = 1 << 20;

const backoff = v.strictObject({
  minMs: v.optional(milliseconds(0), 50),
  maxMs: v.optional(milliseconds(0), 5_000),
  factor: v.optional(v.pipe(v.number(), v.minValue(1)), 2),
  jitter: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 0.2),
});

const supervision = v.strictObject({
  maxRestarts: v.optional(whole(0, 1_000_000), 3),
  withinMs: v.optional(milliseconds(1), 30_000),
  backoff: v.optional(backoff, {}),
  maxBatchFailures: v.optional(whole(1, 1000), 4),
  onBatchError: v.optional(v.picklist(['fail', 'continue']), 'fail'),
  onRecordError: v.optional(v.picklist(['fail', 'skip']), 'fail'),
  onPoison: v.optional(v.picklist(['fail', 'quarantine']), 'fail'),
  maxPoisonPerMin: v.optional(whole(1, 1000), 10),
  asyncTimeoutMs: v.optional(milliseconds(20), 30_000),
  hangTimeoutMs: v.optional(milliseconds(20), 30_000),
  killTimeoutMs: v.optional(milliseconds(20), 5_000),
  maxQuarantined: v.optional(whole(0, 32), 2),
});

const pid = v.strictObject({
  proportional: v.optional(v.pipe(v.number(), v.minValue(0), v.finite()), 1),
  integral: v.optional(v.pipe(v.number(), v.minValue(0), v.finite()), 0.2),
  derivative: v.optional(v.pipe(v.number(), v.minValue(0), v.finite()), 0),
  minRate: v.optional(rate(), 100),
});

const backpressure = v.strictObject({
  enabled: v.optional(v.boolean(), false),
  initialRate: v.optional(rate()),
  pid: v.optional(pid, {}),
});

/** The table: names, bounds, defaults. */
const schema = v.strictObject({
  args: v.optional(v.unknown()),
  threads: v.optional(whole(0, 32)),
  checkpointDir: v.optional(v.pipe(v.string(), v.minLength(1))),
  checkpointInterval: v.optional(v.union([v.number(), v.string()]), 1000),
  allowDroppedState: v.optional(v.union([v.boolean(), v.array(v.string())]), false),
  savepoint: v.optional(v.pipe(v.string(), v.minLength(1))),
  retainBytes: v.optional(whole(MIB, 1 << 30), 64 * MIB),
  maxGatherBytes: v.optional(whole(1, Number.MAX_SAFE_INTEGER), 256 * MIB),
  supervision: v.optional(supervision, {}),
  maxHeapMb: v.optional(whole(16, 1 << 20)),
  maxRssMb: v.optional(whole(64, 1 << 24)),
  maxRate: v.optional(rate()),
  blockInterval: v.optional(v.union([v.number(), v.string()]), 20),
  backpressure: v.optional(backpressure, {}),
  skipEmptyBatches: v.optional(v.boolean(), false),
  stateStore: v.optional(v.picklist(['memory', 'disk']), 'memory'),
  listeners: v.optional(v.array(v.custom<StreamingListener>(isObject, 'an object')), []),
  write: v.optional(v.function()),
});

function isObject(given: unknown): boolean {
  return typeof given === 'object' && given !== null;
}

function whole(least: number, most: number) {
  return v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
}

function milliseconds(least: number) {
  return v.pipe(v.number(), v.minValue(least), v.maxValue(86_400_000));
}

/** Records a second. */
function rate() {
  return v.pipe(v.number(), v.gtValue(0), v.maxValue(1e9));
}

/** @throws ERR_MILLRACE_BAD_OPTION, which names the option and what it takes; ERR_MILLRACE_STATE_STORE */
export function resolveRunOptions(
  options: RunOptions<never>,
  batchIntervalMs: number,
  defaultThreads: number,
): ResolvedRunOptions {
  const parsed = v.safeParse(schema, options);
  if (!parsed.success) throw badOptions(parsed.issues);
  const {
    threads = defaultThreads,
    retainBytes,
    maxGatherBytes,
    maxHeapMb,
    maxRssMb,
    skipEmptyBatches,
    stateStore,
    listeners,
    maxRate,
    blockInterval,
    backpressure: { enabled, initialRate, pid: pidOptions },
    supervision: policy,
  } = parsed.output;
  const {
    asyncTimeoutMs,
    onRecordError,
    hangTimeoutMs,
    killTimeoutMs,
    maxQuarantined,
    ...restarts
  } = policy;
  if (stateStore === 'disk') checkTables();
  // A limit that could never be reached is none.
  checkIntensity(restarts, restarts.backoff);
  return {
    threads,
    // Rings are powers of two.
    retainBytes: 2 ** Math.ceil(Math.log2(retainBytes)),
    maxGatherBytes,
    maxHeapMb,
    maxRssMb,
    checkpoint: resolveCheckpoint(parsed.output, batchIntervalMs),
    skipEmptyBatches,
    stateStore,
    listeners,
    asyncTimeoutMs,
    onRecordError,
    rates: {
      blockIntervalMs: durationMs(blockInterval, 'blockInterval'),
      ...(maxRate === undefined ? {} : { maxRate }),
      ...(enabled && initialRate !== undefined ? { initialRate } : {}),
    },
    hangTimeoutMs,
    killTimeoutMs,
    maxQuarantined,
    policy: {
      batchIntervalMs,
      reliefIntervalMs: RELIEF_INTERVAL_MS,
      ...(enabled ? { pid: pidOptions } : {}),
      ...restarts,
    },
  };
}

/** One error that says all that is wrong. */
function badOptions(issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): Error {
  const [first] = issues;
  const text =
    issues.length === 1
      ? whatIsWrong(first)
      : `${issues.length} options are wrong:${issues.map((each) => `\n  ${whatIsWrong(each)}`).join('')}`;
  return millraceError('ERR_MILLRACE_BAD_OPTION', text, {
    context: { option: nameOf(first), options: issues.map(nameOf) },
  });
}

function nameOf(issue: v.BaseIssue<unknown>): string {
  return v.getDotPath(issue) ?? 'options';
}

function whatIsWrong(issue: v.BaseIssue<unknown>): string {
  const name = nameOf(issue);
  // A key that the table lacks is expected never to be there.
  return issue.expected === 'never'
    ? `there is no option ${name}${didYouMean(name)}`
    : `${name} is ${JSON.stringify(issue.input) ?? String(issue.input)}; it must be ${issue.expected ?? issue.message}`;
}

function didYouMean(name: string): string {
  const path = name.split('.');
  const key = path.at(-1)!.toLowerCase();
  const table =
    path.length === 1
      ? schema.entries
      : path.at(-2) === 'pid'
        ? pid.entries
        : path.at(-2) === 'backpressure'
          ? backpressure.entries
          : path.length === 2
            ? supervision.entries
            : backoff.entries;
  const names = Object.keys(table);
  const near = names.find(
    (each) =>
      each.toLowerCase().startsWith(key.slice(0, 4)) ||
      key.startsWith(each.toLowerCase().slice(0, 4)),
  );
  return near === undefined
    ? `; there are ${names.join(', ')}`
    : `; did you mean ${[...path.slice(0, -1), near].join('.')}?`;
}
