/**
 * A value that nobody changes any more: what leaves an operator while its state lives on in place.
 *
 * Plain objects, arrays, maps, sets, dates and typed arrays are copied, deep; what is frozen, and instances of other
 * classes, are shared.
 * Pure, any thread.
 */
import { unsliced } from '../keys/key-index.ts';
import { BadRecord } from '../run/blame.ts';

/** A copy of a value (above). */
export function copied<T>(value: T): T {
  return (typeof value === 'object' && value !== null ? copyOf(value) : value) as T;
}

/** Copies in place; an array without objects is left alone. */
export function copyAll(values: unknown[]): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value === 'object' && value !== null) values[i] = copyOf(value);
  }
}

/** The value, which must not be a promise of one: nobody would wait for it. */
export function settled(value: unknown): unknown {
  if (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
    throw new BadRecord(
      'needs a function that gives its result at once, not a promise; mapAsync waits for promises',
    );
  return value;
}

/** Items of an array that are looked at. */
const FEW = 16;

/**
 * The state, with texts on their own feet: one from another thread may be a slice that keeps the text of its whole block
 * alive, for as long as the state lives. Texts that lie deeper than in an object, or in long lists, are left.
 */
export function owned(state: unknown): unknown {
  if (typeof state === 'string') return unsliced(state);
  if (!isMutable(state)) return state;
  if (Array.isArray(state)) {
    if (state.length > FEW) return state;
  } else if (Object.getPrototypeOf(state) !== Object.prototype) return state;
  const parts = state as Record<string, unknown>;
  for (const name in parts) {
    const part = parts[name];
    if (typeof part === 'string') Reflect.set(parts, name, unsliced(part));
  }
  return state;
}

/** Whether the value may be changed in place. */
export function isMutable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Object.isFrozen(value);
}

/** What a function gave, apart from what it may hold of a state. Most results are primitives, or pairs of them. */
export function independent(given: unknown): unknown {
  if (typeof given !== 'object' || given === null) return given;
  if (Array.isArray(given) && given.length === 2 && isPrimitive(given[0]) && isPrimitive(given[1]))
    return given;
  return copied(settled(given));
}

function isPrimitive(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

function copyOf(value: object): object {
  if (Array.isArray(value)) {
    if (Object.isFrozen(value)) return value;
    const copy = value.slice() as unknown[];
    copyAll(copy);
    return copy;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    if (Object.isFrozen(value)) return value;
    const copy = { ...value } as Record<string, unknown>;
    for (const name in copy) {
      const part = copy[name];
      if (typeof part === 'object' && part !== null) copy[name] = copyOf(part);
    }
    return copy;
  }
  if (value instanceof Map)
    return new Map([...value].map(([key, each]) => [copied(key), copied(each)]));
  if (value instanceof Set) return new Set([...value].map(copied));
  if (value instanceof Date) return new Date(value);
  // The one that all typed arrays inherit: a Buffer's own gives a view.
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return Uint8Array.prototype.slice.call(value);
  return value;
}
