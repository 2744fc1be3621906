/**
 * Watches completed batches and says how fast each source may send from now on (`backpressure`). Used by the coordinator,
 * on its thread.
 *
 * Spark's batches are worked on after they have ended, so there the delay of a job tells how long it took. Here work
 * begins while records still arrive. What a batch took is therefore the time in which tasks were at work on it: of the
 * busiest worker, since its tasks share a thread. What the batch was late beyond that, it waited.
 *
 * I1  A batch counts once: what a recovery runs again is not counted twice, since counts begin anew with the recovery.
 * I2  Without records of a source its rate stays.
 */
import type { Wiring } from '../actors/wiring.ts';
import type { Taken } from './barrier-ledger.ts';
import { PidRateEstimator, type PidOptions } from './pid.ts';

export interface RateControlOptions {
  readonly batchIntervalMs: number;
  readonly pid: PidOptions;
}

export interface NewRate {
  readonly source: number;
  /** Records a second. */
  readonly rate: number;
}

export class RateControl {
  readonly #wiring: Wiring;
  /** By source. */
  readonly #estimators: readonly PidRateEstimator[];
  readonly #records: number[];
  /** By worker, in ms. */
  readonly #busyMs: number[];
  /** By task: the source that it reads. */
  readonly #sourceOf: readonly (number | undefined)[];
  /** The newest of each source. */
  readonly rates: Map<number, number> = new Map();

  constructor(wiring: Wiring, { batchIntervalMs, pid }: RateControlOptions) {
    this.#wiring = wiring;
    this.#estimators = wiring.sources.map(
      () => new PidRateEstimator({ ...pid, batchInterval: batchIntervalMs }),
    );
    this.#records = wiring.sources.map(() => 0);
    this.#busyMs = Array.from({ length: wiring.workers }, () => 0);
    const reads = new Map<number, number>();
    wiring.sources.forEach(({ outputs }, source) => {
      for (const edge of outputs) reads.set(wiring.edges[edge]!.to, source);
    });
    this.#sourceOf = wiring.tasks.map(({ id }) => reads.get(id));
  }

  /** A barrier is held: what its tasks did since the one before. */
  add(taken: Iterable<Taken>): void {
    for (const { task, records, busyMs = 0 } of taken) {
      this.#busyMs[this.#wiring.tasks[task]!.worker]! += busyMs;
      const source = this.#sourceOf[task];
      if (source !== undefined) this.#records[source]! += records;
    }
  }

  /** What was counted of the open batch is counted again. */
  reset(): void {
    this.#records.fill(0);
    this.#busyMs.fill(0);
  }

  /**
   * The batch is done.
   * @param totalMs from its end until all was done
   * @returns rates that change
   */
  completed(time: number, totalMs: number): readonly NewRate[] {
    const processingMs = Math.max(...this.#busyMs);
    const waitedMs = Math.max(0, totalMs - processingMs);
    const changed: NewRate[] = [];
    this.#estimators.forEach((estimator, source) => {
      const rate = estimator.compute(time, this.#records[source]!, processingMs, waitedMs);
      if (rate === undefined) return;
      this.rates.set(source, rate);
      changed.push({ source, rate });
    });
    this.reset();
    return changed;
  }
}
