/**
 * The coordinator of a job: numbers the barriers, says which are held, and brings the region back when a part of it
 * dies. It runs on its own thread (in the calling one with `threads: 0`), handles one message at a time, and blocks
 * on nothing.
 *
 *             all workers there             a task failed, a worker died
 *   waiting ───────────────────▶ running ─────────────────────────────▶ waiting (epoch + 1)
 *      └───────────────────────────┴──── limit reached, fatal error ───▶ failed
 *                                  └──── last barrier held ────────────▶ drained
 *
 * There is one way to recover. A failure ends the epoch: every task of the region, survivors included, is built anew
 * from the hand-overs of the newest held recovery point, on fresh inner rings, and reads its receiver edges again from
 * BASE. The start of a job is a recovery to barrier 0. What a thread of an older epoch still does reaches nobody: its
 * rings belong to its epoch, its files are named by it, its messages carry it.
 *
 * I1  A message of another epoch than the current one is ignored.
 * I2  BASE moves only here, only to a held recovery point, and only after the point is in the index file.
 * I3  A barrier that was cut stays cut: it lies in the receiver edges and is taken again after a recovery.
 * I4  A coordinator that main has replaced changes nothing any more: neither index nor BASE, epoch nor cuts.
 * I5  A thread's death counts once against the restart limit, a task's throw against its batch; with `onPoison`
 *     'quarantine' neither counts where a record is to blame (`poison.ts`).
 * I6  That a record is passed over is in the index file before any task is told.
 */
import type { Barrier } from '../actors/block.ts';
import type {
  FromSources,
  FromWorker,
  TaskStart,
  ToSources,
  ToWorker,
} from '../actors/messages.ts';
import { unreadBytes, type ConsumerWords } from '../actors/receiver-edge.ts';
import type { Timer } from '../env/env.ts';
import type { Port } from '../env/port.ts';
import { fromWire, millraceError, toWire, type WireError } from '../errors.ts';
import { Backoff } from './backoff.ts';
import { BarrierLedger, type BarrierEntry, type Taken } from './barrier-ledger.ts';
import { BatchReports } from './batch-reports.ts';
import { Batcher, type Cut } from './batcher.ts';
import type { CoordinatorOptions, LeftBehind } from './coordinator-words.ts';
import { epochStarts } from './epoch-starts.ts';
import { Failures } from './failures.ts';
import { HeldState } from './held-state.ts';
import { CUTS } from './job-memory.ts';
import { PoisonDecisions } from './poison-decisions.ts';
import { RateControl } from './rate-control.ts';
import { RingPool } from './ring-pool.ts';
import { UNKNOWN_CAUSE } from './unnamed-deaths.ts';

export type {
  BatchTimes,
  CoordinatorEvent,
  CoordinatorOptions,
  CoordinatorPolicy,
  DiedWith,
  EdgeMemory,
  LeftBehind,
} from './coordinator-words.ts';

/** So many barriers may be cut and not held: all of them must stay in the table of cuts, and fit into edges. */
const MAX_OPEN_BARRIERS = CUTS / 2;

interface WorkerSlot {
  readonly slot: number;
  readonly port: Port<FromWorker, ToWorker>;
}

export class Coordinator {
  #options: CoordinatorOptions;
  #state: 'waiting' | 'running' | 'drained' | 'failed' = 'waiting';
  #begun = false;
  /** Logical workers: the thread that has their tasks. */
  #workers: (WorkerSlot | undefined)[];
  #spares: WorkerSlot[] = [];
  #sources: { readonly slot: number; readonly port: Port<FromSources, ToSources> } | undefined;
  #words: ReadonlyMap<number, ConsumerWords> = new Map();
  #ledger: BarrierLedger;
  readonly #held: HeldState;
  #batcher: Batcher;
  #backoff: Backoff;
  readonly #failures: Failures;
  #restartTimer: Timer | undefined;
  readonly #poison: PoisonDecisions;
  readonly #rings: RingPool;
  readonly #rates: RateControl | undefined;
  readonly #incarnation: number;
  /** Its own: the one in shared memory may be a successor's. */
  #epoch = 0;
  /** Goes on for an earlier coordinator that died. */
  readonly #tookOver: boolean;
  #recoveringSince = 0;
  readonly #reports: BatchReports;
  /** Number of the newest barrier that is held, recovery point or not. */
  #newestHeld = 0;
  /** A barrier was held since the last recovery, so the next one need not wait. */
  #progressed = true;
  #draining = false;
  #intakeStopped = false;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    const { env, wiring, memory, directory, policy, mode } = options;
    this.#incarnation = memory.incarnation;
    this.#workers = Array.from({ length: wiring.workers }, () => undefined);
    this.#ledger = new BarrierLedger(wiring.tasks.length);
    this.#held = new HeldState({
      directory,
      disk: env.disk,
      tasks: wiring.tasks.length,
      setBase: (edge, offset) => options.edges.setBase(edge, offset),
      checkFence: () => this.#checkFence(),
    });
    this.#reports = new BatchReports({
      wiring,
      memory,
      ledger: this.#ledger,
      clock: env.clock,
      emit: (event) => options.emit(event),
      completed: (barrier, tookMs) => this.#completed(barrier, tookMs),
    });
    this.#backoff = new Backoff(policy.backoff, () => env.random());
    this.#rings = new RingPool({
      create: () => options.edges.createRing(),
      reset: (ring) => options.edges.resetRing(ring),
    });
    this.#poison = new PoisonDecisions({
      policy,
      wiring,
      memory,
      held: this.#held,
      clock: env.clock,
      emit: (event) => options.emit(event),
    });
    this.#failures = new Failures({
      policy,
      wiring,
      clock: env.clock,
      poison: this.#poison,
      reports: this.#reports,
      held: this.#held,
      diedWith: options.diedWith,
      recover: (...why) => this.#recover(...why),
      fail: (error) => this.fail(error),
      isOver: () => this.#isOver,
      progressed: () => {
        this.#backoff.reset();
        this.#progressed = true;
      },
      untaken: (task) => this.#untaken(task),
      timeOfBatch: (start) => this.#timeOfBatch(start),
    });
    this.#rates =
      policy.pid === undefined
        ? undefined
        : new RateControl(wiring, { batchIntervalMs: policy.batchIntervalMs, pid: policy.pid });
    this.#batcher = new Batcher({
      clock: env.clock,
      mode,
      intervalMs: policy.batchIntervalMs,
      reliefIntervalMs: policy.reliefIntervalMs,
      cut: (kind) => this.#cut(kind),
      mayCut: () => memory.lastCut - this.#held.point.barrier < MAX_OPEN_BARRIERS,
    });
    this.#tookOver = memory.epoch > 0;
    if (!this.#tookOver) {
      this.#held.begin();
      memory.epoch = this.#epoch = 1;
    } else {
      const point = this.#held.takeOver();
      this.#reports.takeOver(point);
      this.#newestHeld = point.barrier;
      this.#poison.takeOver();
      // It knows nothing of what was taken in the epoch of the other, so that one ends here.
      this.#recoveringSince = env.clock.monotonic();
      this.#newEpoch('the coordinator died');
    }
  }

  get epoch(): number {
    return this.#epoch;
  }

  get heldBarrier(): number {
    return this.#held.point.barrier;
  }

  /** A thread with the job loaded: it takes a missing worker's place, or stands ready as a spare. */
  addWorker(slot: number, port: Port<FromWorker, ToWorker>): void {
    const worker: WorkerSlot = { slot, port };
    port.onMessage((message) => this.#fromWorker(slot, message));
    port.onClose(() => this.workerDown(slot, UNKNOWN_CAUSE));
    // It may still be at work on the epoch of a coordinator that died.
    port.post({ type: 'stop' });
    this.#spares.push(worker);
    if (this.#state === 'waiting') this.#tryStart();
  }

  /** The thread of the sources, first or again. */
  attachSources(slot: number, port: Port<FromSources, ToSources>): void {
    this.#sources = { slot, port };
    port.onMessage((message) => {
      if (this.#sources?.port === port) this.#fromSources(message);
    });
    port.onClose(() => {
      if (this.#sources?.port === port) this.#sources = undefined;
    });
    if (this.#begun) {
      this.#postConsumers();
      this.#postOpenCuts();
      for (const [source, rate] of this.#rates?.rates ?? [])
        port.post({ type: 'rate', source, rate });
      if (this.#draining) port.post({ type: 'stopIntake' });
    } else this.#tryStart();
  }

  /**
   * A worker's thread is dead or is to be treated as dead. Anything that it still says is of an old epoch.
   * @param wasOrdered somebody ended it from outside, so nothing that it did is to blame
   * @param isDead it is known to run no more
   */
  workerDown(slot: number, cause: string, wasOrdered = false, isDead = false): void {
    if (isDead) this.#rings.dead(slot);
    this.#spares = this.#spares.filter((spare) => spare.slot !== slot);
    if (this.#failures.named(slot, cause, wasOrdered)) return;
    const at = this.#workers.findIndex((worker) => worker?.slot === slot);
    if (at < 0) return;
    this.#workers[at]!.port.close();
    this.#workers[at] = undefined;
    if (!this.#isOver) this.#failures.workerDown(slot, at, cause, wasOrdered);
  }

  /** Stops intake, closes what is left as a last batch, and emits `drained` when it is held. */
  drain(): void {
    if (this.#draining || this.#isOver) return;
    this.#draining = true;
    // What has begun must go on before it can end: without sources, or behind a coordinator that died, that takes a while.
    if (this.#begun) this.#sources?.port.post({ type: 'stopIntake' });
    else if (!this.#tookOver) this.#drained();
  }

  /** What isn't through yet, for whoever gives up on a drain. */
  left(): LeftBehind {
    const { memory, wiring, edges } = this.#options;
    const number = this.#newestHeld + 1;
    const open =
      number <= memory.lastCut && number > memory.lastCut - CUTS ? memory.cut(number) : undefined;
    const sources = wiring.sources.map(({ name, outputs }) => ({
      source: name,
      unreadBytes: outputs.reduce(
        (sum, edge) => sum + unreadBytes(edges.receiver(edge), this.#words.get(edge)),
        0,
      ),
    }));
    return {
      ...(open === undefined ? {} : { openBarrier: { number, time: open.time } }),
      tasksBehind:
        open === undefined
          ? []
          : wiring.tasks.filter(({ id }) => !this.#ledger.has(number, id)).map(({ name }) => name),
      sources: sources.filter((each) => each.unreadBytes > 0),
    };
  }

  /** Ends everything at once, without a last batch. */
  stop(): void {
    this.#batcher.stop();
    this.#restartTimer?.cancel();
    this.#failures.stop();
    if (this.#state !== 'failed') this.#state = 'drained';
    for (const worker of [...this.#workers, ...this.#spares]) worker?.port.post({ type: 'stop' });
  }

  fail(error: unknown): void {
    if (this.#state === 'failed' || this.#state === 'drained') return;
    this.#state = 'failed';
    this.stop();
    this.#sources?.port.post({ type: 'stopIntake' });
    this.#options.emit({ type: 'failed', error: toWire(error) });
  }

  // ---- from the threads

  #fromWorker(slot: number, message: FromWorker): void {
    if (message.type === 'began') {
      this.#rings.began(slot, message.epoch);
      return;
    }
    if (message.epoch !== this.epoch || this.#state !== 'running') return;
    switch (message.type) {
      case 'taken':
        this.#taken(message);
        return;
      case 'failed':
        this.#failures.taskFailed(message);
        return;
      default:
        message satisfies never;
    }
  }

  #fromSources(message: FromSources): void {
    switch (message.type) {
      case 'put':
      case 'recorded':
        return;
      case 'relief':
        this.#batcher.relief();
        return;
      case 'intakeStopped':
        this.#endIntake();
        return;
      case 'sourceFailed':
        this.fail(fromWire(message.error));
        return;
      default:
        message satisfies never;
    }
  }

  #endIntake(): void {
    // An answer to a coordinator that died comes too early: `begin` asks again.
    if (this.#intakeStopped || !this.#begun) return;
    this.#intakeStopped = true;
    if (!this.#lastIsCut()) this.#batcher.end();
  }

  get #isOver(): boolean {
    return this.#state === 'drained' || this.#state === 'failed';
  }

  #untaken(task: number): number {
    let number = this.#newestHeld + 1;
    while (this.#ledger.has(number, task)) number++;
    return number;
  }

  /** Time of the batch that begins behind barrier `start`; of an open one, the time at which it will end. */
  #timeOfBatch(start: number): number {
    const { memory } = this.#options;
    for (let n = start + 1; n <= memory.lastCut; n++) {
      const barrier = memory.cut(n);
      if (barrier.batch) return barrier.time;
    }
    return this.#batcher.time;
  }

  // ---- barriers

  #cut(kind: Cut): void {
    const { memory, env } = this.#options;
    this.#checkFence();
    const barrier: Barrier = { number: memory.lastCut + 1, ...kind };
    memory.record(barrier, env.clock.monotonic());
    if (barrier.batch) this.#reports.submitted(barrier);
    this.#sources?.port.post({ type: 'cut', barrier });
  }

  #taken(message: Taken): void {
    const entry = this.#ledger.take(message, this.#options.env.clock.monotonic());
    this.#reports.taken(message.barrier, entry);
    if (entry !== undefined) this.#barrierHeld(entry);
  }

  #barrierHeld(entry: BarrierEntry): void {
    const barrier = this.#options.memory.cut(entry.number);
    this.#newestHeld = barrier.number;
    this.#reports.add(entry);
    this.#rates?.add(entry.taken.values());
    if (barrier.point) this.#pointHeld(barrier, entry);
    if (barrier.batch) this.#reports.complete(barrier, entry);
    this.#backoff.reset();
    this.#progressed = true;
    if (barrier.last) this.#drained();
    else this.#batcher.held(barrier);
  }

  #pointHeld(barrier: Barrier, entry: BarrierEntry): void {
    this.#held.advance(barrier, entry, this.#epoch, {
      ...this.#reports.held(barrier),
      ...this.#poison.held(barrier.number, entry),
    });
    this.#sources?.port.post({ type: 'held', barrier: barrier.number });
    for (const worker of this.#workers)
      worker?.port.post({ type: 'durable', barrier: barrier.number });
  }

  #completed(barrier: Barrier, tookMs: number): void {
    for (const each of this.#rates?.completed(barrier.time, tookMs) ?? [])
      this.#sources?.port.post({ type: 'rate', ...each });
    this.#failures.forget(barrier.number);
  }

  #drained(): void {
    if (this.#state === 'failed' || this.#state === 'drained') return;
    this.#state = 'drained';
    this.stop();
    this.#options.emit({ type: 'drained' });
  }

  // ---- starts and recoveries

  /** @param sinceMs when it failed, if that is a while ago */
  #recover(cause: string, error?: WireError, sinceMs?: number): void {
    const { env } = this.#options;
    if (this.#state === 'running') {
      this.#state = 'waiting';
      this.#recoveringSince = sinceMs ?? env.clock.monotonic();
    }
    this.#reports.restore(this.#held.point);
    this.#rates?.reset();
    this.#newestHeld = this.#held.point.barrier;
    this.#ledger.abort();
    this.#newEpoch(cause, error);
    this.#restartTimer?.cancel();
    const delayMs = this.#progressed ? 0 : this.#backoff.next();
    this.#progressed = false;
    this.#restartTimer = env.clock.after(delayMs, () => {
      this.#restartTimer = undefined;
      this.#tryStart();
    });
  }

  #newEpoch(cause: string, error?: WireError): void {
    const { memory, emit } = this.#options;
    this.#checkFence();
    memory.epoch = this.#epoch = memory.epoch + 1;
    memory.restarts++;
    emit({
      type: 'recovering',
      epoch: this.#epoch,
      barrier: this.#held.point.barrier,
      cause,
      restarts: memory.restarts,
      ...(error === undefined ? {} : { error }),
    });
  }

  #tryStart(): void {
    if (this.#state !== 'waiting' || this.#restartTimer !== undefined) return;
    if (this.#sources === undefined && !this.#begun) return;
    for (let w = 0; w < this.#workers.length; w++) this.#workers[w] ??= this.#spares.shift();
    if (this.#workers.some((worker) => worker === undefined)) {
      this.#options.emit({ type: 'workerWanted' });
      return;
    }
    this.#startEpoch();
  }

  #startEpoch(): void {
    const { env, emit } = this.#options;
    this.#checkFence();
    this.#state = 'running';
    this.#held.epochBegins();
    this.#rings.begin(
      this.#epoch,
      this.#workers.map((worker) => worker!.slot),
    );
    const starts = this.#taskStarts();
    this.#postConsumers();
    this.#workers.forEach((worker, w) => {
      worker!.port.post({
        type: 'start',
        epoch: this.#epoch,
        tasks: starts[w]!,
        batchStart: this.#held.point.batchStart,
        skip: this.#held.point.skip,
        durable: this.#held.point.barrier,
      });
    });
    emit({
      type: 'started',
      epoch: this.#epoch,
      barrier: this.#held.point.barrier,
      tookMs: this.#recoveringSince === 0 ? 0 : env.clock.monotonic() - this.#recoveringSince,
      workers: this.#workers.map((worker) => worker!.slot),
    });
    if (!this.#begun) this.#begin();
  }

  #begin(): void {
    const { memory } = this.#options;
    this.#begun = true;
    const { lastCut } = memory;
    const lastIsCut = this.#lastIsCut();
    if (lastIsCut && this.#held.point.barrier >= lastCut) {
      this.#drained();
      return;
    }
    this.#postOpenCuts();
    if (!lastIsCut) {
      let newest: Barrier | undefined;
      for (let n = lastCut; n > 0 && n > lastCut - CUTS && newest === undefined; n--)
        if (memory.cut(n).batch) newest = memory.cut(n);
      this.#batcher.start(newest?.time, memory.zeroTime);
      // Nobody says again that it is held.
      if (newest !== undefined && newest.number <= this.#held.point.barrier)
        this.#batcher.held(newest);
    }
    if (this.#draining || lastIsCut) this.#sources?.port.post({ type: 'stopIntake' });
  }

  /** Sources that are new, or hear of a new coordinator, learn what is held and what is cut; they ignore what they have. */
  #postOpenCuts(): void {
    const { memory } = this.#options;
    const port = this.#sources?.port;
    if (this.#held.point.barrier > 0)
      port?.post({ type: 'held', barrier: this.#held.point.barrier });
    for (let n = this.#held.point.barrier + 1; n <= memory.lastCut; n++)
      port?.post({ type: 'cut', barrier: memory.cut(n) });
  }

  #checkFence(): void {
    const { memory } = this.#options;
    if (memory.incarnation === this.#incarnation) return;
    throw millraceError(
      'ERR_MILLRACE_FENCED',
      `coordinator ${this.#incarnation} was replaced by coordinator ${memory.incarnation} and decides nothing any more`,
      { context: { epoch: this.#incarnation } },
    );
  }

  #lastIsCut(): boolean {
    const { memory } = this.#options;
    return memory.lastCut > 0 && memory.cut(memory.lastCut).last;
  }

  #taskStarts(): TaskStart[][] {
    const { wiring, edges, memory } = this.#options;
    const { starts, words } = epochStarts({
      wiring,
      edges,
      parts: this.#held.point.parts,
      epoch: this.#epoch,
      isRecovery: memory.restarts > 0,
      slots: this.#workers.map((worker) => worker!.slot),
      sourcesSlot: this.#sources?.slot ?? 0,
      takeRing: () => this.#rings.take(),
      carefulOf: (task) => this.#poison.carefulOf(task),
    });
    this.#words = words;
    return starts;
  }

  #postConsumers(): void {
    const { wiring } = this.#options;
    if (this.#sources === undefined || this.#words.size === 0) return;
    this.#sources.port.post({
      type: 'consumers',
      edges: [...this.#words].map(([edge, words]) => ({
        edge,
        words,
        peer: this.#workers[wiring.tasks[wiring.edges[edge]!.to]!.worker]?.slot ?? 0,
      })),
    });
  }
}
