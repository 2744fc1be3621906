/**
 * What msgpack does not carry as it is, made so that it does: -0 would become 0, and half a surrogate pair U+FFFD. Both
 * are rare, so values are searched first and only rewritten when something was found.
 */

/** Stands for -0. */
export class NegativeZero {}

/** Stands for a string with half a surrogate pair. */
export class IllFormed {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Whether there is something in `value` that msgpack would change. */
export function isInexact(value: unknown): boolean {
  switch (typeof value) {
    case 'number':
      return value === 0 && 1 / value < 0;
    case 'string':
      return !isWellFormed(value);
    case 'object':
      return value !== null && holdsInexact(value);
    default:
      return false;
  }
}

function holdsInexact(value: object): boolean {
  // Most objects are plain, and each `instanceof` walks a chain.
  if (Object.getPrototypeOf(value) === Object.prototype) {
    const record = value as Record<string, unknown>;
    for (const key in record) if (isInexact(record[key])) return true;
    return false;
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (isInexact(value[i])) return true;
    return false;
  }
  if (value instanceof Map) {
    for (const [key, each] of value) if (isInexact(key) || isInexact(each)) return true;
    return false;
  }
  if (value instanceof Set) {
    for (const each of value) if (isInexact(each)) return true;
    return false;
  }
  if (!isRecord(value)) return false;
  for (const key in value) if (isInexact(value[key])) return true;
  return false;
}

/** A copy with stand-ins, deep where it has to be. */
export function withStandIns(value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      return value === 0 && 1 / value < 0 ? new NegativeZero() : value;
    case 'string':
      return isWellFormed(value) ? value : new IllFormed(value);
    case 'object':
      break;
    default:
      return value;
  }
  if (value === null) return null;
  if (Array.isArray(value)) return value.map(withStandIns);
  if (value instanceof Map) {
    return new Map([...value].map(([key, each]) => [withStandIns(key), withStandIns(each)]));
  }
  if (value instanceof Set) return new Set([...value].map(withStandIns));
  if (!isRecord(value)) return value;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) copy[key] = withStandIns(value[key]);
  return copy;
}

/** Whether it travels as its own properties, rather than in a form of its own. */
function isRecord(value: object): value is Record<string, unknown> {
  if (ArrayBuffer.isView(value) || value instanceof Date || value instanceof ArrayBuffer)
    return false;
  return typeof (value as { toJSON?: unknown }).toJSON !== 'function';
}

function isWellFormed(text: string): boolean {
  // Node has it since version 20; TypeScript's library for our target hasn't.
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}
