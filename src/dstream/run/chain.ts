/**
 * What one task does to its records, apart from how: a tree of steps whose leaves are sinks.
 *
 * Built from the plan's tree of operator instances. `compile.ts` makes one loop of it, `interpret.ts` a chain of
 * closures; both do exactly what is said here. Unions vanish: they only renumber partitions. Operators that work a batch
 * at a time (`operators.ts`) end a loop: it collects into a sink for them, and what follows them is a segment of its own.
 * So does `mapAsync`.
 *
 * I1  Slots and operator numbers are given in tree order, so a collecting sink has a lower slot than all that its
 *     operator's records go on to: ending the sinks by slot ends the tree.
 * I2  `signature` is equal for two chains of a graph only if one loop serves both.
 */
import type { Graph, GraphNode } from '../../plan/graph.ts';
import type { OpInstance, Send } from '../../plan/planned.ts';
import type { OnRecordError } from './dead-letter.ts';
import { operatorTakes } from './operators.ts';

/** Those that end in `Pairs` take key and value side by side. */
export type SinkKind =
  | 'combine'
  | 'tally'
  | 'group'
  | 'spread'
  | 'reduce'
  | 'count'
  | 'output'
  | 'outputPairs'
  | 'stage'
  | 'collect'
  | 'collectPairs';

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
  /** Where to; none for those that collect. */
  readonly send: Send | undefined;
  /** Of one that collects: the partition of its operator. */
  readonly partition: number;
  /** Of one that collects: what its operator feeds at the barrier. */
  readonly below: ChainSegment | undefined;
}

export type Step = ApplyStep | SinkStep;

/** What the records of one place go through: of the root, or of an operator that gave them at a barrier. */
export interface ChainSegment {
  readonly steps: readonly Step[];
  /** Slots of the sinks in it, without those of segments below. */
  readonly slots: readonly number[];
  /** Unions in it. They need a batch. */
  readonly unions: readonly GraphNode[];
}

export interface Chain {
  readonly root: ChainSegment;
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

  interface Growing {
    readonly slots: number[];
    readonly unions: GraphNode[];
  }

  const addSink = (
    into: Growing,
    node: GraphNode,
    sink: SinkKind,
    rest: Pick<SinkStep, 'send' | 'partition'>,
    below?: () => ChainSegment,
  ): SinkStep => {
    const slot = sinks.length;
    sinks.push(undefined as never);
    into.slots.push(slot);
    const op = number(node);
    const step: SinkStep = { step: 'sink', op, node, sink, slot, ...rest, below: below?.() };
    sinks[slot] = step;
    return step;
  };

  const segmentOf = (instance: OpInstance): ChainSegment => {
    const into: Growing = { slots: [], unions: [] };
    return { steps: below(into, instance), ...into };
  };

  const below = (into: Growing, instance: OpInstance): readonly Step[] => [
    ...instance.children.flatMap((child) => stepsOf(into, child)),
    ...instance.sends.map((send) => {
      const node = nodeAt(graph, send.node);
      return addSink(into, node, sinkOf(node, send), { send, partition: instance.partition });
    }),
  ];

  const stepsOf = (into: Growing, instance: OpInstance): readonly Step[] => {
    const node = nodeAt(graph, instance.node);
    if (node.kind === 'union') {
      into.unions.push(node);
      return below(into, instance);
    }
    // Its promises settle when they like; until then what follows has nothing to do.
    const takes = node.kind === 'mapAsync' ? 'rows' : operatorTakes(node);
    if (takes !== undefined) {
      const sink = takes === 'rows' ? 'collect' : 'collectPairs';
      const { partition } = instance;
      return [addSink(into, node, sink, { send: undefined, partition }, () => segmentOf(instance))];
    }
    const passesOver = (node.params['onRecordError'] ?? onRecordError) === 'skip';
    return [{ step: 'apply', op: number(node), node, passesOver, next: below(into, instance) }];
  };

  return { root: segmentOf(tree), sinks, operators };
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
function sinkOf(node: GraphNode, { exchange, outputs }: Send): SinkKind {
  // One that has one instance to go to is an output like any other.
  if (isStage(node)) return outputs.length > 1 ? 'stage' : 'output';
  if (exchange === 'key') return 'group';
  if (exchange !== undefined) return operatorTakes(node) === 'pairs' ? 'outputPairs' : 'output';
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

function isStage({ role }: GraphNode): boolean {
  return role === 'stage' || role === 'sink';
}
