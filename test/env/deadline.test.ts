import { expect, it } from 'vitest';
import { deadline } from '../../src/env/deadline.ts';
import { VirtualClock } from '../../src/env/virtual-clock.ts';

it('passes at its time', () => {
  const clock = new VirtualClock();
  const at: number[] = [];
  deadline(clock, 100, () => at.push(clock.monotonic()));
  deadline(clock, 50, () => at.push(0)).cancel();
  clock.advance(1000);
  expect(at).toEqual([100]);
});

it('gives a moment more when the thread itself stood still, and can be cancelled in it', () => {
  const real = new VirtualClock();
  const late = {
    now: () => real.now(),
    monotonic: () => real.monotonic(),
    after: (ms: number, run: () => void) => real.after(ms === 100 ? 5000 : ms, run),
  };
  const at: number[] = [];
  deadline(late, 100, () => at.push(real.monotonic()));
  const cancelled = deadline(late, 100, () => at.push(0));
  real.advance(5020);
  expect(at).toEqual([]);
  cancelled.cancel();
  real.advance(1000);
  expect(at).toEqual([5250]);
});
