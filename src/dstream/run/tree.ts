/**
 * One task's tree of operators at work: takes the records of its root, block by block, and sends what comes out.
 *
 * Used by the bodies of source and wide tasks, on their thread.
 *
 * I1  An output right at the root gets blocks as they are: no loop, and no tuple of a pair.
 * I2  At a batch barrier the sinks are flushed by slot, so what a collecting one gives reaches those behind it.
 */
import type { Barrier, ColumnsBlock } from '../../actors/block.ts';
import type { TaskOutput } from '../../actors/task.ts';
import type { Graph } from '../../plan/graph.ts';
import type { OpInstance } from '../../plan/planned.ts';
import { type Blame, blamed, missingBatch } from './blame.ts';
import { type Chain, type SinkStep, type Step, buildChain, nodeAt } from './chain.ts';
import { keysOf } from './columns.ts';
import { DeadLetterBox, type OnRecordError } from './dead-letter.ts';
import { emitColumns, emitRows } from './emit.ts';
import { type Form, type Loop, loopOf, type PassOverAt, type Shape } from './loop.ts';
import { itemsOf } from './records.ts';
import {
  CollectSink,
  CountSink,
  GroupSink,
  OutputSink,
  ReduceSink,
  type Sink,
  SpreadSink,
  TableSink,
} from './sinks.ts';

const NO_VALUES: readonly unknown[] = [];

export class OperatorTree {
  readonly #graph: Graph;
  readonly #tree: OpInstance;
  readonly #out: TaskOutput;
  readonly #form: Form;
  readonly #chain: Chain;
  readonly #sinks: readonly Sink[];
  /** Outputs at the root (I1), and all the rest. */
  readonly #direct: readonly SinkStep[];
  readonly #steps: readonly Step[];
  readonly #blame: Blame;
  readonly #letters: DeadLetterBox;
  readonly #passOver: PassOverAt;
  #rowsLoop: Loop | undefined;
  #pairsLoop: Loop | undefined;
  /** Known at barriers only. */
  #time: number | undefined;

  constructor(
    graph: Graph,
    tree: OpInstance,
    out: TaskOutput,
    form: Form,
    onRecordError?: OnRecordError,
  ) {
    this.#graph = graph;
    this.#tree = tree;
    this.#out = out;
    this.#form = form;
    this.#chain = buildChain(graph, tree, onRecordError);
    this.#direct = this.#chain.steps.filter(
      (step): step is SinkStep => step.step === 'sink' && step.sink === 'output',
    );
    this.#steps = this.#chain.steps.filter(
      (step) => step.step !== 'sink' || step.sink !== 'output',
    );
    this.#sinks = this.#chain.sinks.map((step) => this.#makeSink(step));
    this.#letters = new DeadLetterBox(tree.partition);
    this.#passOver = (error, op, record) =>
      this.#letters.add(error, this.#chain.operators[op]!, record);
    this.#blame = (error, op, record) => {
      throw blamed(error, this.#chain.operators[op]!, {
        partition: tree.partition,
        time: this.#time,
        record: { value: record },
      });
    };
  }

  /** Takes records of the root. */
  rows(rows: readonly unknown[]): void {
    for (const { send } of this.#direct) emitRows(this.#out, send!.outputs[0]!, send!.port, rows);
    if (this.#steps.length > 0) {
      this.#rowsLoop ??= this.#loopOf(this.#steps, 'rows');
      this.#rowsLoop(rows, NO_VALUES, this.#sinks, this.#blame, this.#passOver);
    }
    this.#endBlock();
  }

  /** Takes records of the root, as keys and values. Keys that are bytes become strings only for the loop. */
  pairs(keys: ColumnsBlock['keys'], values: ColumnsBlock['values']): void {
    for (const { send } of this.#direct)
      emitColumns(this.#out, send!.outputs[0]!, send!.port, keys, values);
    if (this.#steps.length > 0) {
      this.#pairsLoop ??= this.#loopOf(this.#steps, 'pairs');
      this.#pairsLoop(keysOf(keys), values, this.#sinks, this.#blame, this.#passOver);
    }
    this.#endBlock();
  }

  /** All records of the batch have been taken. */
  endBatch(barrier: Barrier): void {
    this.#time = barrier.time;
    this.flush();
    this.#letters.endBatch(this.#out, barrier);
    this.#time = undefined;
  }

  /** Sends all that the sinks hold. */
  flush(): void {
    for (const sink of this.#sinks) sink.endBatch(this.#out);
  }

  /** All records before a barrier inside a batch have been taken. */
  endPoint(): void {
    for (const sink of this.#sinks) sink.endPoint(this.#out);
  }

  /** The root's batch is missing, so everything that hangs from it is. */
  absent(barrier: Barrier): void {
    const pass = (instance: OpInstance): void => {
      const node = nodeAt(this.#graph, instance.node);
      if (node.kind === 'union') throw missingBatch(node, barrier.time);
      instance.children.forEach(pass);
      for (const { outputs, port } of instance.sends)
        for (const output of outputs) this.#out.absent(output, port);
    };
    pass(this.#tree);
  }

  /** What must outlive a recovery to a barrier inside a batch; undefined when that is nothing. */
  held(): unknown {
    const held = this.#sinks.flatMap((sink, slot) => {
      const one = sink.held();
      return one === undefined ? [] : [[slot, one]];
    });
    const letters = this.#letters.held();
    if (letters !== undefined) held.push([-1, letters]);
    return held.length === 0 ? undefined : held;
  }

  restore(held: unknown): void {
    for (const [slot, one] of (held ?? []) as [number, unknown][])
      (slot < 0 ? this.#letters : this.#sinks[slot]!).restore(one);
  }

  /** Drops what belongs to the batch. */
  clear(): void {
    for (const sink of this.#sinks) sink.clear();
    this.#letters.clear();
  }

  #endBlock(): void {
    for (const sink of this.#sinks) sink.endBlock(this.#out);
  }

  #loopOf(steps: readonly Step[], shape: Shape): Loop {
    return loopOf(this.#graph, steps, this.#chain.operators, shape, this.#form, this.#sinks);
  }

  #makeSink(step: SinkStep): Sink {
    switch (step.sink) {
      case 'combine':
      case 'tally':
        return new TableSink(step);
      case 'group':
        return new GroupSink(step);
      case 'spread':
        return new SpreadSink(step, this.#tree.partition);
      case 'reduce':
        return new ReduceSink(step);
      case 'count':
        return new CountSink(step);
      case 'output':
        return new OutputSink(step);
      case 'collect':
        return new CollectSink((rows) => this.#runCollected(step, rows));
    }
  }

  /** `mapPartitions` and `glom`: the partition as a whole, then what follows. */
  #runCollected(step: SinkStep, rows: unknown[]): void {
    let given: readonly unknown[];
    if (step.node.kind === 'glom') given = [rows];
    else {
      try {
        given = itemsOf(step.node.functions['f']!(rows));
      } catch (error) {
        throw blamed(error, step.node, { partition: this.#tree.partition, time: this.#time });
      }
    }
    if (step.next.length > 0)
      this.#loopOf(step.next, 'rows')(given, NO_VALUES, this.#sinks, this.#blame, this.#passOver);
  }
}
