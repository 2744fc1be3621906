/**
 * A streaming context that is started where it was made, as in Spark: build the streams, `start()`, await the end. It
 * runs in the calling thread; a program that wants all cores defines a job and gives it to `run`.
 *
 *   initialized ──start──▶ active ──stop({ graceful: true })──▶ draining ──▶ stopped
 *        │                   ├───────────stop──────────────────────────────────┘
 *        └──stop──▶ stopped  └──▶ failed
 *
 * I1  A context is started once, and never again after it has stopped. Any number of them live side by side.
 * I2  Streams and outputs are fixed from the call of `start` on.
 * I3  `awaitTermination` may be called before the start; it settles when the context has stopped, and rejects with the
 *     error that failed it.
 */
import {
  badOption,
  type Caller,
  checkBoolean,
  checkFunction,
  checkOptions,
  checkText,
} from '../dstream/arguments.ts';
import { callSiteText } from '../dstream/call-site.ts';
import { ContextBuilder } from '../dstream/context-builder.ts';
import { type Duration, durationMs } from '../dstream/duration.ts';
import type { Job } from '../dstream/job.ts';
import { isWorkerThread, parkedRun } from '../dstream/registry.ts';
import type { Clock, Env } from '../env/env.ts';
import { realEnv } from '../env/real.ts';
import { millraceError } from '../errors.ts';
import { resolveRunOptions, type RunOptions } from './options.ts';
import type { StreamingListener } from './listeners.ts';
import type { Recovered } from './restart.ts';
import { startRun } from './run.ts';
import type {
  CollectedBatch,
  Run,
  RunEvent,
  RunInput,
  RunMetrics,
  RunState,
  StopOptions,
  StopReport,
} from './running.ts';

export interface GetOrCreateOptions {
  /**
   * Whether the context begins anew where none of the checkpoints in the directory can be read. They are put aside, into a
   * directory beside them. @default false: `start` rejects with ERR_MILLRACE_CHECKPOINT_CORRUPT
   */
  readonly createOnError?: boolean;
}

export interface StreamingContextOptions extends Omit<RunOptions, 'args' | 'threads'> {
  /** Length of a batch. Batch times are its multiples since 1970. @default '1s' */
  readonly batchInterval?: Duration;
  /**
   * Decides when batches end. With a `VirtualClock` of millrace/testing nothing happens but by its `advance`.
   * @default the clock of this machine
   */
  readonly clock?: Clock;
}

const BATCH_INTERVAL_MS = 1000;
const NOTHING_LEFT: StopReport = { drained: true, stuckThreads: [] };

/**
 * Makes streams and runs them in this thread.
 *
 * @example
 * const ssc = new StreamingContext({ batchInterval: '1s' });
 * ssc.socketTextStream('localhost', 9999).words().countByValue().print();
 * await ssc.start();
 * await ssc.awaitTermination();
 */
export class StreamingContext extends ContextBuilder implements AsyncDisposable {
  /** Started ones, the newest last. */
  static readonly #started: StreamingContext[] = [];

  readonly #job: Job<never>;
  #options: RunOptions<never>;
  /** Those that want to hear of the start. */
  readonly #listeners = new Set<StreamingListener>();
  readonly #env: Env;
  readonly #ended: Promise<void>;
  #settle!: { readonly resolve: () => void; readonly reject: (error: unknown) => void };
  /** Where the run doesn't say: it was never started, or its start failed. */
  #state: 'initialized' | 'stopped' | 'failed' = 'initialized';
  #starting: Promise<void> | undefined;
  #run: Run | undefined;
  #createOnError = false;

  /** @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION */
  constructor(options: StreamingContextOptions = {}) {
    super('the streaming context');
    const callSite = callSiteText();
    refuseThreads(options);
    const { batchInterval = BATCH_INTERVAL_MS, clock, ...runOptions } = options;
    const batchIntervalMs = durationMs(batchInterval, 'batchInterval', 1, callSite);
    // Here and not at the start, where nobody sees any more who was wrong.
    resolveRunOptions(runOptions, batchIntervalMs, 0);
    this.#options = { ...runOptions, threads: 0 };
    this.#env = clock === undefined ? realEnv() : { ...realEnv(), clock };
    this.#job = {
      name: 'StreamingContext',
      batchIntervalMs,
      defaults: {},
      build: () => {},
      url: '',
      origin: 'unknown',
      callSite,
    };
    this.#ended = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#ended.catch(() => {});
  }

  /** The context that was started last and is active. */
  static getActive(): StreamingContext | undefined {
    return this.#started.findLast((context) => context.state === 'active');
  }

  /** The active context, or else the one that `create` makes, which is then to be started. */
  static getActiveOrCreate(create: () => StreamingContext): StreamingContext;
  /** The active context, or else that of {@link getOrCreate}. */
  static getActiveOrCreate(
    checkpointDir: string,
    create: () => StreamingContext,
    options?: GetOrCreateOptions,
  ): StreamingContext;
  static getActiveOrCreate(
    first: string | (() => StreamingContext),
    create?: () => StreamingContext,
    options?: GetOrCreateOptions,
  ): StreamingContext {
    const active = this.getActive();
    if (active !== undefined) return active;
    if (typeof first === 'string') return this.getOrCreate(first, create!, options);
    const caller = { operator: 'getActiveOrCreate', callSite: callSiteText() };
    return createdBy(caller, first);
  }

  /**
   * The context that `create` makes, with `checkpointDir` for its checkpoints unless it has named a directory itself.
   * `create` is always called, whatever lies in the directory: functions are never stored. Its `start` goes on from the
   * newest checkpoint, if there is one; `recovered` says from which.
   * @throws ERR_MILLRACE_BAD_OPTION when `create` gives no context
   */
  static getOrCreate(
    checkpointDir: string,
    create: () => StreamingContext,
    options: GetOrCreateOptions = {},
  ): StreamingContext {
    const caller = { operator: 'getOrCreate', callSite: callSiteText() };
    checkText(caller, 'checkpointDir', checkpointDir);
    checkOptions(caller, options, ['createOnError']);
    const { createOnError = false } = options;
    checkBoolean(caller, 'createOnError', createOnError);
    const context = createdBy(caller, create);
    if (context.#options.checkpointDir === undefined && context.#starting === undefined)
      context.checkpoint(checkpointDir);
    context.#createOnError = createOnError;
    return context;
  }

  /**
   * From which checkpoint the context goes on; known when `start` has resolved. Undefined: it began anew, or has no
   * directory.
   */
  get recovered(): Recovered | undefined {
    return this.#run?.recovered;
  }

  /**
   * The option `checkpointDir`, before the start; null: none.
   * @throws ERR_MILLRACE_ALREADY_STARTED, ERR_MILLRACE_BAD_OPTION
   */
  checkpoint(directory: string | null): void {
    const caller = { operator: 'checkpoint', callSite: callSiteText() };
    if (directory !== null) checkText(caller, 'directory', directory);
    if (this.#starting !== undefined || this.#state !== 'initialized')
      throw this.#alreadyStarted('checkpoint');
    const { checkpointDir: _, ...others } = this.#options;
    this.#options = directory === null ? others : { ...others, checkpointDir: directory };
  }

  /**
   * Calls the functions of a listener with what happens. Those that were added before the start hear of it.
   * @throws ERR_MILLRACE_BAD_OPTION
   */
  addStreamingListener(listener: StreamingListener): void {
    if (typeof listener !== 'object' || listener === null) {
      const caller = { operator: 'addStreamingListener', callSite: callSiteText() };
      throw badOption(
        caller,
        'listener',
        'an object with functions such as onBatchCompleted',
        listener,
      );
    }
    this.#listeners.add(listener);
    this.#run?.addStreamingListener(listener);
  }

  removeStreamingListener(listener: StreamingListener): void {
    this.#listeners.delete(listener);
    this.#run?.removeStreamingListener(listener);
  }

  get state(): RunState {
    return this.#state === 'initialized' ? (this.#run?.state ?? 'initialized') : this.#state;
  }

  /**
   * Starts the streams; resolves when they run.
   * @throws ERR_MILLRACE_ALREADY_STARTED, ERR_MILLRACE_STOPPED, ERR_MILLRACE_NO_OUTPUT. After a start that failed the
   *   context is `failed`
   */
  async start(): Promise<void> {
    // A job's file may make a context beside it, and is loaded by every thread of the job.
    if (isWorkerThread()) return parkedRun(this);
    if (this.state === 'stopped' || this.state === 'failed') throw this.#tooLate();
    if (this.#starting !== undefined) {
      throw this.#alreadyStarted('start');
    }
    this.#starting = this.#start();
    return this.#starting;
  }

  /** Resolves when the context has stopped; rejects with the error that failed it. */
  async awaitTermination(): Promise<void> {
    await this.#ended;
  }

  /**
   * As `awaitTermination`, for no longer than `timeout`, whatever the context's own clock shows.
   * @returns whether the context has stopped
   */
  async awaitTerminationOrTimeout(timeout: Duration): Promise<boolean> {
    const ms = durationMs(timeout, 'timeout', 0);
    let timer: { cancel(): void } | undefined;
    const late = new Promise<false>((resolve) => {
      timer = realEnv().clock.after(ms, () => resolve(false));
    });
    try {
      return await Promise.race([this.#ended.then(() => true), late]);
    } finally {
      timer?.cancel();
    }
  }

  /**
   * Stops the context; may be called at any time, and again. As in Spark it stops at once unless told to be `graceful`:
   * then it takes in no more, and ends what was taken.
   * @param options `graceful`: default false; `deadline`: default '30s'
   */
  async stop(options: StopOptions = {}): Promise<StopReport> {
    if (this.#starting === undefined) {
      this.freeze();
      if (this.#state === 'initialized') this.#state = 'stopped';
      this.#settle.resolve();
      return NOTHING_LEFT;
    }
    await this.#starting.catch(() => {});
    if (this.#run === undefined || this.#state === 'failed') return NOTHING_LEFT;
    return this.#run.stop({ ...options, graceful: options.graceful ?? false });
  }

  /** Stops at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** As of a run: the batches of the stream that is named by `collectAs(name)`. Of a started context. */
  results<T = unknown>(name: string): AsyncIterableIterator<CollectedBatch<T>> {
    return this.#running('results').results<T>(name);
  }

  /** As of a run: the source that is named by `inputStream(name)`. Of a started context. */
  input(name: string): RunInput {
    return this.#running('input').input(name);
  }

  /** As of a run: what happens. Of a started context. */
  events(): AsyncIterableIterator<RunEvent> {
    return this.#running('events').events();
  }

  /** As of a run: the state of a key. Of a started context. */
  async query<S = unknown>(name: string, key: unknown): Promise<S | undefined> {
    return this.#running('query').query<S>(name, key);
  }

  /** As of a run: counters. Of a started context. */
  metrics(): RunMetrics {
    return this.#running('metrics').metrics();
  }

  async #start(): Promise<void> {
    try {
      const graph = this.freeze();
      this.validate();
      const run = await startRun(this.#job, this.#options, {
        env: this.#env,
        graph,
        createOnError: this.#createOnError,
        prepared: (prepared) => {
          this.#run = prepared;
          for (const listener of this.#listeners) prepared.addStreamingListener(listener);
        },
      });
      const { resolve, reject } = this.#settle;
      StreamingContext.#started.push(this);
      const forget = (): void =>
        void StreamingContext.#started.splice(StreamingContext.#started.indexOf(this), 1);
      run.awaitTermination().finally(forget).then(resolve, reject);
    } catch (error) {
      this.#state = 'failed';
      this.#settle.reject(error);
      throw error;
    }
  }

  #alreadyStarted(what: string): Error {
    return millraceError(
      'ERR_MILLRACE_ALREADY_STARTED',
      `${what}: the streaming context made at ${this.#job.callSite} has been started before`,
      { context: { callSite: this.#job.callSite } },
    );
  }

  #running(what: string): Run {
    if (this.#run !== undefined) return this.#run;
    throw millraceError(
      'ERR_MILLRACE_NOT_STARTED',
      `${what}: the streaming context made at ${this.#job.callSite} has not been started`,
      { context: { callSite: this.#job.callSite } },
    );
  }

  #tooLate(): Error {
    const { callSite } = this.#job;
    const why = this.state === 'failed' ? 'has failed' : 'has been stopped';
    return millraceError(
      'ERR_MILLRACE_STOPPED',
      `start: the streaming context made at ${callSite} ${why} and can't be started again; make a new one`,
      { context: { callSite } },
    );
  }
}

function createdBy(caller: Caller, create: unknown): StreamingContext {
  checkFunction(caller, 'create', create);
  const created = (create as () => unknown)();
  if (created instanceof StreamingContext) return created;
  throw badOption(caller, 'what create gives', 'a StreamingContext', created);
}

function refuseThreads(options: object): void {
  if (!('threads' in options) || options.threads === 0 || options.threads === undefined) return;
  throw millraceError(
    'ERR_MILLRACE_BAD_OPTION',
    `a StreamingContext runs in the calling thread, so threads can't be ${String(options.threads)}. Define a job() in a module of its own and run(job, { threads })`,
  );
}
