/** Values of flags, checked where they are read, so that a wrong one never gets as far as a job. */
import { InvalidArgumentError } from 'commander';
import { durationMs } from '../dstream/duration.ts';

/** What `run` allows. */
const MAX_THREADS = 32;

export function threadsFlag(text: string): number {
  return wholeFlag(0, MAX_THREADS)(text);
}

export function wholeFlag(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most)
      return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** Seconds, as in `--seconds 2.5`. */
export function secondsFlag(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 86_400) return value;
  throw new InvalidArgumentError('It must be a number of seconds, more than 0 and at most 86400.');
}

/** `30s`, `500ms`, `2m`, or a number of milliseconds. In ms. */
export function durationFlag(text: string): number {
  const plain = /^\d+$/.test(text.trim());
  try {
    return durationMs(plain ? Number(text) : text, 'it', 0);
  } catch {
    throw new InvalidArgumentError("It must be a duration, such as '500ms', '30s' or '2m'.");
  }
}
