/**
 * A task that owns a partition of `countByValue` whose senders are all kernels: it adds up tables of bytes. The result
 * leaves as bytes where an output takes it; strings are made only for operators.
 * Called by its thread's runner only. The invariants are those of wide-body.ts.
 */
import type { Barrier, Block } from '../../actors/block.ts';
import { packValue, unpackValue } from '../../actors/codec.ts';
import type { HandOver, TaskBody } from '../../actors/task.ts';
import type { GraphNode } from '../../plan/graph.ts';
import type { ByteColumns } from '../kernel/columns.ts';
import { CountTable } from '../kernel/count-table.ts';
import { missingBatch } from './blame.ts';
import { isByteKeys } from './columns.ts';
import { InOrder, WAITING_RECORDS } from './in-order.ts';
import type { OperatorTree } from './tree.ts';

export class KernelCountBody implements TaskBody {
  readonly #node: GraphNode;
  readonly #arrivals: number;
  readonly #tree: OperatorTree;
  readonly #table: CountTable = new CountTable();
  readonly #inOrder: InOrder = new InOrder((block) => this.#merge(block), WAITING_RECORDS);
  #records = 0;

  /** @param arrivals partitions that arrive, of all senders */
  constructor(node: GraphNode, arrivals: number, tree: OperatorTree) {
    this.#node = node;
    this.#arrivals = arrivals;
    this.#tree = tree;
  }

  block(block: Block, input: number): void {
    if (block.kind === 'columns') this.#records += block.count;
    this.#inOrder.offer(input, block);
  }

  barrier(barrier: Barrier, absent: readonly (readonly number[])[]): void {
    if (!barrier.batch) {
      this.#inOrder.drain();
      this.#tree.endPoint();
      return;
    }
    const missing = absent.reduce((total, ports) => total + ports.length, 0);
    if (missing > 0) {
      if (missing < this.#arrivals) throw missingBatch(this.#node, barrier.time);
      this.#tree.absent(barrier);
      return;
    }
    this.#inOrder.drain();
    if (this.#table.size > 0) {
      const columns = this.#table.columns()[0]!;
      this.#table.clear();
      this.#tree.pairs({ lengths: columns.lengths, bytes: columns.bytes }, columns.values);
    }
    this.#tree.endBatch(barrier);
  }

  handOver(): HandOver | undefined {
    const table = this.#table.size === 0 ? undefined : this.#table.columns()[0];
    const held = [this.#inOrder.held(), table, this.#tree.held()];
    return held.every((one) => one === undefined)
      ? undefined
      : { mode: 'replace', bytes: packValue(held) };
  }

  restore(parts: readonly Uint8Array[]): void {
    const last = parts.at(-1);
    if (last === undefined) return;
    const [waiting, table, tree] = unpackValue(last) as [unknown, ByteColumns | undefined, unknown];
    this.#inOrder.restore(waiting);
    if (table !== undefined) this.#table.merge(table);
    this.#tree.restore(tree);
  }

  discard(): void {
    this.#inOrder.clear();
    this.#table.clear();
    this.#tree.clear();
  }

  takeRecordCount(): number {
    const records = this.#records;
    this.#records = 0;
    return records;
  }

  #merge(block: Block): void {
    if (block.kind !== 'columns' || !isByteKeys(block.keys))
      throw new TypeError('a kernel sends columns of bytes');
    this.#table.merge({ ...block.keys, count: block.count, values: block.values as Float64Array });
  }
}
