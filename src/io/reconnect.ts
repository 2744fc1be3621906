/** How long a source waits before it calls again: 100 ms, then twice as long each time, at most 5 s. */
import type { Env } from '../env/env.ts';
import { Backoff, type BackoffOptions } from '../supervision/backoff.ts';

export type { Backoff, BackoffOptions };

const DEFAULTS: BackoffOptions = { minMs: 100, maxMs: 5000, factor: 2, jitter: 0.2 };

/** Jitter keeps the clients of a server that comes back from calling in one moment. Reset it when data comes. */
export function reconnectBackoff(env: Env, options: BackoffOptions = {}): Backoff {
  return new Backoff({ ...DEFAULTS, ...options }, () => env.random());
}
