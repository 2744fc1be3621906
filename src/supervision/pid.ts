/**
 * Spark's estimator of the rate at which a source may send: a PID controller over completed batches, with Spark's
 * numbers. Pure: it has no clock, and belongs to whoever calls it.
 *
 *   processing rate  p = elements / processing delay          error       e = rate − p
 *   backlog          h = scheduling delay · p / batch interval  difference  d = (e − last e) / seconds since the last
 *
 *   new rate = max(rate − proportional · e − integral · h − derivative · d, minRate)
 *
 * I1  The first call with data only learns the rate: it gives none.
 * I2  A call whose time is not newer, or without elements or a delay, changes nothing. So an empty batch never moves the
 *     rate.
 */
import { millraceError } from '../errors.ts';

export interface PidOptions {
  /** How much of the difference between rate and processing rate is taken back at once; 0 or more. @default 1 */
  readonly proportional?: number;
  /** How much of the backlog is taken back in a batch; 0 or more. @default 0.2 */
  readonly integral?: number;
  /** How much a change of the difference counts; 0 or more. Noise makes it unsteady. @default 0 */
  readonly derivative?: number;
  /** The least rate in records a second; above 0. @default 100 */
  readonly minRate?: number;
}

export interface PidRateEstimatorOptions extends PidOptions {
  /** In ms; above 0. */
  readonly batchInterval: number;
}

/**
 * @example
 * const estimator = new PidRateEstimator({ batchInterval: 1000 });
 * estimator.compute(1000, 10_000, 500, 0); // undefined: it has learned 20,000 a second
 * estimator.compute(2000, 10_000, 1000, 0); // 10,000
 */
export class PidRateEstimator {
  readonly #batchIntervalMs: number;
  readonly #proportional: number;
  readonly #integral: number;
  readonly #derivative: number;
  readonly #minRate: number;
  #isFirst = true;
  #time = -1;
  #rate = -1;
  #error = -1;

  /** @throws ERR_MILLRACE_BAD_OPTION */
  constructor(options: PidRateEstimatorOptions) {
    const { batchInterval, proportional = 1, integral = 0.2, derivative = 0 } = options;
    const { minRate = 100 } = options;
    check('batchInterval', batchInterval, batchInterval > 0, 'a number of ms above 0');
    check('proportional', proportional, proportional >= 0, 'a number of 0 or more');
    check('integral', integral, integral >= 0, 'a number of 0 or more');
    check('derivative', derivative, derivative >= 0, 'a number of 0 or more');
    check('minRate', minRate, minRate > 0, 'a number of records a second above 0');
    this.#batchIntervalMs = batchInterval;
    this.#proportional = proportional;
    this.#integral = integral;
    this.#derivative = derivative;
    this.#minRate = minRate;
  }

  /**
   * The new rate after a batch, in records a second.
   * @param time when the batch was done, in ms; must grow from call to call
   * @param elements records of the batch
   * @param processingDelay what working on it took, in ms
   * @param schedulingDelay how long it had to wait for that, in ms
   * @returns undefined when the rate stays as it is
   */
  compute(
    time: number,
    elements: number,
    processingDelay: number,
    schedulingDelay: number,
  ): number | undefined {
    if (!(time > this.#time && elements > 0 && processingDelay > 0)) return undefined;
    const secondsSince = (time - this.#time) / 1000;
    const processingRate = (elements / processingDelay) * 1000;
    const error = this.#rate - processingRate;
    const backlog = (schedulingDelay * processingRate) / this.#batchIntervalMs;
    const difference = (error - this.#error) / secondsSince;
    this.#time = time;
    if (this.#isFirst) {
      this.#isFirst = false;
      this.#rate = processingRate;
      this.#error = 0;
      return undefined;
    }
    const wanted =
      this.#rate -
      this.#proportional * error -
      this.#integral * backlog -
      this.#derivative * difference;
    this.#rate = Math.max(wanted, this.#minRate);
    this.#error = error;
    return this.#rate;
  }
}

function check(option: string, value: unknown, isGood: boolean, wanted: string): void {
  if (typeof value === 'number' && isGood && value < Infinity) return;
  throw millraceError(
    'ERR_MILLRACE_BAD_OPTION',
    `PidRateEstimator: ${option} is ${String(value)}; it must be ${wanted}`,
    { context: { option } },
  );
}
