/**
 * One partition of an output's batch, as it was gathered: blocks in order of arrival, decoded when read.
 * Used by the task of the outputs, on its thread.
 */
import type { Block } from '../../actors/block.ts';
import type { PartitionSource } from '../batch/sources.ts';
import { isByteKeys, pairsOf } from './columns.ts';
import { linesOf } from './lines.ts';

export class GatheredPartition implements PartitionSource {
  readonly #blocks: readonly Block[];
  readonly #counts: readonly number[];
  readonly count: number;

  constructor(blocks: readonly Block[]) {
    this.#blocks = blocks;
    this.#counts = blocks.map((block) =>
      block.kind === 'columns' ? block.count : rowsOf(block).length,
    );
    this.count = this.#counts.reduce((total, count) => total + count, 0);
  }

  rows(from: number = 0, to: number = this.count): readonly unknown[] {
    const parts: (readonly unknown[])[] = [];
    let start = 0;
    for (let i = 0; i < this.#blocks.length && start < to; i++) {
      const count = this.#counts[i]!;
      if (start + count > from)
        parts.push(
          rowsOf(this.#blocks[i]!, Math.max(0, from - start), Math.min(count, to - start)),
        );
      start += count;
    }
    return parts.length === 1 ? parts[0]! : parts.flat();
  }
}

function rowsOf(block: Block, from: number = 0, to?: number): readonly unknown[] {
  if (block.kind === 'columns') return pairsOf(block, from, to);
  const rows = block.kind === 'rows' ? block.rows : linesOf(block.bytes).lines;
  return from === 0 && (to === undefined || to >= rows.length) ? rows : rows.slice(from, to);
}

/** Records whose size is looked at: the rest of a block is taken to be like them. */
const SAMPLE = 16;

/** About the memory that a block takes, in bytes. */
export function approximateBytes(block: Block): number {
  if (block.kind === 'text') return block.bytes.length;
  if (block.kind === 'rows') return sampled(block.rows);
  const keys = isByteKeys(block.keys)
    ? block.keys.bytes.length + block.keys.lengths.byteLength
    : sampled(block.keys);
  return (
    keys + (ArrayBuffer.isView(block.values) ? block.values.byteLength : sampled(block.values))
  );
}

function sampled(values: readonly unknown[]): number {
  const step = Math.max(1, Math.floor(values.length / SAMPLE));
  let bytes = 0;
  let looked = 0;
  for (let i = 0; i < values.length; i += step) {
    bytes += sizeOf(values[i], 0);
    looked++;
  }
  return looked === 0 ? 0 : (bytes / looked) * values.length;
}

function sizeOf(value: unknown, depth: number): number {
  if (typeof value === 'string') return 24 + value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (ArrayBuffer.isView(value)) return 64 + value.byteLength;
  if (depth > 3) return 64;
  const inner: readonly unknown[] = Array.isArray(value)
    ? value
    : value instanceof Map
      ? [...value].flat()
      : value instanceof Set
        ? [...value]
        : Object.values(value);
  if (inner.length <= SAMPLE)
    return inner.reduce<number>((total, each) => total + 8 + sizeOf(each, depth + 1), 32);
  const some = inner
    .slice(0, SAMPLE)
    .reduce<number>((total, each) => total + 8 + sizeOf(each, depth + 1), 0);
  return 32 + (some / SAMPLE) * inner.length;
}
