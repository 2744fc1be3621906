/**
 * Decides when a barrier is cut. Runs on the coordinator's thread; it numbers nothing and posts nothing itself, it asks
 * the coordinator to.
 *
 * On the clock (`'clock'`) batch times are the multiples of the interval since 1970, as in Spark: the first is the next
 * one, each batch is stamped with its end, and when the clock is late the missed ones follow one after another. A clock
 * that is set back stops nothing. The zero time is one interval before the first batch, for the life of the job.
 *
 * Between two batches a relief barrier is cut every `reliefIntervalMs`, and when a receiver asks for one. While too many
 * barriers are open (`mayCut`) none is cut; the missed ones follow as others are held.
 *
 * Shortly before the end of a batch a flush barrier is cut, which is neither: tasks send what they have combined so far,
 * so that at the end there is little left to exchange and to merge.
 *
 * In step (`'step'`, for tests on virtual time) batch n has time n × interval and is cut when the batch before it is
 * held, `batches` times; then comes the last barrier.
 */
import type { Barrier } from '../actors/block.ts';
import type { Clock, Timer } from '../env/env.ts';

/** How long before the end of a batch what is combined is sent. */
const FLUSH_LEAD_MS = 25;
/** Shorter batches go without. */
const LEADS_PER_INTERVAL = 16;

export type BatchMode =
  | { readonly kind: 'clock' }
  | { readonly kind: 'step'; readonly batches: number };

/** A barrier that is yet to be numbered. */
export type Cut = Omit<Barrier, 'number'>;

export interface BatcherOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly reliefIntervalMs: number;
  readonly mode: BatchMode;
  /** Cuts a barrier. */
  readonly cut: (kind: Cut) => void;
  /** Whether one more barrier may be open. The last one always may. @default always */
  readonly mayCut?: () => boolean;
  /** So many batch times passed while nobody ran, and get no batch: times of the first and the last of them. */
  readonly skipped?: (count: number, from: number, to: number) => void;
}

export class Batcher {
  #options: BatcherOptions;
  #timer: Timer | undefined;
  #reliefTimer: Timer | undefined;
  #flushTimer: Timer | undefined;
  /** Time of the next batch. */
  #next = 0;
  /** Time of the first batch, minus the interval. */
  #zeroTime = 0;
  #batches = 0;
  #reliefOpen = false;
  #flushOpen = false;
  /** A batch is due and may not be cut yet. */
  #heldBack = false;
  #state: 'idle' | 'running' | 'ended' = 'idle';
  /** Wall time as it was last taken to be, and when that was. */
  #wall = 0;
  #wallAt = 0;

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** Time of the batch that is being collected. */
  get time(): number {
    return this.#next;
  }

  /**
   * @param lastTime time of the newest batch that was cut, by an earlier coordinator; undefined when there is none
   * @param zeroTime of the barriers that were cut before
   * @param maxMissed so many of the newest batch times that passed meanwhile have their batches. @default all
   */
  start(lastTime?: number, zeroTime = 0, maxMissed: number = Infinity): void {
    const { clock, intervalMs, mode } = this.#options;
    this.#state = 'running';
    this.#wall = lastTime ?? 0;
    this.#wallAt = clock.monotonic();
    if (mode.kind === 'step') {
      this.#batches = Math.round(this.#wall / intervalMs);
      this.#next = (this.#batches + 1) * intervalMs;
      if (this.#batches === 0) this.#step();
      return;
    }
    this.#next =
      lastTime === undefined
        ? (Math.floor(this.#now() / intervalMs) + 1) * intervalMs
        : lastTime + intervalMs;
    this.#zeroTime = lastTime === undefined ? this.#next - intervalMs : zeroTime;
    this.#jump(Math.floor((this.#now() - this.#next) / intervalMs) + 1 - maxMissed);
    this.#arm();
  }

  /** A receiver holds half of what it may: a recovery point is wanted. One open relief is enough. */
  relief(): void {
    if (this.#state !== 'running' || this.#reliefOpen || !this.#mayCut()) return;
    this.#reliefOpen = true;
    this.#cut({ batch: false, point: true, last: false, time: this.#next });
    this.#armRelief();
  }

  /** A barrier is held. */
  held(barrier: Pick<Barrier, 'batch' | 'point' | 'time'>): void {
    if (barrier.point) this.#reliefOpen = false;
    else if (!barrier.batch) this.#flushOpen = false;
    this.goOn();
    const { mode, intervalMs } = this.#options;
    if (
      barrier.batch &&
      mode.kind === 'step' &&
      this.#state === 'running' &&
      barrier.time === this.#next - intervalMs
    )
      this.#step();
  }

  /** What `mayCut` says may have changed. */
  goOn(): void {
    if (!this.#heldBack || this.#state !== 'running' || !this.#mayCut()) return;
    this.#heldBack = false;
    this.#arm();
  }

  /** Intake has stopped: what is left is the last batch. */
  end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#timer?.cancel();
    this.#reliefTimer?.cancel();
    this.#flushTimer?.cancel();
    this.#cut({ batch: true, point: true, last: true, time: this.#next });
  }

  stop(): void {
    this.#state = 'ended';
    this.#timer?.cancel();
    this.#reliefTimer?.cancel();
    this.#flushTimer?.cancel();
  }

  #jump(batches: number): void {
    if (batches <= 0) return;
    const { intervalMs, skipped } = this.#options;
    const from = this.#next;
    this.#next += batches * intervalMs;
    skipped?.(batches, from, this.#next - intervalMs);
  }

  #arm(): void {
    const { clock } = this.#options;
    this.#timer = clock.after(Math.max(0, Math.ceil(this.#next - this.#now())), () => {
      if (!this.#mayCut()) {
        this.#heldBack = true;
        return;
      }
      // A timer may fire a little early against the wall clock; a batch may not end before its time.
      if (this.#now() >= this.#next) this.#cutBatch();
      if (this.#state === 'running') this.#arm();
    });
    this.#armRelief();
    this.#armFlush();
  }

  #armFlush(): void {
    const { clock, intervalMs } = this.#options;
    this.#flushTimer?.cancel();
    const inMs = this.#next - FLUSH_LEAD_MS - this.#now();
    if (intervalMs < FLUSH_LEAD_MS * LEADS_PER_INTERVAL || inMs <= 0) return;
    this.#flushTimer = clock.after(inMs, () => {
      // One that is still open tells of tasks that are behind: more of them would not help.
      if (this.#flushOpen || !this.#mayCut()) return;
      this.#flushOpen = true;
      this.#cut({ batch: false, point: false, last: false, time: this.#next });
    });
  }

  #armRelief(): void {
    const { clock, reliefIntervalMs, mode } = this.#options;
    this.#reliefTimer?.cancel();
    if (mode.kind === 'step' || this.#next - this.#now() <= reliefIntervalMs * 1.5) return;
    this.#reliefTimer = clock.after(reliefIntervalMs, () => this.relief());
  }

  /**
   * The wall time, unless that was set back: batch times ascend, so batches would stop until it has come up again. Then
   * time goes on from where it was.
   */
  #now(): number {
    const { clock, intervalMs } = this.#options;
    const wall = clock.now();
    const monotonic = clock.monotonic();
    const expected = this.#wall + monotonic - this.#wallAt;
    this.#wallAt = monotonic;
    return (this.#wall = wall >= expected - intervalMs ? wall : expected);
  }

  #mayCut(): boolean {
    return this.#options.mayCut?.() ?? true;
  }

  #cut(kind: Omit<Cut, 'zeroTime'>): void {
    this.#options.cut({ ...kind, zeroTime: this.#zeroTime });
  }

  #cutBatch(): void {
    const time = this.#next;
    this.#next += this.#options.intervalMs;
    this.#cut({ batch: true, point: true, last: false, time });
  }

  #step(): void {
    const { mode } = this.#options;
    if (mode.kind !== 'step') return;
    if (this.#batches >= mode.batches) {
      this.#state = 'ended';
      this.#cut({ batch: false, point: true, last: true, time: this.#next });
      return;
    }
    this.#batches++;
    this.#cutBatch();
  }
}
