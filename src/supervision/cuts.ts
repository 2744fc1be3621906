/**
 * The barriers of a job: those that an earlier process had cut, again and as they were, then new ones by the clock.
 * Belongs to the coordinator.
 *
 *   recorded cuts, if there are ──▶ batch after batch (`batcher.ts`) ──▶ the last one
 *
 * I1  A barrier is in memory before any source hears of it; one that was cut stays cut.
 * I2  No more are open, or held and not durable, than the table of cuts and the logs have room for.
 * I3  While recorded cuts are left no other barrier is cut: relief is not given, and the end waits.
 */
import type { Barrier } from '../actors/block.ts';
import type { ToSources } from '../actors/messages.ts';
import type { Clock } from '../env/env.ts';
import { millraceError } from '../errors.ts';
import { Batcher, type Cut } from './batcher.ts';
import type { CoordinatorOptions } from './coordinator-words.ts';
import { CUTS } from './job-memory.ts';

/** So many barriers may be cut and not held: all of them must stay in the table of cuts, and fit into edges. */
const MAX_OPEN_BARRIERS = CUTS / 2;
/** Of the batch times that passed while the process was down, so many have their batches. */
const MAX_MISSED_BATCHES = 1000;
/** What is held may wait for its checkpoint for so many intervals, beside the open barriers. */
const LATE_CHECKPOINTS = 4;

export interface CutsOptions extends Pick<
  CoordinatorOptions,
  'memory' | 'policy' | 'mode' | 'checkpoint' | 'emit'
> {
  readonly clock: Clock;
  /** No coordinator of this process was before it. */
  readonly isFirst: boolean;
  readonly checkFence: () => void;
  readonly post: (message: ToSources) => void;
  /** A batch barrier was cut. */
  readonly submitted: (barrier: Barrier) => void;
  /** Numbers of the newest recovery point that is held, and of the newest barrier that is durable. */
  readonly held: () => number;
  readonly durable: () => number;
}

export class Cuts {
  readonly #options: CutsOptions;
  readonly #batcher: Batcher;
  readonly #maxUndurable: number;
  /** Undefined: the sources have not said. */
  #recorded: Barrier[] | undefined;
  #state: 'idle' | 'recorded' | 'clock' | 'over' = 'idle';
  #endAsked = false;

  constructor(options: CutsOptions) {
    this.#options = options;
    const { clock, mode, policy, checkpoint, emit } = options;
    this.#maxUndurable = maxUndurable(options);
    if (checkpoint === undefined) this.#recorded = [];
    this.#batcher = new Batcher({
      clock,
      mode,
      intervalMs: policy.batchIntervalMs,
      reliefIntervalMs: policy.reliefIntervalMs,
      cut: (kind) => this.#cut(kind),
      mayCut: () => this.#mayCut(),
      skipped: (count, from, to) => emit({ type: 'batchesSkipped', count, from, to }),
    });
  }

  /** The process goes on behind that barrier, at which a batch ended. */
  startBehind(barrier: Barrier): void {
    const { memory, policy, clock } = this.#options;
    // The last one of a drain on virtual time ends no batch, and has the time of the one that would come.
    const time = barrier.batch ? barrier.time : barrier.time - policy.batchIntervalMs;
    memory.record({ ...barrier, time, batch: true, last: false }, clock.monotonic());
  }

  /** The sources have said which barriers stand in their logs. */
  recorded(cuts: readonly Barrier[]): void {
    if (this.isKnown) return;
    this.#recorded = cuts.filter(({ number }) => number > this.#options.memory.lastCut);
    this.#tellRestart(this.#recorded);
  }

  get isKnown(): boolean {
    return this.#recorded !== undefined;
  }

  /** Time of the batch that begins behind barrier `start`; of an open one, the time at which it will end. */
  timeOfBatch(start: number): number {
    const { memory } = this.#options;
    for (let n = start + 1; n <= memory.lastCut; n++) {
      const barrier = memory.cut(n);
      if (barrier.batch) return barrier.time;
    }
    return this.#batcher.time;
  }

  /** The last barrier of the job was cut. */
  get isLastCut(): boolean {
    const { memory } = this.#options;
    return memory.lastCut > 0 && memory.cut(memory.lastCut).last;
  }

  /** That of a number; undefined when it isn't among those that were cut lately. */
  of(number: number): Barrier | undefined {
    const { lastCut } = this.#options.memory;
    return number > 0 && number <= lastCut && number > lastCut - CUTS
      ? this.#options.memory.cut(number)
      : undefined;
  }

  begin(): void {
    this.#state = 'recorded';
    this.#goOn();
  }

  /** Cuts behind what is held, for sources that may not have heard of them. */
  postOpen(): void {
    const { memory, held, post } = this.#options;
    for (let n = held() + 1; n <= memory.lastCut; n++)
      post({ type: 'cut', barrier: memory.cut(n) });
  }

  relief(): void {
    if (this.#state === 'clock') this.#batcher.relief();
  }

  held(barrier: Barrier): void {
    this.#batcher.held(barrier);
    this.#goOn();
  }

  /** Something more is durable. */
  durable(): void {
    this.#batcher.goOn();
    this.#goOn();
  }

  /** Intake has stopped: what is left is the last batch. */
  end(): void {
    this.#endAsked = true;
    if (this.#state === 'clock') this.#batcher.end();
  }

  stop(): void {
    this.#state = 'over';
    this.#batcher.stop();
  }

  #tellRestart(recorded: readonly Barrier[]): void {
    const { checkpoint, isFirst, emit } = this.#options;
    if (!isFirst || checkpoint === undefined || checkpoint.run === 1) return;
    const { number, time } = checkpoint.start?.barrier ?? { number: 0, time: 0 };
    const batches = recorded.filter(({ batch }) => batch).length;
    emit({ type: 'restarted', run: checkpoint.run, barrier: number, time, batches });
  }

  /** Cuts recorded ones while there is room, then goes by the clock. */
  #goOn(): void {
    if (this.#state !== 'recorded') return;
    const recorded = this.#recorded!;
    const { memory } = this.#options;
    while (recorded.length > 0) {
      if (!this.#mayCut()) return;
      const barrier = recorded.shift()!;
      if (barrier.number !== memory.lastCut + 1)
        throw millraceError(
          'ERR_MILLRACE_RING_GAP',
          `the logs of the sources have barrier ${barrier.number} behind barrier ${memory.lastCut}`,
          { context: { barrier: barrier.number } },
        );
      this.#cut({ ...barrier, last: false });
    }
    this.#startClock();
  }

  #startClock(): void {
    const { memory, checkpoint, held, policy } = this.#options;
    this.#state = 'clock';
    if (this.isLastCut) return;
    let newest: Barrier | undefined;
    for (let n = memory.lastCut; newest === undefined && this.of(n) !== undefined; n--)
      if (memory.cut(n).batch) newest = memory.cut(n);
    const maxMissed = checkpoint === undefined ? Infinity : MAX_MISSED_BATCHES;
    // Where only relief was given, it has said already when the first batch ends.
    const first = newest === undefined ? this.of(memory.lastCut) : undefined;
    const lastTime = first === undefined ? newest?.time : first.time - policy.batchIntervalMs;
    this.#batcher.start(lastTime, memory.zeroTime, maxMissed);
    // Nobody says again that it is held.
    if (newest !== undefined && newest.number <= held()) this.#batcher.held(newest);
    if (this.#endAsked) this.#batcher.end();
  }

  #mayCut(): boolean {
    const { memory, held, durable } = this.#options;
    return (
      memory.lastCut - held() < MAX_OPEN_BARRIERS && memory.lastCut - durable() < this.#maxUndurable
    );
  }

  #cut(kind: Cut): void {
    const { memory, clock, checkFence, submitted, post } = this.#options;
    checkFence();
    const barrier: Barrier = { ...kind, number: memory.lastCut + 1 };
    memory.record(barrier, clock.monotonic());
    if (barrier.batch) submitted(barrier);
    post({ type: 'cut', barrier });
  }
}

/** By a disk that stays full the logs and the outputs that wait grow no further than this. */
function maxUndurable({ checkpoint, policy }: CutsOptions): number {
  if (checkpoint === undefined) return Infinity;
  const { batchIntervalMs, reliefIntervalMs } = policy;
  // A batch has its end, a flush, and relief every now and then.
  const barriers = 2 + Math.floor(batchIntervalMs / reliefIntervalMs);
  const batches = Math.ceil(checkpoint.intervalMs / batchIntervalMs);
  return MAX_OPEN_BARRIERS + LATE_CHECKPOINTS * batches * barriers;
}
