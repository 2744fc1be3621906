/**
 * A task that owns a partition of a wide operator: gathers what its senders have for it, and runs its own tree on the
 * result at the batch barrier.
 *
 * What is gathered goes through a loop of one step into one sink, as on the sending side: a table into which combiners
 * are merged or values are listed, a reduced record. Only `repartition` passes its records straight on.
 * Called by its thread's runner only.
 *
 * I1  The result is a function of what each sender sent between two barriers, in the order of senders: timing has no
 *     part in it (but see I2 of in-order.ts for huge batches of operators whose functions must not mind the order).
 *     Where values are only listed, the order is that of the whole batch.
 * I2  Behind a batch barrier nothing is held but the state of operators in its tree.
 */
import type { Barrier, Block } from '../../actors/block.ts';
import type { HandOver, Marks, TaskBody } from '../../actors/task.ts';
import type { Graph, GraphNode } from '../../plan/graph.ts';
import type { Arrival } from '../../plan/planned.ts';
import { fires } from '../../plan/slides.ts';
import { TaskState } from '../state/task-state.ts';
import { type Blame, blamed, missingBatch } from './blame.ts';
import type { SinkKind, SinkStep } from './chain.ts';
import { keysOf } from './columns.ts';
import { InOrder, WAITING_RECORDS } from './in-order.ts';
import { type Form, type Loop, loopOf } from './loop.ts';
import { Senders } from './senders.ts';
import { ReduceSink, TableSink } from './sinks.ts';
import type { OperatorTree } from './tree.ts';
import { leastMark } from './watermark.ts';

export interface WideBodyOptions {
  readonly graph: Graph;
  readonly node: GraphNode;
  readonly partition: number;
  readonly arrivals: readonly Arrival[];
  readonly slideMs: number;
  readonly tree: OperatorTree;
  readonly form: Form;
}

export class WideBody implements TaskBody {
  readonly #options: WideBodyOptions;
  readonly #senders: Senders;
  readonly #state: TaskState;
  readonly #inOrder: InOrder;
  readonly #sink: TableSink | ReduceSink | undefined;
  readonly #loop: Loop | undefined;
  readonly #blame: Blame;
  readonly takeWaiting?: () => Promise<void> | undefined;
  #time: number | undefined;
  #records = 0;

  constructor(options: WideBodyOptions) {
    const { node, graph, form, partition, tree } = options;
    this.#options = options;
    if (tree.isAsync) this.takeWaiting = () => tree.waiting();
    this.#senders = new Senders(options.arrivals);
    this.#state = new TaskState(tree.cells, tree.shape);
    const ordered = node.kind === 'groupByKey';
    this.#inOrder = new InOrder((block) => this.#use(block), ordered ? undefined : WAITING_RECORDS);
    if (!isPassedOn(node)) {
      const step = gatherStep(node);
      this.#sink = step.sink === 'reduce' ? new ReduceSink(step) : new TableSink(step);
      this.#loop = loopOf(graph, [step], [node], step.sink === 'reduce' ? 'rows' : 'pairs', form, [
        this.#sink,
      ]);
    }
    this.#blame = (error, _op, record) => {
      throw blamed(error, node, { partition, time: this.#time, record: { value: record } });
    };
  }

  block(block: Block, input: number): void {
    this.#records +=
      block.kind === 'rows' ? block.rows.length : block.kind === 'columns' ? block.count : 0;
    this.#inOrder.offer(this.#senders.of(input, block.port), block);
  }

  barrier(
    barrier: Barrier,
    absent: readonly (readonly number[])[],
    marks?: Marks,
  ): void | Promise<void> {
    const { node, tree, arrivals, slideMs } = this.#options;
    if (!barrier.batch) {
      // What is merged now needs no time at the end of the batch. Where values are only listed, their order is kept.
      if (combines(node)) this.#inOrder.drain();
      return tree.endPoint();
    }
    const watermark = leastMark(arrivals, marks);
    const missing = absent.reduce((total, ports) => total + ports.length, 0);
    if (missing > 0) {
      const needsAll = node.kind === 'count' || node.kind === 'repartition';
      if (fires(slideMs, barrier) && (missing < arrivals.length || needsAll))
        throw missingBatch(node, barrier.time);
      return tree.absent(barrier, watermark);
    }
    this.#time = barrier.time;
    this.#inOrder.drain();
    this.#giveResult();
    this.#time = undefined;
    return tree.endBatch(barrier, watermark);
  }

  prepare(): boolean {
    return this.#state.prepare();
  }

  handOver(): HandOver | undefined {
    const held = [this.#inOrder.held(), this.#sink?.held(), this.#options.tree.held()];
    return this.#state.handOver(held.every((one) => one === undefined) ? undefined : held);
  }

  restore(parts: readonly Uint8Array[]): void {
    const held = this.#state.restore(parts);
    if (held === undefined) return;
    const [waiting, sink, tree] = held as [unknown, unknown, unknown];
    this.#inOrder.restore(waiting);
    if (sink !== undefined) this.#sink?.restore(sink);
    this.#options.tree.restore(tree);
  }

  close(): void {
    this.#options.tree.close();
  }

  discard(): void {
    this.#inOrder.clear();
    this.#sink?.clear();
    this.#options.tree.clear();
  }

  query(operator: string, key: unknown): unknown {
    return this.#options.tree.query(operator, key);
  }

  takeRecordCount(): number {
    const records = this.#records;
    this.#records = 0;
    return records;
  }

  #use(block: Block): void {
    if (this.#sink === undefined) {
      if (block.kind !== 'rows') throw new TypeError(`a sender spreads rows, not ${block.kind}`);
      this.#options.tree.rows(block.rows);
    } else if (block.kind === 'rows') this.#loop!(block.rows, [], [this.#sink], this.#blame);
    else if (block.kind === 'columns') {
      this.#loop!(keysOf(block.keys), block.values, [this.#sink], this.#blame);
    } else throw new TypeError('a sender exchanges no text');
  }

  #giveResult(): void {
    const { node, tree } = this.#options;
    const sink = this.#sink;
    if (sink instanceof TableSink) {
      const { keys, values } = sink.table;
      sink.clear();
      if (keys.length > 0) tree.pairs(keys, values);
    } else if (sink instanceof ReduceSink) {
      const { has, value } = sink;
      sink.clear();
      if (has) tree.rows([value]);
      else if (node.kind === 'count') tree.rows([0]);
    }
  }
}

/** Whether senders combine before they send: then functions must not mind how values are grouped. */
function combines({ kind, params }: GraphNode): boolean {
  return kind !== 'repartition' && kind !== 'groupByKey' && params['mapSideCombine'] !== false;
}

const identity = (value: unknown): unknown => value;
const add = (a: number, b: number): number => a + b;
const listed = (value: unknown): unknown[] => [value];
const append = (list: unknown[], value: unknown): unknown[] => {
  list.push(value);
  return list;
};

/** The one step that gathers: the operator's sink as the receiving side sees it. */
function gatherStep(node: GraphNode): SinkStep {
  const step = (
    sink: SinkKind,
    functions: GraphNode['functions'],
    params: GraphNode['params'] = {},
  ): SinkStep => ({
    step: 'sink',
    op: 0,
    // The signature of a loop has the id, and a negative one is nobody else's.
    node: { ...node, id: -1 - node.id, functions, params },
    sink,
    slot: 0,
    send: undefined,
    partition: 0,
    below: undefined,
  });
  const { f, create, mergeValue, mergeCombiners } = node.functions;
  switch (node.kind) {
    case 'combineByKey':
      // Without map-side combine the values themselves arrive.
      return node.params['mapSideCombine'] === false
        ? step('combine', { create: create!, mergeValue: mergeValue! })
        : step('combine', { create: identity, mergeValue: mergeCombiners! });
    case 'countByValue':
      return step('combine', { create: identity, mergeValue: add });
    case 'groupByKey':
      return step('combine', { create: listed, mergeValue: append });
    case 'reduce':
      return step('reduce', { f: f! });
    case 'count':
      return step('reduce', { f: add });
    default:
      throw new TypeError(`${node.kind} gathers nothing`);
  }
}

/** Its records go to the tree as they come. */
function isPassedOn({ kind }: GraphNode): boolean {
  return kind === 'repartition' || kind === 'transformed';
}
