/**
 * How often something may die: `maxRestarts` times in any `withinMs`. One more, and restarting it
 * is no cure. Belongs to one child of one supervisor; time is monotonic.
 *
 *   maxRestarts 3   ──×────×──×────────×──────▶ the fourth within the window: exceeded
 *                     └─── withinMs ───┘
 *
 * I1  The window slides: a death counts until it is older than `withinMs`.
 * I2  Memory is bounded: at most `maxRestarts + 1` deaths are remembered.
 */
import { millraceError } from '../errors.ts';
import { sumOfDelays, type BackoffOptions } from './backoff.ts';

export interface RestartIntensityOptions {
  /** Restarts that are allowed in the window; a whole number, 0 for none. @default 3 */
  readonly maxRestarts?: number;
  /** Length of the window, in ms. It must be longer than the backoff. @default 30000 */
  readonly withinMs?: number;
}

const DEFAULTS: Required<RestartIntensityOptions> = { maxRestarts: 3, withinMs: 30_000 };

export class RestartIntensity {
  readonly maxRestarts: number;
  readonly withinMs: number;
  /** Times of the deaths in the window, oldest first. */
  #deaths: number[] = [];

  /**
   * @param backoff what delays the restarts: the window is checked against it
   * @throws `ERR_MILLRACE_BAD_OPTION`
   */
  constructor(options: RestartIntensityOptions = {}, backoff?: BackoffOptions) {
    const { maxRestarts, withinMs } = checkIntensity(options, backoff);
    this.maxRestarts = maxRestarts;
    this.withinMs = withinMs;
  }

  /** Deaths in the window that ended at the last `record`. */
  get count(): number {
    return this.#deaths.length;
  }

  /** Notes a death at `now` (monotonic, ms) and says whether it may be started again. */
  record(now: number): 'ok' | 'exceeded' {
    const deaths = this.#deaths;
    while (deaths.length > 0 && now - deaths[0]! > this.withinMs) deaths.shift();
    if (deaths.length > this.maxRestarts) deaths.shift();
    deaths.push(now);
    return deaths.length > this.maxRestarts ? 'exceeded' : 'ok';
  }

  /** Takes the last one back: it turned out to be of another kind. */
  forgive(): void {
    this.#deaths.pop();
  }

  /** Forgets what was: for a child that begins anew. */
  clear(): void {
    this.#deaths.length = 0;
  }
}

/**
 * Fills in defaults and refuses a limit that could never be reached: if the delays before
 * `maxRestarts` restarts are together as long as the window, the first death has left it before the
 * last one comes, and what dies at once each time is restarted for ever.
 * @throws `ERR_MILLRACE_BAD_OPTION`
 */
export function checkIntensity(
  options: RestartIntensityOptions,
  backoff?: BackoffOptions,
): Required<RestartIntensityOptions> {
  const resolved = { ...DEFAULTS, ...options };
  const { maxRestarts, withinMs } = resolved;
  if (!Number.isSafeInteger(maxRestarts) || maxRestarts < 0) {
    throw badOption('maxRestarts', maxRestarts, 'it must be a whole number, 0 or more');
  }
  if (typeof withinMs !== 'number' || !(withinMs > 0 && withinMs < Infinity)) {
    throw badOption('withinMs', withinMs, 'it must be a number of ms above 0');
  }
  if (backoff !== undefined) {
    const delaysMs = sumOfDelays(backoff, maxRestarts);
    if (delaysMs > withinMs) {
      throw badOption(
        'withinMs',
        withinMs,
        `the delays before ${maxRestarts} restarts are up to ${Math.ceil(delaysMs)} ms together, so the limit could ` +
          `never be reached. Set withinMs above ${Math.ceil(delaysMs)}, or lower maxRestarts or backoff.maxMs`,
      );
    }
  }
  return resolved;
}

function badOption(option: string, value: unknown, why: string): Error {
  return millraceError('ERR_MILLRACE_BAD_OPTION', `${option} is ${String(value)}: ${why}`, {
    context: { option, value },
  });
}
