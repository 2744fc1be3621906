/**
 * `job()`: a stream program as a value that any thread can make for itself.
 *
 * A closure can't cross a thread. So a job notes the file that defined it; each thread imports that file, finds the
 * job there by its name, and calls `build` to get the same graph. Nothing of the job is ever serialised but name, URL
 * and `args`.
 *
 * May be called on any thread, at the top level of a module. A job never changes (it is frozen), starts nothing, and
 * may be run any number of times.
 */
import { millraceError } from '../errors.ts';
import { type Caller as Call, badOption, checkFunction, checkOptions } from './arguments.ts';
import { callSiteText } from './call-site.ts';
import { type Origin, callerOf, toUrl } from './caller-url.ts';
import type { ContextBuilder } from './context-builder.ts';
import type { DStream } from './dstream.ts';
import { type Duration, durationMs } from './duration.ts';
import { register } from './registry.ts';
import type { StateStore } from './state/build.ts';

/**
 * Builds the graph of a job. It is called once in each thread and must give the same graph there: what varies comes in
 * `args`, never from the clock, the environment or a random number. `streams` are the inputs of a test (`runBatches`).
 */
export type JobBuild<A> = (
  ssc: ContextBuilder,
  args: A,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  ...streams: any[]
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
) => void | DStream<any>;

/** Options of `run` for which a job may have defaults of its own. They mean what they mean there, and lose to them. */
export interface JobRunDefaults {
  /** Worker threads; 0 runs everything in the calling thread. @default the cores this process may use */
  readonly threads?: number;
  /** How often a checkpoint is made, where there is a `checkpointDir`. @default '1s' */
  readonly checkpointInterval?: Duration;
  /** Bytes that each receiver keeps for a re-run. @default 64 MiB */
  readonly retainBytes?: number;
  /** Bytes of a batch that may be gathered in one place. @default 256 MiB */
  readonly maxGatherBytes?: number;
  /** Heap limit of each thread of the job in MiB. @default Node's own */
  readonly maxHeapMb?: number;
  /** Outputs aren't run for a batch that is empty. @default false */
  readonly skipEmptyBatches?: boolean;
  /** Where operators with state by key have it. @default 'memory' */
  readonly stateStore?: StateStore;
  /** Records a second that each source may send. @default no limit */
  readonly maxRate?: number;
  /** How long a receiver gathers single records. @default '20ms' */
  readonly blockInterval?: Duration;
  /** How the rate of sources follows what batches take: `run`'s option of the same name. */
  readonly backpressure?: object;
  /** How failures are met: `run`'s option of the same name. */
  readonly supervision?: object;
}

export interface JobOptions extends JobRunDefaults {
  /** Length of a batch. @default '1s' */
  readonly batchInterval?: Duration;
  /**
   * File that other threads import to find this job; usually `import.meta.url`. Needed when a helper in another file
   * calls `job()`. @default the file that called `job()`
   */
  readonly url?: string | URL;
}

const OPTIONS: readonly (keyof JobOptions)[] = [
  'batchInterval',
  'url',
  'threads',
  'checkpointInterval',
  'retainBytes',
  'maxGatherBytes',
  'maxHeapMb',
  'skipEmptyBatches',
  'stateStore',
  'maxRate',
  'blockInterval',
  'backpressure',
  'supervision',
];

/** A batch lasts this long unless the job says otherwise. */
const BATCH_INTERVAL_MS = 1000;

/** What `job()` gives. `A` is the type of its `args`; `undefined` when it takes none. */
export interface Job<A = undefined> {
  readonly name: string;
  readonly batchIntervalMs: number;
  /** Defaults for `run`'s options, as given. */
  readonly defaults: JobRunDefaults;
  readonly build: JobBuild<A>;
  /** URL of the file that other threads import. */
  readonly url: string;
  /** Whether they can. */
  readonly origin: Origin;
  /** `file:line:column` of the call of `job()`. */
  readonly callSite: string;
}

/**
 * The options of a function that runs a `Job<A>`, as its rest parameters: `args` is required exactly when the builder
 * takes it.
 *
 * @example
 * declare function run<A>(job: Job<A>, ...rest: RunParameters<A, RunOptions>): Promise<Run>;
 */
export type RunParameters<A, Options> = undefined extends A
  ? [options?: Options & { readonly args?: A }]
  : [options: Options & { readonly args: A }];

const BRAND: unique symbol = Symbol.for('millrace.job') as never;

/**
 * Defines a job. Call it at the top level of a module, with a constant name.
 *
 * @param name what the job is called in its file, in logs and on the monitor page
 * @param build makes the streams of the job; see {@link JobBuild}
 * @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION
 * @example
 * export default job('wordcount', { batchInterval: '1s' }, (ssc, args: { port: number }) => {
 *   ssc.socketTextStream('localhost', args.port).words().countByValue().print();
 * });
 */
export function job<A = undefined>(name: string, build: JobBuild<A>): Job<A>;
export function job<A = undefined>(name: string, options: JobOptions, build: JobBuild<A>): Job<A>;
export function job<A = undefined>(
  name: string,
  second: JobOptions | JobBuild<A>,
  third?: JobBuild<A>,
): Job<A> {
  const onlyBuild = typeof second === 'function' && third === undefined;
  const options = onlyBuild ? {} : second;
  const build = onlyBuild ? second : third;
  const call: Call = { operator: 'job', callSite: callSiteText() };
  checkOptions(call, options, OPTIONS);
  checkFunction(call, 'build', build);
  return defineJob(call, name, options as JobOptions, build as JobBuild<A>, job);
}

/**
 * Makes and registers a job for whoever `below` was called by.
 * @param below the exported function, whose caller's file other threads import
 */
export function defineJob<A>(
  call: Call,
  name: string,
  options: JobOptions,
  build: JobBuild<A>,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  below: (...args: any[]) => unknown,
): Job<A> {
  checkName(call, name);
  const { batchInterval = BATCH_INTERVAL_MS, url, ...defaults } = options;
  const made: Job<A> = {
    name,
    batchIntervalMs: durationMs(
      batchInterval,
      `batchInterval of job ${JSON.stringify(name)}`,
      1,
      call.callSite,
    ),
    defaults: Object.freeze(defaults),
    build,
    ...(url === undefined ? callerOf(below) : { origin: 'module', url: checkUrl(call, url) }),
    callSite: call.callSite,
  };
  Object.defineProperty(made, BRAND, { value: true });
  Object.freeze(made);
  register(made);
  return made;
}

/** Whether a value is a job, be it of another copy of this package. */
export function isJob(value: unknown): value is Job<never> {
  return (
    typeof value === 'object' && value !== null && (value as { [BRAND]?: unknown })[BRAND] === true
  );
}

/** As error texts begin: `job "clicks" (/app/clicks.ts:3:16)`. */
export function jobTitle({ name, callSite }: Pick<Job<never>, 'name' | 'callSite'>): string {
  return `job ${JSON.stringify(name)} (${callSite})`;
}

/**
 * A copy of `args` as other threads get it. Used with `threads: 0` too, so that a job can't come to rest on what only
 * one thread has.
 * @throws ERR_MILLRACE_BAD_ARGS when structured clone can't take it
 */
export function cloneArgs<A>(of: Job<A>, args: A): A {
  try {
    return structuredClone(args);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw millraceError(
      'ERR_MILLRACE_BAD_ARGS',
      `args of ${jobTitle(of)} can't go to another thread: ${why}. Pass plain data, and make the rest in the job`,
      { context: { job: of.name }, cause },
    );
  }
}

/** Names stand in paths of actors, in directories and on a page. */
function checkName(call: Call, name: unknown): void {
  // eslint-disable-next-line no-control-regex
  if (typeof name === 'string' && /^[^\s/\\\x00-\x1f][^/\\\x00-\x1f]{0,127}$/.test(name)) return;
  throw badOption(
    call,
    'name',
    'text of 1 to 128 characters without slashes and line breaks',
    name,
  );
}

function checkUrl(call: Call, given: unknown): string {
  const text = given instanceof URL ? given.href : given;
  const url = typeof text === 'string' ? toUrl(text) : undefined;
  if (url === undefined)
    throw badOption(call, 'url', 'the URL of a file, such as import.meta.url', text);
  return url;
}
