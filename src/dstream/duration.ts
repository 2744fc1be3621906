/** Durations as users write them: milliseconds as a number, or `'500ms'`, `'1s'`, `'5m'`, `'2h'`. */
import { millraceError } from '../errors.ts';
import { shown } from './arguments.ts';

/** Milliseconds, or text: a number and one of `ms`, `s`, `m`, `h` (`'1.5s'` too). */
export type Duration = number | string;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const TEXT = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/;

/**
 * The duration in whole milliseconds.
 * @param what what it is for, as the error names it: `batchInterval`
 * @param atLeastMs the smallest that is allowed; 1 unless said otherwise
 * @throws ERR_MILLRACE_BAD_DURATION when it isn't a whole number of milliseconds or is too small
 */
export function durationMs(value: unknown, what: string, atLeastMs = 1, callSite?: string): number {
  const ms = read(value);
  if (ms !== undefined && Number.isSafeInteger(ms) && ms >= atLeastMs) return ms;
  const bound = ms !== undefined && ms < atLeastMs ? `, at least ${atLeastMs} ms` : '';
  throw millraceError(
    'ERR_MILLRACE_BAD_DURATION',
    `${what}${callSite === undefined ? '' : ` at ${callSite}`} must be a whole number of milliseconds${bound}, or text ` +
      `such as '500ms', '1s', '5m' or '2h'; it is ${shown(value)}`,
    { context: callSite === undefined ? { option: what } : { option: what, callSite } },
  );
}

function read(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const match = TEXT.exec(value.trim());
  if (match === null) return undefined;
  const ms = Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? Number.NaN);
  // 0.001h is 3.6 s, but not quite so in binary.
  return Math.abs(ms - Math.round(ms)) < 1e-6 ? Math.round(ms) : ms;
}
