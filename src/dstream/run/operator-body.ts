/**
 * A task whose root is an operator that works a batch at a time, with one or several parents. What arrives waits for the
 * batch barrier; then the operator gets it, and the task's tree gets what that gives.
 * Called by its thread's runner only.
 *
 * I1  The operator gets the records of each parent in order of partition of the sender, then of arrival, parent by
 *     parent. Timing has no part in it.
 * I2  A hand-over inside a batch costs what has arrived since the one before.
 */
import type { Barrier, Block } from '../../actors/block.ts';
import { recordsIn } from '../../actors/block.ts';
import type { HandOver, Marks, TaskBody } from '../../actors/task.ts';
import type { Arrival } from '../../plan/planned.ts';
import { stateName } from '../../plan/stateful.ts';
import { type Gathered, GatherCell } from '../state/gather-cell.ts';
import { TaskState } from '../state/task-state.ts';
import { missingBatch } from './blame.ts';
import { keysOf, valuesOf } from './columns.ts';
import type { HostedOperator } from './hosted-operator.ts';
import { linesOf } from './lines.ts';
import { notPair } from './records.ts';
import { Senders } from './senders.ts';
import type { OperatorTree } from './tree.ts';
import { leastMark } from './watermark.ts';

export class OperatorBody implements TaskBody {
  readonly #hosted: HostedOperator;
  readonly #arrivals: readonly Arrival[];
  readonly #senders: Senders;
  readonly #tree: OperatorTree;
  readonly takeWaiting?: () => Promise<void> | undefined;
  /** Its sides are numbers of senders. */
  readonly #waiting: GatherCell = new GatherCell();
  readonly #state: TaskState;
  #records = 0;

  constructor(hosted: HostedOperator, arrivals: readonly Arrival[], tree: OperatorTree) {
    this.#hosted = hosted;
    this.#arrivals = arrivals;
    this.#senders = new Senders(arrivals);
    this.#tree = tree;
    if (tree.isAsync) this.takeWaiting = () => tree.waiting();
    const root = stateName(hosted.node.uid, hosted.partition);
    const cells = {
      [`${root}/arrived`]: this.#waiting,
      ...Object.fromEntries(hosted.namedCells),
      ...tree.cells,
    };
    this.#state = new TaskState(cells, tree.shape);
  }

  /** The operators that work a batch at a time, for those who ask them. */
  get operators(): readonly HostedOperator[] {
    return [this.#hosted, ...this.#tree.operators];
  }

  block(block: Block, input: number): void {
    this.#records += recordsIn(block);
    const sender = this.#senders.of(input, block.port);
    if (block.kind === 'rows') this.#waiting.rows(sender, block.rows);
    else if (block.kind === 'text') this.#waiting.rows(sender, linesOf(block.bytes).lines);
    else {
      const { values } = block;
      this.#waiting.pairs(sender, keysOf(block.keys), valuesOf(values));
    }
  }

  barrier(
    barrier: Barrier,
    absent: readonly (readonly number[])[],
    marks?: Marks,
  ): void | Promise<void> {
    if (!barrier.batch) return this.#tree.endPoint();
    const missing = this.#missing(barrier, absent);
    const blocks = this.#waiting.take();
    // Sorting is stable: blocks of a sender keep their order.
    for (const block of [...blocks].sort((a, b) => a.side - b.side)) this.#give(block);
    const watermark = leastMark(this.#arrivals, marks);
    const given = this.#hosted.end(barrier, missing, watermark);
    const behind = this.#hosted.markBehind(watermark);
    if (given === undefined) return this.#tree.absent(barrier, behind);
    this.#tree.give(given);
    return this.#tree.endBatch(barrier, behind);
  }

  prepare(): boolean {
    return this.#state.prepare();
  }

  handOver(): HandOver | undefined {
    return this.#state.handOver(this.#tree.held());
  }

  restore(parts: readonly Uint8Array[]): void {
    this.#tree.restore(this.#state.restore(parts));
  }

  close(): void {
    this.#tree.close();
  }

  discard(): void {
    this.#waiting.clear();
    this.#hosted.operator.discard();
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

  /** The sides that have no batch. One of which only some partitions have none is an error. */
  #missing(barrier: Barrier, absent: readonly (readonly number[])[]): number[] {
    if (absent.every((ports) => ports.length === 0)) return [];
    const { node } = this.#hosted;
    return node.parents.flatMap((_, side) => {
      const arriving = this.#arrivals.filter((arrival) => arrival.side === side);
      const gone = arriving.filter(({ input, port }) => absent[input]!.includes(port));
      if (gone.length === 0) return [];
      if (gone.length < arriving.length) throw missingBatch(node, barrier.time);
      return [side];
    });
  }

  /** Rows become pairs, or pairs rows, if the operator takes the other. */
  #give(block: Gathered): void {
    const { operator } = this.#hosted;
    const { side, partition } = this.#arrivals[block.side]!;
    this.#hosted.guard(() => {
      if (operator.takes === 'rows')
        operator.rows!(side, 'rows' in block ? block.rows : zipped(block), partition);
      else {
        const { keys, values } = 'rows' in block ? unzipped(block.rows) : block;
        operator.pairs!(side, keys, values, partition);
      }
    });
  }
}

function zipped({ keys, values }: Extract<Gathered, { keys: unknown }>): readonly unknown[] {
  return keys.map((key, i) => [key, values[i]]);
}

function unzipped(rows: readonly unknown[]): { keys: unknown[]; values: unknown[] } {
  const keys: unknown[] = [];
  const values: unknown[] = [];
  for (const row of rows) {
    if (!Array.isArray(row)) notPair(row);
    keys.push((row as readonly unknown[])[0]);
    values.push((row as readonly unknown[])[1]);
  }
  return { keys, values };
}
