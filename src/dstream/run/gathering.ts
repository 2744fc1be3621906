/**
 * The blocks of an open batch, by arrival, gathered in one task: for outputs, and for functions that want the whole
 * batch. Belongs to the body of one task.
 *
 * I1  Blocks stay as they came, columns as columns, until somebody asks for records.
 * I2  What one operator gathers is bounded by `maxGatherBytes`.
 * I3  A hand-over inside a batch holds the blocks since the one before it; behind a batch barrier nothing is held.
 */
import type { Barrier, Block } from '../../actors/block.ts';
import { packValue, unpackValue } from '../../actors/codec.ts';
import type { HandOver } from '../../actors/task.ts';
import { type MillraceError, millraceError } from '../../errors.ts';
import type { GraphNode } from '../../plan/graph.ts';
import type { StateCell } from '../state/cell.ts';
import { approximateBytes, GatheredPartition } from './gathered.ts';

/** Whether what a log had is gone, and what came since, with slots. */
type Log = readonly [boolean, readonly (readonly [number, Block])[]];

/** It hands over by itself, or as a cell of a task that has other state too. */
export class Gathering implements StateCell {
  /** Nothing is to be rewritten. */
  readonly size: number = 0;
  readonly #maxGatherBytes: number;
  /** By slot: which operator gathers it. */
  readonly #owners: readonly GraphNode[];
  /** By slot. */
  #blocks: Block[][];
  #bytes = new Map<GraphNode, number>();
  /** Since the last hand-over, with their slots. */
  #fresh: [number, Block][] = [];
  #handedOver = false;
  /** A log has blocks that are gone. */
  #cleared = false;

  constructor(owners: readonly GraphNode[], maxGatherBytes: number) {
    this.#owners = owners;
    this.#maxGatherBytes = maxGatherBytes;
    this.#blocks = owners.map(() => []);
  }

  /** @throws ERR_MILLRACE_BATCH_TOO_LARGE */
  add(slot: number, block: Block): void {
    this.#keep(slot, block);
    this.#fresh.push([slot, block]);
  }

  partition(slot: number): GatheredPartition {
    return new GatheredPartition(this.#blocks[slot]!);
  }

  handOver(barrier: Barrier): HandOver | undefined {
    if (barrier.batch) return undefined;
    const fresh = this.#fresh;
    this.#fresh = [];
    if (fresh.length === 0)
      return this.#handedOver ? { mode: 'keep', bytes: new Uint8Array(0) } : undefined;
    this.#handedOver = true;
    return { mode: 'append', bytes: packValue(fresh) };
  }

  restore(parts: readonly Uint8Array[]): void {
    for (const part of parts)
      for (const [slot, block] of unpackValue(part) as [number, Block][]) this.#keep(slot, block);
    this.#handedOver = parts.length > 0;
  }

  changes(): unknown {
    const fresh = this.#fresh;
    if (fresh.length === 0 && !this.#cleared) return undefined;
    const log: Log = [this.#cleared, fresh];
    this.#fresh = [];
    this.#cleared = false;
    if (fresh.length > 0) this.#handedOver = true;
    return log;
  }

  rewrite(): { readonly log: undefined; readonly round: boolean } {
    return { log: undefined, round: !this.#handedOver };
  }

  apply(log: unknown): void {
    const [cleared, blocks] = log as Log;
    if (cleared) this.clear();
    for (const [slot, block] of blocks) this.#keep(slot, block);
    this.#handedOver = this.#handedOver || blocks.length > 0;
    this.#cleared = false;
  }

  clear(): void {
    this.#cleared = this.#handedOver;
    this.#blocks = this.#blocks.map(() => []);
    this.#fresh = [];
    this.#handedOver = false;
    this.#bytes.clear();
  }

  #keep(slot: number, block: Block): void {
    const node = this.#owners[slot]!;
    const bytes = (this.#bytes.get(node) ?? 0) + approximateBytes(block);
    this.#bytes.set(node, bytes);
    if (bytes > this.#maxGatherBytes) throw tooLarge(node, this.#maxGatherBytes);
    this.#blocks[slot]!.push(block);
  }
}

export function tooLarge(node: GraphNode, maxGatherBytes: number): MillraceError {
  return millraceError(
    'ERR_MILLRACE_BATCH_TOO_LARGE',
    `the batch that ${node.kind} (${node.uid}) at ${node.callSite} gathers is larger than maxGatherBytes (${maxGatherBytes}); reduce it by operators of the stream before, or shorten batchInterval`,
    {
      context: { operator: node.uid, kind: node.kind, callSite: node.callSite, maxGatherBytes },
    },
  );
}
