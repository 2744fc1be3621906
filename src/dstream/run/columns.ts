/** Columns as the loops want them: one array of keys, one of values. Pure functions. */
import type { ByteKeys, ColumnsBlock } from '../../actors/block.ts';
import { decodeKeys } from '../kernel/columns.ts';

const NO_VALUES: Float64Array = new Float64Array(0);

export function isByteKeys(keys: ColumnsBlock['keys']): keys is ByteKeys {
  return !Array.isArray(keys);
}

/** The keys from `from` to before `to`, as values. */
export function keysOf(
  keys: ColumnsBlock['keys'],
  from: number = 0,
  to: number = Number.POSITIVE_INFINITY,
): readonly unknown[] {
  if (!isByteKeys(keys)) return from === 0 && to >= keys.length ? keys : keys.slice(from, to);
  const count = keys.lengths.length;
  return decodeKeys({ ...keys, count, values: NO_VALUES }, from, Math.min(to, count));
}

/** Values as a plain array, small integers as V8 likes them best. */
export function valuesOf(values: ColumnsBlock['values']): readonly unknown[] {
  if (Array.isArray(values)) return values;
  const own = Array<number>(values.length);
  for (let i = 0; i < own.length; i++) {
    const value = values[i] as number;
    const integer = value | 0;
    own[i] = integer === value && (integer !== 0 || 1 / value > 0) ? integer : value;
  }
  return own;
}

/** The records of columns: `[key, value]` tuples. */
export function pairsOf(
  block: ColumnsBlock,
  from: number = 0,
  to: number = block.count,
): readonly (readonly [unknown, unknown])[] {
  const keys = keysOf(block.keys, from, to);
  const pairs: [unknown, unknown][] = [];
  for (let i = 0; i < keys.length; i++) pairs.push([keys[i], block.values[from + i]]);
  return pairs;
}
