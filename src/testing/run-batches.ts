/**
 * `runBatches`: a stream program over batches that are given, on virtual time, from its start to its end.
 *
 * The engine is the real one, in the calling thread or on threads, and so are its recoveries. Only the clock is not:
 * batch i ends at i × interval, and is cut when all outputs of the one before it are done.
 *
 * I1  An attempt that failed is followed by the next one at once: time would change nothing.
 * I2  What fails a batch is in `errors`; what fails the run rejects. Nothing is lost in between.
 */
import {
  badOption,
  type Caller,
  checkFunction,
  checkInteger,
  checkOptions,
} from '../dstream/arguments.ts';
import { callSiteText } from '../dstream/call-site.ts';
import type { ContextBuilder } from '../dstream/context-builder.ts';
import type { DStream } from '../dstream/dstream.ts';
import { type Duration, durationMs } from '../dstream/duration.ts';
import { isJob, type Job } from '../dstream/job.ts';
import type { BodyOptions } from '../dstream/run/create-body.ts';
import type { Disk, Env } from '../env/env.ts';
import { MemoryDisk } from '../env/memory-disk.ts';
import { splitDisk } from '../env/split-disk.ts';
import { realEnv } from '../env/real.ts';
import { SteppedClock } from '../env/stepped-clock.ts';
import { fromWire, millraceError } from '../errors.ts';
import { runDirectories } from '../run/home.ts';
import { graphOf, TEST_OUTPUT, type TestInputs } from '../run/job-spec.ts';
import type { StreamingListener } from '../run/listeners.ts';
import type { RunOptions, SupervisionOptions } from '../run/options.ts';
import { startRun } from '../run/run.ts';
import type { CollectedBatch, DeadLetterEvent, Run } from '../run/running.ts';

export interface RunBatchesOptions<I extends TestInputs = TestInputs> {
  /**
   * One list of batches an input stream, a batch being an array of records: the builder gets a stream for each. `null`
   * is a time without a batch, which is not an empty one. Past the end of a list its batches are empty. Element i of n
   * goes to partition p where floor(p·n/P) <= i < floor((p+1)·n/P). @default no input
   */
  readonly inputs?: I;
  /** Batch i ends at i times this. @default the job's, else '1s' */
  readonly batchInterval?: Duration;
  /** How many batches to run. @default as many as the longest input has */
  readonly batches?: number;
  /** Partitions of each source, and of what an exchange gives when it names no number. @default 1 */
  readonly partitions?: number;
  /** Worker threads; 0 runs everything in the calling thread. More need a job that other threads can load. @default 0 */
  readonly threads?: number;
  /** As for `run`, but a batch that fails is reported and later ones run, and no attempt waits. */
  readonly supervision?: SupervisionOptions;
  /** As for `run`: goes on after the last complete batch, and gives the batches that it ran. @default none */
  readonly checkpointDir?: string;
  /** As for `run`. @default false */
  readonly allowDroppedState?: boolean | readonly string[];
  /** As for `run`. @default 64 MiB */
  readonly retainBytes?: number;
  /** As for `run`. @default 256 MiB */
  readonly maxGatherBytes?: number;
  /** As for `run`. */
  readonly maxHeapMb?: number;
  /** As for `run`. @default false */
  readonly skipEmptyBatches?: boolean;
  /** Where states of keys are. @default 'memory' */
  readonly stateStore?: 'memory' | 'disk';
  /** As for `run`. @default none */
  readonly listeners?: readonly StreamingListener[];
  /** Gets what `print()` writes, which is in the result too. @default nobody */
  readonly write?: (text: string) => void | Promise<void>;
}

export interface BatchError {
  /** Batch time in ms. */
  readonly time: number;
  /** What the last attempt at the batch came to: a `MillraceError`, the user's own error among its causes. */
  readonly error: Error;
}

export interface BatchesResult<T = unknown> {
  /** Of the stream that the builder returned: one for each time at which it has a batch. */
  readonly batches: readonly CollectedBatch<T>[];
  /** Batches that were given up. */
  readonly errors: readonly BatchError[];
  /** Of the streams that the program collects itself, by the name given to `collectAs`. */
  readonly collected: Readonly<Record<string, readonly CollectedBatch[]>>;
  /** The newest 1000 records that were passed over, oldest first. */
  readonly deadLetters: readonly DeadLetterEvent[];
  /** What was counted on the way, as `run.metrics().counted` has it. */
  readonly counted: Readonly<Record<string, number>>;
  /** What `print()` wrote. */
  readonly printed: string;
}

/** The streams that a builder gets for its inputs. */
export type StreamsOf<I extends TestInputs> = { -readonly [K in keyof I]: DStream<RecordOf<I[K]>> };

/** Batches that are written down in place have literal types; a record of a stream has the type behind them. */
type RecordOf<L extends TestInputs[number]> = number extends L['length'] ? Of<L> : Plain<Of<L>>;
type Of<L extends TestInputs[number]> = NonNullable<L[number]>[number];
type Plain<T> = T extends string
  ? string
  : T extends number
    ? number
    : T extends boolean
      ? boolean
      : T extends bigint
        ? bigint
        : T extends readonly unknown[]
          ? { -readonly [K in keyof T]: Plain<T[K]> }
          : T;

/** Builds a program on streams of the inputs. The stream that it returns, if any, makes the batches of the result. */
export type TestBuild<I extends TestInputs, T> = (
  ssc: ContextBuilder,
  ...streams: StreamsOf<I>
) => DStream<T> | void;

const OPTIONS: readonly string[] = [
  'inputs',
  'batchInterval',
  'batches',
  'partitions',
  'threads',
  'args',
  'supervision',
  'checkpointDir',
  'allowDroppedState',
  'retainBytes',
  'maxGatherBytes',
  'maxHeapMb',
  'skipEmptyBatches',
  'stateStore',
  'listeners',
  'write',
];
const BATCH_INTERVAL_MS = 1000;
const AT_ONCE = { minMs: 0, maxMs: 0 };

/**
 * Runs a stream program over given batches, on virtual time, and gives what came out.
 *
 * The second argument is a function that builds the program (`threads: 0` only), or a job, whose builder gets
 * `(ssc, args, ...streams)`. Outputs that it registers run too, each batch's to their end before the sources are asked
 * for the next.
 *
 * @throws what building and checking the program throws, whatever `batches` is; ERR_MILLRACE_BAD_OPTION; and what ends
 *   a run although batches may fail: a source that can't go on, say
 * @example
 * const out = await runBatches({ inputs: [[['a b', 'b'], [], null, ['a']]], batches: 4 },
 *   (ssc, lines) => lines.words().countByValue());
 * // out.batches[0]: { time: 1000, values: [['a', 1], ['b', 2]], partitions: [[['a', 1], ['b', 2]]] }
 */
export function runBatches<const I extends TestInputs = readonly [], T = unknown>(
  options: RunBatchesOptions<I>,
  build: TestBuild<I, T>,
): Promise<BatchesResult<T>>;
export function runBatches<A, T = unknown>(
  options: RunBatchesOptions & (undefined extends A ? { readonly args?: A } : { readonly args: A }),
  job: Job<A>,
): Promise<BatchesResult<T>>;
export async function runBatches(
  options: RunBatchesOptions & { readonly args?: unknown },
  program: TestBuild<never, unknown> | Job<never>,
): Promise<BatchesResult> {
  return runProgram({ operator: 'runBatches', callSite: callSiteText() }, options, program, {});
}

/** {@link runBatches} with a say in how bodies are made. */
export async function runProgram(
  caller: Caller,
  options: RunBatchesOptions & { readonly args?: unknown },
  program: TestBuild<never, unknown> | Job<never>,
  body: BodyOptions,
): Promise<BatchesResult> {
  checkOptions(caller, options, OPTIONS);
  const { inputs = [], partitions = 1, threads = 0, args } = options;
  checkInputs(caller, inputs);
  checkInteger(caller, 'partitions', partitions);
  checkInteger(caller, 'threads', threads, 0);
  const { batches: count = Math.max(0, ...inputs.map((list) => list.length)) } = options;
  checkInteger(caller, 'batches', count, 0);
  const job = jobOf(caller, program, threads);
  const batchIntervalMs = durationMs(
    options.batchInterval ?? job.batchIntervalMs,
    'batchInterval',
    1,
    caller.callSite,
  );
  if (threads > 0) checkCloneable(caller, inputs);

  const workers = Math.max(1, threads);
  const graph = graphOf(job, { args, inputs, workers, partitions, batchIntervalMs });
  const real = realEnv();
  const clock = new SteppedClock(real.clock);
  const names = graph.nodes
    .filter(({ kind }) => kind === 'collectAs')
    .map(({ params }) => String(params['name']));
  let printed = '';
  let errors: Promise<readonly BatchError[]> | undefined;
  let collecting: Promise<(readonly [string, readonly CollectedBatch[]])[]> | undefined;
  const run = await startRun(
    job,
    runOptions(job, options, (text) => (printed += text)),
    {
      graph,
      inputs,
      partitions,
      batchIntervalMs,
      body,
      // Nothing outlives the calling thread, so nothing need lie outside it.
      env: { ...real, clock, ...(threads === 0 ? { disk: diskOf(real) } : {}) },
      mode: { kind: 'step', batches: count },
      atTime: (time) => clock.set(time),
      prepared: (prepared) => {
        errors = errorsOf(prepared);
        // Read as they come: results that nobody reads hold the stream back.
        collecting = Promise.all(
          names.map(async (name) => [name, await all(prepared.results(name))] as const),
        );
        collecting.catch(() => {});
      },
    },
  );
  await run.awaitTermination();
  const { [TEST_OUTPUT]: batches = [], ...collected } = Object.fromEntries(await collecting!);
  return {
    batches,
    errors: await errors!,
    collected,
    deadLetters: run.deadLetters(),
    counted: run.metrics().counted,
    printed,
  };
}

/** What belongs to the run lies in memory; what the program writes is written. */
function diskOf(real: Env): Disk {
  const ours = runDirectories();
  return splitDisk((path) => path.startsWith(ours), new MemoryDisk(), real.disk);
}

function runOptions(
  job: Job<never>,
  options: RunBatchesOptions & { readonly args?: unknown },
  print: (text: string) => void,
): RunOptions<never> {
  const { threads = 0, supervision, write } = options;
  const { args, retainBytes, maxGatherBytes, maxHeapMb, skipEmptyBatches, listeners } = options;
  const { stateStore } = options;
  const { checkpointDir, allowDroppedState } = options;
  const given = {
    args,
    checkpointDir,
    allowDroppedState,
    retainBytes,
    maxGatherBytes,
    maxHeapMb,
    skipEmptyBatches,
    stateStore,
    listeners,
  };
  return {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    threads,
    supervision: {
      backoff: AT_ONCE,
      ...job.defaults.supervision,
      onBatchError: 'continue',
      ...supervision,
    },
    write: (text) => {
      print(text);
      return write?.(text);
    },
  };
}

async function errorsOf(run: Run): Promise<readonly BatchError[]> {
  const errors: BatchError[] = [];
  for await (const event of run.events()) {
    if (event.type === 'batchFailed')
      errors.push({ time: event.time, error: fromWire(event.error) });
  }
  return errors;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** A builder becomes a job that no other thread can find. */
function jobOf(caller: Caller, program: unknown, threads: number): Job<never> {
  if (isJob(program)) return program;
  checkFunction(caller, 'the second argument', program);
  if (threads > 0) {
    throw millraceError(
      'ERR_MILLRACE_JOB_NOT_LOADABLE',
      `${caller.operator} at ${caller.callSite}: a function can't be given to other threads. With threads: ${threads} the second argument ` +
        'must be a job, defined by job() at the top level of a module of its own; or use threads: 0',
      { context: { ...caller } },
    );
  }
  const build = program as TestBuild<never, unknown>;
  return {
    name: caller.operator,
    batchIntervalMs: BATCH_INTERVAL_MS,
    defaults: {},
    build: (ssc, _args, ...streams) => build(ssc, ...(streams as never)),
    url: '',
    origin: 'unknown',
    callSite: caller.callSite,
  };
}

function checkInputs(caller: Caller, inputs: unknown): void {
  if (!Array.isArray(inputs))
    throw badOption(caller, 'inputs', 'an array with a list of batches for each input', inputs);
  inputs.forEach((list: unknown, input) => {
    if (!Array.isArray(list))
      throw badOption(caller, `inputs[${input}]`, 'an array of batches', list);
    list.forEach((batch: unknown, index) => {
      if (batch !== null && !Array.isArray(batch))
        throw badOption(
          caller,
          `inputs[${input}][${index}]`,
          'an array of records, or null',
          batch,
        );
    });
  });
}

function checkCloneable(caller: Caller, inputs: unknown): void {
  try {
    structuredClone(inputs);
  } catch (cause) {
    throw millraceError(
      'ERR_MILLRACE_NOT_ENCODABLE',
      `${caller.operator} at ${caller.callSite}: inputs can't go to other threads: ${(cause as Error).message}. Give plain data; or use threads: 0`,
      { context: { ...caller }, cause },
    );
  }
}
