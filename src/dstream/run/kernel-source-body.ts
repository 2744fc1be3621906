/**
 * A task at a partition of a source whose tree is a declared text pipeline: bytes go into a kernel, and no string is
 * made. A block that the kernel can't take goes through the closure form, whose result is added to the kernel's.
 * Called by its thread's runner only.
 *
 * I1  The result is that of the closure form, block by block.
 * I2  Counts leave at any barrier, or when the table is full; a mere number of words or lines at batch barriers.
 */
import type { Barrier, Block } from '../../actors/block.ts';
import { packValue, unpackValue } from '../../actors/codec.ts';
import type { HandOver, TaskBody, TaskOutput } from '../../actors/task.ts';
import type { Send } from '../../plan/planned.ts';
import type { TextProgram } from '../../plan/text-program.ts';
import type { ByteColumns } from '../kernel/columns.ts';
import { TextKernel } from '../kernel/text-kernel.ts';
import { keysOf } from './columns.ts';
import { emitByteColumns, emitRows } from './emit.ts';
import { FULL_TABLE_KEYS } from './sinks.ts';
import { SourceBody } from './source-body.ts';
import type { OperatorTree } from './tree.ts';

export class KernelSourceBody implements TaskBody {
  readonly #kernel: TextKernel;
  readonly #send: Send;
  readonly #out: TaskOutput;
  readonly #closures: SourceBody;
  readonly #tree: OperatorTree;
  #records = 0;

  /** @param treeTo makes the tree of the closure form, sending to the given output */
  constructor(
    program: TextProgram,
    send: Send,
    out: TaskOutput,
    treeTo: (out: TaskOutput) => OperatorTree,
  ) {
    this.#kernel = new TextKernel(program);
    this.#send = send;
    this.#out = out;
    const toKernel: TaskOutput = {
      emit: (_output, block) => this.#add(block),
      absent: (output, port) => out.absent(output, port),
      mark: (output, port, watermarkMs) => out.mark(output, port, watermarkMs),
      report: (event) => out.report(event),
    };
    this.#tree = treeTo(toKernel);
    this.#closures = new SourceBody(this.#tree, toKernel);
  }

  block(block: Block): void {
    if (block.kind === 'text' && this.#kernel.usable(block.bytes))
      this.#records += this.#kernel.block(block.bytes);
    else {
      this.#closures.block(block);
      this.#tree.flush();
    }
    if (this.#kernel.size >= FULL_TABLE_KEYS) this.#flush();
  }

  barrier(barrier: Barrier, absent: readonly (readonly number[])[]): void {
    if (!barrier.batch) this.#flushTable();
    else if (absent.some((ports) => ports.length > 0)) this.#tree.absent(barrier);
    else this.#flush();
  }

  handOver(): HandOver | undefined {
    const { size, count } = this.#kernel;
    if (size === 0 && count === 0) return undefined;
    return { mode: 'replace', bytes: packValue([this.#kernel.columns()[0], count]) };
  }

  restore(parts: readonly Uint8Array[]): void {
    const last = parts.at(-1);
    if (last === undefined) return;
    const [columns, count] = unpackValue(last) as [ByteColumns, number];
    if (columns.count > 0) this.#kernel.merge(columns);
    if (count > 0) this.#kernel.add('', count);
  }

  discard(): void {
    this.#kernel.clear();
    this.#closures.discard();
  }

  takeRecordCount(): number {
    const records = this.#records + this.#closures.takeRecordCount();
    this.#records = 0;
    return records;
  }

  #flush(): void {
    const { outputs, port } = this.#send;
    this.#flushTable();
    if (this.#kernel.count > 0) emitRows(this.#out, outputs[0]!, port, [this.#kernel.count]);
    this.#kernel.clear();
  }

  #flushTable(): void {
    const { outputs, port } = this.#send;
    if (this.#kernel.size === 0) return;
    this.#kernel
      .columns(outputs.length)
      .forEach((columns, p) => emitByteColumns(this.#out, outputs[p]!, port, columns));
    this.#kernel.clear();
  }

  /** What the closure form has counted of one block. */
  #add(block: Block): void {
    if (block.kind === 'rows')
      for (const count of block.rows) this.#kernel.add('', count as number);
    else if (block.kind === 'columns') {
      const keys = keysOf(block.keys) as readonly string[];
      for (let i = 0; i < keys.length; i++) this.#kernel.add(keys[i]!, block.values[i] as number);
    }
  }
}
