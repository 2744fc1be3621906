/**
 * A job at work, as the embedding process sees it. Used on the thread that called `run`.
 *
 *   initialized ─▶ active ─▶ draining ─▶ stopped
 *                    └──────────┴──────▶ failed
 *
 * I1  What tasks report is told once: a batch that a recovery runs again is recognised by its barrier number.
 * I2  `awaitTermination` settles exactly once for each caller, and rejects with the error that failed the job.
 */
import { resolve } from 'node:path';
import type { TaskEvent } from '../actors/task.ts';
import { callSiteText } from '../dstream/call-site.ts';
import { durationMs, type Duration } from '../dstream/duration.ts';
import type { Env } from '../env/env.ts';
import { fromWire, millraceError, toWire } from '../errors.ts';
import type { ReceiverTold } from '../io/source.ts';
import type { CoordinatorEvent } from '../supervision/coordinator.ts';
import type { Engine, EngineListener, FaultWay, LogSize, ThreadInfo } from './engine.ts';
import { BatchEvents } from './batch-events.ts';
import { Feed } from './feed.ts';
import { isInsideOutput } from './inside-output.ts';
import { Listeners, type StreamingListener } from './listeners.ts';
import { type JobActor, JobTree } from './job-tree.ts';
import type { Recovered } from './restart.ts';
import { checkEmpty, type Savepoint, writeSavepoint } from './savepoint.ts';
import type {
  RunState,
  CollectedBatch,
  ReceiverEvent,
  RecordLetterEvent,
  RunEvent,
  DeadLetterEvent,
  RunMetrics,
  StopOptions,
  StopReport,
  RunInput,
  RunLabels,
  RunHome,
} from './run-words.ts';
import { WhenHeld } from './when-held.ts';

export type {
  RunState,
  CollectedBatch,
  HintEvent,
  GivingUpEvent,
  ReceiverEvent,
  RecordLetterEvent,
  StreamingStartedEvent,
  RunEvent,
  DeadLetterEvent,
  RunMetrics,
  StopOptions,
  StopReport,
  PushOptions,
  RunInput,
} from './run-words.ts';

const EVENTS_KEPT = 10_000;
const DEAD_LETTERS_KEPT = 1000;
/** What a job that can't go on for long may take to finish. */
const GIVE_UP_MS = 10_000;
/** A record of a collected batch counts as so many bytes of what may be gathered. */
const RECORD_BYTES = 64;

const TRANSITIONS: Readonly<Record<RunState, readonly RunState[]>> = {
  initialized: ['active', 'stopped', 'failed'],
  active: ['draining', 'stopped', 'failed'],
  draining: ['stopped', 'failed'],
  stopped: [],
  failed: [],
};

/** What a task reports of a batch. */
type BatchReport = Extract<TaskEvent, { readonly type: 'collected' | 'printed' }>;

export class Run implements AsyncDisposable {
  readonly jobName: string;
  #env: Env;
  #engine!: Engine;
  #write: (text: string) => void | Promise<void>;
  readonly #home: RunHome;
  #state: RunState = 'initialized';
  #error: Error | undefined;
  /** What it was given up for. */
  #lastError: unknown;
  #done: PromiseWithResolvers;
  #drained: PromiseWithResolvers;
  /** A drain is to be cut short. */
  #hurried: PromiseWithResolvers;
  #events = new Feed<RunEvent>({ lose: EVENTS_KEPT });
  // A listener that fails must not be told of it.
  readonly #listeners = new Listeners((text) => this.#events.push({ type: 'hint', text }));
  readonly #batches: BatchEvents;
  readonly #tree: JobTree;
  #begun = false;
  #results = new Map<string, Feed<CollectedBatch>>();
  /** Newest barrier told of each output. */
  #told = new Map<number, number>();
  /** Newest barrier at which each task told of dead letters. */
  #toldLetters = new Map<number, number>();
  /** Newest poison record told. */
  readonly #whenHeld: WhenHeld | undefined;
  /** Outputs of which main has enough, where reports wait until they count. */
  readonly #full = new Map<number, Promise<void>>();
  #toldPoison = 0;
  /** The newest. */
  #deadLetters: DeadLetterEvent[] = [];
  #metrics = { batches: 0, failedBatches: 0, records: 0, restarts: 0, deadLetters: 0 };
  #counted: Record<string, number> = {};
  #logs: Record<string, LogSize> = {};
  #stopping: Promise<StopReport> | undefined;

  /** @internal Runs are made by `run`. */
  constructor(
    jobName: string,
    env: Env,
    collected: readonly string[],
    write: (text: string) => void | Promise<void>,
    maxGatherBytes: number,
    home: RunHome,
    /** A batch that runs again may come to something else (`when-held.ts`). */
    reportsVary: boolean,
    labels: RunLabels,
  ) {
    this.#batches = new BatchEvents({ ...labels, emit: (event) => this.#push(event) });
    this.jobName = jobName;
    this.#home = home;
    this.#env = env;
    this.#write = write;
    this.#tree = new JobTree(jobName, labels.wiring);
    this.#done = withResolvers();
    this.#drained = withResolvers();
    this.#hurried = withResolvers();
    if (reportsVary) this.#whenHeld = new WhenHeld();
    for (const name of collected)
      this.#results.set(name, new Feed({ pushBackAbove: maxGatherBytes }));
  }

  get state(): RunState {
    return this.#state;
  }

  /** From which checkpoint the run goes on; undefined: it is the first in its `checkpointDir`, or has none. */
  get recovered(): Recovered | undefined {
    return this.#home.recovered;
  }

  /** @internal Names given to `collectAs`. */
  get collected(): readonly string[] {
    return [...this.#results.keys()];
  }

  /** @internal */
  get listener(): EngineListener {
    return {
      coordinator: (event) => this.#fromCoordinator(event),
      task: (task, event, epoch) => this.#fromTask(task, event, epoch),
      source: (event) => {
        if (event.type === 'sourceLog') {
          const { bytes, behind } = event;
          this.#logs[event.source] = { bytes, behind };
          return;
        }
        this.#tree.source(event);
        if (event.type === 'counted') this.#count(event.what, event.count);
        if (event.type === 'deadLetter') {
          this.#metrics.deadLetters++;
          this.#keepDeadLetter(event);
        }
        this.#push('streamId' in event ? withReceiverInfo(event) : event);
      },
      thread: (event) => this.#push(event),
      giveUp: (error) => this.giveUp(error),
    };
  }

  /** @internal Something that the author of the job may want to know. */
  hint(text: string): void {
    this.#push({ type: 'hint', text });
  }

  /** @internal Takes in no more, finishes what it has, and fails with this. */
  giveUp(error: unknown): void {
    if (this.#state !== 'active') return;
    this.#lastError = error;
    this.#push({ type: 'givingUp', error: toWire(error) });
    void this.stop({ deadline: GIVE_UP_MS });
  }

  /** @internal */
  async start(engine: Engine): Promise<void> {
    this.#engine = engine;
    try {
      await engine.start();
      if (this.#state === 'initialized') this.#to('active');
    } catch (error) {
      await engine.stop();
      this.#fail(error);
      throw error;
    }
  }

  /** What happens: batches, sources, threads, recoveries. Each iterator sees what comes after it was made. */
  events(): AsyncIterableIterator<RunEvent> {
    return this.#events.iterate();
  }

  /**
   * Calls the functions of a listener with what happens from now on. Those that are to hear of the start are given to
   * `run` with the option `listeners`.
   */
  addStreamingListener(listener: StreamingListener): void {
    this.#listeners.add({ operator: 'addStreamingListener', callSite: callSiteText() }, listener);
  }

  removeStreamingListener(listener: StreamingListener): void {
    this.#listeners.remove(listener);
  }

  /** The batches of the stream that the job named with `collectAs(name)`, in order, each once. */
  results<T = unknown>(name: string): AsyncIterableIterator<CollectedBatch<T>> {
    const feed = this.#results.get(name);
    if (feed === undefined) {
      const names = [...this.#results.keys()];
      throw millraceError(
        'ERR_MILLRACE_BAD_OPTION',
        `no stream of job ${this.jobName} is collected as '${name}'; ${names.length === 0 ? 'it has no collectAs(…)' : `there is ${names.map((n) => `'${n}'`).join(', ')}`}`,
      );
    }
    return feed.iterate() as AsyncIterableIterator<CollectedBatch<T>>;
  }

  /** The in-process source that the job named with `inputStream(name)`. */
  input(name: string): RunInput {
    return {
      push: (records, options = {}) => {
        const { durable = false } = options;
        if (typeof durable === 'boolean') return this.#engine.push(name, records, durable);
        return Promise.reject(
          millraceError(
            'ERR_MILLRACE_BAD_OPTION',
            `push to '${name}': durable must be a boolean; it is ${String(durable)}`,
            { context: { option: 'durable' } },
          ),
        );
      },
    };
  }

  /**
   * The state of a key, a copy of it as of the end of a batch; undefined when the key has none. It comes from the thread
   * that has it, and waits for it while the job recovers.
   * @param name what `named(name)` called the `updateStateByKey` or `mapWithState`, else `updateStateByKey#1` by place
   * @throws rejects with ERR_MILLRACE_NO_SUCH_STATE, ERR_MILLRACE_KEY_TYPE, ERR_MILLRACE_NOT_STARTED,
   *   ERR_MILLRACE_STOPPED, ERR_MILLRACE_CALL_TIMEOUT after 10 s
   * @example
   * const visits = await running.query<number>('visits', 'alice');
   */
  async query<S = unknown>(name: string, key: unknown): Promise<S | undefined> {
    if (this.#state === 'initialized')
      throw millraceError('ERR_MILLRACE_NOT_STARTED', `query of ${name}: the run has not started`);
    if (this.#state === 'stopped' || this.#state === 'failed')
      throw millraceError('ERR_MILLRACE_STOPPED', `query of ${name}: the run is ${this.#state}`);
    return (await this.#engine.query(name, key)) as S | undefined;
  }

  /**
   * Makes a checkpoint of what has been worked off by now, and does not wait for the next one that is due.
   * @returns when it is durable, the number of its barrier
   * @throws rejects with ERR_MILLRACE_UNSUPPORTED without `checkpointDir`, ERR_MILLRACE_NOT_STARTED, ERR_MILLRACE_STOPPED
   */
  async checkpoint(): Promise<number> {
    this.#savepointsFrom('checkpoint');
    return this.#checkpoint('checkpoint');
  }

  /**
   * Makes a checkpoint of what has been worked off, and puts it into a directory of its own, where it stays until
   * somebody deletes it. A run with the option `savepoint` begins from it. The job goes on meanwhile.
   * @param directory a path where nothing lies
   * @throws rejects with ERR_MILLRACE_UNSUPPORTED without `checkpointDir`, ERR_MILLRACE_BAD_OPTION,
   *   ERR_MILLRACE_NOT_STARTED, ERR_MILLRACE_STOPPED, and what the disk says
   * @example
   * const { path, time } = await running.savepoint('/var/lib/visits/before-2.0');
   */
  async savepoint(directory: string): Promise<Savepoint> {
    const from = this.#savepointsFrom('savepoint');
    checkEmpty(this.#env.disk, resolve(directory), 'savepoint');
    const barrier = await this.#checkpoint('savepoint');
    const { disk, clock } = this.#env;
    return writeSavepoint({ disk, clock, from, to: directory, barrier });
  }

  metrics(): RunMetrics {
    return {
      ...this.#metrics,
      quarantined: (this.#engine as Engine | undefined)?.quarantined ?? 0,
      counted: { ...this.#counted },
      logs: { ...this.#logs },
    };
  }

  /** The newest 1000 records that were passed over, oldest first (`supervision.onPoison`, `onRecordError`). */
  deadLetters(): readonly DeadLetterEvent[] {
    return [...this.#deadLetters];
  }

  /**
   * The tree of the job: coordinator, sources, the region with its tasks, spares. Each with the number of its life, how
   * often it began anew, and what of.
   */
  actors(): JobActor {
    return this.#tree.actors(
      this.#state,
      this.#state === 'initialized' ? [] : this.#engine.threads(),
    );
  }

  /** The threads of the job, with what they last died of. */
  threads(): readonly ThreadInfo[] {
    return this.#engine.threads();
  }

  /** Kills a thread on purpose, to see the job survive it. */
  kill(slot: number, way: FaultWay = 'terminate', exitCode?: number): void {
    this.#engine.kill(slot, way, exitCode);
  }

  /**
   * Resolves true when the job has stopped, false when `timeout` passed before; rejects with the error that failed it.
   */
  async awaitTermination(timeout?: Duration): Promise<boolean> {
    if (timeout === undefined) {
      await this.#done.promise;
      return true;
    }
    const ms = durationMs(timeout, 'timeout', 0);
    let timer: { cancel(): void } | undefined;
    const late = new Promise<false>((resolve) => {
      timer = this.#env.clock.after(ms, () => resolve(false));
    });
    try {
      return await Promise.race([this.#done.promise.then(() => true as const), late]);
    } finally {
      timer?.cancel();
    }
  }

  /**
   * Stops the job; a second call gets the same report. One with `graceful: false` cuts a drain that is under way short.
   * Called by an output that runs in this thread, a graceful stop is only begun, and the report says `drained: false`: it
   * would wait for the output that waits for it. `awaitTermination` tells when it is done.
   */
  stop(options: StopOptions = {}): Promise<StopReport> {
    if (options.savepoint !== undefined) {
      try {
        this.#savepointsFrom('savepoint');
        checkEmpty(this.#env.disk, resolve(options.savepoint), 'savepoint');
      } catch (error) {
        return Promise.reject(error as Error);
      }
    }
    if (options.graceful === false) this.#hurried.resolve();
    this.#stopping ??= this.#stop(options);
    if (options.graceful !== false && isInsideOutput(this.#engine))
      return Promise.resolve({ drained: false, stuckThreads: [] });
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop({
    graceful = true,
    deadline = '30s',
    savepoint: to,
  }: StopOptions): Promise<StopReport> {
    let drained = this.#state === 'stopped';
    if (graceful && this.#state === 'active') {
      this.#to('draining');
      this.#engine.drain();
      const ms = durationMs(deadline, 'deadline', 0);
      let timer: { cancel(): void } | undefined;
      drained = await Promise.race([
        this.#drained.promise.then(
          () => true,
          () => false,
        ),
        this.#hurried.promise.then(() => false),
        new Promise<false>((resolve) => {
          timer = this.#env.clock.after(ms, () => resolve(false));
        }),
      ]);
      timer?.cancel();
    }
    const left = drained ? undefined : await this.#engine.left();
    const stuckThreads = await this.#engine.stop();
    await this.#home.settled?.();
    let savepoint: Savepoint | undefined;
    try {
      // While the directory is still ours.
      if (to !== undefined && drained && this.#state === 'draining') {
        const { disk, clock } = this.#env;
        const from = this.#savepointsFrom('savepoint');
        savepoint = await writeSavepoint({ disk, clock, from, to, barrier: 1 });
      }
    } finally {
      if (this.#lastError !== undefined) this.#fail(this.#lastError);
      else if (this.#state !== 'failed' && this.#state !== 'stopped') this.#finish();
    }
    return {
      drained,
      stuckThreads,
      ...(left === undefined ? {} : { left }),
      ...(savepoint === undefined ? {} : { savepoint }),
    };
  }

  async #checkpoint(what: string): Promise<number> {
    if (this.#state === 'initialized')
      throw millraceError('ERR_MILLRACE_NOT_STARTED', `${what}: the run has not started`);
    for (;;) {
      if (this.#state === 'stopped' || this.#state === 'failed')
        throw millraceError('ERR_MILLRACE_STOPPED', `${what}: the run is ${this.#state}`);
      const barrier = await this.#engine.checkpoint();
      // Undefined: the coordinator died meanwhile.
      if (barrier !== undefined) return barrier;
    }
  }

  #savepointsFrom(what: string): string {
    const directory = this.#home.checkpoint?.directory;
    if (directory !== undefined) return directory;
    throw millraceError(
      'ERR_MILLRACE_UNSUPPORTED',
      `${what}: ${this.jobName} has no checkpointDir, so nothing of it is kept. Run it with one`,
      { context: { job: this.jobName } },
    );
  }

  #fromCoordinator(event: CoordinatorEvent): void {
    this.#tree.coordinator(event);
    switch (event.type) {
      case 'batchCompleted':
        this.#whenHeld?.held(event.barrier);
        this.#metrics.batches++;
        this.#metrics.records += event.records;
        return this.#batches.completed(event);
      case 'batchFailed':
        this.#metrics.failedBatches++;
        this.#push(event);
        return this.#batches.failed(event);
      case 'batchSubmitted':
        return this.#batches.submitted(event);
      case 'batchStarted':
        return this.#batches.started(event);
      case 'started':
        // The first epoch of a process that goes on is not 1.
        this.#whenHeld?.began(event.epoch, event.barrier);
        this.#push(event);
        if (!this.#begun) this.#push({ type: 'streamingStarted', time: this.#env.clock.now() });
        this.#begun = true;
        return undefined;
      case 'deadLetter':
        // A coordinator that takes over says it again.
        if (event.number <= this.#toldPoison) return;
        this.#toldPoison = event.number;
        this.#metrics.deadLetters++;
        this.#keepDeadLetter(event);
        break;
      case 'recovering':
        this.#whenHeld?.began(event.epoch, event.barrier);
        this.#metrics.restarts = event.restarts;
        break;
      case 'checkpointCompleted':
        this.#home.checkpointed?.();
        break;
      case 'drained':
        this.#drained.resolve();
        if (this.#stopping === undefined) void this.stop({ graceful: false });
        break;
      case 'failed': {
        const error = fromWire(event.error);
        this.#drained.reject(error);
        void this.#engine.stop().then(() => this.#fail(error));
        break;
      }
    }
    this.#push(event);
  }

  #push(event: RunEvent): void {
    this.#events.push(event);
    this.#listeners.tell(event);
  }

  #keepDeadLetter(event: DeadLetterEvent): void {
    this.#deadLetters.push(event);
    if (this.#deadLetters.length > DEAD_LETTERS_KEPT) this.#deadLetters.shift();
  }

  #tellDeadLetters(task: number, told: Extract<TaskEvent, { type: 'deadLetters' }>): void {
    const { barrier, time, count, letters } = told;
    // A batch that runs again tells of them again.
    if (barrier <= (this.#toldLetters.get(task) ?? 0)) return;
    this.#toldLetters.set(task, barrier);
    this.#metrics.deadLetters += count;
    for (const letter of letters) {
      const event: RecordLetterEvent = {
        type: 'deadLetter',
        reason: 'recordError',
        time,
        ofBatch: count,
        ...letter,
      };
      this.#keepDeadLetter(event);
      this.#push(event);
    }
  }

  #fromTask(task: number, event: TaskEvent, epoch: number): void | Promise<void> {
    if (event.type === 'counted') return this.#count(event.what, event.count);
    if (event.type === 'deadLetters') return this.#tellDeadLetters(task, event);
    if (event.type === 'wrote') return this.#write(event.text);
    if (event.type === 'degraded' || event.type === 'recovered') return this.#push(event);
    if (event.type === 'outputStarted' || event.type === 'outputCompleted')
      return this.#batches.output(event);
    if (this.#whenHeld === undefined) return this.#report(event);
    const { output, barrier } = event;
    this.#whenHeld.report(epoch, barrier, () => {
      const full = this.#report(event)?.then(() => {
        if (this.#full.get(output) === full) this.#full.delete(output);
      });
      if (full !== undefined) this.#full.set(output, full);
    });
    return this.#full.get(output);
  }

  #report(event: BatchReport): void | Promise<void> {
    if (event.barrier <= (this.#told.get(event.output) ?? 0)) return undefined;
    this.#told.set(event.output, event.barrier);
    if (event.type === 'printed') return this.#write(event.text);
    const values = event.partitions.flat();
    return this.#results
      .get(event.name)
      ?.push(
        { time: event.time, partitions: event.partitions, values },
        (values.length + 1) * RECORD_BYTES,
      );
  }

  #count(what: string, count: number): void {
    this.#counted[what] = (this.#counted[what] ?? 0) + count;
  }

  #to(next: RunState): void {
    if (!TRANSITIONS[this.#state].includes(next)) {
      throw millraceError(
        'ERR_MILLRACE_BAD_TRANSITION',
        `a run that is ${this.#state} can't become ${next}`,
      );
    }
    this.#state = next;
  }

  #finish(): void {
    this.#to('stopped');
    this.#end();
    this.#done.resolve();
  }

  #fail(error: unknown): void {
    if (this.#state === 'failed' || this.#state === 'stopped') return;
    this.#to('failed');
    this.#error = error instanceof Error ? error : new Error(String(error));
    this.#end();
    this.#done.reject(this.#error);
  }

  #end(): void {
    this.#home.leave(this.metrics().quarantined > 0);
    this.#events.end();
    for (const feed of this.#results.values()) feed.end(this.#error);
  }
}

function withReceiverInfo(event: ReceiverTold & { readonly source: string }): ReceiverEvent {
  // A copy: with `threads: 0` the source may keep its own.
  const told = { ...event };
  return Object.defineProperty(told, 'receiverInfo', { value: told }) as ReceiverEvent;
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A promise that may be rejected before anyone awaits it. */
function withResolvers(): PromiseWithResolvers {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<void>((ok, no) => {
    resolve = ok;
    reject = no;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
