/**
 * Which operators keep something from batch to batch, where, and what of that a changed program must fit. Pure: asked
 * when a checkpoint is described, and when a program is started on one.
 *
 * A task finds its state by `stateName(uid, partition)`, whatever task had it before.
 */
import { crc32 } from 'node:zlib';
import type { GraphNode } from './graph.ts';
import type { OpInstance, Plan } from './planned.ts';

/** Kind to the params on which the layout of its state depends: with others it means something else. */
const LAYOUTS: Readonly<Record<string, readonly string[]>> = {
  window: ['windowMs', 'slideMs'],
  windowReduce: ['windowMs', 'slideMs'],
  windowReduceByKey: ['windowMs', 'slideMs'],
  windowGroupByKey: ['windowMs', 'slideMs'],
  updateStateByKey: [],
  mapWithState: [],
  withTimestamps: [],
  eventWindow: ['window', 'isKeyed', 'lists'],
  intervalJoin: [],
  dedupe: ['isTimed'],
  broadcastJoin: [],
  withBroadcast: [],
  remember: [],
};

export interface StatefulOperator {
  readonly uid: string;
  readonly kind: string;
  readonly callSite: string;
  /** Of its stream. */
  readonly partitions: number;
  /** Of the shape of its state: what `version` says. */
  readonly stateVersion: number;
  /** Two operators of a kind whose layouts are equal read each other's state. */
  readonly stateLayout: string;
  /** It keeps something only if the user's code does: whether it did can be read in what was handed over. */
  readonly mayBeEmpty: boolean;
}

/** An operator's state in a task. A task may have several partitions of one (a union with itself). */
export interface StateAt {
  readonly uid: string;
  readonly partition: number;
}

/** How state is addressed: `uid[partition]`. Cells have that and `/name`. */
export function stateName(uid: string, partition: number): string {
  return `${uid}[${partition}]`;
}

/** All of a plan, in the order of the graph. */
export function statefulOperators(plan: Plan): readonly StatefulOperator[] {
  return plan.graph.nodes.filter(keepsState).map((node) => ({
    uid: node.uid,
    kind: node.kind,
    callSite: node.callSite,
    partitions: plan.partitions[node.id]!,
    stateVersion: versionOf(node),
    stateLayout: layoutOf(plan, node),
    mayBeEmpty: LAYOUTS[node.kind] === undefined,
  }));
}

/** What a task has of them. */
export function statesOf(plan: Plan, taskId: number): readonly StateAt[] {
  const task = plan.tasks[taskId]!;
  const { nodes } = plan.graph;
  if (task.kind === 'outputs') {
    return task.ports.flatMap(({ output, partition }) => {
      const node = nodes[output]!;
      return keepsState(node) ? [{ uid: node.uid, partition }] : [];
    });
  }
  const walk = ({ node: id, partition, children }: OpInstance): StateAt[] => {
    const node = nodes[id]!;
    const own = keepsState(node) ? [{ uid: node.uid, partition }] : [];
    return [...own, ...children.flatMap(walk)];
  };
  return walk(task.tree);
}

/** Says which operators a tree has and where it sends; equal for trees that are the same in that. */
export function treeShape({ graph }: Plan, tree: OpInstance): string {
  const draw = ({ node, partition, children, sends }: OpInstance): unknown => {
    const { uid, kind } = graph.nodes[node]!;
    const targets = sends.map((send) => [
      graph.nodes[send.node]!.uid,
      send.port,
      send.outputs.length,
    ]);
    return [uid, kind, partition, children.map(draw), targets];
  };
  const text = JSON.stringify(draw(tree));
  return `${crc32(text).toString(16)}-${text.length}`;
}

/**
 * The steps that a program lacks to bring state of that version to its own: numbers of `migrate`. Empty when it lacks
 * none, undefined when the state is newer than the program.
 */
export function missingMigrations(node: GraphNode, from: number): readonly number[] | undefined {
  const to = versionOf(node);
  if (from > to) return undefined;
  const missing: number[] = [];
  for (let version = from; version < to; version++)
    if (node.functions[`migrate${version}`] === undefined) missing.push(version);
  return missing;
}

export function versionOf({ params }: GraphNode): number {
  return (params['version'] as number | undefined) ?? 1;
}

function keepsState(node: GraphNode): boolean {
  if (LAYOUTS[node.kind] !== undefined || node.kind === 'to') return true;
  // Records of a tracked source are kept until they are worked off.
  return node.role === 'stage' || node.role === 'sink' || node.params['maxPending'] !== undefined;
}

function layoutOf(plan: Plan, { id, kind, params, functions }: GraphNode): string {
  const known: Record<string, unknown> = Object.fromEntries(
    (LAYOUTS[kind] ?? []).map((name) => [name, params[name]]),
  );
  // Panes are cut by window and slide, which is the parent's where none is given.
  if ('slideMs' in known) {
    known['slideMs'] = plan.slides[id];
    if (functions['inverse'] !== undefined) known['inverse'] = true;
  }
  const entries = Object.entries(known).filter(([, value]) => value !== undefined);
  return entries.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(' ');
}
