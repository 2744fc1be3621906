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
import { unreadBytes, type ConsumerWords, type ReceiverMemory } from '../actors/receiver-edge.ts';
import { baseOf, setConsumerEpoch } from '../actors/receiver-memory.ts';
import type { RingMemory } from '../actors/ring.ts';
import type { RecordInHand } from '../actors/in-hand.ts';
import { epochOfHandOver } from '../actors/hand-over-file.ts';
import type {
  EdgeEnd,
  FromSources,
  FromWorker,
  TaskStart,
  ToSources,
  ToWorker,
} from '../actors/messages.ts';
import type { OutputTimes } from '../actors/task.ts';
import type { Wiring } from '../actors/wiring.ts';
import type { Env, Timer } from '../env/env.ts';
import type { Port } from '../env/port.ts';
import { fromWire, millraceError, toWire, type WireError } from '../errors.ts';
import { Backoff, type BackoffOptions } from './backoff.ts';
import { Batcher, type BatchMode, type Cut } from './batcher.ts';
import { BarrierLedger, type BarrierEntry, type Taken } from './barrier-ledger.ts';
import { InputCounts } from './input-counts.ts';
import { HeldIndex, startPoint, type HeldPoint } from './held-index.ts';
import { RestartIntensity } from './intensity.ts';
import { CUTS, type JobMemory } from './job-memory.ts';
import type { PidOptions } from './pid.ts';
import { RingPool } from './ring-pool.ts';
import { POISON_ATTEMPTS, PoisonLedger, type PoisonDecision } from './poison.ts';
import { RateControl } from './rate-control.ts';

export interface CoordinatorPolicy {
  readonly batchIntervalMs: number;
  /** Longest time between two recovery points while a batch is open. */
  readonly reliefIntervalMs: number;
  readonly maxBatchFailures: number;
  readonly onBatchError: 'fail' | 'continue';
  readonly maxRestarts: number;
  readonly withinMs: number;
  readonly backoff: BackoffOptions;
  /** @default 'fail' */
  readonly onPoison?: 'fail' | 'quarantine';
  /** @default 10 */
  readonly maxPoisonPerMin?: number;
  /** How the rate of sources follows what a batch took. @default it doesn't */
  readonly pid?: PidOptions;
}

/** What a thread died with. */
export interface DiedWith {
  /** Whose step was on its stack. */
  readonly task: number;
  /** Known of a careful task. */
  readonly record?: RecordInHand;
}

/** Memory and words that the coordinator hands out; made by whoever may allocate them. */
export interface EdgeMemory {
  createRing(): RingMemory;
  /** Empties one that nobody can touch any more. */
  resetRing(ring: RingMemory): void;
  createWords(): ConsumerWords;
  /** Of a receiver edge; lives as long as the job. */
  receiver(edge: number): ReceiverMemory;
  setBase(edge: number, offset: number): void;
}

export type CoordinatorEvent =
  | {
      readonly type: 'started';
      readonly epoch: number;
      readonly barrier: number;
      readonly tookMs: number;
      readonly workers: readonly number[];
    }
  | {
      readonly type: 'recovering';
      readonly epoch: number;
      readonly barrier: number;
      readonly cause: string;
      readonly restarts: number;
      readonly error?: WireError;
    }
  | {
      readonly type: 'batchSubmitted';
      readonly barrier: number;
      readonly time: number;
      readonly submissionTime: number;
    }
  /** All that came in for the batch has been read. */
  | ({ readonly type: 'batchStarted'; readonly barrier: number; readonly time: number } & Pick<
      BatchTimes,
      'submissionTime' | 'processingStartTime' | 'inputs'
    >)
  | ({
      readonly type: 'batchCompleted';
      readonly barrier: number;
      readonly time: number;
      readonly records: number;
      readonly schedulingDelayMs: number;
      readonly processingMs: number;
      readonly totalDelayMs: number;
    } & BatchTimes)
  | ({
      readonly type: 'batchFailed';
      readonly barrier: number;
      readonly time: number;
      readonly error: WireError;
    } & BatchTimes)
  /** A record that killed its task again and again is passed over. It may be said again; `number` makes it recognisable. */
  | {
      readonly type: 'deadLetter';
      readonly reason: 'poison';
      /** Counts up from 1. */
      readonly number: number;
      /** The record, as text; long ones are cut. */
      readonly record: string;
      /** Name of the task. */
      readonly task: string;
      readonly attempts: number;
      readonly lastError: string;
    }
  /** A worker is missing and no spare stands ready. */
  | { readonly type: 'workerWanted' }
  | { readonly type: 'drained' }
  | { readonly type: 'failed'; readonly error: WireError };

/** What listeners want to know of a batch. Wall times in ms. */
export interface BatchTimes {
  readonly submissionTime: number;
  readonly processingStartTime: number;
  readonly processingEndTime: number;
  /** Records by source. */
  readonly inputs: readonly number[];
  /** Outputs that ran, in order. */
  readonly outputs: readonly OutputTimes[];
}

/** What isn't through yet. */
export interface LeftBehind {
  /** The oldest barrier that was cut and is not held, with the time of its batch. */
  readonly openBarrier?: { readonly number: number; readonly time: number };
  /** Names of the tasks that have not taken it. */
  readonly tasksBehind: readonly string[];
  /** What came in and was not read; only sources that have some. */
  readonly sources: readonly { readonly source: string; readonly unreadBytes: number }[];
}

export interface CoordinatorOptions {
  readonly env: Env;
  readonly wiring: Wiring;
  readonly memory: JobMemory;
  readonly directory: string;
  readonly policy: CoordinatorPolicy;
  readonly mode: BatchMode;
  readonly edges: EdgeMemory;
  /** What the thread in that slot died with, if a step of a task was on its stack. @default nobody knows */
  readonly diedWith?: (slot: number) => DiedWith | undefined;
  readonly emit: (event: CoordinatorEvent) => void;
}

/** Of a worker whose port closed before anyone said why. */
const UNKNOWN_CAUSE = 'its thread is gone';

/** So many barriers may be cut and not held: all of them must stay in the table of cuts, and fit into edges. */
const MAX_OPEN_BARRIERS = CUTS / 2;

const MAX_POISON_PER_MIN = 10;

/** Whoever watches the threads knows by then, in ms. */
const NAMED_WITHIN_MS = 500;

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
  #words = new Map<number, ConsumerWords>();
  #ledger: BarrierLedger;
  #index: HeldIndex;
  #held: HeldPoint;
  #batcher: Batcher;
  #backoff: Backoff;
  #intensity: RestartIntensity;
  #restartTimer: Timer | undefined;
  /** Deaths by slot, until somebody says what they were: the one too many, and those that a record may be to blame for. */
  #unnamed = new Map<
    number,
    { readonly timer: Timer; readonly named: (cause: string, wasOrdered: boolean) => void }
  >();
  readonly #poison: PoisonLedger;
  readonly #rings: RingPool;
  readonly #rates: RateControl | undefined;
  readonly #incarnation: number;
  /** Its own: the one in shared memory may be a successor's. */
  #epoch = 0;
  /** Hand-overs of dead epochs may lie about. */
  #sweepDue = false;
  /** Goes on for an earlier coordinator that died. */
  readonly #tookOver: boolean;
  #recoveringSince = 0;
  #attempts = new Map<number, number>();
  #failedBatches = new Map<number, WireError>();
  #records = 0;
  readonly #inputs: InputCounts;
  /** Newest batch of which it was said that it has started. */
  #startedBatch = 0;
  /** Newest batch that was reported; it is not reported again when a recovery runs it again. */
  #reported = 0;
  #lastBatchHeld = 0;
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
    this.#inputs = new InputCounts(wiring);
    this.#index = new HeldIndex(env.disk, directory);
    this.#backoff = new Backoff(policy.backoff, () => env.random());
    this.#intensity = new RestartIntensity({
      maxRestarts: policy.maxRestarts,
      withinMs: policy.withinMs,
    });
    this.#rings = new RingPool({
      create: () => options.edges.createRing(),
      reset: (ring) => options.edges.resetRing(ring),
    });
    this.#poison = new PoisonLedger(policy.maxPoisonPerMin ?? MAX_POISON_PER_MIN);
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
      mayCut: () => memory.lastCut - this.#held.barrier < MAX_OPEN_BARRIERS,
    });
    this.#tookOver = memory.epoch > 0;
    if (!this.#tookOver) {
      this.#held = startPoint(wiring.tasks.length);
      this.#index.write(this.#held);
      memory.epoch = this.#epoch = 1;
    } else {
      this.#held = this.#index.read();
      this.#reported = this.#held.batchStart;
      this.#lastBatchHeld = this.#held.batchStart;
      this.#newestHeld = this.#held.barrier;
      this.#records = this.#held.records;
      this.#inputs.restore(this.#held.inputs);
      this.#startedBatch = this.#held.batchStart;
      for (const start of this.#held.skip) this.#failedBatches.set(start, toWire(givenUpBefore()));
      for (const [edge, offset] of this.#held.offsets) options.edges.setBase(edge, offset);
      this.#publish();
      // The other may have died before it said so.
      for (const decision of this.#held.poison?.open ?? []) this.#tellDeadLetter(decision);
      // It knows nothing of what was taken in the epoch of the other, so that one ends here.
      this.#recoveringSince = env.clock.monotonic();
      this.#newEpoch('the coordinator died');
    }
  }

  get epoch(): number {
    return this.#epoch;
  }

  get heldBarrier(): number {
    return this.#held.barrier;
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
    const unnamed = this.#unnamed.get(slot);
    if (unnamed !== undefined) {
      if (cause === UNKNOWN_CAUSE) return;
      unnamed.timer.cancel();
      this.#unnamed.delete(slot);
      unnamed.named(cause, wasOrdered);
      return;
    }
    const at = this.#workers.findIndex((worker) => worker?.slot === slot);
    if (at < 0) return;
    this.#workers[at]!.port.close();
    this.#workers[at] = undefined;
    if (this.#state === 'drained' || this.#state === 'failed') return;
    const diedWith = this.#options.diedWith?.(slot);
    const atMs = this.#options.env.clock.monotonic();
    if (diedWith === undefined) this.#workerDied(slot, at, atMs, cause);
    // A record may be to blame, or somebody who killed it: that decides how its successor begins.
    else if (cause === UNKNOWN_CAUSE)
      this.#whenNamed(slot, (why, ordered) =>
        this.#workerDied(slot, at, atMs, why, ordered ? undefined : diedWith),
      );
    else this.#workerDied(slot, at, atMs, cause, wasOrdered ? undefined : diedWith);
  }

  #workerDied(slot: number, at: number, atMs: number, cause: string, diedWith?: DiedWith): void {
    const { maxRestarts, withinMs, onPoison } = this.#options.policy;
    if (this.#state === 'drained' || this.#state === 'failed') return;
    if (diedWith?.record !== undefined) {
      const { task, record } = diedWith;
      if (this.#blame(task, record, cause) === 'failed') return;
      if (onPoison === 'quarantine') {
        this.#recover(`worker ${at}: ${cause}`, undefined, atMs);
        return;
      }
    }
    const isExceeded = this.#intensity.record(atMs) === 'exceeded';
    if (diedWith !== undefined && diedWith.record === undefined) {
      this.#suspect(
        diedWith.task,
        onPoison === 'quarantine' ? () => this.#intensity.forgive() : undefined,
      );
    }
    if (isExceeded) {
      const record = diedWith?.record?.text;
      const inHand = record === undefined ? '' : `; record in hand: ${record}`;
      const fail = (why: string): void => {
        this.fail(
          millraceError(
            'ERR_MILLRACE_REACHED_MAX_RESTARTS',
            `worker ${at} died (${why}) and the region has used its ${maxRestarts} restarts in ${withinMs} ms${inHand}`,
            { context: { worker: at, cause: why, ...(record === undefined ? {} : { record }) } },
          ),
        );
      };
      // It is the last word, so what its thread died of is worth a moment.
      if (cause !== UNKNOWN_CAUSE) fail(cause);
      else this.#whenNamed(slot, fail);
      return;
    }
    this.#recover(`worker ${at}: ${cause}`, undefined, atMs);
  }

  /** A closed port is noticed first; what its thread died of is on its way. */
  #whenNamed(slot: number, named: (cause: string, wasOrdered: boolean) => void): void {
    const timer = this.#options.env.clock.after(NAMED_WITHIN_MS, () => {
      this.#unnamed.delete(slot);
      named(UNKNOWN_CAUSE, false);
    });
    this.#unnamed.set(slot, { timer, named });
  }

  /** Stops intake, closes what is left as a last batch, and emits `drained` when it is held. */
  drain(): void {
    if (this.#draining || this.#state === 'drained' || this.#state === 'failed') return;
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
    for (const { timer } of this.#unnamed.values()) timer.cancel();
    this.#unnamed.clear();
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
        this.#taskFailed(message);
        return;
      default:
        message satisfies never;
    }
  }

  #fromSources(message: FromSources): void {
    switch (message.type) {
      case 'put':
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

  #taskFailed(message: Extract<FromWorker, { type: 'failed' }>): void {
    const { policy, wiring } = this.#options;
    const { batchStart } = message;
    const error = atBatch(message.error, this.#timeOfBatch(batchStart));
    const cause = `task ${wiring.tasks[message.task]?.name ?? message.task} threw`;
    if (policy.onPoison === 'quarantine' && typeof message.inHand === 'object') {
      if (this.#blame(message.task, message.inHand, textOf(error)) !== 'failed')
        this.#recover(cause, error);
      return;
    }
    const attempts = (this.#attempts.get(batchStart) ?? 0) + 1;
    this.#attempts.set(batchStart, attempts);
    if (policy.onPoison === 'quarantine' && message.inHand !== undefined) {
      this.#suspect(message.task, () =>
        this.#attempts.set(batchStart, (this.#attempts.get(batchStart) ?? 1) - 1),
      );
    }
    if (attempts >= policy.maxBatchFailures) {
      if (policy.onBatchError === 'fail' || this.#failedBatches.has(batchStart)) {
        this.fail(fromWire(error));
        return;
      }
      // The empty run gets as many attempts: what fails it need not be the batch.
      this.#attempts.delete(batchStart);
      this.#failedBatches.set(batchStart, error);
      this.#checkFence();
      this.#held = { ...this.#held, skip: [...this.#held.skip, batchStart] };
      this.#index.write(this.#held);
    }
    this.#recover(cause, error);
  }

  // ---- poison

  /** What it had in hand lies before the first barrier that it hasn't taken. */
  #suspect(task: number, forgive?: () => void): void {
    let until = this.#newestHeld + 1;
    while (this.#ledger.has(until, task)) until++;
    this.#poison.suspect(task, until, forgive);
  }

  #blame(task: number, record: RecordInHand, cause: string): 'failed' | 'again' {
    const {
      policy: { onPoison, maxPoisonPerMin = MAX_POISON_PER_MIN },
      wiring,
      env: { clock },
    } = this.#options;
    const verdict = this.#poison.blame(task, record, clock.monotonic());
    if (verdict === 'again') return 'again';
    const { name } = wiring.tasks[task]!;
    const last = `The last one: ${record.text} (${cause}).`;
    if (verdict === 'tooMany') {
      this.fail(
        millraceError(
          'ERR_MILLRACE_POISON',
          `records have killed tasks more than ${POISON_ATTEMPTS} × ${maxPoisonPerMin} times in a minute (maxPoisonPerMin). ${last}`,
          { context: { operator: name, record: record.text, cause } },
        ),
      );
      return 'failed';
    }
    if (onPoison !== 'quarantine') {
      this.fail(
        millraceError(
          'ERR_MILLRACE_POISON',
          `a record kills task ${name} each time: ${cause}; record: ${record.text}`,
          { context: { operator: name, record: record.text, cause, attempts: POISON_ATTEMPTS } },
        ),
      );
      return 'failed';
    }
    const { decided, open } = this.#held.poison ?? { decided: 0, open: [] };
    const until = this.#poison.carefulOf(task, open)?.until ?? this.#options.memory.lastCut + 1;
    const decision: PoisonDecision = {
      number: decided + 1,
      task,
      hash: record.hash,
      record: record.text,
      attempts: POISON_ATTEMPTS,
      lastError: cause,
      until,
    };
    this.#checkFence();
    this.#held = { ...this.#held, poison: { decided: decided + 1, open: [...open, decision] } };
    this.#index.write(this.#held);
    // The next re-run gets further.
    this.#backoff.reset();
    this.#progressed = true;
    this.#tellDeadLetter(decision);
    return 'again';
  }

  #tellDeadLetter({ number, task, record, attempts, lastError }: PoisonDecision): void {
    const { emit, wiring } = this.#options;
    emit({
      type: 'deadLetter',
      reason: 'poison',
      number,
      record,
      task: wiring.tasks[task]!.name,
      attempts,
      lastError,
    });
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
    const { memory, env, emit } = this.#options;
    this.#checkFence();
    const barrier: Barrier = { number: memory.lastCut + 1, ...kind };
    memory.record(barrier, env.clock.monotonic());
    if (barrier.batch)
      emit({
        type: 'batchSubmitted',
        barrier: barrier.number,
        time: barrier.time,
        submissionTime: this.#wallTime(env.clock.monotonic()),
      });
    this.#sources?.port.post({ type: 'cut', barrier });
  }

  #taken(message: Taken): void {
    const entry = this.#ledger.take(message, this.#options.env.clock.monotonic());
    this.#sayStarted(message.barrier, entry);
    if (entry !== undefined) this.#barrierHeld(entry);
  }

  #barrierHeld(entry: BarrierEntry): void {
    const barrier = this.#options.memory.cut(entry.number);
    this.#newestHeld = barrier.number;
    // A record is counted where it comes in: by the tasks that read sources.
    for (const taken of entry.taken.values())
      if (taken.offsets.length > 0) this.#records += taken.records;
    this.#inputs.add(entry.taken.values());
    this.#rates?.add(entry.taken.values());
    if (barrier.point) this.#pointHeld(barrier, entry);
    if (barrier.batch) this.#batchHeld(barrier, entry);
    this.#backoff.reset();
    this.#progressed = true;
    if (barrier.last) this.#drained();
    else this.#batcher.held(barrier);
  }

  #pointHeld(barrier: Barrier, entry: BarrierEntry): void {
    const { env, edges } = this.#options;
    const offsets: (readonly [number, number])[] = [];
    const obsolete: string[] = [];
    const publish = [...entry.taken.values()].flatMap((taken) => taken.handOver?.publish ?? []);
    const parts = this.#held.parts.map((before, task) => {
      const taken = entry.taken.get(task)!;
      offsets.push(...taken.offsets);
      const { handOver } = taken;
      if (handOver?.mode === 'keep') return before;
      if (handOver?.mode === 'append') {
        const drop = handOver.drop ?? 0;
        obsolete.push(...before.slice(0, drop));
        return [...before.slice(drop), handOver.path!];
      }
      obsolete.push(...before);
      return handOver === undefined ? [] : [handOver.path!];
    });
    const batchStart = barrier.batch ? barrier.number : this.#lastBatchHeld;
    const skip = this.#held.skip.filter((start) => start >= batchStart);
    const { decided = 0, open: decisions = [] } = this.#held.poison ?? {};
    const open = this.#poison.held(
      barrier.number,
      decisions,
      (task) => entry.taken.get(task)!.passed ?? [],
    );
    this.#checkFence();
    this.#held = {
      barrier: barrier.number,
      batchStart,
      offsets,
      parts,
      skip,
      records: barrier.batch ? 0 : this.#records,
      ...(barrier.batch ? {} : { inputs: this.#inputs.held }),
      ...(publish.length === 0 ? {} : { publish }),
      ...(decided === 0 ? {} : { poison: { decided, open } }),
    };
    this.#index.write(this.#held);
    this.#checkFence();
    for (const [edge, offset] of offsets) edges.setBase(edge, offset);
    for (const path of obsolete) env.disk.remove(path);
    this.#publish();
    if (this.#sweepDue) this.#sweep();
    this.#sources?.port.post({ type: 'held', barrier: barrier.number });
  }

  /**
   * Files of transactional sinks get their names. That the point is in the index decided it, so a successor does what is
   * left of it, before any sink of a later epoch looks for what nobody needs.
   */
  #publish(): void {
    const { disk } = this.#options.env;
    for (const { from, to } of this.#held.publish ?? []) {
      try {
        disk.rename(from, to);
      } catch (error) {
        // An earlier coordinator may have done it.
        if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
      }
    }
  }

  /**
   * Removes what dead epochs left: tasks that died or were stopped between a hand-over and its report, and a coordinator
   * that died before it removed what was obsolete. All tasks of this epoch have started by now, so no survivor still
   * writes for an older one.
   */
  #sweep(): void {
    const { env, directory } = this.#options;
    this.#sweepDue = false;
    const needed = new Set(this.#held.parts.flat());
    for (const name of env.disk.list(directory)) {
      const epoch = epochOfHandOver(name);
      const path = `${directory}/${name}`;
      if (epoch !== undefined && epoch < this.epoch && !needed.has(path)) env.disk.remove(path);
    }
  }

  #batchHeld(barrier: Barrier, entry: BarrierEntry): void {
    const { env, emit, memory } = this.#options;
    const records = this.#records;
    this.#records = 0;
    const inputs = this.#inputs.take();
    this.#lastBatchHeld = barrier.number;
    const now = env.clock.monotonic();
    const cutAt = memory.cutAt(barrier.number);
    if (barrier.number <= this.#reported) return;
    for (const each of this.#rates?.completed(barrier.time, now - cutAt) ?? [])
      this.#sources?.port.post({ type: 'rate', ...each });
    this.#reported = barrier.number;
    for (const start of this.#attempts.keys())
      if (start < barrier.number) this.#attempts.delete(start);
    for (const [start, error] of this.#failedBatches) {
      if (start < barrier.number) {
        this.#failedBatches.delete(start);
        emit({
          type: 'batchFailed',
          barrier: barrier.number,
          time: barrier.time,
          error,
          ...this.#batchTimes(entry, inputs),
        });
        return;
      }
    }
    emit({
      type: 'batchCompleted',
      barrier: barrier.number,
      time: barrier.time,
      records,
      schedulingDelayMs: entry.firstTakenAt - cutAt,
      processingMs: now - entry.firstTakenAt,
      totalDelayMs: now - cutAt,
      ...this.#batchTimes(entry, inputs),
    });
  }

  /** It is read, so the outputs will run: that is what Spark calls its start. */
  #sayStarted(number: number, held: BarrierEntry | undefined): void {
    const { memory, env, emit } = this.#options;
    if (number <= this.#startedBatch || !memory.cut(number).batch) return;
    if (held === undefined && !this.#inputs.areIn((task) => this.#ledger.has(number, task))) return;
    this.#startedBatch = number;
    let before = number - 1;
    while (before > this.#lastBatchHeld && !memory.cut(before).batch) before--;
    const open = [...this.#ledger.between(before, number), ...(held === undefined ? [] : [held])];
    emit({
      type: 'batchStarted',
      barrier: number,
      time: memory.cut(number).time,
      submissionTime: this.#wallTime(memory.cutAt(number)),
      processingStartTime: this.#wallTime(env.clock.monotonic()),
      // While the batch before is open, what is held is of that one.
      inputs: this.#inputs.withOpen(open, before <= this.#lastBatchHeld),
    });
  }

  #batchTimes(entry: BarrierEntry, inputs: readonly number[]): BatchTimes {
    const { memory, env } = this.#options;
    return {
      submissionTime: this.#wallTime(memory.cutAt(entry.number)),
      processingStartTime: this.#wallTime(entry.firstTakenAt),
      processingEndTime: this.#wallTime(env.clock.monotonic()),
      inputs,
      outputs: [...entry.taken.values()].flatMap((taken) => taken.outputs ?? []),
    };
  }

  /** Whole ms, as `Date.now()` gives them. */
  #wallTime(monotonicMs: number): number {
    const { clock } = this.#options.env;
    return Math.round(clock.now() - (clock.monotonic() - monotonicMs));
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
    this.#records = this.#held.records;
    this.#inputs.restore(this.#held.inputs);
    this.#rates?.reset();
    this.#lastBatchHeld = this.#held.batchStart;
    this.#newestHeld = this.#held.barrier;
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
      barrier: this.#held.barrier,
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
    this.#sweepDue = true;
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
        batchStart: this.#held.batchStart,
        skip: this.#held.skip,
      });
    });
    emit({
      type: 'started',
      epoch: this.#epoch,
      barrier: this.#held.barrier,
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
    if (lastIsCut && this.#held.barrier >= lastCut) {
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
      if (newest !== undefined && newest.number <= this.#held.barrier) this.#batcher.held(newest);
    }
    if (this.#draining || lastIsCut) this.#sources?.port.post({ type: 'stopIntake' });
  }

  /** Sources that are new, or hear of a new coordinator, learn what is held and what is cut; they ignore what they have. */
  #postOpenCuts(): void {
    const { memory } = this.#options;
    const port = this.#sources?.port;
    if (this.#held.barrier > 0) port?.post({ type: 'held', barrier: this.#held.barrier });
    for (let n = this.#held.barrier + 1; n <= memory.lastCut; n++)
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

  /** Every edge gets both its ends: fresh memory between threads, a queue within one. */
  #taskStarts(): TaskStart[][] {
    const { wiring, edges } = this.#options;
    const outEnds = new Map<number, EdgeEnd>();
    const inEnds = new Map<number, EdgeEnd>();
    this.#words.clear();
    const lossy = new Set(
      wiring.sources.flatMap(({ id, replay }) => (replay === false ? [id] : [])),
    );
    for (const { id: edge, kind, from, to, feedback } of wiring.edges) {
      const back = feedback === true ? { feedback } : {};
      const receiver = this.#workers[wiring.tasks[to]!.worker]!;
      if (kind === 'receiver') {
        const words = edges.createWords();
        this.#words.set(edge, words);
        const memory = edges.receiver(edge);
        if (lossy.has(from)) setConsumerEpoch(memory, this.#epoch);
        inEnds.set(edge, {
          kind: 'receiver',
          edge,
          memory,
          words,
          base: baseOf(memory),
          peer: this.#sources?.slot ?? 0,
          ...(lossy.has(from)
            ? { sole: true, dropOld: this.#options.memory.restarts > 0 }
            : {}),
        });
        continue;
      }
      const sender = this.#workers[wiring.tasks[from]!.worker]!;
      if (sender === receiver) {
        inEnds.set(edge, { kind: 'local', edge, ...back });
        outEnds.set(edge, { kind: 'local', edge, ...back });
      } else {
        const memory = this.#rings.take();
        inEnds.set(edge, { kind: 'ring', edge, memory, peer: sender.slot, ...back });
        outEnds.set(edge, { kind: 'ring', edge, memory, peer: receiver.slot, ...back });
      }
    }
    const starts: TaskStart[][] = this.#workers.map(() => []);
    const decisions = this.#held.poison?.open ?? [];
    for (const task of wiring.tasks) {
      const careful = this.#poison.carefulOf(task.id, decisions);
      starts[task.worker]!.push({
        task: task.id,
        inputs: task.inputs.map((edge) => inEnds.get(edge)!),
        outputs: task.outputs.map((edge) => outEnds.get(edge)!),
        parts: this.#held.parts[task.id]!,
        ...(careful === undefined ? {} : { careful }),
      });
    }
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

/** Of a batch that is skipped: what it failed with was known to a coordinator that died. */
function givenUpBefore(): Error {
  return millraceError(
    'ERR_MILLRACE_USER_FUNCTION',
    'the batch failed at each attempt and was given up; the coordinator that knew its error has died',
  );
}

function textOf(error: WireError): string {
  if (error.kind === 'value') return String(error.value);
  return error.millrace === undefined ? `${error.name}: ${error.message}` : error.message;
}

/** What threw inside an open batch doesn't know the batch's time. */
function atBatch(error: WireError, time: number): WireError {
  if (error.kind !== 'error' || error.millrace === undefined) return error;
  const { retryable, context } = error.millrace;
  return { ...error, millrace: { retryable, context: { batchId: time, ...context } } };
}
