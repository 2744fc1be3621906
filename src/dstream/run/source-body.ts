/**
 * A task at a partition of a source: lines or rows go through its tree as they arrive.
 * Called by its thread's runner only.
 */
import type { Barrier, Block } from '../../actors/block.ts';
import type { HandOver, TaskBody, TaskOutput } from '../../actors/task.ts';
import { TaskState } from '../state/task-state.ts';
import type { FileRecords } from './file-records.ts';
import { linesOf } from './lines.ts';
import type { OperatorTree } from './tree.ts';

export class SourceBody implements TaskBody {
  readonly #tree: OperatorTree;
  readonly #out: TaskOutput;
  readonly #state: TaskState;
  #records = 0;

  /** Makes records of what a source of files gives. */
  readonly #files: FileRecords | undefined;
  readonly takeWaiting?: () => Promise<void> | undefined;
  readonly single?: (piece: unknown) => readonly unknown[];

  constructor(tree: OperatorTree, out: TaskOutput, files?: FileRecords) {
    this.#tree = tree;
    this.#files = files;
    if (files !== undefined) this.single = (piece) => files.single(piece);
    this.#state = new TaskState(tree.cells, tree.shape);
    this.#out = out;
    if (tree.isAsync) this.takeWaiting = () => tree.waiting();
  }

  block(block: Block): void {
    if (block.kind === 'text') {
      const { lines, invalid } = linesOf(block.bytes);
      if (invalid > 0) this.#out.report({ type: 'counted', what: 'invalidUtf8', count: invalid });
      this.#records += lines.length;
      this.#tree.rows(lines);
    } else if (block.kind === 'rows') {
      const rows = this.#files === undefined ? block.rows : this.#files.records(block.rows);
      this.#records += rows.length;
      this.#tree.rows(rows);
    } else {
      this.#records += block.count;
      this.#tree.pairs(block.keys, block.values);
    }
  }

  barrier(barrier: Barrier, absent: readonly (readonly number[])[]): void | Promise<void> {
    if (!barrier.batch) return this.#tree.endPoint();
    if (absent.some((ports) => ports.length > 0)) return this.#tree.absent(barrier);
    return this.#tree.endBatch(barrier);
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
    this.#tree.clear();
  }

  takeRecordCount(): number {
    const records = this.#records;
    this.#records = 0;
    return records;
  }
}
