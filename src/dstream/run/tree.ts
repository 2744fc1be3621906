/**
 * One task's tree of operators at work: takes the records of its root, block by block, and sends what comes out.
 *
 * Used by the bodies of all tasks but that of the outputs, on their thread.
 *
 * I1  At a batch barrier the sinks are ended by slot, so what an operator gives then reaches those behind it.
 *     Those of `mapAsync` wait until its promises are settled: then the rest of the end comes behind a promise.
 * I2  What is sent on a port has the watermark of the nearest operator above it that says one, else that of the root.
 */
import type { Barrier, ColumnsBlock } from '../../actors/block.ts';
import type { TaskOutput } from '../../actors/task.ts';
import type { GraphNode } from '../../plan/graph.ts';
import type { OpInstance, Plan } from '../../plan/planned.ts';
import { fires } from '../../plan/slides.ts';
import { treeShape } from '../../plan/stateful.ts';
import type { StateCell } from '../state/cell.ts';
import type { Given } from './batch-operator.ts';
import { AsyncMap } from './async-map.ts';
import { BadRecord, type Blame, blamed, missingBatch } from './blame.ts';
import { buildChain, type Chain, type ChainSegment, type SinkStep } from './chain.ts';
import { DeadLetterBox, type OnRecordError } from './dead-letter.ts';
import { HostedOperator, type OperatorTask } from './hosted-operator.ts';
import { type Form, loopOf, type PassOverAt } from './loop.ts';
import type { StorePlace } from './operators.ts';
import { Segment } from './segment.ts';
import {
  CollectPairsSink,
  CollectSink,
  CountSink,
  GroupSink,
  OutputPairsSink,
  OutputSink,
  ReduceSink,
  type Sink,
  SpreadSink,
  TableSink,
} from './sinks.ts';
import { StageSink } from './stage-sink.ts';
import { type TimeLimit, withinTimeOf } from './user-promise.ts';

export class OperatorTree {
  readonly #plan: Plan;
  readonly #tree: OpInstance;
  readonly #out: TaskOutput;
  readonly #form: Form;
  readonly #chain: Chain;
  /** By slot; so are the operators of sinks that collect for one, and the segments. */
  readonly #sinks: readonly Sink[];
  readonly #hosted: (HostedOperator | undefined)[] = [];
  readonly #async: (AsyncMap | undefined)[] = [];
  readonly #limits: TimeLimit;
  readonly #root: Segment;
  /** The segment that a sink is in, and the one below its operator. */
  readonly #above: Segment[] = [];
  readonly #below: (Segment | undefined)[] = [];
  readonly #blame: Blame;
  readonly #letters: DeadLetterBox;
  readonly #passOver: PassOverAt;
  /** The operator at the root of the task, if there is one. */
  #rootOperator: HostedOperator | undefined;
  /** Known at barriers only. */
  #time: number | undefined;

  constructor(
    plan: Plan,
    tree: OpInstance,
    out: TaskOutput,
    form: Form,
    onRecordError?: OnRecordError,
    limits: TimeLimit & StorePlace = {},
  ) {
    this.#plan = plan;
    this.#tree = tree;
    this.#out = out;
    this.#form = form;
    this.#limits = limits;
    this.#chain = buildChain(plan.graph, tree, onRecordError);
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
    this.operatorTask = {
      neighbour: (node) => {
        const hosted = [this.#rootOperator, ...this.#hosted].find((each) => each?.node.id === node);
        if (hosted === undefined) throw new TypeError(`node ${node} is no operator of this task`);
        return hosted.operator;
      },
      passOver: this.#letters.add,
      count: (what, count) => void out.report({ type: 'counted', what, count }),
      store: limits,
      onRecordError: onRecordError ?? 'fail',
    };
    this.#sinks = this.#chain.sinks.map((step) => this.#makeSink(step));
    this.#root = this.#makeSegment(this.#chain.root);
  }

  /** Says which operator the tree hangs from. */
  hangFrom(operator: HostedOperator): void {
    this.#rootOperator = operator;
  }

  /** The node that it hangs from. */
  get root(): number {
    return this.#tree.node;
  }

  get partition(): number {
    return this.#tree.partition;
  }

  /** Unlike that of a task that has other operators, or sends elsewhere. */
  get shape(): string {
    return treeShape(this.#plan, this.#tree);
  }

  /** Takes a record out of the stream before it is one. */
  passOver(error: unknown, node: GraphNode, record: unknown): void {
    this.#letters.add(error, node, record);
  }

  /** What operators find in this task. */
  readonly operatorTask: OperatorTask;

  /** The operators that work a batch at a time, for those who ask them. */
  get operators(): readonly HostedOperator[] {
    return this.#hosted.filter((hosted) => hosted !== undefined);
  }

  /** The state of a key at the operator of that name. */
  query(name: string, key: unknown): unknown {
    return [this.#rootOperator, ...this.#hosted]
      .find((hosted) => hosted?.node.uid === name)
      ?.query(key);
  }

  /** What of the operators outlives batches. */
  get cells(): Readonly<Record<string, StateCell>> {
    return Object.fromEntries(this.operators.flatMap((hosted) => hosted.namedCells));
  }

  /** Takes records of the root. The array is the tree's from now on. */
  rows(rows: readonly unknown[]): void {
    this.#root.rows(rows);
    this.#endBlock();
  }

  /** Takes records of the root, as keys and values. Keys that are bytes become strings only where they must. */
  pairs(keys: ColumnsBlock['keys'], values: ColumnsBlock['values']): void {
    this.#root.pairs(keys, values);
    this.#endBlock();
  }

  /** Takes what the operator at the root has given. */
  give(given: Given): void {
    this.#root.give(given);
    this.#endBlock();
  }

  /** All records of the batch have been taken. A promise where those of `mapAsync` have to be waited for. */
  endBatch(barrier: Barrier, watermark: number = Number.NEGATIVE_INFINITY): void | Promise<void> {
    return this.#end(barrier, true, watermark);
  }

  /** The root has no batch. */
  absent(barrier: Barrier, watermark: number = Number.NEGATIVE_INFINITY): void | Promise<void> {
    return this.#end(barrier, false, watermark);
  }

  /** Sends all that the sinks hold. */
  flush(): void {
    for (const sink of this.#sinks) sink.endBatch(this.#out);
  }

  /** All records before a barrier inside a batch have been taken. */
  endPoint(): void | Promise<void> {
    return this.#endPointFrom(0);
  }

  /** Whether promises of users are at work in it (`mapAsync`): then its body has to ask for `waiting`. */
  get isAsync(): boolean {
    return this.#async.some((map) => map !== undefined);
  }

  /** What has to be waited for before more is taken. */
  waiting(): Promise<void> | undefined {
    for (const map of this.#async) map?.check();
    this.#passOn();
    const atWork = this.#async.flatMap((map) => (map?.isAtWork === true ? [map.waiting()] : []));
    if (atWork.length === 0) return undefined;
    return Promise.race(atWork).then(() => {
      this.#passOn();
      return this.#async.some((map) => map?.isFull === true) ? this.waiting() : undefined;
    });
  }

  /** What settles from now on is nobody's. */
  close(): void {
    for (const map of this.#async) map?.clear();
    this.#rootOperator?.close();
    for (const hosted of this.operators) hosted.close();
  }

  /** What must outlive a recovery to a barrier inside a batch, apart from cells; undefined when that is nothing. */
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
    for (const map of this.#async) map?.clear();
    for (const { operator } of this.operators) operator.discard();
    this.#letters.clear();
  }

  #endBlock(): void {
    for (const sink of this.#sinks) sink.endBlock(this.#out);
  }

  #endPointFrom(from: number): void | Promise<void> {
    for (let slot = from; slot < this.#sinks.length; slot++) {
      this.#sinks[slot]!.endPoint(this.#out);
      const settled = this.#async[slot]?.settled();
      if (settled !== undefined)
        return settled.then(() => {
          this.#passOn();
          return this.#endPointFrom(slot + 1);
        });
      if (this.#async[slot] !== undefined) this.#passOn();
    }
  }

  /** What promises gave goes on. */
  #passOn(): void {
    let went = false;
    for (let slot = 0; slot < this.#async.length; slot++) {
      const given = this.#async[slot]?.given() ?? [];
      if (given.length === 0) continue;
      went = true;
      this.#below[slot]!.rows(given);
    }
    if (went) this.#endBlock();
  }

  #end(barrier: Barrier, isPresent: boolean, watermark: number): void | Promise<void> {
    this.#time = barrier.time;
    this.#begin(this.#root, isPresent, watermark, barrier);
    return this.#endFrom(0, barrier);
  }

  /** Ends the sinks from that slot on; goes on behind a promise where one has to be waited for. */
  #endFrom(from: number, barrier: Barrier): void | Promise<void> {
    for (let slot = from; slot < this.#sinks.length; slot++) {
      const above = this.#above[slot]!;
      const sink = this.#sinks[slot]!;
      const hosted = this.#hosted[slot];
      if (above.present) sink.endBatch(this.#out);
      const map = this.#async[slot];
      if (map !== undefined) {
        const settled = map.settled();
        const goOn = (): void => {
          this.#passOn();
          this.#begin(this.#below[slot]!, above.present, above.watermark, barrier);
        };
        if (settled !== undefined)
          return settled.then(() => {
            goOn();
            return this.#endFrom(slot + 1, barrier);
          });
        goOn();
        continue;
      }
      if (hosted === undefined) {
        this.#mark(this.#chain.sinks[slot]!, above);
        continue;
      }
      const given = hosted.end(barrier, above.present ? [] : [0], above.watermark);
      const below = this.#below[slot]!;
      this.#begin(below, given !== undefined, hosted.markBehind(above.watermark), barrier);
      if (given !== undefined) below.give(given);
    }
    this.#letters.endBatch(this.#out, barrier);
    this.#time = undefined;
  }

  /** What is known of a segment's batch before its sinks end. */
  #begin(segment: Segment, isPresent: boolean, watermark: number, barrier: Barrier): void {
    segment.present = isPresent;
    segment.watermark = watermark;
    if (isPresent) return;
    for (const union of segment.chain.unions)
      if (fires(this.#plan.slides[union.id]!, barrier)) throw missingBatch(union, barrier.time);
  }

  /** What goes with the barrier on the ports of a sink. */
  #mark({ send }: SinkStep, { present, watermark }: Segment): void {
    const { outputs, port } = send!;
    for (const output of outputs) {
      if (!present) this.#out.absent(output, port);
      if (watermark !== Number.NEGATIVE_INFINITY) this.#out.mark(output, port, watermark);
    }
  }

  #makeSegment(chain: ChainSegment): Segment {
    const segment = new Segment({
      chain,
      sinks: this.#sinks,
      out: this.#out,
      loopOf: (steps, shape) =>
        loopOf(this.#plan.graph, steps, this.#chain.operators, shape, this.#form, this.#sinks),
      blame: this.#blame,
      passOver: this.#passOver,
    });
    for (const slot of chain.slots) {
      this.#above[slot] = segment;
      const { below } = this.#chain.sinks[slot]!;
      if (below !== undefined) this.#below[slot] = this.#makeSegment(below);
    }
    return segment;
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
      case 'outputPairs':
        return new OutputPairsSink(step);
      case 'stage':
        return new StageSink(step, this.#out);
      case 'collect': {
        if (step.node.kind === 'mapAsync') {
          const map = this.#asyncMap(step);
          return new CollectSink((rows) => map.take(rows));
        }
        const hosted = this.#host(step);
        return new CollectSink((rows) => hosted.guard(() => hosted.operator.rows!(0, rows)));
      }
      case 'collectPairs': {
        const hosted = this.#host(step);
        return new CollectPairsSink((keys, values) =>
          hosted.guard(() => hosted.operator.pairs!(0, keys, values)),
        );
      }
    }
  }

  #asyncMap({ node, partition, slot }: SinkStep): AsyncMap {
    const { f } = node.functions;
    const { concurrency, ordered, timeoutMs, onRecordError } = node.params;
    const { env, asyncTimeoutMs } = this.#limits;
    const ms = (timeoutMs as number | undefined) ?? asyncTimeoutMs;
    const skips = (onRecordError ?? this.operatorTask.onRecordError) === 'skip';
    const map = new AsyncMap({
      f: f!,
      concurrency: concurrency as number,
      ordered: ordered as boolean,
      clock: env?.clock,
      within: (record) =>
        withinTimeOf({
          ...(env === undefined ? {} : { env }),
          ...(ms === undefined ? {} : { asyncTimeoutMs: ms }),
          timedOut: () =>
            new BadRecord(
              `waited ${ms} ms for a promise`,
              { value: record },
              'ERR_MILLRACE_ASYNC_TIMEOUT',
            ),
        }),
      refuse: (error, record) => {
        if (skips) this.#letters.add(error, node, record);
        else throw blamed(error, node, { partition, time: this.#time, record: { value: record } });
      },
    });
    this.#async[slot] = map;
    return map;
  }

  #host({ node, partition, slot }: SinkStep): HostedOperator {
    const hosted = new HostedOperator(this.#plan, node, partition, this.operatorTask);
    this.#hosted[slot] = hosted;
    return hosted;
  }
}
