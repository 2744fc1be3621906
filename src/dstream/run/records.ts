/** What the loops of both forms do with a record that needs a look. Pure functions. */
import { BadRecord } from './blame.ts';

/** The records that a user's function gave for one: an array as it is, anything else iterable as an array. */
export function itemsOf(given: unknown): readonly unknown[] {
  if (Array.isArray(given)) return given;
  if (
    given === null ||
    given === undefined ||
    typeof (given as Iterable<unknown>)[Symbol.iterator] !== 'function'
  ) {
    throw new BadRecord(
      `needs a function that gives something to iterate, such as an array; it gave ${given === null ? 'null' : typeof given}`,
    );
  }
  return Array.from(given as Iterable<unknown>);
}

/** Refuses a record that isn't `[key, value]`. */
export function notPair(record: unknown): never {
  throw badPair(record);
}

/** The error of a record that isn't `[key, value]`. */
export function badPair(record: unknown): BadRecord {
  return new BadRecord(
    `takes [key, value] pairs, not ${record === null ? 'null' : typeof record}`,
    { value: record },
  );
}
