/**
 * A task that owns a partition of `countByValue` whose senders are all kernels: it adds up tables of bytes. The result
 * leaves as bytes where an output takes it; strings are made only for operators.
 * Called by its thread's runner only. The invariants are those of wide-body.ts.
 */
import type { Barrier, Block } from '../../actors/block.ts';
import type { HandOver, Marks, TaskBody } from '../../actors/task.ts';
import type { GraphNode } from '../../plan/graph.ts';
import type { Arrival } from '../../plan/planned.ts';
import type { ByteColumns } from '../kernel/columns.ts';
import { CountTable } from '../kernel/count-table.ts';
import { TaskState } from '../state/task-state.ts';
import { missingBatch } from './blame.ts';
import { isByteKeys } from './columns.ts';
import { InOrder, WAITING_RECORDS } from './in-order.ts';
import { Senders } from './senders.ts';
import type { OperatorTree } from './tree.ts';
import { leastMark } from './watermark.ts';

export class KernelCountBody implements TaskBody {
  readonly #node: GraphNode;
  readonly #arrivals: readonly Arrival[];
  readonly #senders: Senders;
  readonly #state: TaskState;
  readonly #tree: OperatorTree;
  readonly takeWaiting?: () => Promise<void> | undefined;
  readonly #table: CountTable = new CountTable();
  readonly #inOrder: InOrder = new InOrder((block) => this.#merge(block), WAITING_RECORDS);
  #records = 0;

  constructor(node: GraphNode, arrivals: readonly Arrival[], tree: OperatorTree) {
    this.#node = node;
    this.#arrivals = arrivals;
    this.#senders = new Senders(arrivals);
    this.#state = new TaskState(tree.cells, tree.shape);
    this.#tree = tree;
    if (tree.isAsync) this.takeWaiting = () => tree.waiting();
  }

  block(block: Block, input: number): void {
    if (block.kind === 'columns') this.#records += block.count;
    this.#inOrder.offer(this.#senders.of(input, block.port), block);
  }

  barrier(
    barrier: Barrier,
    absent: readonly (readonly number[])[],
    marks?: Marks,
  ): void | Promise<void> {
    if (!barrier.batch) {
      this.#inOrder.drain();
      return this.#tree.endPoint();
    }
    const watermark = leastMark(this.#arrivals, marks);
    const missing = absent.reduce((total, ports) => total + ports.length, 0);
    if (missing > 0) {
      if (missing < this.#arrivals.length) throw missingBatch(this.#node, barrier.time);
      return this.#tree.absent(barrier, watermark);
    }
    this.#inOrder.drain();
    if (this.#table.size > 0) {
      const columns = this.#table.columns()[0]!;
      this.#table.clear();
      this.#tree.pairs({ lengths: columns.lengths, bytes: columns.bytes }, columns.values);
    }
    return this.#tree.endBatch(barrier, watermark);
  }

  prepare(): boolean {
    return this.#state.prepare();
  }

  handOver(): HandOver | undefined {
    const table = this.#table.size === 0 ? undefined : this.#table.columns()[0];
    const held = [this.#inOrder.held(), table, this.#tree.held()];
    return this.#state.handOver(held.every((one) => one === undefined) ? undefined : held);
  }

  restore(parts: readonly Uint8Array[]): void {
    const held = this.#state.restore(parts);
    if (held === undefined) return;
    const [waiting, table, tree] = held as [unknown, ByteColumns | undefined, unknown];
    this.#inOrder.restore(waiting);
    if (table !== undefined) this.#table.merge(table);
    this.#tree.restore(tree);
  }

  close(): void {
    this.#tree.close();
  }

  discard(): void {
    this.#inOrder.clear();
    this.#table.clear();
    this.#tree.clear();
  }

  query(operator: string, key: unknown): unknown {
    return this.#tree.query(operator, key);
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
