/**
 * Refs within messages. A structured clone would drop their class, so they travel in another form and are made anew at
 * the other end. A message without refs, nearly every one, is looked through and sent as it is.
 *
 * I1  The message of the sender is never changed: what holds a ref is copied on the way to it.
 * I2  Refs are found in plain objects, arrays, maps and sets, to a depth of `MAX_DEPTH`.
 */
import { ActorRef, addressOf, type Address, type Sender } from './ref.ts';

const MARK = 'millrace:ref';
const MAX_DEPTH = 16;

type Marked = Address & { readonly [MARK]: true };

/** The message as it can be sent, and whether there are refs in it. */
export function pack(message: unknown): { readonly body: unknown; readonly refs: boolean } {
  if (typeof message !== 'object' || message === null) return { body: message, refs: false };
  const body = walk(message, packed, 0);
  return { body, refs: body !== message };
}

/** The message as it was before `pack`, with refs that send through `sender`. */
export function unpack(body: unknown, sender: Sender): unknown {
  return walk(body, (value) => unpacked(value, sender), 0);
}

function packed(value: object): object | undefined {
  return value instanceof ActorRef ? { ...addressOf(value), [MARK]: true } : undefined;
}

function unpacked(value: object, sender: Sender): object | undefined {
  return (value as Partial<Marked>)[MARK] === true
    ? new ActorRef(value as Marked, sender)
    : undefined;
}

/** Gives the value itself when nothing in it was replaced. */
function walk(
  value: unknown,
  replace: (value: object) => object | undefined,
  depth: number,
): unknown {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value;
  const replaced = replace(value);
  if (replaced !== undefined) return replaced;
  if (Array.isArray(value)) return walkArray(value, replace, depth);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null)
    return walkObject(value as Record<string, unknown>, replace, depth);
  if (value instanceof Map) {
    const entries = [...value];
    const walked = walkArray(entries, replace, depth) as [unknown, unknown][];
    return walked === entries ? value : new Map(walked);
  }
  if (value instanceof Set) {
    const members = [...value];
    const walked = walkArray(members, replace, depth);
    return walked === members ? value : new Set(walked);
  }
  return value;
}

function walkArray(
  values: readonly unknown[],
  replace: (value: object) => object | undefined,
  depth: number,
): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let n = 0; n < values.length; n++) {
    const walked = walk(values[n], replace, depth + 1);
    if (walked === values[n]) continue;
    copy ??= [...values];
    copy[n] = walked;
  }
  return copy ?? values;
}

function walkObject(
  value: Record<string, unknown>,
  replace: (value: object) => object | undefined,
  depth: number,
): object {
  let copy: Record<string, unknown> | undefined;
  for (const key in value) {
    const walked = walk(value[key], replace, depth + 1);
    if (walked === value[key]) continue;
    copy ??= { ...value };
    copy[key] = walked;
  }
  return copy ?? value;
}
