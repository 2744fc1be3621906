/**
 * Runs a job in the calling thread (`threads: 0`): the same coordinator, tasks and sources as on threads, in turns of
 * the event loop. Closures written in a test or at a prompt work here.
 *
 * I1  A slice is bounded (SLICE_MS), so the caller's event loop goes on.
 * I2  A slice is planned whenever something was posted, rung or settled; nothing is polled.
 */
import { LocalBell } from '../actors/doorbell.ts';
import type { FromSources, FromWorker, ToSources, ToWorker } from '../actors/messages.ts';
import { ThreadHost } from '../actors/thread-host.ts';
import type { BodyOptions } from '../dstream/run/create-body.ts';
import type { Env, Timer } from '../env/env.ts';
import { localChannel } from '../env/local-port.ts';
import { millraceError } from '../errors.ts';
import type { Plan } from '../plan/planned.ts';
import type { BatchMode } from '../supervision/batcher.ts';
import type { CheckpointSpec } from '../supervision/checkpoint/checkpoint-spec.ts';
import { Coordinator, type LeftBehind } from '../supervision/coordinator.ts';
import { JobMemory } from '../supervision/job-memory.ts';
import { createBody } from './create-body.ts';
import { insideOutput } from './inside-output.ts';
import { allocateReceivers, edgeMemory } from './edge-memory.ts';
import { edgeOpener } from './edge-opener.ts';
import type { Engine, EngineListener, ThreadInfo } from './engine.ts';
import type { TestInputs } from './job-spec.ts';
import { logPlaceOf } from './log-place.ts';
import type { ResolvedRunOptions } from './options.ts';
import { sinkPlaceOf } from './sink-place.ts';
import { answerOf, StateQueries } from './state-queries.ts';
import { SourcesActor } from './sources-actor.ts';

const SLICE_MS = 5;
/** A refused source looks again after this time at the latest. */
const RETRY_MS = 2;
const WORKER_SLOT = 1;
const SOURCES_SLOT = 2;

export interface LocalOptions {
  readonly env: Env;
  readonly plan: Plan;
  readonly options: ResolvedRunOptions;
  readonly mode: BatchMode;
  readonly directory: string;
  /** Given for a job that outlives its process. */
  readonly checkpoint?: CheckpointSpec;
  readonly listener: EngineListener;
  readonly inputs: TestInputs | undefined;
  readonly body?: BodyOptions;
  /** On virtual time: it is the time of the barrier that was cut. */
  readonly atTime?: (time: number) => void;
}

export class LocalEngine implements Engine {
  #options: LocalOptions;
  #host: ThreadHost;
  #sources: SourcesActor;
  #queries: StateQueries;
  #coordinator: Coordinator;
  #ports: readonly { deliver(): number }[];
  #planned = false;
  #retry: Timer | undefined;
  #due: Timer | undefined;
  #dueMs = Infinity;
  #stopped = false;
  /** There is no thread of its own to give up. */
  readonly quarantined: number = 0;

  constructor(options: LocalOptions) {
    this.#options = options;
    const {
      env,
      plan,
      directory,
      checkpoint,
      listener,
      mode,
      inputs,
      options: {
        policy,
        retainBytes,
        maxGatherBytes,
        asyncTimeoutMs,
        onRecordError,
        skipEmptyBatches,
        stateStore,
        rates,
      },
    } = options;
    const wake = (): void => this.#plan();
    const bell = new LocalBell(wake);
    const receivers = allocateReceivers(plan.wiring, retainBytes);
    const [hostEnd, coordinatorHost] = localChannel<ToWorker, FromWorker>(wake);
    const [sourcesEnd, coordinatorSources] = localChannel<ToSources, FromSources>(wake);
    this.#ports = [hostEnd, coordinatorHost, sourcesEnd, coordinatorSources];
    this.#host = new ThreadHost({
      env,
      directory,
      wake,
      name: 'local',
      coordinator: hostEnd,
      edges: edgeOpener(() => bell),
      createBody: (task, out) =>
        createBody(plan, task, out, {
          env,
          life: `local-${this.#host.epoch}`,
          maxGatherBytes,
          asyncTimeoutMs,
          onRecordError,
          skipEmptyBatches,
          stateStore,
          stateDirectory: directory,
          ...sinkPlaceOf(directory, checkpoint),
          inside: (act) => insideOutput(this, act),
          ...options.body,
        }),
      vitals: { running() {}, idle() {} },
      report: (task, event) => listener.task(task, event, this.#host.epoch),
    });
    this.#queries = new StateQueries({
      clock: env.clock,
      plan,
      workers: () => [WORKER_SLOT],
      // Whoever asks may be a function that is at work on that state.
      ask: (worker, question) =>
        env.defer(() => this.#queries.answer(question.id, worker, answerOf(this.#host, question))),
    });
    this.#sources = new SourcesActor({
      env,
      plan,
      inputs,
      rates,
      receivers,
      bellOf: () => bell,
      batchIntervalMs: policy.batchIntervalMs,
      directory,
      ...(checkpoint === undefined ? {} : { log: logPlaceOf(checkpoint) }),
      report: (event) => listener.source(event),
      ...(options.atTime === undefined ? {} : { atTime: options.atTime }),
    });
    this.#sources.attach(sourcesEnd);
    this.#coordinator = new Coordinator({
      env,
      directory,
      ...(checkpoint === undefined ? {} : { checkpoint }),
      policy,
      mode,
      wiring: plan.wiring,
      memory: new JobMemory(JobMemory.allocate()),
      edges: edgeMemory(receivers),
      emit: (event) => listener.coordinator(event),
    });
    this.#coordinatorPorts = [coordinatorHost, coordinatorSources];
  }

  #coordinatorPorts: [
    Parameters<Coordinator['addWorker']>[1],
    Parameters<Coordinator['attachSources']>[1],
  ];

  async start(): Promise<void> {
    const [host, sources] = this.#coordinatorPorts;
    this.#coordinator.addWorker(WORKER_SLOT, host);
    this.#coordinator.attachSources(SOURCES_SLOT, sources);
    this.#plan();
    // Logs are read first. Whoever has the clock in hand counts on it that batches come from now on.
    while (!this.#coordinator.hasBegun && !this.#stopped)
      await new Promise<void>((resolve) => this.#options.env.defer(resolve));
  }

  drain(): void {
    this.#coordinator.drain();
    this.#plan();
  }

  async stop(): Promise<readonly string[]> {
    if (this.#stopped) return [];
    this.#stopped = true;
    this.#queries.end();
    this.#retry?.cancel();
    this.#due?.cancel();
    this.#coordinator.stop();
    this.#host.stop();
    this.#sources.close();
    return [];
  }

  left(): Promise<LeftBehind | undefined> {
    return Promise.resolve(this.#coordinator.left());
  }

  checkpoint(): Promise<number | undefined> {
    return new Promise((resolve) => this.#coordinator.checkpoint(resolve));
  }

  threads(): readonly ThreadInfo[] {
    return [];
  }

  kill(): void {
    throw millraceError(
      'ERR_MILLRACE_UNSUPPORTED',
      'the job runs in the calling thread (threads: 0): there is no thread to kill',
    );
  }

  query(name: string, key: unknown): Promise<unknown> {
    return this.#queries.query(name, key);
  }

  push(name: string, records: readonly unknown[], isDurable: boolean): Promise<void> {
    const pushed = this.#sources.push(name, records, isDurable);
    this.#plan();
    return pushed;
  }

  #plan(): void {
    if (this.#planned || this.#stopped) return;
    this.#planned = true;
    this.#options.env.defer(() => {
      this.#planned = false;
      this.#slice();
    });
  }

  /** Timers of stages: a turn is wanted when one is due. */
  #armDue(): void {
    const { clock } = this.#options.env;
    const due = this.#host.dueMs();
    if (due === this.#dueMs) return;
    this.#due?.cancel();
    this.#due = undefined;
    this.#dueMs = due;
    if (due === Infinity) return;
    this.#due = clock.after(Math.max(0, due - clock.monotonic()), () => {
      this.#dueMs = Infinity;
      this.#plan();
    });
  }

  #slice(): void {
    const { clock } = this.#options.env;
    const until = clock.monotonic() + SLICE_MS;
    let result: ReturnType<ThreadHost['turn']> = 'idle';
    do {
      if (this.#stopped) return;
      let delivered = 0;
      for (const port of this.#ports) delivered += port.deliver();
      this.#sources.pump();
      result = this.#host.turn();
      if (result !== 'progress' && delivered === 0) break;
      result = 'progress';
    } while (clock.monotonic() < until);
    if (result === 'progress') this.#plan();
    else {
      this.#armDue();
      // A refused source is rung by nobody: its consumers are in this thread, and have just read what they could.
      this.#retry?.cancel();
      this.#retry = clock.after(RETRY_MS, () => this.#sources.pump());
    }
  }
}
