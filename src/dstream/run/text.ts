/** The declared text operators on strings: what the byte kernels must give, too. Pure functions. */
import { BadRecord } from './blame.ts';

const WORD = /[^\t-\r ]+/g;
const NONE: readonly string[] = [];

/** Splits on runs of ASCII white space; there are no empty words. */
export function wordsOf(record: unknown): readonly string[] {
  return asText(record).match(WORD) ?? NONE;
}

export function splitOf(record: unknown, separator: string): readonly string[] {
  return asText(record).split(separator);
}

export function trimOf(record: unknown): string {
  return asText(record).trim();
}

export function lowerOf(record: unknown): string {
  return asText(record).toLowerCase();
}

/** What `grep` with these parameters lets pass. */
export function grepTest(params: Readonly<Record<string, unknown>>): (record: unknown) => boolean {
  const { needle, source, flags } = params;
  if (typeof needle === 'string') return (record) => asText(record).includes(needle);
  const pattern = new RegExp(source as string, flags as string);
  return (record) => pattern.test(asText(record));
}

function asText(record: unknown): string {
  if (typeof record !== 'string')
    throw new BadRecord(`takes text, not ${record === null ? 'null' : typeof record}`);
  return record;
}
