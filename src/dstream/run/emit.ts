/** Sends records as blocks that are neither too large for an edge to take well nor ever empty. */
import type { ColumnsBlock } from '../../actors/block.ts';
import type { TaskOutput } from '../../actors/task.ts';
import type { ByteColumns } from '../kernel/columns.ts';
import { isByteKeys } from './columns.ts';

/** Records in a block at most. */
export const MAX_BLOCK_RECORDS = 65_536;

/** Sends keys and values side by side. The arrays are the receiver's from now on. */
export function emitColumns(
  out: TaskOutput,
  output: number,
  port: number,
  keys: ColumnsBlock['keys'],
  values: ColumnsBlock['values'],
): void {
  if (isByteKeys(keys)) {
    emitByteColumns(out, output, port, {
      ...keys,
      count: keys.lengths.length,
      values: values as Float64Array,
    });
    return;
  }
  const count = keys.length;
  if (count <= MAX_BLOCK_RECORDS) {
    if (count > 0) out.emit(output, { kind: 'columns', port, count, keys, values });
    return;
  }
  for (let from = 0; from < count; from += MAX_BLOCK_RECORDS) {
    const to = Math.min(count, from + MAX_BLOCK_RECORDS);
    out.emit(output, {
      kind: 'columns',
      port,
      count: to - from,
      keys: keys.slice(from, to),
      values: values.slice(from, to),
    });
  }
}

/** Sends text keys as bytes, and their counts. */
export function emitByteColumns(
  out: TaskOutput,
  output: number,
  port: number,
  columns: ByteColumns,
): void {
  const { count, lengths, bytes, values } = columns;
  let at = 0;
  for (let from = 0; from < count; from += MAX_BLOCK_RECORDS) {
    const to = Math.min(count, from + MAX_BLOCK_RECORDS);
    const start = at;
    for (let i = from; i < to; i++) at += lengths[i]!;
    const keys = { lengths: lengths.subarray(from, to), bytes: bytes.subarray(start, at) };
    out.emit(output, {
      kind: 'columns',
      port,
      count: to - from,
      keys,
      values: values.subarray(from, to),
    });
  }
}

/** Sends records. The array is the receiver's from now on. */
export function emitRows(
  out: TaskOutput,
  output: number,
  port: number,
  rows: readonly unknown[],
): void {
  const count = rows.length;
  if (count <= MAX_BLOCK_RECORDS) {
    if (count > 0) out.emit(output, { kind: 'rows', port, rows });
    return;
  }
  for (let from = 0; from < count; from += MAX_BLOCK_RECORDS) {
    out.emit(output, { kind: 'rows', port, rows: rows.slice(from, from + MAX_BLOCK_RECORDS) });
  }
}
