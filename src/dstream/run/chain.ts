/**
 * What one task does to its records, apart from how: a tree of steps whose leaves are sinks.
 *
 * Built from the plan's tree of operator instances. `compile.ts` makes one loop of it, `interpret.ts` a chain of
 * closures; both do exactly what is said here. Unions vanish: they only renumber partitions. `mapPartitions` and `glom`
 * end a loop: they collect into a sink of their own, and what follows them is a loop of its own at the barrier.
 *
 * I1  Slots and operator numbers are given in tree order, so a collecting sink has a lower slot than all that its
 *     records go on to: flushing the sinks by slot flushes the tree.
 * I2  `signature` is equal for two chains of a graph only if one loop serves both.
 */
import type { Graph, GraphNode } from '../../plan/graph.ts';
import type { OpInstance, Send } from '../../plan/planned.ts';
import type { OnRecordError } from './dead-letter.ts';

export type SinkKind =
  | 'combine'
  | 'tally'
  | 'group'
  | 'spread'
  | 'reduce'
  | 'count'
  | 'output'
  | 'collect';

/** A narrow operator, record by record. */
export interface ApplyStep {
  readonly step: 'apply';
  /** Its index in `Chain.operators`. */
  readonly op: number;
  readonly node: GraphNode;
  /** A record at which its function throws is passed over. */
  readonly passesOver: boolean;
  readonly next: readonly Step[];
}

/** Records leave the loop. */
export interface SinkStep {
  readonly step: 'sink';
  readonly op: number;
  /** The operator or output that they go to. */
  readonly node: GraphNode;
  readonly sink: SinkKind;
  /** Its index among the sinks of the task. */
  readonly slot: number;
  /** Where to; none for `collect`. */
  readonly send: Send | undefined;
  /** What `collect` feeds at the barrier. */
  readonly next: readonly Step[];
}

export type Step = ApplyStep | SinkStep;

export interface Chain {
  readonly steps: readonly Step[];
  /** By slot. */
  readonly sinks: readonly SinkStep[];
  /** By operator number. */
  readonly operators: readonly GraphNode[];
}

/** The chain of a task's tree. The root itself is not part of it: its records are the input. */
export function buildChain(
  graph: Graph,
  tree: OpInstance,
  onRecordError: OnRecordError = 'fail',
): Chain {
  const sinks: SinkStep[] = [];
  const operators: GraphNode[] = [];
  const number = (node: GraphNode): number => operators.push(node) - 1;

  const addSink = (
    node: GraphNode,
    sink: SinkKind,
    send: Send | undefined,
    next: () => readonly Step[],
  ): SinkStep => {
    const slot = sinks.length;
    sinks.push(undefined as never);
    const step: SinkStep = { step: 'sink', op: number(node), node, sink, slot, send, next: next() };
    sinks[slot] = step;
    return step;
  };

  const below = (instance: OpInstance): readonly Step[] => [
    ...instance.children.flatMap(stepsOf),
    ...instance.sends.map((send) => {
      const node = nodeAt(graph, send.node);
      return addSink(node, sinkOf(node), send, () => []);
    }),
  ];

  const stepsOf = (instance: OpInstance): readonly Step[] => {
    const node = nodeAt(graph, instance.node);
    if (node.kind === 'union') return below(instance);
    if (node.kind === 'mapPartitions' || node.kind === 'glom')
      return [addSink(node, 'collect', undefined, () => below(instance))];
    const passesOver = (node.params['onRecordError'] ?? onRecordError) === 'skip';
    return [{ step: 'apply', op: number(node), node, passesOver, next: below(instance) }];
  };

  return { steps: below(tree), sinks, operators };
}

/** Says all that the code of a loop depends on (I2). */
export function signature(steps: readonly Step[]): string {
  return steps
    .map((step) =>
      step.step === 'apply'
        ? `${step.node.id}.${step.op}${step.passesOver ? '?' : ''}(${signature(step.next)})`
        : `${step.sink}${step.node.id}.${step.op}.${step.slot}.${step.send?.outputs.length ?? 0}`,
    )
    .join(',');
}

export function nodeAt(graph: Graph, id: number): GraphNode {
  return graph.nodes[id]!;
}

/** How a sender treats records on their way to `node`. */
function sinkOf(node: GraphNode): SinkKind {
  switch (node.kind) {
    case 'combineByKey':
      return node.params['mapSideCombine'] === false ? 'group' : 'combine';
    case 'countByValue':
      return 'tally';
    case 'groupByKey':
      return 'group';
    case 'repartition':
      return 'spread';
    case 'reduce':
      return 'reduce';
    case 'count':
      return 'count';
    default:
      return 'output';
  }
}
