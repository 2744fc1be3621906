/**
 * A job at work, as the embedding process sees it. Used on the thread that called `run`.
 *
 *   initialized ─▶ active ─▶ draining ─▶ stopped
 *                    └──────────┴──────▶ failed
 *
 * I1  What tasks report is told once: a batch that a recovery runs again is recognised by its barrier number.
 * I2  `awaitTermination` settles exactly once for each caller, and rejects with the error that failed the job.
 */
import type { RecordLetter, TaskEvent } from '../actors/task.ts';
import { durationMs, type Duration } from '../dstream/duration.ts';
import type { Env } from '../env/env.ts';
import { fromWire, millraceError, toWire, type WireError } from '../errors.ts';
import type { CoordinatorEvent, LeftBehind } from '../supervision/coordinator.ts';
import type {
  Engine,
  EngineListener,
  FaultWay,
  SourceEvent,
  ThreadEvent,
  ThreadInfo,
} from './engine.ts';
import { Feed } from './feed.ts';

const EVENTS_KEPT = 10_000;
const DEAD_LETTERS_KEPT = 1000;
/** What a job that can't go on for long may take to finish. */
const GIVE_UP_MS = 10_000;
/** A record of a collected batch counts as so many bytes of what may be gathered. */
const RECORD_BYTES = 64;

export type RunState = 'initialized' | 'active' | 'draining' | 'stopped' | 'failed';

const TRANSITIONS: Readonly<Record<RunState, readonly RunState[]>> = {
  initialized: ['active', 'stopped', 'failed'],
  active: ['draining', 'stopped', 'failed'],
  draining: ['stopped', 'failed'],
  stopped: [],
  failed: [],
};

/** One batch of a stream named by `collectAs`. */
export interface CollectedBatch<T = unknown> {
  /** Batch time in ms. */
  readonly time: number;
  /** All records, partition after partition. */
  readonly values: readonly T[];
  readonly partitions: readonly (readonly T[])[];
}

/** Something that the author of the job may want to know, once. */
export interface HintEvent {
  readonly type: 'hint';
  readonly text: string;
}

/** The job can't go on for long: it takes in no more, finishes what it has, and then fails with this. */
export interface GivingUpEvent {
  readonly type: 'givingUp';
  readonly error: WireError;
}

/** A record at which an operator's function threw, and which it passed over (`onRecordError: 'skip'`). */
export interface RecordLetterEvent extends RecordLetter {
  readonly type: 'deadLetter';
  readonly reason: 'recordError';
  /** Time of its batch in ms. */
  readonly time: number;
  /** Letters of its task and batch, this one included; of more than 100 only the first are told. */
  readonly ofBatch: number;
}

export type RunEvent =
  | CoordinatorEvent
  | SourceEvent
  | ThreadEvent
  | HintEvent
  | GivingUpEvent
  | RecordLetterEvent;

/** A record that was passed over. */
export type DeadLetterEvent = Extract<RunEvent, { type: 'deadLetter' }>;

export interface RunMetrics {
  readonly batches: number;
  readonly failedBatches: number;
  readonly records: number;
  /** Recoveries of the region, whatever caused them. */
  readonly restarts: number;
  /** Threads that were given up and may still run. */
  readonly quarantined: number;
  /** Records that were passed over: they killed their task again and again, or `onRecordError` said so. */
  readonly deadLetters: number;
  /** What was counted on the way: `invalidUtf8`, `linesCut`, `linesSkipped`. */
  readonly counted: Readonly<Record<string, number>>;
}

export interface StopOptions {
  /** Take in no more, finish what was taken, then stop. Default true. */
  readonly graceful?: boolean;
  /** How long that may take before the rest is given up. Default `'30s'`. */
  readonly deadline?: Duration;
}

export interface StopReport {
  /** Everything that was taken in has passed all outputs. */
  readonly drained: boolean;
  /** Threads that did not end in time, those that were given up earlier among them. */
  readonly stuckThreads: readonly string[];
  /** When it was not drained: what was left, if that is known. */
  readonly left?: LeftBehind;
}

export class Run implements AsyncDisposable {
  readonly jobName: string;
  #env: Env;
  #engine!: Engine;
  #write: (text: string) => void | Promise<void>;
  #cleanUp: () => void;
  #state: RunState = 'initialized';
  #error: Error | undefined;
  /** What it was given up for. */
  #lastError: unknown;
  #done: PromiseWithResolvers;
  #drained: PromiseWithResolvers;
  /** A drain is to be cut short. */
  #hurried: PromiseWithResolvers;
  #events = new Feed<RunEvent>({ lose: EVENTS_KEPT });
  #results = new Map<string, Feed<CollectedBatch>>();
  /** Newest barrier told of each output. */
  #told = new Map<number, number>();
  /** Newest barrier at which each task told of dead letters. */
  #toldLetters = new Map<number, number>();
  /** Newest poison record told. */
  #toldPoison = 0;
  /** The newest. */
  #deadLetters: DeadLetterEvent[] = [];
  #metrics = { batches: 0, failedBatches: 0, records: 0, restarts: 0, deadLetters: 0 };
  #counted: Record<string, number> = {};
  #stopping: Promise<StopReport> | undefined;

  /** @internal Runs are made by `run`. */
  constructor(
    jobName: string,
    env: Env,
    collected: readonly string[],
    write: (text: string) => void | Promise<void>,
    maxGatherBytes: number,
    cleanUp: () => void,
  ) {
    this.jobName = jobName;
    this.#cleanUp = cleanUp;
    this.#env = env;
    this.#write = write;
    this.#done = withResolvers();
    this.#drained = withResolvers();
    this.#hurried = withResolvers();
    for (const name of collected)
      this.#results.set(name, new Feed({ pushBackAbove: maxGatherBytes }));
  }

  get state(): RunState {
    return this.#state;
  }

  /** @internal Names given to `collectAs`. */
  get collected(): readonly string[] {
    return [...this.#results.keys()];
  }

  /** @internal */
  get listener(): EngineListener {
    return {
      coordinator: (event) => this.#fromCoordinator(event),
      task: (task, event) => this.#fromTask(task, event),
      source: (event) => {
        if (event.type === 'counted') this.#count(event.what, event.count);
        if (event.type === 'deadLetter') {
          this.#metrics.deadLetters++;
          this.#keepDeadLetter(event);
        }
        this.#events.push(event);
      },
      thread: (event) => this.#events.push(event),
      giveUp: (error) => this.giveUp(error),
    };
  }

  /** @internal Something that the author of the job may want to know. */
  hint(text: string): void {
    this.#events.push({ type: 'hint', text });
  }

  /** @internal Takes in no more, finishes what it has, and fails with this. */
  giveUp(error: unknown): void {
    if (this.#state !== 'active') return;
    this.#lastError = error;
    this.#events.push({ type: 'givingUp', error: toWire(error) });
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

  /** The in-process source that the job named with `inputStream(name)`. `push` resolves when the records are accepted. */
  input(name: string): { push(records: readonly unknown[]): Promise<void> } {
    return { push: (records) => this.#engine.push(name, records) };
  }

  metrics(): RunMetrics {
    return {
      ...this.#metrics,
      quarantined: (this.#engine as Engine | undefined)?.quarantined ?? 0,
      counted: { ...this.#counted },
    };
  }

  /** The newest 1000 records that were passed over, oldest first (`supervision.onPoison`, `onRecordError`). */
  deadLetters(): readonly DeadLetterEvent[] {
    return [...this.#deadLetters];
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
   */
  stop(options: StopOptions = {}): Promise<StopReport> {
    if (options.graceful === false) this.#hurried.resolve();
    this.#stopping ??= this.#stop(options);
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop({ graceful = true, deadline = '30s' }: StopOptions): Promise<StopReport> {
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
    if (this.#lastError !== undefined) this.#fail(this.#lastError);
    else if (this.#state !== 'failed' && this.#state !== 'stopped') this.#finish();
    return { drained, stuckThreads, ...(left === undefined ? {} : { left }) };
  }

  #fromCoordinator(event: CoordinatorEvent): void {
    switch (event.type) {
      case 'batchCompleted':
        this.#metrics.batches++;
        this.#metrics.records += event.records;
        break;
      case 'batchFailed':
        this.#metrics.failedBatches++;
        break;
      case 'deadLetter':
        // A coordinator that takes over says it again.
        if (event.number <= this.#toldPoison) return;
        this.#toldPoison = event.number;
        this.#metrics.deadLetters++;
        this.#keepDeadLetter(event);
        break;
      case 'recovering':
        this.#metrics.restarts = event.restarts;
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
    this.#events.push(event);
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
      this.#events.push(event);
    }
  }

  #fromTask(task: number, event: TaskEvent): void | Promise<void> {
    if (event.type === 'counted') return this.#count(event.what, event.count);
    if (event.type === 'deadLetters') return this.#tellDeadLetters(task, event);
    if (event.type === 'wrote') return this.#write(event.text);
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
    this.#cleanUp();
    this.#events.end();
    for (const feed of this.#results.values()) feed.end(this.#error);
  }
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
