import { describe, expect, it } from 'vitest';
import { withinTimeOf } from '../../../src/dstream/run/user-promise.ts';
import { simEnv } from '../../../src/env/sim.ts';
import type { Clock } from '../../../src/env/env.ts';

/** What became of a promise by now. */
async function state(promise: Promise<unknown>): Promise<string> {
  const pending = new Promise<string>((resolve) => setImmediate(resolve, 'pending'));
  return Promise.race([promise.then(String, (error: Error) => error.message), pending]);
}

const never = (): Promise<void> => new Promise(() => {});

describe('a promise of a user', () => {
  it('that does not settle is given up after asyncTimeoutMs, not before', async () => {
    const env = simEnv(1);
    const promise = withinTimeOf({ env, asyncTimeoutMs: 800 })(never());
    env.clock.advance(799);
    expect(await state(promise)).toBe('pending');
    env.clock.advance(1);
    expect(await state(promise)).toBe('its promise has not settled for 800 ms (asyncTimeoutMs)');
  });

  it('that settles in time gives what it gives, and leaves no timer', async () => {
    const env = simEnv(1);
    const within = withinTimeOf({ env, asyncTimeoutMs: 800 });
    expect(await within(Promise.resolve(5))).toBe(5);
    await expect(within(Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(env.clock.pending).toBe(0);
  });

  it('I1: time in which the loop stands still counts as an eighth at most', async () => {
    const env = simEnv(1);
    const waiting: (() => void)[] = [];
    const clock: Clock = {
      now: () => 0,
      monotonic: () => 0,
      after: (_ms, run) => {
        waiting.push(run);
        return { cancel() {} };
      },
    };
    const promise = withinTimeOf({ env: { ...env, clock }, asyncTimeoutMs: 800 })(never());
    // Seven stalls, however long: each lets one timer be late.
    for (let stall = 0; stall < 7; stall++) waiting.shift()!();
    expect(await state(promise)).toBe('pending');
    waiting.shift()!();
    expect(await state(promise)).toContain('has not settled');
  });
});
