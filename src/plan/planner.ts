/**
 * From what the user wrote to what runs: the tasks of a graph, the tree of operators in each, and the edges between
 * them. planned.ts says what a task is.
 *
 * Pure: every thread plans for itself and comes to the same plan.
 *
 * I1  Only nodes that lead to an output are planned.
 * I2  Each partition of the stream before a wide operator or an output has exactly one sender, a leaf of one tree; it
 *     sends to every partition of the wide operator, or to the one task of the outputs.
 * I3  Two tasks have at most one edge between them in a direction. Sends that share it are told apart by their port.
 * I4  A wide task's inputs are its senders by the first parent, then partition, that each sends. A sender's sends to one
 *     wide operator have ports 0, 1 … in that order; it has more than one behind a union of two streams of the same root,
 *     or where it has parts of several parents. `arrivals` says what each (input, port) is, so a task can take them
 *     in the order of parents and partitions, whatever the timing.
 * I5  The outputs' ports count the partitions of the first output, then of the second, and so on.
 * I6  Edges come in this order: of receivers, by source and partition; into wide tasks, by operator, sender and
 *     receiver; into stages and sinks likewise; to and from the acker; into the outputs, by sender. Source ids count the
 *     planned sources in the order of the graph.
 * I7  A stage that reads one stage or source, instance by instance, is part of that one's tree (`fused`). The edges of a
 *     topology alone may form a circle, through the acker; those that close it are marked `feedback`.
 * I8  A keyed operator of one parent that lies by key already, in as many partitions, is part of that one's tree. One of
 *     several parents is a root; from those that lie as it wants there are edges from partition p to partition p only.
 * I9  Every instance of a stage has an input, for barriers come by edges: one that no record can reach (`global`, or
 *     `local` of fewer senders) has an edge from the first sender.
 */
import type { EdgeWiring, SourceWiring } from '../actors/wiring.ts';
import { millraceError } from '../errors.ts';
import { type Exchange, type Graph, type GraphNode, stageInputs } from './graph.ts';
import { exchangeAt, type Partitioning, partitionings } from './partitioning.ts';
import { place } from './placement.ts';
import type { Arrival, OpInstance, OutputPort, Plan, PlannedTask, Send } from './planned.ts';
import { slidesOf } from './slides.ts';

export interface PlanOptions {
  /** Workers to spread over; 0 (all in the calling thread) is planned as 1. */
  readonly workers: number;
  /** Partitions of a wide operator that names none, and of sources. @default workers */
  readonly parallelism?: number;
  /** Partitions of each source. @default parallelism */
  readonly sourcePartitions?: number;
  /** How often sources have a batch, in ms: what slides are checked against. @default 1000 */
  readonly batchIntervalMs?: number;
}

const BATCH_INTERVAL_MS = 1000;

/**
 * Plans a graph.
 * @throws ERR_MILLRACE_NO_OUTPUT when nothing leads to an output; ERR_MILLRACE_SLIDES_DIFFER and
 * ERR_MILLRACE_WINDOW_MULTIPLE for streams whose batch times don't fit
 */
export function plan(graph: Graph, options: PlanOptions): Plan {
  return new Planner(graph, options).plan();
}

/** The graph's node that a source of the wiring stands for. */
export function sourceNode(planned: Plan, sourceId: number): GraphNode {
  const node = planned.graph.nodes.find(
    (each) => each.uid === planned.wiring.sources[sourceId]?.name,
  );
  if (node === undefined) throw new RangeError(`no source ${sourceId} in the plan`);
  return node;
}

/** A partition of a parent on its way to a wide operator. */
interface Sending {
  readonly side: number;
  readonly partition: number;
  /** Task id. */
  readonly sender: number;
  readonly port: number;
  readonly exchange: Exchange | undefined;
}

class Planner {
  readonly #graph: Graph;
  readonly #workers: number;
  readonly #needed: readonly boolean[];
  readonly #partitions: readonly number[];
  /** The uses of each node by planned ones: a union may use one parent twice. */
  readonly #uses: readonly Use[][];
  /** By node id: a stage that lives in the tree of the one it reads (I7). */
  readonly #fused: readonly boolean[];
  readonly #firstTask = new Map<number, number>();
  readonly #slides: readonly number[];
  readonly #partitionings: readonly (Partitioning | undefined)[];
  /** By node id of wide operators: by side, then by partition. */
  readonly #sendings = new Map<number, readonly Sending[]>();
  /** By node id of outputs: the port of their first partition. */
  readonly #outputPorts = new Map<number, number>();
  readonly #edges: EdgeWiring[] = [];
  readonly #inputs: number[][] = [];
  readonly #outputs: number[][] = [];
  #outputsTask = 0;

  constructor(graph: Graph, options: PlanOptions) {
    this.#graph = graph;
    this.#workers = Math.max(1, options.workers);
    const parallelism = Math.max(1, options.parallelism ?? this.#workers);
    this.#needed = neededNodes(graph);
    this.#partitions = partitionCounts(graph, parallelism, options.sourcePartitions ?? parallelism);
    this.#slides = slidesOf(graph, options.batchIntervalMs ?? BATCH_INTERVAL_MS);
    this.#partitionings = partitionings(graph, this.#partitions);
    this.#fused = graph.nodes.map(
      (node) =>
        isFusedStage(graph, node, this.#partitions) ||
        (node.parents.length === 1 && this.#exchangeAt(node, 0) === 'same'),
    );
    this.#uses = this.#findUses();
  }

  plan(): Plan {
    const planned = this.#graph.nodes.filter((node) => this.#needed[node.id]);
    const roots = planned.filter((node) => this.#isRoot(node));
    const outputs = planned.filter((node) => node.role === 'output');
    if (outputs.length === 0 && !planned.some((node) => node.role === 'sink')) {
      throw millraceError(
        'ERR_MILLRACE_NO_OUTPUT',
        'the graph has no output, so there is nothing to plan',
      );
    }
    for (const root of roots) {
      this.#firstTask.set(root.id, this.#outputsTask);
      this.#outputsTask += this.#count(root.id);
    }
    for (let task = 0; task <= this.#outputsTask; task++) {
      this.#inputs.push([]);
      this.#outputs.push([]);
    }
    const sources = this.#connectSources(roots);
    for (const node of roots) if (node.role === 'wide') this.#connectWide(node);
    for (const node of roots) if (isStage(node)) this.#connectStage(node);
    for (const node of roots) if (node.role === 'acker') this.#connectAcker(node, roots);
    const ports = this.#connectOutputs(outputs);

    const tasks: PlannedTask[] = roots.flatMap((root) =>
      Array.from({ length: this.#count(root.id) }, (_, partition): PlannedTask => {
        const id = this.#taskOf(root.id, partition);
        const tree = this.#instance(root.id, partition, id);
        const kind = taskKind(root);
        return kind === 'wide'
          ? { id, kind, tree, arrivals: this.#arrivalsAt(root, partition) }
          : { id, kind, tree };
      }),
    );
    if (outputs.length > 0) {
      tasks.push({
        id: this.#outputsTask,
        kind: 'outputs',
        outputs: outputs.map((node) => node.id),
        ports,
      });
    }
    const workers = place(
      tasks.map((task) => {
        if (task.kind === 'outputs') return task;
        const isSingle = isStage(this.#node(task.tree.node)) && this.#count(task.tree.node) === 1;
        return isSingle || task.kind === 'acker'
          ? { kind: 'outputs' }
          : { kind: 'wide', partition: task.tree.partition };
      }),
      this.#workers,
    );
    return {
      graph: this.#graph,
      tasks,
      partitions: this.#partitions,
      slides: this.#slides,
      wiring: {
        workers: this.#workers,
        tasks: tasks.map((task) => ({
          id: task.id,
          name: this.#nameOf(task),
          worker: workers[task.id] ?? 0,
          inputs: this.#inputs[task.id] ?? [],
          outputs: this.#outputs[task.id] ?? [],
          ...(this.#commits(task) ? { commits: true } : {}),
        })),
        sources,
        edges: this.#edges,
      },
    };
  }

  /** A transactional sink is at work there. */
  #commits(task: PlannedTask): boolean {
    const isOne = (node: number): boolean =>
      this.#node(node).params['delivery'] === 'transactional';
    if (task.kind === 'outputs') return task.outputs.some(isOne);
    const walk = ({ node, children }: OpInstance): boolean => isOne(node) || children.some(walk);
    return walk(task.tree);
  }

  #connectSources(roots: readonly GraphNode[]): SourceWiring[] {
    const sources = roots.filter((root) => root.role === 'source');
    return sources.map((node, id) => ({
      id,
      name: node.uid,
      ...(node.params['replay'] === false ? { replay: false } : {}),
      outputs: Array.from({ length: this.#count(node.id) }, (_, partition) =>
        this.#connect('receiver', id, this.#taskOf(node.id, partition)),
      ),
    }));
  }

  #connectWide(node: GraphNode): void {
    const sendings = this.#sendingsTo(node);
    this.#sendings.set(node.id, sendings);
    const receivers = new Map<number, Set<number>>();
    for (const { sender, exchange, partition } of sendings) {
      let to = receivers.get(sender);
      if (to === undefined) receivers.set(sender, (to = new Set()));
      if (exchange === 'same') to.add(partition);
      else for (let p = 0; p < this.#count(node.id); p++) to.add(p);
    }
    for (const [sender, to] of receivers) {
      for (const partition of [...to].sort((a, b) => a - b))
        this.#connect('inner', sender, this.#taskOf(node.id, partition));
    }
  }

  /** An edge from each task that has a part of a stage's parents to each instance that it may send to (I3, I9). */
  #connectStage(node: GraphNode): void {
    const count = this.#count(node.id);
    const pairs = new Map<number, Set<number>>();
    stageInputs(node).forEach(({ grouping }, input) => {
      const parent = node.parents[input] ?? 0;
      for (let from = 0; from < this.#count(parent); from++) {
        const sender = this.#rootTask(parent, from);
        let receivers = pairs.get(sender);
        if (receivers === undefined) pairs.set(sender, (receivers = new Set()));
        if (grouping === 'local') receivers.add(from % count);
        else if (grouping === 'global') receivers.add(0);
        else for (let to = 0; to < count; to++) receivers.add(to);
      }
    });
    const senders = [...pairs].sort(([a], [b]) => a - b);
    for (let to = 0; to < count; to++)
      if (!senders.some(([, receivers]) => receivers.has(to))) senders[0]?.[1].add(to);
    for (const [sender, receivers] of senders) {
      for (const to of [...receivers].sort((a, b) => a - b))
        this.#connect('inner', sender, this.#taskOf(node.id, to));
    }
  }

  /** All tasks of the topology tell the acker, and it tells those of the sources. */
  #connectAcker(node: GraphNode, roots: readonly GraphNode[]): void {
    const acker = this.#taskOf(node.id, 0);
    for (const root of roots) {
      if (!isStage(root) && !isTopologySource(root)) continue;
      for (let partition = 0; partition < this.#count(root.id); partition++)
        this.#connect('inner', this.#taskOf(root.id, partition), acker);
    }
    for (const root of roots) {
      if (!isTopologySource(root)) continue;
      for (let partition = 0; partition < this.#count(root.id); partition++)
        this.#connect('inner', acker, this.#taskOf(root.id, partition), true);
    }
  }

  #connectOutputs(outputs: readonly GraphNode[]): OutputPort[] {
    const ports: OutputPort[] = [];
    const senders = new Set<number>();
    for (const node of outputs) {
      this.#outputPorts.set(node.id, ports.length);
      for (let partition = 0; partition < this.#count(node.id); partition++) {
        senders.add(this.#rootTask(node.parents[0] ?? 0, partition));
        ports.push({ output: node.id, partition });
      }
    }
    for (const sender of [...senders].sort((a, b) => a - b))
      this.#connect('inner', sender, this.#outputsTask);
    return ports;
  }

  #connect(kind: 'receiver' | 'inner', from: number, to: number, feedback = false): number {
    const id = this.#edges.length;
    this.#edges.push({ id, kind, from, to, ...(feedback ? { feedback } : {}) });
    this.#inputs[to]?.push(id);
    if (kind === 'inner') this.#outputs[from]?.push(id);
    return id;
  }

  /** The partitions of all parents on their way to a wide operator (I4). */
  #sendingsTo(node: GraphNode): Sending[] {
    const sent = new Map<number, number>();
    return node.parents.flatMap((parent, side) =>
      Array.from({ length: this.#count(parent) }, (_, partition): Sending => {
        const sender = this.#rootTask(parent, partition);
        const port = sent.get(sender) ?? 0;
        sent.set(sender, port + 1);
        return { side, partition, sender, port, exchange: this.#exchangeAt(node, side) };
      }),
    );
  }

  /** What arrives at one task of a wide operator. */
  #arrivalsAt(node: GraphNode, partition: number): Arrival[] {
    const senders = (this.#inputs[this.#taskOf(node.id, partition)] ?? []).map(
      (edge) => this.#edges[edge]?.from,
    );
    return (this.#sendings.get(node.id) ?? []).flatMap((sending): Arrival[] => {
      if (sending.exchange === 'same' && sending.partition !== partition) return [];
      const { side, sender, port } = sending;
      return [{ input: senders.indexOf(sender), port, side, partition: sending.partition }];
    });
  }

  #exchangeAt(node: GraphNode, side: number): Exchange | undefined {
    return exchangeAt(node, side, this.#partitions, this.#partitionings);
  }

  /** The task in which a partition of a stream is computed. */
  #rootTask(nodeId: number, partition: number): number {
    let node = this.#node(nodeId);
    let at = partition;
    while (!this.#isRoot(node)) {
      let parent = 0;
      // Only a union has several parents: their partitions follow one another.
      while (parent < node.parents.length - 1 && at >= this.#count(node.parents[parent] ?? 0)) {
        at -= this.#count(node.parents[parent] ?? 0);
        parent += 1;
      }
      node = this.#node(node.parents[parent] ?? 0);
    }
    return this.#taskOf(node.id, at);
  }

  #instance(nodeId: number, partition: number, task: number): OpInstance {
    const children: OpInstance[] = [];
    const sends: Send[] = [];
    for (const use of this.#uses[nodeId] ?? []) {
      const at = use.offset + partition;
      if (use.by.role === 'narrow' || this.#fused[use.by.id])
        children.push(this.#instance(use.by.id, at, task));
      else if (isStage(use.by)) sends.push(this.#stageSend(use.by, use.input, partition, task));
      else sends.push(this.#send(use.by, use.input, at, task));
    }
    return { node: nodeId, partition, children, sends };
  }

  #send(to: GraphNode, side: number, partition: number, task: number): Send {
    const outgoing = this.#outputs[task] ?? [];
    const outputTo = (receiver: number): number =>
      outgoing.findIndex((edge) => this.#edges[edge]?.to === receiver);
    if (to.role === 'output') {
      const port = (this.#outputPorts.get(to.id) ?? 0) + partition;
      return { node: to.id, outputs: [outputTo(this.#outputsTask)], port };
    }
    const sending = this.#sendings
      .get(to.id)
      ?.find((each) => each.side === side && each.partition === partition);
    const exchange = sending?.exchange;
    const receivers =
      exchange === 'same' ? [partition] : Array.from({ length: this.#count(to.id) }, (_, p) => p);
    return {
      node: to.id,
      outputs: receivers.map((p) => outputTo(this.#taskOf(to.id, p))),
      port: sending?.port ?? 0,
      ...(exchange === undefined ? {} : { exchange }),
    };
  }

  #stageSend(to: GraphNode, input: number, partition: number, task: number): Send {
    const count = this.#count(to.id);
    const grouping = stageInputs(to)[input]?.grouping;
    const receivers =
      grouping === 'local'
        ? [partition % count]
        : grouping === 'global'
          ? [0]
          : Array.from({ length: count }, (_, p) => p);
    const outgoing = this.#outputs[task] ?? [];
    const first = this.#taskOf(to.id, 0);
    return {
      node: to.id,
      outputs: receivers.map((p) =>
        outgoing.findIndex((edge) => this.#edges[edge]?.to === first + p),
      ),
      port: input,
    };
  }

  #findUses(): Use[][] {
    const uses: Use[][] = this.#graph.nodes.map(() => []);
    for (const by of this.#graph.nodes) {
      if (!this.#needed[by.id]) continue;
      let offset = 0;
      by.parents.forEach((parent, input) => {
        uses[parent]?.push({ by, offset, input });
        // Only a union puts the partitions of its parents side by side.
        if (by.role === 'narrow') offset += this.#count(parent);
      });
    }
    return uses;
  }

  #isRoot(node: GraphNode): boolean {
    return node.role !== 'narrow' && node.role !== 'output' && !this.#fused[node.id];
  }

  #nameOf(task: PlannedTask): string {
    return task.kind === 'outputs'
      ? 'outputs'
      : `${this.#node(task.tree.node).uid}[${task.tree.partition}]`;
  }

  #taskOf(root: number, partition: number): number {
    return (this.#firstTask.get(root) ?? 0) + partition;
  }

  #count(node: number): number {
    return this.#partitions[node] ?? 0;
  }

  #node(id: number): GraphNode {
    const node = this.#graph.nodes[id];
    if (node === undefined) throw new RangeError(`no node ${id} in the graph`);
    return node;
  }
}

/** A use of a stream: its partition p is partition `offset + p` of `by`'s input. */
interface Use {
  readonly by: GraphNode;
  readonly offset: number;
  /** Which of `by`'s parents the stream is. */
  readonly input: number;
}

function isStage(node: GraphNode): boolean {
  return node.role === 'stage' || node.role === 'sink';
}

/** A source of a topology says itself how many partitions it has. */
export function isTopologySource(node: GraphNode): boolean {
  return node.role === 'source' && node.params['partitions'] !== undefined;
}

function taskKind(root: GraphNode): 'source' | 'wide' | 'stage' | 'acker' {
  if (root.role === 'source') return 'source';
  if (root.role === 'acker') return 'acker';
  return isStage(root) ? 'stage' : 'wide';
}

/** I7: no record would change its task, and nobody asked for tasks apart. */
function isFusedStage(graph: Graph, node: GraphNode, counts: readonly number[]): boolean {
  if (!isStage(node) || node.parents.length !== 1 || node.params['fuse'] === false) return false;
  const parent = graph.nodes[node.parents[0]!]!;
  if (!isStage(parent) && !isTopologySource(parent)) return false;
  const grouping = stageInputs(node)[0]!.grouping;
  if (grouping === 'direct') return false;
  const [from, to] = [counts[parent.id], counts[node.id]];
  return from === to && (from === 1 || grouping === 'local');
}

function neededNodes(graph: Graph): boolean[] {
  const needed = graph.nodes.map(
    (node) => node.role === 'output' || node.role === 'acker' || isStage(node),
  );
  // Parents come before children, so one pass from the end finds all.
  for (const node of [...graph.nodes].reverse()) {
    if (needed[node.id]) for (const parent of node.parents) needed[parent] = true;
  }
  return needed;
}

function partitionCounts(graph: Graph, parallelism: number, ofSources: number): number[] {
  const counts: number[] = [];
  const sum = (parents: readonly number[]): number =>
    parents.reduce((total, parent) => total + (counts[parent] ?? 0), 0);
  const wanted = (node: GraphNode): number => {
    if (isTopologySource(node)) return node.params['partitions'] as number;
    if (node.role === 'source') return Math.max(1, ofSources);
    if (isStage(node)) return node.params['parallelism'] as number;
    if (node.role === 'acker') return 1;
    if (node.kind === 'reduce' || node.kind === 'count') return 1;
    if (node.kind === 'transformed') return sum(graph.nodes[node.parents[0]!]!.parents);
    if (node.role === 'wide') {
      if (typeof node.params['numPartitions'] === 'number') return node.params['numPartitions'];
      const same = node.exchange?.indexOf('same') ?? -1;
      return same < 0 ? parallelism : (counts[node.parents[same]!] ?? 0);
    }
    return sum(node.parents);
  };
  for (const node of graph.nodes) counts.push(wanted(node));
  return counts;
}
