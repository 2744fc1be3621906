/**
 * The coordinator of a job: numbers the barriers, says which are held, and brings the region back when a part of it
 * dies. It runs on its own thread (in the calling one with `threads: 0`), handles one message at a time, and blocks
 * on nothing.
 *
 *             all workers there             a task failed, a worker died
 *   waiting ───────────────────▶ running ─────────────────────────────▶ waiting (epoch + 1)
 *      └───────────────────────────┴──── limit reached, fatal error ───▶ failed
 *                                  └──── last barrier held ─▶ ending ──▶ drained
 *                                                            it is durable
 *
 * There is one way to recover. A failure ends the epoch: every task of the region, survivors included, is built anew
 * from the hand-overs of the newest held recovery point, on fresh inner rings, and reads its receiver edges again from
 * BASE. The start of a job is a recovery to barrier 0. What a thread of an older epoch still does reaches nobody: its
 * rings belong to its epoch, its files are named by it, its messages carry it.
 *
 * A start of the process from a checkpoint directory is the same with another beginning: the held point is that of the
 * manifest, the edges are empty, and the barriers that stand in the logs of the sources are cut again first (`cuts.ts`).
 *
 * I1  A message of another epoch than the current one is ignored.
 * I2  BASE moves only here, only to a held recovery point, and only after the point is in the index file.
 * I3  A barrier that was cut stays cut: it lies in the receiver edges and is taken again after a recovery.
 * I4  A coordinator that main has replaced changes nothing any more: neither index nor BASE, epoch nor cuts.
 * I5  A thread's death counts once against the restart limit, a task's throw against its batch; with `onPoison`
 *     'quarantine' neither counts where a record is to blame (`poison.ts`).
 * I6  That a record is passed over is in the index file, and durable, before any task is told.
 * I7  Tasks may begin while sources still read their logs; no barrier is cut before these have said what is in them.
 */
import type { Barrier } from '../actors/block.ts';
import type {
  FromSources,
  FromWorker,
  TaskStart,
  ToSources,
  ToWorker,
} from '../actors/messages.ts';
import type { ConsumerWords } from '../actors/receiver-edge.ts';
import { Trouble } from '../actors/trouble.ts';
import type { Timer } from '../env/env.ts';
import type { Port } from '../env/port.ts';
import { fromWire, millraceError, toWire, type WireError } from '../errors.ts';
import { Backoff } from './backoff.ts';
import { BarrierLedger, type BarrierEntry, type Taken } from './barrier-ledger.ts';
import { BatchReports } from './batch-reports.ts';
import { CommitWait } from './commit-wait.ts';
import { createDurability } from './checkpoint/create-durability.ts';
import type { Durability } from './checkpoint/durability.ts';
import type { CoordinatorOptions, LeftBehind } from './coordinator-words.ts';
import { Crew } from './crew.ts';
import { Cuts } from './cuts.ts';
import { epochStarts } from './epoch-starts.ts';
import { Failures } from './failures.ts';
import { HeldState } from './held-state.ts';
import { Holding } from './holding.ts';
import { leftBehind } from './left-behind.ts';
import { PoisonDecisions } from './poison-decisions.ts';
import { RateControl } from './rate-control.ts';
import { RingPool } from './ring-pool.ts';
import { SourcesLink } from './sources-link.ts';
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

export class Coordinator {
  #options: CoordinatorOptions;
  #state: 'waiting' | 'running' | 'ending' | 'drained' | 'failed' = 'waiting';
  #begun = false;
  readonly #crew: Crew;
  readonly #sources: SourcesLink = new SourcesLink();
  #words: ReadonlyMap<number, ConsumerWords> = new Map();
  #ledger: BarrierLedger;
  readonly #durability: Durability;
  readonly #held: HeldState;
  readonly #holding: Holding;
  readonly #cuts: Cuts;
  readonly #commits: CommitWait;
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
  /** The last barrier is held. */
  #isEnding = false;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    const { env, wiring, memory, directory, policy, checkpoint } = options;
    this.#incarnation = memory.incarnation;
    this.#tookOver = memory.epoch > 0;
    this.#crew = new Crew(wiring.workers);
    this.#ledger = new BarrierLedger(wiring.tasks.length);
    this.#commits = new CommitWait(wiring);
    const trouble = new Trouble(
      (error) => options.emit({ type: 'degraded', what: 'held index', error: toWire(error) }),
      () => options.emit({ type: 'recovered', what: 'held index' }),
    );
    const { durability, start } = createDurability({
      ...options,
      isFirst: !this.#tookOver,
      epoch: () => this.#epoch,
      checkFence: () => this.#checkFence(),
      durable: (barrier) => this.#durable(barrier),
      replacePart: (...part) => this.#held.replacePart(...part),
    });
    this.#durability = durability;
    this.#held = new HeldState({
      env,
      directory,
      incarnation: this.#incarnation,
      durability,
      trouble,
      start,
      tasks: wiring.tasks.length,
      setBase: (edge, offset) => options.edges.setBase(edge, offset),
      checkFence: () => this.#checkFence(),
      moved: (barrier) => this.#sources.post({ type: 'held', barrier }),
      settled: () => this.#tryStart(),
    });
    this.#holding = new Holding({
      clock: env.clock,
      trouble,
      hold: (entry) => this.#barrierHeld(entry),
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
      untaken: (task) => this.#ledger.untaken(task, this.#newestHeld),
      timeOfBatch: (start) => this.#cuts.timeOfBatch(start),
    });
    this.#rates =
      policy.pid === undefined
        ? undefined
        : new RateControl(wiring, { batchIntervalMs: policy.batchIntervalMs, pid: policy.pid });
    this.#cuts = new Cuts({
      ...options,
      clock: env.clock,
      isFirst: !this.#tookOver,
      checkFence: () => this.#checkFence(),
      post: (message) => this.#sources.post(message),
      submitted: (barrier) => this.#reports.submitted(barrier),
      held: () => this.#held.point.barrier,
      durable: () => durability.barrier,
    });
    const beganBefore = memory.epoch;
    if (!this.#tookOver) {
      const barrier = checkpoint?.start?.barrier;
      if (barrier !== undefined) this.#cuts.startBehind(barrier);
      const first = checkpoint?.firstEpoch ?? 1;
      this.#held.begin(barrier, first - 1);
      memory.epoch = this.#epoch = first;
    } else {
      // It knows nothing of what was taken in the epoch of the other, so that one ends here.
      this.#recoveringSince = env.clock.monotonic();
      this.#held.takeOver((number) => this.#cuts.of(number), beganBefore);
      this.#newEpoch('the coordinator died');
    }
    this.#reports.takeOver(this.#held.point);
    this.#newestHeld = this.#held.point.barrier;
    this.#poison.takeOver();
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Tasks are at work, and batches are cut. */
  get hasBegun(): boolean {
    return this.#begun;
  }

  get heldBarrier(): number {
    return this.#held.point.barrier;
  }

  /** A thread with the job loaded: it takes a missing worker's place, or stands ready as a spare. */
  addWorker(slot: number, port: Port<FromWorker, ToWorker>): void {
    port.onMessage((message) => this.#fromWorker(slot, message));
    port.onClose(() => this.workerDown(slot, UNKNOWN_CAUSE));
    // It may still be at work on the epoch of a coordinator that died.
    port.post({ type: 'stop' });
    this.#crew.add({ slot, port });
    this.#tryStart();
  }

  /** The thread of the sources, first or again. */
  attachSources(slot: number, port: Port<FromSources, ToSources>): void {
    this.#sources.attach(slot, port, (message) => this.#fromSources(message));
    this.#postConsumers();
    if (this.#begun) {
      this.#postHeld();
      this.#cuts.postOpen();
      for (const [source, rate] of this.#rates?.rates ?? [])
        this.#sources.post({ type: 'rate', source, rate });
      if (this.#draining) this.#sources.post({ type: 'stopIntake' });
    } else this.#tryStart();
  }

  /**
   * A worker's thread is dead or is to be treated as dead. Anything that it still says is of an old epoch.
   * @param wasOrdered somebody ended it from outside, so nothing that it did is to blame
   * @param isDead it is known to run no more
   */
  workerDown(slot: number, cause: string, wasOrdered = false, isDead = false): void {
    if (isDead) this.#rings.dead(slot);
    const at = this.#crew.remove(slot);
    if (this.#failures.named(slot, cause, wasOrdered)) return;
    if (at !== undefined && !this.#isOver) this.#failures.workerDown(slot, at, cause, wasOrdered);
  }

  /** Stops intake, closes what is left as a last batch, and emits `drained` when it is held. */
  drain(): void {
    if (this.#draining || this.#isOver) return;
    this.#draining = true;
    // What has begun must go on before it can end: without sources, or behind a coordinator that died, that takes a while.
    if (this.#begun) this.#sources.post({ type: 'stopIntake' });
    else if (!this.#tookOver && this.#options.checkpoint === undefined) this.#drained();
  }

  /** A checkpoint of what is held now, at the least: calls with the number of its barrier when it is durable. */
  checkpoint(then: (barrier: number) => void): void {
    this.#durability.checkpoint(then);
  }

  /** What isn't through yet, for whoever gives up on a drain. */
  left(): LeftBehind {
    return leftBehind({
      ...this.#options,
      words: this.#words,
      open: this.#cuts.of(this.#newestHeld + 1),
      has: (barrier, task) => this.#ledger.has(barrier, task),
    });
  }

  /** Ends everything at once, without a last batch. */
  stop(): void {
    this.#cuts.stop();
    this.#restartTimer?.cancel();
    this.#failures.stop();
    this.#holding.abort();
    this.#held.stop();
    this.#durability.stop();
    if (this.#state !== 'failed') this.#state = 'drained';
    this.#crew.stop();
  }

  fail(error: unknown): void {
    if (this.#state === 'failed' || this.#state === 'drained') return;
    this.#state = 'failed';
    this.stop();
    this.#sources.post({ type: 'stopIntake' });
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
      case 'committed':
        this.#commits.committed(message.task, message.barrier);
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
        return;
      case 'recorded':
        this.#cuts.recorded(message.cuts);
        if (this.#state === 'running' && !this.#begun) this.#begin();
        return;
      case 'relief':
        this.#cuts.relief();
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
    if (!this.#cuts.isLastCut) this.#cuts.end();
  }

  get #isOver(): boolean {
    return this.#state === 'ending' || this.#state === 'drained' || this.#state === 'failed';
  }

  // ---- barriers

  #taken(message: Taken): void {
    const entry = this.#ledger.take(message, this.#options.env.clock.monotonic());
    this.#reports.taken(message.barrier, entry);
    if (entry !== undefined) this.#holding.add(entry);
  }

  #barrierHeld(entry: BarrierEntry): void {
    const barrier = this.#options.memory.cut(entry.number);
    // What may fail comes first, for it is tried again: nothing is counted twice.
    if (barrier.point)
      this.#held.advance(barrier, entry, this.#epoch, {
        ...this.#reports.held(barrier, entry),
        ...this.#poison.held(barrier.number, entry),
      });
    this.#newestHeld = barrier.number;
    this.#reports.add(entry);
    this.#rates?.add(entry.taken.values());
    if (barrier.batch) this.#reports.complete(barrier, entry);
    this.#backoff.reset();
    this.#progressed = true;
    if (barrier.last) this.#end();
    else this.#cuts.held(barrier);
  }

  #durable(barrier: number): void {
    this.#sources.post({ type: 'durable', barrier, oldest: this.#durability.oldest });
    this.#crew.post({ type: 'durable', barrier });
    this.#cuts.durable();
  }

  #completed(barrier: Barrier, tookMs: number): void {
    for (const each of this.#rates?.completed(barrier.time, tookMs) ?? [])
      this.#sources.post({ type: 'rate', ...each });
    this.#failures.forget(barrier.number);
  }

  /** All that came in is held. While stores have not got it all, what fails is still overcome. */
  #end(): void {
    if (this.#isOver || this.#isEnding) return;
    this.#isEnding = true;
    if (this.#commits.isNeedless) this.#state = 'ending';
    const last = this.#held.point.barrier;
    this.#durability.finish(() => this.#commits.when(last, () => this.#drained()));
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
    this.#holding.abort();
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
    if (!this.#held.isSettled || (!this.#sources.isThere && !this.#begun)) return;
    if (!this.#crew.fill()) {
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
    this.#rings.begin(this.#epoch, this.#crew.slots);
    const starts = this.#taskStarts();
    this.#postConsumers();
    const { batchStart, skip } = this.#held.point;
    this.#crew.post((worker) => ({
      type: 'start',
      epoch: this.#epoch,
      tasks: starts[worker]!,
      batchStart,
      skip,
      durable: this.#durability.barrier,
    }));
    emit({
      type: 'started',
      epoch: this.#epoch,
      barrier: this.#held.point.barrier,
      tookMs: this.#recoveringSince === 0 ? 0 : env.clock.monotonic() - this.#recoveringSince,
      workers: this.#crew.slots,
    });
    if (!this.#begun && this.#cuts.isKnown) this.#begin();
  }

  #begin(): void {
    const { memory } = this.#options;
    this.#begun = true;
    const lastIsCut = this.#cuts.isLastCut;
    if (lastIsCut && this.#held.point.barrier >= memory.lastCut) {
      this.#end();
      return;
    }
    this.#postHeld();
    this.#cuts.postOpen();
    this.#cuts.begin();
    if (this.#draining || lastIsCut) this.#sources.post({ type: 'stopIntake' });
  }

  #postHeld(): void {
    const { barrier, oldest } = this.#durability;
    this.#sources.postHeld(this.#held.point.barrier, barrier, oldest);
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

  #taskStarts(): TaskStart[][] {
    const { wiring, edges, memory } = this.#options;
    const { starts, words } = epochStarts({
      wiring,
      edges,
      parts: this.#held.point.parts,
      epoch: this.#epoch,
      isRecovery: memory.restarts > 0,
      slots: this.#crew.slots,
      sourcesSlot: this.#sources.slot,
      takeRing: () => this.#rings.take(),
      carefulOf: (task) => this.#poison.carefulOf(task),
    });
    this.#words = words;
    return starts;
  }

  #postConsumers(): void {
    const { wiring } = this.#options;
    this.#sources.postConsumers(
      this.#words,
      (edge) => this.#crew.slotOf(wiring.tasks[wiring.edges[edge]!.to]!.worker) ?? 0,
    );
  }
}
