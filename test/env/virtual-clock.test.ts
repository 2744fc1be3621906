import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pcg32 } from '../../src/env/pcg32.ts';
import { VirtualClock } from '../../src/env/virtual-clock.ts';

describe('the virtual clock', () => {
  it('I1: runs timers by time, and those of one instant in the order of setting', () => {
    const clock = new VirtualClock();
    const ran: string[] = [];
    clock.after(20, () => ran.push('c'));
    clock.after(10, () => ran.push('a'));
    clock.after(10, () => ran.push('b'));
    clock.advance(9.5);
    expect(ran).toEqual([]);
    clock.advance(10.5);
    expect(ran).toEqual(['a', 'b', 'c']);
  });

  it('I1: a seeded tie-break orders one instant by chance, the same for the same seed', () => {
    const order = (seed: number): string => {
      const chance = new Pcg32(seed);
      const clock = new VirtualClock({ tieBreak: () => chance.next() });
      let ran = '';
      for (const name of 'abcdefgh') clock.after(5, () => (ran += name));
      clock.after(4, () => (ran += '-'));
      clock.advance(5);
      return ran;
    };
    expect(order(1)).toBe(order(1));
    expect(order(1)).not.toBe(order(2));
    expect(order(1)[0]).toBe('-');
  });

  it('I1, I2: any timers come in order of time, whatever was cancelled', () => {
    const timers = fc.array(fc.record({ ms: fc.nat(100), cancelled: fc.boolean() }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(timers, (each) => {
        const clock = new VirtualClock();
        const ran: [number, number][] = [];
        each
          .map(({ ms, cancelled }, id) => {
            const timer = clock.after(ms, () => {
              expect(clock.monotonic()).toBe(ms);
              ran.push([ms, id]);
            });
            return { timer, cancelled };
          })
          .forEach(({ timer, cancelled }) => cancelled && timer.cancel());
        clock.advance(100);
        const expected = each
          .map(({ ms, cancelled }, id) => ({ ms, id, cancelled }))
          .filter(({ cancelled }) => !cancelled)
          .map(({ ms, id }): [number, number] => [ms, id])
          .toSorted(([a, i], [b, j]) => a - b || i - j);
        expect(ran).toEqual(expected);
        expect({ pending: clock.pending, next: clock.nextAt() }).toEqual({
          pending: 0,
          next: undefined,
        });
      }),
      { numRuns: 100 },
    );
  });

  it('I3: a timer that is set by a timer runs in the same advance if it is due', () => {
    const clock = new VirtualClock();
    const at: number[] = [];
    const tick = (): void => {
      at.push(clock.monotonic());
      clock.after(10, tick);
    };
    clock.after(10, tick);
    clock.advance(35);
    expect(at).toEqual([10, 20, 30]);
    expect({ now: clock.monotonic(), next: clock.nextAt() }).toEqual({ now: 35, next: 40 });
    expect(clock.runNext()).toBe(true);
    expect(clock.monotonic()).toBe(40);
  });

  it('I4: wall time may be set, and timers do not care', () => {
    const clock = new VirtualClock({ startMs: 1000 });
    let ran = false;
    clock.after(60, () => (ran = true));
    clock.advance(50);
    expect(clock.now()).toBe(1050);
    clock.setWall(-3_600_000);
    expect({ wall: clock.now(), monotonic: clock.monotonic() }).toEqual({
      wall: -3_600_000,
      monotonic: 50,
    });
    clock.advance(10);
    expect(ran).toBe(true);
  });

  it('does not go back, and is not moved by its own timers', () => {
    const clock = new VirtualClock();
    expect(() => clock.advance(-1)).toThrow(/does not go back/);
    expect(() => clock.runUntil(Infinity)).toThrow(/cannot run/);
    clock.after(1, () => clock.advance(1));
    expect(() => clock.advance(1)).toThrow(/cannot move the clock/);
    clock.advance(5);
    expect(clock.monotonic()).toBe(6);
    expect(clock.runNext()).toBe(false);
  });
});

describe('PCG32', () => {
  it('gives the numbers of the reference implementation', () => {
    // pcg32_srandom(42, 54) of pcg-c-basic's demo.
    const chance = new Pcg32(42, 54);
    const drawn = Array.from({ length: 6 }, () => chance.next().toString(16));
    expect(drawn).toEqual(['a15c02b7', '7b47f409', 'ba1d3330', '83d2f293', 'bfa4784b', 'cbed606e']);
  });

  it('agrees with 64-bit arithmetic for any seed and stream', () => {
    const MASK = (1n << 64n) - 1n;
    const reference = (seed: number, stream: number): number[] => {
      const increment = ((BigInt(stream) << 1n) | 1n) & MASK;
      const step = (state: bigint): bigint => (state * 6364136223846793005n + increment) & MASK;
      let state = step((increment + BigInt(seed)) & MASK);
      return Array.from({ length: 5 }, () => {
        const old = state;
        state = step(state);
        const mixed = Number((((old >> 18n) ^ old) >> 27n) & 0xffffffffn);
        const turn = Number(old >> 59n);
        return ((mixed >>> turn) | (mixed << (-turn & 31))) >>> 0;
      });
    };
    const whole = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(whole, whole, (seed, stream) => {
        const chance = new Pcg32(seed, stream);
        expect(Array.from({ length: 5 }, () => chance.next())).toEqual(reference(seed, stream));
      }),
      { numRuns: 200 },
    );
  });

  it('draws below a bound, and every number of it', () => {
    const chance = new Pcg32(7);
    const seen = new Set(Array.from({ length: 200 }, () => chance.below(6)));
    expect([...seen].toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
