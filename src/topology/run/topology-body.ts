/**
 * The body of a task of a topology: an instance of a stage, sink or source, with the stages that are fused into it and
 * the streams that begin there. Records go through the whole tree as they come. Called by its thread's runner only.
 *
 *   block ─▶ source or stage ─▶ outlet ─┬▶ fused stages …
 *                                       ├▶ routes ─▶ blocks, when the inputs are empty, or large, or after lingerMs
 *                                       └▶ operators of a stream
 *
 * I1  A hand-over has the state and timers of all stages of the tree, what sinks have gathered, and the records of a
 *     source that may have to be sent again, each as cells under its name: another program finds them, whatever is fused
 *     into which task there. Nothing else is kept, but what a new body makes for itself.
 * I2  Before a barrier is passed on, all that came before it has left.
 */
import type { Barrier, Block, Frame } from '../../actors/block.ts';
import type { HandOver, Publication, TaskBody, TaskOutput } from '../../actors/task.ts';
import { ROOTS_PER_SOURCE, Tidings, tidingsOf, trackedOf } from '../../actors/tracked.ts';
import { nodeAt } from '../../dstream/run/chain.ts';
import { linesOf } from '../../dstream/run/lines.ts';
import { bestForm } from '../../dstream/run/loop.ts';
import type { StorePlace } from '../../dstream/run/operators.ts';
import { OperatorTree } from '../../dstream/run/tree.ts';
import { pairsOf } from '../../dstream/run/columns.ts';
import type { StateCell } from '../../dstream/state/cell.ts';
import { SnapshotCell } from '../../dstream/state/snapshot-cell.ts';
import { TaskState } from '../../dstream/state/task-state.ts';
import type { LifeOptions } from '../../dstream/run/sink-life.ts';
import { withinTimeOf } from '../../dstream/run/user-promise.ts';
import { DEFAULT_OUTPUT, type Graph, stageInputs } from '../../plan/graph.ts';
import type { OpInstance, Plan } from '../../plan/planned.ts';
import { stateName, treeShape } from '../../plan/stateful.ts';
import { isTopologySource } from '../../plan/planner.ts';
import { Outlet, type Taker } from './outlet.ts';
import { Replay } from './replay.ts';
import { Route } from '../../dstream/run/route.ts';
import { SinkUnit } from './sink-unit.ts';
import { StageUnit } from './stage-unit.ts';

export interface TopologyBodyOptions
  extends Pick<LifeOptions, 'env' | 'life'>, Omit<StorePlace, 'env' | 'life'> {
  readonly asyncTimeoutMs?: number;
  /** As in `LifeOptions`. @default those of a job that lives once */
  readonly lineage?: string;
  readonly start?: number;
}

/** Whether a task's tree belongs to a topology. */
export function isTopologyTree(graph: Graph, tree: OpInstance): boolean {
  const node = nodeAt(graph, tree.node);
  return node.role === 'stage' || node.role === 'sink' || isTopologySource(node);
}

const NO_BYTES: Uint8Array = new Uint8Array(0);

export class TopologyBody implements TaskBody {
  readonly #plan: Plan;
  readonly #task: number;
  readonly #out: TaskOutput;
  readonly #options: TopologyBodyOptions;
  /** Inputs that lead back from the acker. */
  readonly #feedback: readonly boolean[];
  readonly #tidings: Tidings | undefined;
  readonly #ackerOutput: number;
  readonly #lingerMs: number;
  readonly #stages: StageUnit[] = [];
  readonly #sinks: SinkUnit[] = [];
  readonly #trees: OperatorTree[] = [];
  readonly #state: TaskState;
  /** It has cells that may change although nothing came. */
  readonly #isAlwaysAsked: boolean;
  readonly #outlets: Outlet[] = [];
  readonly #replay: Replay | undefined;
  /** Where the task's input goes. */
  readonly #root: Taker | undefined;
  readonly #sourceOutlet: Outlet | undefined;
  readonly #bits = new Uint32Array(1024);
  #bitsUsed: number = this.#bits.length;
  #waiting: Promise<void> | undefined;
  #records = 0;
  #flushedMs = 0;
  /** Something happened since the last hand-over. */
  #changed = true;
  /** Something came since the last batch barrier, so what sinks and streams gathered changes at the next. */
  #gathered = true;
  #isOpen = true;

  constructor(plan: Plan, taskId: number, out: TaskOutput, options: TopologyBodyOptions) {
    const task = plan.tasks[taskId]!;
    if (task.kind === 'outputs') throw new TypeError('outputs are no part of a topology');
    this.#plan = plan;
    this.#task = taskId;
    this.#out = out;
    this.#options = options;
    const { wiring, graph } = plan;
    const { inputs, outputs } = wiring.tasks[taskId]!;
    this.#feedback = inputs.map((edge) => wiring.edges[edge]!.feedback === true);
    this.#ackerOutput = outputs.findIndex(
      (edge) => plan.tasks[wiring.edges[edge]!.to]!.kind === 'acker',
    );
    this.#tidings = this.#ackerOutput < 0 ? undefined : new Tidings();
    const node = nodeAt(graph, task.tree.node);
    this.#lingerMs = (node.params['lingerMs'] as number | undefined) ?? 1;
    if (task.kind === 'source') {
      const outlet = this.#outlet(task.tree, DEFAULT_OUTPUT);
      this.#sourceOutlet = outlet;
      if (this.#tidings !== undefined) {
        this.#replay = new Replay({
          clock: options.env.clock,
          firstRoot: this.#sourceNumber() * ROOTS_PER_SOURCE,
          maxPending: node.params['maxPending'] as number,
          timeoutMs: node.params['timeoutMs'] as number,
          send: (rows, roots) => outlet.pass(rows, roots),
          count: (what, by) => this.#count(what, by),
        });
      }
    } else this.#root = this.#unit(task.tree);
    const streams = this.#trees.flatMap((tree) => Object.entries(tree.cells));
    const outboxes = this.#sinks.flatMap(({ outboxName, outbox }) =>
      outbox === undefined ? [] : [[outboxName, outbox] as const],
    );
    this.#isAlwaysAsked = streams.length + outboxes.length > 0;
    const cells = Object.fromEntries([...streams, ...outboxes, ...this.#ownCells(task.tree)]);
    this.#state = new TaskState(cells, treeShape(plan, task.tree));
  }

  block(block: Block, input: number): void {
    this.#changed = this.#gathered = true;
    if (this.#feedback[input]) {
      const { done, failed } = tidingsOf(block);
      this.#replay!.heard(done, failed);
      return;
    }
    if (this.#root !== undefined) {
      if (this.#tidings === undefined) this.#root.take(this.#rowsOf(block), undefined);
      else {
        const { rows, copies } = trackedOf(block);
        this.#root.take(rows, copies);
      }
      return;
    }
    const rows = this.#rowsOf(block);
    this.#records += rows.length;
    if (this.#replay !== undefined) this.#replay.take(rows);
    else this.#sourceOutlet!.pass(rows as unknown[], []);
  }

  ready(input: number, frame: Frame): boolean {
    const replay = this.#replay;
    if (replay === undefined || this.#feedback[input]) return true;
    // Nothing is sent again behind the end.
    if (frame.kind === 'barrier') return !frame.barrier.last || replay.isEmpty;
    return replay.hasRoom;
  }

  takeWaiting(): Promise<void> | undefined {
    for (const tree of this.#trees) if (tree.isAsync) this.#waitFor(tree.waiting());
    for (let i = 0; i < this.#sinks.length; i++) this.#waitFor(this.#sinks[i]!.waiting());
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }

  flush(idle: boolean, nowMs: number): void {
    if (!idle && nowMs - this.#flushedMs < this.#lingerMs) return;
    this.#flushedMs = nowMs;
    this.#flushAll();
  }

  dueMs(): number {
    let due = this.#replay?.dueMs ?? Infinity;
    for (let i = 0; i < this.#stages.length; i++)
      due = Math.min(due, this.#stages[i]!.timers.dueMs);
    return due;
  }

  tick(nowMs: number): void {
    this.#changed = this.#gathered = true;
    for (const stage of this.#stages) if (stage.timers.dueMs <= nowMs) stage.tick(nowMs);
    if (this.#replay !== undefined && this.#replay.dueMs <= nowMs) this.#replay.tick(nowMs);
  }

  barrier(barrier: Barrier): void | Promise<void> {
    if (barrier.batch) {
      if (this.#gathered) this.#changed = true;
      this.#gathered = false;
    }
    for (const sink of this.#sinks) this.#waitFor(sink.endBarrier(barrier));
    for (const tree of this.#trees)
      this.#waitFor(barrier.batch ? tree.endBatch(barrier) : tree.endPoint());
    this.#flushAll();
    return this.takeWaiting();
  }

  handOver(): HandOver | undefined {
    const publish: Publication[] = this.#sinks.flatMap((sink) => sink.takePublications());
    if (!this.#changed && publish.length === 0 && !this.#isAlwaysAsked)
      return { mode: 'keep', bytes: NO_BYTES };
    this.#changed = false;
    const held = this.#held() ?? (publish.length > 0 ? [] : undefined);
    const handOver = this.#state.handOver(held);
    return handOver === undefined ? undefined : { ...handOver, publish };
  }

  restore(parts: readonly Uint8Array[]): void {
    const held = this.#state.restore(parts);
    if (held === undefined) return;
    this.#trees.forEach((tree, n) => tree.restore((held as unknown[])[n]));
  }

  discard(): void {
    for (const tree of this.#trees) tree.clear();
  }

  durable(barrier: number): void | Promise<void> {
    const commits = this.#sinks.flatMap((sink) => sink.durable(barrier) ?? []);
    return commits.length === 0 ? undefined : Promise.all(commits).then(() => undefined);
  }

  takeRecordCount(): number {
    const records = this.#records;
    this.#records = 0;
    return records;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const stage of this.#stages) stage.close();
    for (const sink of this.#sinks) sink.close();
    for (const tree of this.#trees) tree.close();
  }

  /** State of stages and sinks, and what the source has on its way. */
  #ownCells({ node: root, partition }: OpInstance): (readonly [string, StateCell])[] {
    const cells = this.#stages.flatMap((stage) => Object.entries(stage.cells));
    for (const sink of this.#sinks)
      cells.push([
        `${sink.name}/state`,
        new SnapshotCell({ take: () => sink.held(), give: (state) => sink.restore(state) }),
      ]);
    const replay = this.#replay;
    if (replay !== undefined) {
      const { uid } = nodeAt(this.#plan.graph, root);
      const cell = new SnapshotCell({
        take: () => replay.held(),
        give: (rows) => replay.restore(rows),
      });
      cells.push([`${stateName(uid, partition)}/replay`, cell]);
    }
    return cells;
  }

  /** Of streams, inside a batch. */
  #held(): unknown {
    const held = this.#trees.map((tree) => tree.held());
    return held.every((one) => one === undefined) ? undefined : held;
  }

  #waitFor(promise: void | Promise<void>): void {
    if (promise === undefined) return;
    const before = this.#waiting;
    this.#waiting = before === undefined ? promise : before.then(() => promise);
    // Both are looked at in the end; until then no rejection is nobody's.
    promise.catch(() => {});
  }

  #flushAll(): void {
    for (let i = 0; i < this.#outlets.length; i++) this.#outlets[i]!.flush();
    if (this.#tidings !== undefined && !this.#tidings.isEmpty)
      this.#out.emit(this.#ackerOutput, this.#tidings.take());
  }

  #rowsOf(block: Block): readonly unknown[] {
    if (block.kind === 'rows') return block.rows;
    if (block.kind === 'columns') return pairsOf(block);
    const { lines, invalid } = linesOf(block.bytes);
    if (invalid > 0) this.#count('invalidUtf8', invalid);
    return lines;
  }

  #unit(tree: OpInstance): Taker {
    const { env, life, lineage = 'run', start } = this.#options;
    const node = nodeAt(this.#plan.graph, tree.node);
    const shared = { node, instance: tree.partition, tidings: this.#tidings };
    if (node.role === 'sink') {
      const sink = new SinkUnit({
        ...shared,
        env,
        life,
        lineage,
        start,
        out: this.#out,
        within: withinTimeOf(this.#options),
        wait: (promise) => this.#waitFor(promise),
      });
      this.#sinks.push(sink);
      return sink;
    }
    const outputs = node.params['outputs'] as readonly string[];
    const stage = new StageUnit({
      ...shared,
      clock: env.clock,
      outlets: outputs.map((name) => this.#outlet(tree, name)),
      count: (what, by) => this.#count(what, by),
    });
    this.#stages.push(stage);
    return stage;
  }

  #outlet(tree: OpInstance, name: string): Outlet {
    const { graph } = this.#plan;
    const node = nodeAt(graph, tree.node);
    const isOf = (id: number, input: number): boolean => {
      const reader = nodeAt(graph, id);
      return reader.kind === 'fromStage'
        ? reader.params['output'] === name
        : stageInputs(reader)[input]!.output === name;
    };
    const children = tree.children.filter((child) => isOf(child.node, 0));
    const streams = children.filter(({ node: id }) => nodeAt(graph, id).kind === 'fromStage');
    const trees = streams.map(
      (child) =>
        new OperatorTree(this.#plan, child, this.#out, bestForm(), undefined, this.#options),
    );
    this.#trees.push(...trees);
    const tidings = this.#tidings;
    const tracking = tidings && { tidings, freshBits: this.#freshBits };
    const outlet = new Outlet({
      node,
      name,
      takers: children
        .filter((child) => !streams.includes(child))
        .map((child) => this.#unit(child)),
      routes: tree.sends
        .filter((send) => isOf(send.node, send.port))
        .map(
          (send) => new Route({ node: nodeAt(graph, send.node), send, out: this.#out, tracking }),
        ),
      trees,
      tidings: this.#tidings,
      freshBits: this.#freshBits,
    });
    this.#outlets.push(outlet);
    return outlet;
  }

  /** 32 bits that nobody guesses, by the thousand: two each copy of a tracked record. */
  readonly #freshBits = (): number => {
    const { env } = this.#options;
    if (this.#bitsUsed === this.#bits.length) {
      for (let i = 0; i < this.#bits.length; i++) this.#bits[i] = env.random() * 2 ** 32;
      this.#bitsUsed = 0;
    }
    return this.#bits[this.#bitsUsed++]!;
  };

  /** Which of the topology's sources the task is, in the order in which the acker tells them. */
  #sourceNumber(): number {
    const { wiring, tasks } = this.#plan;
    const acker = tasks.find(({ kind }) => kind === 'acker')!;
    return wiring.tasks[acker.id]!.outputs.findIndex(
      (edge) => wiring.edges[edge]!.to === this.#task,
    );
  }

  #count(what: string, count: number): void {
    void this.#out.report({ type: 'counted', what, count });
  }
}
