/**
 * Bounds the time that a promise of a user's function may take. Called on the thread that awaits it.
 *
 * I1  Only time in which the event loop turns counts: the limit is counted in parts, and a part that comes late for a
 *     loop that stood still counts once.
 */
import type { Env, Timer } from '../../env/env.ts';

const PARTS = 8;

/** Gives what the promise gives, or rejects when it takes too long. */
export type WithinTime = <T>(promise: PromiseLike<T>) => Promise<T>;

export interface TimeLimit {
  /** @default no limit */
  readonly env?: Env;
  readonly asyncTimeoutMs?: number;
  /** What it rejects with then. @default an error that names `asyncTimeoutMs` */
  readonly timedOut?: () => Error;
}

export function withinTimeOf({ env, asyncTimeoutMs, timedOut }: TimeLimit): WithinTime {
  if (env === undefined || asyncTimeoutMs === undefined)
    return (promise) => Promise.resolve(promise);
  return (promise) =>
    new Promise((resolve, reject) => {
      let timer: Timer;
      const wait = (parts: number): void => {
        timer = env.clock.after(asyncTimeoutMs / PARTS, () => {
          if (parts > 1) wait(parts - 1);
          else
            reject(
              timedOut?.() ??
                new Error(`its promise has not settled for ${asyncTimeoutMs} ms (asyncTimeoutMs)`),
            );
        });
      };
      wait(PARTS);
      promise.then(
        (value) => {
          timer.cancel();
          resolve(value);
        },
        (error: unknown) => {
          timer.cancel();
          reject(error as Error);
        },
      );
    });
}
