/**
 * What `print(n)` writes, byte for byte as Spark does, and how a record looks in it.
 *
 * JavaScript has one kind of array for Spark's tuples, arrays and buffers. The choices:
 *
 *   array of 2 to 22     as a Scala tuple: `(a,1)`, nested ones too: `((a,b),3)`
 *   other arrays         `[]`, `[a]`, `[1,2, … 23 of them]`; typed arrays too, whatever their length
 *   string               as it is, without quotes
 *   number, bigint       as JavaScript writes it: `1`, `0.5`, `1e+21`; -0 is `0`
 *   null, undefined      `null`, `undefined`
 *   Date                 ISO 8601
 *   Map, Set             as Scala: `Map(a -> 1)`, `Set(a, b)`
 *   object               what its own `toString` says if its class has one, else JSON
 */
import type { Batch } from './batch.ts';

const RULE = '-'.repeat(43);

/** The header, up to `n` records a line each, `...` if there are more, and an empty line. */
export function formatBatch(time: number, batch: Batch<unknown>, n: number): string {
  let text = `${RULE}\nTime: ${time} ms\n${RULE}\n`;
  for (const record of batch.toArray(n)) text += `${formatRecord(record)}\n`;
  if (batch.size > n) text += '...\n';
  return `${text}\n`;
}

/** A record as `print` shows it. Never throws, or a batch would fail for its looks. */
export function formatRecord(record: unknown): string {
  try {
    return format(record, 0);
  } catch {
    return Object.prototype.toString.call(record);
  }
}

/** Deeper than this is cut: an array may hold itself. */
const MAX_DEPTH = 64;

function format(value: unknown, depth: number): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return String(value);
  if (depth > MAX_DEPTH) return '…';
  const inner = (each: unknown): string => format(each, depth + 1);
  if (Array.isArray(value)) {
    const list = value.map(inner).join(',');
    return value.length >= 2 && value.length <= 22 ? `(${list})` : `[${list}]`;
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return `[${String(value)}]`;
  if (value instanceof Date)
    return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Map)
    return `Map(${[...value].map(([k, v]) => `${inner(k)} -> ${inner(v)}`).join(', ')})`;
  if (value instanceof Set) return `Set(${[...value].map(inner).join(', ')})`;
  const own = (value as { toString?: unknown }).toString;
  if (typeof own === 'function' && own !== Object.prototype.toString) return String(value);
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === 'bigint' ? String(each) : each,
  );
}
