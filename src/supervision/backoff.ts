/**
 * How long to wait before the next restart: twice as long each time, with jitter so that things
 * which fell together don't rise together. Belongs to one child of one supervisor.
 *
 * I1  Every delay lies in [minMs · (1 − jitter), maxMs].
 * I2  It begins anew on progress (`reset`), not by time: something that lives for a while without
 *     achieving anything still backs off.
 */
import { millraceError } from '../errors.ts';

export interface BackoffOptions {
  /** First delay, in ms, before jitter. @default 50 */
  readonly minMs?: number;
  /** Longest delay, in ms, jitter included. @default 5000 */
  readonly maxMs?: number;
  /** Each delay is so many times the one before; at least 1. @default 2 */
  readonly factor?: number;
  /** Part of the delay that is left to chance, both ways, from 0 to 1. @default 0.2 */
  readonly jitter?: number;
}

const DEFAULTS: Required<BackoffOptions> = { minMs: 50, maxMs: 5000, factor: 2, jitter: 0.2 };

export class Backoff {
  #options: Required<BackoffOptions>;
  #random: () => number;
  #attempts = 0;

  /** @throws `ERR_MILLRACE_BAD_OPTION` */
  constructor(options: BackoffOptions, random: () => number) {
    this.#options = resolve(options);
    this.#random = random;
  }

  /** Delays given since the last `reset`. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The delay before the next attempt, in ms. */
  next(): number {
    const { maxMs, jitter } = this.#options;
    const nominal = nominalMs(this.#options, this.#attempts++);
    return Math.min(maxMs, nominal * (1 + jitter * (2 * this.#random() - 1)));
  }

  /** It made progress: the next delay is the shortest again. */
  reset(): void {
    this.#attempts = 0;
  }

  /** The longest that the first `count` delays can be together, in ms. */
  sumOfDelays(count: number): number {
    return sumOfDelays(this.#options, count);
  }
}

/** The longest that the first `count` delays of such a backoff can be together, in ms. */
export function sumOfDelays(options: BackoffOptions, count: number): number {
  const resolved = resolve(options);
  const { maxMs, jitter } = resolved;
  let sum = 0;
  for (let n = 0; n < count; n++) {
    const longest = Math.min(maxMs, nominalMs(resolved, n) * (1 + jitter));
    // From here on all delays are this long.
    if (longest === maxMs || resolved.factor === 1) return sum + longest * (count - n);
    sum += longest;
  }
  return sum;
}

function nominalMs(options: Required<BackoffOptions>, attempt: number): number {
  return Math.min(options.maxMs, options.minMs * options.factor ** attempt);
}

function resolve(options: BackoffOptions): Required<BackoffOptions> {
  const resolved = { ...DEFAULTS, ...options };
  const { minMs, maxMs, factor, jitter } = resolved;
  check('minMs', minMs, minMs >= 0 && minMs < Infinity, 'a number of ms, 0 or more');
  check(
    'maxMs',
    maxMs,
    maxMs >= minMs && maxMs < Infinity,
    `a number of ms, at least minMs (${minMs})`,
  );
  check('factor', factor, factor >= 1 && factor < Infinity, 'a number, 1 or more');
  check('jitter', jitter, jitter >= 0 && jitter <= 1, 'a number from 0 to 1');
  return resolved;
}

function check(name: string, value: unknown, good: boolean, want: string): void {
  if (typeof value === 'number' && good) return;
  throw millraceError(
    'ERR_MILLRACE_BAD_OPTION',
    `backoff.${name} is ${String(value)}; it must be ${want}`,
    {
      context: { option: `backoff.${name}`, value },
    },
  );
}
