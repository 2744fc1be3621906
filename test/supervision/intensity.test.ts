import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pcg32 } from '../../src/env/pcg32.ts';
import { VirtualClock } from '../../src/env/virtual-clock.ts';
import { Backoff } from '../../src/supervision/backoff.ts';
import { checkIntensity, RestartIntensity } from '../../src/supervision/intensity.ts';

const badOption: unknown = expect.objectContaining({ code: 'ERR_MILLRACE_BAD_OPTION' });

describe('restart intensity', () => {
  it('allows three deaths in 30 s by default, and no fourth', () => {
    const intensity = new RestartIntensity();
    expect([0, 10_000, 20_000, 30_000].map((now) => intensity.record(now))).toEqual([
      'ok',
      'ok',
      'ok',
      'exceeded',
    ]);
  });

  it('I1: a death counts no more when it is older than the window', () => {
    const intensity = new RestartIntensity({ maxRestarts: 1, withinMs: 100 });
    expect([0, 101, 202, 302].map((now) => intensity.record(now))).toEqual([
      'ok',
      'ok',
      'ok',
      'exceeded',
    ]);
  });

  it('with maxRestarts 0 the first death is too many', () => {
    expect(new RestartIntensity({ maxRestarts: 0 }).record(5)).toBe('exceeded');
  });

  it('I1, I2: says what counting all deaths would say, and remembers few', () => {
    const gaps = fc.array(fc.nat(60), { maxLength: 80 });
    fc.assert(
      fc.property(
        gaps,
        fc.nat(5),
        fc.integer({ min: 1, max: 200 }),
        (each, maxRestarts, withinMs) => {
          const intensity = new RestartIntensity({ maxRestarts, withinMs });
          const deaths: number[] = [];
          let now = 0;
          for (const gap of each) {
            now += gap;
            deaths.push(now);
            const inWindow = deaths.filter((death) => now - death <= withinMs).length;
            expect(intensity.record(now)).toBe(inWindow > maxRestarts ? 'exceeded' : 'ok');
            expect(intensity.count).toBeLessThanOrEqual(maxRestarts + 1);
          }
        },
      ),
    );
  });

  it('starts anew when it is cleared', () => {
    const intensity = new RestartIntensity({ maxRestarts: 1 });
    intensity.record(0);
    intensity.clear();
    expect(intensity.record(1)).toBe('ok');
  });

  it.each([
    { maxRestarts: -1 },
    { maxRestarts: 1.5 },
    { withinMs: 0 },
    { withinMs: Infinity },
    { maxRestarts: '3' as never },
  ])('refuses %j', (options) =>
    expect(() => new RestartIntensity(options)).toThrow(badOption as Error),
  );
});

describe('the window and the backoff', () => {
  it('refuses a window in which the limit could never be reached, and says which would do', () => {
    const backoff = { minMs: 1000, maxMs: 10_000, factor: 10, jitter: 0 };
    expect(() => checkIntensity({ maxRestarts: 3, withinMs: 20_000 }, backoff)).toThrow(
      /Set withinMs above 21000/,
    );
    expect(checkIntensity({ maxRestarts: 3, withinMs: 21_000 }, backoff).withinMs).toBe(21_000);
  });

  it('takes the defaults, and a chaos run of a thousand kills', () => {
    expect(checkIntensity({}, {})).toEqual({ maxRestarts: 3, withinMs: 30_000 });
    checkIntensity({ maxRestarts: 1000, withinMs: 60_000 }, { minMs: 10, maxMs: 50 });
  });

  it('what dies at once each time reaches every limit that was accepted', () => {
    const settings = fc.record({
      maxRestarts: fc.nat(8),
      withinMs: fc.integer({ min: 1, max: 20_000 }),
      minMs: fc.integer({ min: 1, max: 200 }),
      maxMs: fc.integer({ min: 200, max: 5000 }),
    });
    fc.assert(
      fc.property(settings, fc.nat(), ({ maxRestarts, withinMs, minMs, maxMs }, seed) => {
        const limits = { maxRestarts, withinMs };
        try {
          checkIntensity(limits, { minMs, maxMs });
        } catch {
          return;
        }
        const chance = new Pcg32(seed);
        const clock = new VirtualClock();
        const backoff = new Backoff({ minMs, maxMs }, () => chance.float());
        const intensity = new RestartIntensity(limits, { minMs, maxMs });
        let deaths = 0;
        const die = (): void => {
          deaths++;
          if (intensity.record(clock.monotonic()) === 'ok') clock.after(backoff.next(), die);
        };
        die();
        while (clock.runNext() && deaths < 100);
        expect(deaths).toBe(maxRestarts + 1);
      }),
    );
  });
});
