/** Columns as the loops want them: one array of keys, one of values. Pure functions. */
import { Buffer, isAscii } from 'node:buffer';
import type { ByteKeys, ColumnsBlock } from '../../actors/block.ts';

export function isByteKeys(keys: ColumnsBlock['keys']): keys is ByteKeys {
  return !Array.isArray(keys);
}

/** The keys from `from` to before `to`, as values. */
export function keysOf(keys: ColumnsBlock['keys'], from: number = 0, to: number = Number.POSITIVE_INFINITY): readonly unknown[] {
  if (isByteKeys(keys)) return textKeys(keys, from, Math.min(to, keys.lengths.length));
  return from === 0 && to >= keys.length ? keys : keys.slice(from, to);
}

function textKeys(keys: ByteKeys, from: number, to: number): readonly string[] {
  const { lengths, bytes } = keys;
  let start = 0;
  for (let i = 0; i < from; i++) start += lengths[i]!;
  let end = start;
  for (let i = from; i < to; i++) end += lengths[i]!;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  const texts: string[] = [];
  let at = 0;
  if (isAscii(buffer)) {
    // One text for all: V8 copies short slices of it, which costs less than a call per key.
    const text = buffer.toString('latin1');
    for (let i = from; i < to; i++) texts.push(text.slice(at, (at += lengths[i]!)));
  } else {
    for (let i = from; i < to; i++) texts.push(buffer.toString('utf8', at, (at += lengths[i]!)));
  }
  return texts;
}

/** The records of columns: `[key, value]` tuples. */
export function pairsOf(block: ColumnsBlock, from: number = 0, to: number = block.count): readonly (readonly [unknown, unknown])[] {
  const keys = keysOf(block.keys, from, to);
  const pairs: [unknown, unknown][] = [];
  for (let i = 0; i < keys.length; i++) pairs.push([keys[i], block.values[from + i]]);
  return pairs;
}
