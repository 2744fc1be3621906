/**
 * The canonical form of a key: two keys are equal by value exactly when their canonical forms are the same text.
 *
 * Keys are strings, numbers, bigints, booleans, null, and arrays and plain objects of these. `'1'` and `1` differ, `-0`
 * is `0`, `NaN` equals itself, and the order of an object's properties does not matter. Nothing else has a value to
 * compare by, so it is refused. Pure functions, called from any thread; every thread must come to the same text,
 * because it decides where a key lives.
 */

/** Deeper keys are refused: they are cycles, or no keys. */
const MAX_DEPTH = 32;

/** A key that has no value. Whoever knows the operator turns it into a coded error (`run/blame.ts`). */
export class BadKey extends Error {
  /** The key as it was given. */
  readonly key: unknown;

  constructor(key: unknown, why: string) {
    super(why);
    this.key = key;
  }
}

/** The canonical form of a key, or a `BadKey` thrown. Every part says its own length or end, so no two keys share one. */
export function canonicalKey(key: unknown): string {
  return write(key, key, 0);
}

function write(part: unknown, key: unknown, depth: number): string {
  switch (typeof part) {
    case 'string':
      return `s${part.length}:${part}`;
    case 'number':
      // String(-0) is '0', so -0 needs no care.
      return `n${part};`;
    case 'bigint':
      return `i${part};`;
    case 'boolean':
      return part ? 't' : 'f';
    case 'object':
      if (part === null) return '_';
      if (depth > MAX_DEPTH) throw new BadKey(key, `it is nested more than ${MAX_DEPTH} deep`);
      return Array.isArray(part) ? writeArray(part, key, depth) : writeObject(part, key, depth);
    default:
      throw new BadKey(
        key,
        depth === 0
          ? `${article(typeof part)} has no value to compare by`
          : `it holds ${article(typeof part)}, which has no value to compare by`,
      );
  }
}

function writeArray(part: readonly unknown[], key: unknown, depth: number): string {
  let text = '[';
  for (let i = 0; i < part.length; i++) text += write(part[i], key, depth + 1);
  return `${text}]`;
}

function writeObject(part: object, key: unknown, depth: number): string {
  const prototype = Object.getPrototypeOf(part) as object | null;
  // A plain object's prototype is null or the root of its realm, whichever realm that is.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new BadKey(
      key,
      `${depth === 0 ? 'an instance' : 'it holds an instance, and one'} of ${className(prototype)} has no value to compare by`,
    );
  }
  if (Object.getOwnPropertySymbols(part).length > 0)
    throw new BadKey(key, 'an object with symbols for names has no value to compare by');
  const record = part as Record<string, unknown>;
  let text = '{';
  for (const name of Object.keys(record).sort())
    text += `${name.length}:${name}${write(record[name], key, depth + 1)}`;
  return `${text}}`;
}

function className(prototype: object): string {
  const { constructor } = prototype as { readonly constructor?: unknown };
  return typeof constructor === 'function' && constructor.name !== ''
    ? constructor.name
    : 'a class';
}

function article(type: string): string {
  return type === 'undefined' ? 'undefined' : `a ${type}`;
}
