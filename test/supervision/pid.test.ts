/** Spark's cases (`PIDRateEstimatorSuite`), and its formula written down a second time. */
import { describe, expect, it } from 'vitest';
import { PidRateEstimator, type PidRateEstimatorOptions } from '../../src/supervision/pid.ts';

const make = (options: Partial<PidRateEstimatorOptions> = {}): PidRateEstimator =>
  new PidRateEstimator({
    batchInterval: 20,
    proportional: 1,
    integral: 0,
    derivative: 0,
    minRate: 10,
    ...options,
  });

describe('what it takes', () => {
  it.each([
    ['batchInterval', 0],
    ['batchInterval', Number.NaN],
    ['proportional', -1],
    ['integral', -1],
    ['derivative', -1],
    ['minRate', 0],
    ['minRate', -1],
    ['minRate', Infinity],
  ])('%s may not be %d', (option, value) => {
    expect(() => make({ [option]: value })).toThrow(
      expect.objectContaining({
        code: 'ERR_MILLRACE_BAD_OPTION',
        message: expect.stringContaining(option),
      }),
    );
  });
});

describe('the estimate', () => {
  it('I1: is none for the first batch with records', () => {
    const pid = make();
    expect(pid.compute(0, 10, 10, 0)).toBeUndefined();
    expect(pid.compute(10, 10, 10, 0)).toBe(1000);
  });

  it('I2: is none for an empty batch, one without delay, and one that is not newer', () => {
    const pid = make();
    pid.compute(0, 10, 10, 0);
    expect(pid.compute(10, 0, 10, 0)).toBeUndefined();
    expect(pid.compute(10, 10, 0, 0)).toBeUndefined();
    expect(pid.compute(0, 10, 10, 0)).toBeUndefined();
    expect(pid.compute(10, 10, 10, 0)).toBe(1000);
    expect(pid.compute(10, 10, 10, 0)).toBeUndefined();
  });

  it('is steady when the processing rate is', () => {
    const pid = make({ integral: 0.2 });
    expect([1, 2, 3, 4].map((n) => pid.compute(n * 20, 20, 20, 0))).toEqual([
      undefined,
      1000,
      1000,
      1000,
    ]);
  });

  it('never falls below minRate, however slow processing is', () => {
    const pid = make({ proportional: 1, integral: 1, derivative: 1 });
    pid.compute(0, 10, 10, 0);
    for (let n = 1; n < 50; n++)
      expect(pid.compute(n * 20, 1, 1000, 100_000)).toBeGreaterThanOrEqual(10);
  });

  it('falls by what waits, spread over batches by the integral part', () => {
    const pid = make({ batchInterval: 1000, integral: 0.2, minRate: 100 });
    expect(pid.compute(1000, 10_000, 1000, 0)).toBeUndefined();
    // Half a batch waits: 5,000 records, of which a fifth is taken back.
    expect(pid.compute(2000, 10_000, 1000, 500)).toBe(9000);
  });

  it('is that of the formula, for any numbers', () => {
    const options = { batchInterval: 500, proportional: 0.7, integral: 0.3, derivative: 0.1 };
    const pid = make({ ...options, minRate: 50 });
    let [rate, last, time] = [0, 0, 0];
    let seed = 7;
    const random = (most: number): number => (seed = (seed * 48_271) % 2_147_483_647) % most;
    for (let n = 0; n < 200; n++) {
      const [step, elements, processing, waiting] = [
        1 + random(900),
        1 + random(5000),
        1 + random(900),
        random(2000),
      ];
      time += step;
      const got = pid.compute(time, elements, processing, waiting);
      const processingRate = (elements / processing) * 1000;
      if (n === 0) {
        [rate, last] = [processingRate, 0];
        continue;
      }
      const error = rate - processingRate;
      const wanted =
        rate -
        0.7 * error -
        (0.3 * waiting * processingRate) / 500 -
        (0.1 * (error - last)) / (step / 1000);
      [rate, last] = [Math.max(wanted, 50), error];
      expect(got).toBeCloseTo(rate, 6);
    }
  });
});
