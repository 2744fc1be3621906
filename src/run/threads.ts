/**
 * Runs a job on worker threads. Lives on the embedding thread, which only starts, kills and reports: the coordinator's
 * thread runs the job, and goes on while this thread stalls.
 *
 *   slots   coordinator · sources · worker … worker · spare
 *
 * I1  A dead thread is replaced in its place: a worker by the spare (the coordinator decides that alone), and a new
 *     spare is started here; a coordinator or a thread of sources by a new one that gets ports to all others.
 * I2  Each life of a thread has a slot number of its own, so a late word or store of a dead one is told apart.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { createDoorbells, RemoteBell } from '../actors/doorbell.ts';
import { describe, type ExitReason } from '../actors/exit.ts';
import { fenceSender, type ReceiverMemory } from '../actors/receiver-edge.ts';
import { Slot } from '../actors/slot.ts';
import { vitalsBuffer } from '../actors/vitals.ts';
import type { Job } from '../dstream/job.ts';
import type { Env, Timer } from '../env/env.ts';
import { messagePort, type PollablePort } from '../env/message-port.ts';
import { fromWire, MillraceError, millraceError, toWire } from '../errors.ts';
import { shape } from '../plan/compare.ts';
import type { Plan } from '../plan/planned.ts';
import type { BatchMode } from '../supervision/batcher.ts';
import type { CheckpointSpec } from '../supervision/checkpoint/checkpoint-spec.ts';
import type { LeftBehind } from '../supervision/coordinator.ts';
import { fenceCoordinator, JobMemory, type JobMemoryBuffer } from '../supervision/job-memory.ts';
import { allocateReceivers } from './edge-memory.ts';
import { EpochOrder } from './epoch-order.ts';
import { watchHeartbeat } from './heartbeat.ts';
import type { Engine, EngineListener, FaultWay, ThreadInfo, ThreadRole } from './engine.ts';
import type { JobSpec, PlanSpec } from './job-spec.ts';
import { StateQueries } from './state-queries.ts';
import { logPlaceOf } from './log-place.ts';
import type { ResolvedRunOptions } from './options.ts';
import { Pushes } from './pushes.ts';
import { sinkPlaceOf } from './sink-place.ts';
import { ThreadLimits } from './thread-limits.ts';
import { prepareThread, type PreparedThread, type ThreadPorts } from './thread-tasks.ts';
import type {
  FromCoordinator,
  FromThread,
  ThreadTaskOf,
  ToCoordinator,
  ToThread,
} from './thread-messages.ts';

const SLOTS = 256;
/** A thread that doesn't end by itself in this time is ended. */
const STOP_GRACE_MS = 1000;
/** A coordinator that hasn't made a checkpoint by then is asked again: another may have taken over. */
const CHECKPOINT_MS = 2000;
/** A coordinator that doesn't say by then what is left has nothing to say. */
const LEFT_MS = 1000;
/** Ends that nothing in the thread brought about. */
const ORDERED: ReadonlySet<ExitReason['kind']> = new Set(['killed', 'terminated', 'shutdown']);
const WORKER_FILE: URL = new URL('../worker.js', import.meta.url);

interface Thread {
  readonly role: ThreadRole;
  readonly slot: Slot<ThreadTaskOf>;
  /** Slot number of its present life. */
  number: number;
  state: 'starting' | 'up' | 'down';
  restarts: number;
  lastExit: string | undefined;
  main: PollablePort<FromThread | FromCoordinator, ToThread | ToCoordinator> | undefined;
  unwatch: (() => void) | undefined;
}

export interface ThreadsOptions {
  readonly env: Env;
  readonly job: Job<never>;
  readonly plan: Plan;
  readonly planSpec: PlanSpec;
  readonly options: ResolvedRunOptions;
  readonly mode: BatchMode;
  /** Directory of hand-overs; exists, and belongs to this run. */
  readonly directory: string;
  /** Given for a job that outlives its process. */
  readonly checkpoint?: CheckpointSpec;
  readonly listener: EngineListener;
  readonly log: (text: string) => void;
}

export class ThreadsEngine implements Engine {
  #options: ThreadsOptions;
  #spec: JobSpec;
  #memory: JobMemoryBuffer = JobMemory.allocate();
  #receivers: Map<number, ReceiverMemory>;
  #queries: StateQueries;
  #threads: Thread[] = [];
  #coordinator!: Thread;
  #sources!: Thread;
  #nextNumber = 1;
  #order = new EpochOrder();
  readonly #pushes = new Pushes();
  #hints = new Set<string>();
  #state: 'new' | 'started' | 'stopping' = 'new';
  #draining = false;
  #stopped: Promise<readonly string[]> | undefined;
  readonly #limits: ThreadLimits;
  /** Slot numbers of threads that were given up: their lines in shared memory are theirs for ever. */
  #lostNumbers = new Set<number>();
  #checkpointAsked: ((barrier: number) => void)[] = [];
  #leftAsked: ((left: LeftBehind | undefined) => void)[] = [];
  /** Slot numbers that have tasks; others are spares. */
  #working = new Set<number>();

  constructor(options: ThreadsOptions) {
    this.#options = options;
    const {
      plan,
      planSpec,
      job,
      options: {
        retainBytes,
        maxGatherBytes,
        asyncTimeoutMs,
        onRecordError,
        skipEmptyBatches,
        stateStore,
        rates,
        policy,
      },
    } = options;
    this.#queries = new StateQueries({
      clock: options.env.clock,
      plan,
      workers: () =>
        this.#threads.flatMap(({ role, state, number }) =>
          role === 'worker' && state === 'up' ? [number] : [],
        ),
      ask: (worker, question) => {
        const thread = this.#threads.find(({ number }) => number === worker);
        if (thread !== undefined) this.#post(thread, { type: 'query', question });
      },
    });
    this.#limits = new ThreadLimits(options.env.clock, options.options.policy);
    this.#receivers = allocateReceivers(plan.wiring, retainBytes);
    this.#spec = {
      ...planSpec,
      address: { url: job.url, name: job.name },
      shape: shape(plan.graph),
      batchIntervalMs: policy.batchIntervalMs,
      maxGatherBytes,
      asyncTimeoutMs,
      onRecordError,
      skipEmptyBatches,
      stateStore,
      rates,
      directory: options.directory,
      ...(options.checkpoint === undefined ? {} : { log: logPlaceOf(options.checkpoint) }),
      sinks: sinkPlaceOf(options.directory, options.checkpoint),
      doorbells: createDoorbells(SLOTS),
      vitals: vitalsBuffer(SLOTS),
      receivers: this.#receivers,
    };
  }

  async start(): Promise<void> {
    const { plan } = this.#options;
    this.#state = 'started';
    this.#coordinator = this.#thread('coordinator', 'coordinator');
    this.#sources = this.#thread('sources', 'sources');
    const workers = Array.from({ length: plan.wiring.workers + 1 }, (_, n) =>
      this.#thread('worker', `worker-${n + 1}`),
    );
    // The coordinator must be there to hear of the others; all load at the same time all the same.
    await Promise.all([
      this.#start(this.#coordinator),
      this.#start(this.#sources),
      ...workers.map((worker) => this.#start(worker)),
    ]);
  }

  drain(): void {
    this.#draining = true;
    this.#toCoordinator({ type: 'drain' });
  }

  stop(): Promise<readonly string[]> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  threads(): readonly ThreadInfo[] {
    return this.#threads.map(({ role, number, state, restarts, lastExit }) => ({
      slot: number,
      role,
      restarts,
      state: state === 'up' && role === 'worker' && !this.#working.has(number) ? 'spare' : state,
      ...(lastExit === undefined ? {} : { lastExit }),
    }));
  }

  get quarantined(): number {
    return this.#threads.reduce((sum, { slot }) => sum + slot.quarantined, 0);
  }

  checkpoint(): Promise<number | undefined> {
    return new Promise((resolve) => {
      const timer = this.#options.env.clock.after(CHECKPOINT_MS, () => resolve(undefined));
      this.#checkpointAsked.push((barrier) => {
        timer.cancel();
        resolve(barrier);
      });
      if (this.#coordinator?.state === 'up') this.#toCoordinator({ type: 'checkpoint' });
    });
  }

  left(): Promise<LeftBehind | undefined> {
    if (this.#coordinator?.state !== 'up') return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = this.#options.env.clock.after(LEFT_MS, () => resolve(undefined));
      this.#leftAsked.push((left) => {
        timer.cancel();
        resolve(left);
      });
      this.#toCoordinator({ type: 'left' });
    });
  }

  kill(slot: number, way: FaultWay, exitCode?: number): void {
    const thread = this.#threads.find(({ number }) => number === slot);
    if (thread === undefined || thread.state !== 'up') {
      throw millraceError(
        'ERR_MILLRACE_BAD_OPTION',
        `there is no thread in slot ${slot}; there are ${this.#threads.map((t) => `${t.number} (${t.role})`).join(', ')}`,
      );
    }
    if (way === 'terminate') void thread.slot.kill({ kind: 'killed' });
    else {
      this.#post(thread, { type: 'die', way, ...(exitCode === undefined ? {} : { exitCode }) });
    }
  }

  query(name: string, key: unknown): Promise<unknown> {
    return this.#queries.query(name, key);
  }

  push(name: string, records: readonly unknown[], isDurable: boolean): Promise<void> {
    if (this.#state !== 'started')
      return Promise.reject(
        millraceError(
          'ERR_MILLRACE_STOPPED',
          `push to '${name}': the run takes in no more records`,
        ),
      );
    // Between two lives nobody would hear of it.
    if (this.#sources.state === 'down')
      return Promise.reject(
        millraceError(
          'ERR_MILLRACE_PEER_DOWN',
          `push to '${name}': the thread of the sources is down; the records were not accepted`,
        ),
      );
    return this.#pushes.begin((id) =>
      this.#sources.main?.post({ type: 'push', id, name, records, isDurable }),
    );
  }

  // ---- lives of threads

  #thread(role: ThreadRole, name: string): Thread {
    const { env, options } = this.#options;
    const slot = new Slot<ThreadTaskOf>({
      clock: env.clock,
      name,
      filename: WORKER_FILE,
      killTimeoutMs: options.killTimeoutMs,
      startTimeoutMs: 30_000,
      ...(options.maxHeapMb !== undefined
        ? { resourceLimits: { maxOldGenerationSizeMb: options.maxHeapMb } }
        : {}),
    });
    const thread: Thread = {
      role,
      slot,
      number: 0,
      state: 'down',
      restarts: 0,
      lastExit: undefined,
      main: undefined,
      unwatch: undefined,
    };
    this.#threads.push(thread);
    return thread;
  }

  /** Long runs use the numbers again, but none that a thread still has. */
  #freeNumber(): number {
    for (;;) {
      const number = this.#nextNumber;
      this.#nextNumber = (number + 1) % SLOTS;
      const taken =
        this.#lostNumbers.has(number) ||
        this.#threads.some((thread) => thread.number === number && thread.state !== 'down');
      if (number !== 0 && !taken) return number;
    }
  }

  async #start(thread: Thread): Promise<void> {
    const number = this.#freeNumber();
    thread.number = number;
    thread.state = 'starting';
    const main = new MessageChannel();
    const pulse = new MessageChannel();
    const { task, transfer, coordinator } = this.#prepare(thread.role, number, {
      main: main.port2,
      pulse: pulse.port2,
    });
    thread.main = messagePort(main.port1);
    if (thread.role === 'worker') this.#order.add(thread.main);
    thread.main.onMessage((message) => this.#hear(thread, number, message));
    const started = thread.slot.start(task, transfer);
    const exited = thread.slot.exited;
    try {
      await started;
    } catch (error) {
      thread.state = 'down';
      thread.lastExit = error instanceof Error ? error.message : String(error);
      coordinator?.close();
      this.#order.gone(thread.main, false);
      if (thread.role === 'sources') this.#pushes.fail('the thread of the sources did not start');
      throw jobError(error);
    }
    if (this.#state === 'stopping') return;
    thread.state = 'up';
    void exited.then((reason) => this.#exited(thread, number, reason));
    if (thread.role === 'worker') pulse.port1.close();
    else thread.unwatch = this.#watch(thread, pulse.port1);
    this.#options.listener.thread({ type: 'actorStarted', role: thread.role, slot: number });
    if (thread.role === 'coordinator') this.#introduceAll();
    else this.#introduce(thread, coordinator!);
  }

  #watch(thread: Thread, pulse: MessagePort): () => void {
    const {
      env,
      options: { hangTimeoutMs },
    } = this.#options;
    return watchHeartbeat(messagePort(pulse), {
      clock: env.clock,
      hangTimeoutMs,
      path: thread.slot.name,
      onHang: (sinceMs) => void thread.slot.kill({ kind: 'hang', state: 'RUNNING', sinceMs }),
    });
  }

  #prepare(role: ThreadRole, slot: number, ports: ThreadPorts): PreparedThread {
    const { plan, options, mode, directory, checkpoint } = this.#options;
    const { policy, hangTimeoutMs } = options;
    const { wiring } = plan;
    const memory = this.#memory;
    const parts = {
      wiring,
      memory,
      directory,
      policy,
      mode,
      hangTimeoutMs,
      ...(checkpoint === undefined ? {} : { checkpoint }),
    };
    return prepareThread(role, slot, ports, this.#spec, parts);
  }

  /** Gives the coordinator its end of the channel to a new thread. */
  #introduce(thread: Thread, port: MessagePort): void {
    // A coordinator that isn't up yet asks everybody anew when it is.
    if (this.#coordinator.state !== 'up') {
      port.close();
      return;
    }
    this.#coordinator.main!.post(
      { type: thread.role === 'sources' ? 'sources' : 'worker', slot: thread.number, port },
      [port],
    );
  }

  /** A new coordinator: every other thread gets a new channel to it. */
  #introduceAll(): void {
    for (const thread of this.#threads) {
      if (thread.role === 'coordinator' || thread.state !== 'up') continue;
      const { port1, port2 } = new MessageChannel();
      this.#post(thread, { type: 'coordinator', port: port2 }, [port2]);
      this.#introduce(thread, port1);
    }
    if (this.#draining) this.#toCoordinator({ type: 'drain' });
  }

  #exited(thread: Thread, number: number, reason: ExitReason): void {
    if (this.#state === 'stopping') return;
    const { listener } = this.#options;
    thread.state = 'down';
    thread.restarts++;
    thread.lastExit = describe(reason);
    // First, so that whatever it held and had no time to say is not held.
    if (thread.role === 'coordinator') fenceCoordinator(this.#memory);
    this.#order.gone(thread.main!, thread.role === 'worker' && reason.kind === 'lost');
    thread.unwatch?.();
    listener.thread({
      type: 'actorExited',
      role: thread.role,
      slot: number,
      reason: thread.lastExit,
      ...('error' in reason ? { error: fromWire(reason.error) } : {}),
    });
    if (thread.role === 'worker')
      this.#toCoordinator({
        type: 'workerDown',
        slot: number,
        cause: thread.lastExit,
        wasOrdered: ORDERED.has(reason.kind),
        isDead: reason.kind !== 'lost',
      });
    if (thread.role === 'sources') {
      for (const memory of this.#receivers.values()) fenceSender(memory);
      this.#pushes.fail('the thread of the sources died');
    }
    if (reason.kind === 'lost') this.#lost(number);
    // Its last words may have been that the job is over.
    if (!this.#isStopping()) this.#replace(thread);
  }

  /** Nothing of it is used again, but it holds its core and its memory: a few of them may, no more. */
  #lost(number: number): void {
    this.#lostNumbers.add(number);
    const {
      options: { maxQuarantined },
      listener,
    } = this.#options;
    if (this.quarantined <= maxQuarantined) return;
    listener.giveUp(
      millraceError(
        'ERR_MILLRACE_QUARANTINE_FULL',
        `${this.quarantined} threads would not end and may still run; maxQuarantined is ${maxQuarantined}`,
        { context: { quarantined: this.quarantined, maxQuarantined } },
      ),
    );
  }

  #isStopping(): boolean {
    return this.#state === 'stopping';
  }

  #replace(thread: Thread): void {
    if (this.#tooOften(thread)) return;
    this.#start(thread).catch((error: unknown) => {
      if (this.#state === 'stopping') return;
      // It was ready before, so something outside has changed: try again, within the limit.
      this.#options.listener.thread({
        type: 'actorExited',
        role: thread.role,
        slot: thread.number,
        reason: thread.lastExit ?? 'bootstrap',
        error,
      });
      this.#options.env.clock.after(this.#options.options.policy.backoff.minMs ?? 50, () => {
        if (this.#state !== 'stopping') this.#replace(thread);
      });
    });
  }

  #tooOften(thread: Thread): boolean {
    const error = this.#limits.died(thread, thread.role, thread.lastExit);
    if (error === undefined) return false;
    this.#options.listener.coordinator({ type: 'failed', error: toWire(error) });
    return true;
  }

  // ---- messages

  #hear(thread: Thread, number: number, message: FromThread | FromCoordinator): void {
    const { listener, log } = this.#options;
    if (message.type === 'task') {
      this.#order.hear(message.epoch, () => {
        const room = listener.task(message.task, message.event, message.epoch);
        if (message.id === 0) return;
        const answer = (): void => {
          if (thread.number === number) this.#post(thread, { type: 'told' });
        };
        if (room === undefined) answer();
        else void room.then(answer, answer);
      });
      return;
    }
    if (thread.number !== number) return;
    switch (message.type) {
      case 'source':
        listener.source(message.event);
        return;
      case 'pushed':
        this.#pushes.answered(message.id, message.error);
        return;
      case 'answered':
        this.#queries.answer(message.id, number, message.answer);
        return;
      case 'hint':
        if (!this.#hints.has(message.text)) log(message.text);
        this.#hints.add(message.text);
        return;
      case 'event':
        if (message.event.type === 'started') this.#working = new Set(message.event.workers);
        listener.coordinator(message.event);
        return;
      case 'left':
        for (const answer of this.#leftAsked.splice(0)) answer(message.left);
        return;
      case 'checkpointed':
        for (const answer of this.#checkpointAsked.splice(0)) answer(message.barrier);
        return;
      case 'hang':
        this.#hung(message.slot, message.state, message.sinceMs);
        return;
      default:
        message satisfies never;
    }
  }

  #hung(slot: number, state: string, sinceMs: number): void {
    const thread = this.#threads.find(({ number }) => number === slot);
    void thread?.slot.kill({ kind: 'hang', state: state as never, sinceMs });
  }

  /** A worker that is parked sees its port when its bell rings. */
  #post(
    thread: Thread,
    message: ToThread | ToCoordinator,
    transfer?: readonly MessagePort[],
  ): void {
    thread.main?.post(message, transfer);
    new RemoteBell(this.#spec.doorbells, thread.number).ring();
  }

  #toCoordinator(message: ToCoordinator): void {
    if (this.#coordinator?.state === 'up') this.#coordinator.main!.post(message);
  }

  async #stop(): Promise<readonly string[]> {
    this.#state = 'stopping';
    this.#pushes.fail('the run stops');
    this.#queries.end();
    const { clock } = this.#options.env;
    await Promise.all(
      this.#threads.map(async (thread) => {
        if (thread.slot.state === 'empty' || thread.slot.state === 'dead') {
          if (thread.main !== undefined) this.#order.gone(thread.main, false);
          thread.unwatch?.();
          return;
        }
        this.#post(thread, { type: 'stop' });
        let timer: Timer | undefined;
        const grace = new Promise<'late'>((resolve) => {
          timer = clock.after(STOP_GRACE_MS, () => resolve('late'));
        });
        const reason: ExitReason | 'late' = await Promise.race([thread.slot.exited, grace]);
        timer?.cancel();
        if (reason === 'late') await thread.slot.kill({ kind: 'shutdown' });
        thread.state = 'down';
        if (thread.main !== undefined) this.#order.gone(thread.main, false);
        thread.unwatch?.();
      }),
    );
    this.#order.close();
    // Those that were given up earlier too.
    return this.#threads.flatMap(({ slot }) =>
      Array.from({ length: slot.quarantined }, () => slot.name),
    );
  }
}

/** Where a thread didn't come up for a fault of the job (its file, its graph), that error is the one to be heard. */
function jobError(error: unknown): unknown {
  if (!(error instanceof MillraceError) || error.code !== 'ERR_MILLRACE_BOOTSTRAP') return error;
  const { cause } = error;
  return cause instanceof MillraceError ? cause : error;
}
