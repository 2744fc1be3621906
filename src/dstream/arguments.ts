/** Checks of what the user gives to an operator. Each error names the operator, its call site and what was given. */
import { type MillraceError, millraceError } from '../errors.ts';

/** The user's call. */
export interface Caller {
  readonly operator: string;
  /** `file:line:column`. */
  readonly callSite: string;
}

/** ERR_MILLRACE_BAD_OPTION: `wanted` says what the option must be, as in "must be a function". */
export function badOption(
  caller: Caller,
  option: string,
  wanted: string,
  given: unknown,
): MillraceError {
  return millraceError(
    'ERR_MILLRACE_BAD_OPTION',
    `${caller.operator} at ${caller.callSite}: ${option} must be ${wanted}; it is ${shown(given)}`,
    { context: { operator: caller.operator, callSite: caller.callSite, option } },
  );
}

export function checkFunction(caller: Caller, option: string, given: unknown): void {
  if (typeof given !== 'function') throw badOption(caller, option, 'a function', given);
}

/** A whole number from `least` to `most`. */
export function checkInteger(
  caller: Caller,
  option: string,
  given: unknown,
  least = 1,
  most: number = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(given) && (given as number) >= least && (given as number) <= most)
    return;
  const bounds =
    most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw badOption(caller, option, `a whole number ${bounds}`, given);
}

export function checkText(caller: Caller, option: string, given: unknown): void {
  if (typeof given !== 'string' || given === '')
    throw badOption(caller, option, 'text that is not empty', given);
}

export function checkBoolean(caller: Caller, option: string, given: unknown): void {
  if (typeof given !== 'boolean') throw badOption(caller, option, 'true or false', given);
}

/** Records a second, or undefined for no limit. */
export function checkRate(caller: Caller, given: unknown): void {
  if (given === undefined) return;
  if (typeof given === 'number' && given > 0 && given <= 1e9) return;
  throw badOption(caller, 'maxRate', 'a number of records a second above 0', given);
}

/** An object with no other keys than `known`. */
export function checkOptions(caller: Caller, given: unknown, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null)
    throw badOption(caller, 'options', 'an object', given);
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    throw millraceError(
      'ERR_MILLRACE_BAD_OPTION',
      `${caller.operator} at ${caller.callSite}: there is no option ${shown(key)}; the options are ${known.join(', ')}`,
      { context: { operator: caller.operator, callSite: caller.callSite, option: key } },
    );
  }
}

/** A value as an error text shows it: short, and telling text from number. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > 60 ? `${JSON.stringify(value.slice(0, 60))}…` : JSON.stringify(value);
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object';
    default:
      return String(value);
  }
}
