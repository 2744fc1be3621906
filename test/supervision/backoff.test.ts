import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pcg32 } from '../../src/env/pcg32.ts';
import { Backoff, sumOfDelays } from '../../src/supervision/backoff.ts';

const middle = (): number => 0.5;

describe('backoff', () => {
  it('doubles from 50 ms to 5 s by default', () => {
    const backoff = new Backoff({}, middle);
    const delays = Array.from({ length: 9 }, () => backoff.next());
    expect(delays).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  });

  it('I2: begins anew on progress', () => {
    const backoff = new Backoff({}, middle);
    backoff.next();
    backoff.next();
    expect(backoff.attempts).toBe(2);
    backoff.reset();
    expect([backoff.attempts, backoff.next()]).toEqual([0, 50]);
  });

  it('I1: jitter stays in its bounds and spreads', () => {
    const chance = new Pcg32(3);
    const firsts = Array.from({ length: 100 }, () => new Backoff({}, () => chance.float()).next());
    expect(Math.min(...firsts)).toBeGreaterThanOrEqual(40);
    expect(Math.max(...firsts)).toBeLessThanOrEqual(60);
    expect(new Set(firsts).size).toBeGreaterThan(90);
  });

  it('I1: no delays are longer together than their sum says', () => {
    const options = fc.record({
      minMs: fc.integer({ min: 0, max: 100 }),
      maxMs: fc.integer({ min: 100, max: 1000 }),
      factor: fc.double({ min: 1, max: 4, noNaN: true }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(options, fc.nat(30), fc.nat(), (each, count, seed) => {
        const chance = new Pcg32(seed);
        const backoff = new Backoff(each, () => chance.float());
        let sum = 0;
        for (let n = 0; n < count; n++) {
          const delay = backoff.next();
          expect(delay).toBeGreaterThanOrEqual(each.minMs * (1 - each.jitter) - 1e-9);
          expect(delay).toBeLessThanOrEqual(each.maxMs);
          sum += delay;
        }
        expect(backoff.sumOfDelays(count)).toBeGreaterThanOrEqual(sum - 1e-6);
        expect(sumOfDelays(each, count)).toBe(backoff.sumOfDelays(count));
      }),
    );
  });

  it('sums many delays without counting them', () => {
    expect(sumOfDelays({}, 3)).toBeCloseTo(1.2 * 350);
    expect(sumOfDelays({ minMs: 50, maxMs: 50 }, 1_000_000_000)).toBe(50e9);
    expect(sumOfDelays({ factor: 1, jitter: 0 }, 1_000_000_000)).toBe(50e9);
    expect(sumOfDelays({ minMs: 0 }, 10)).toBe(0);
  });

  it.each([
    { minMs: -1 },
    { maxMs: 10 },
    { factor: 0.5 },
    { jitter: 2 },
    { minMs: Number.NaN },
    { minMs: '5' as never },
  ])('refuses %j', (options) => {
    expect(() => new Backoff(options, middle)).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_BAD_OPTION' }),
    );
  });
});
