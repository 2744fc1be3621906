/**
 * The task that runs a job's outputs. It gathers each output's partitions while they arrive, and at the batch barrier
 * runs the outputs one after another, in order of registration.
 * Called by its thread's runner only; `barrier` gives a promise while a user's `foreachBatch` is at work.
 *
 * I1  A batch's records are in order of partition, then of arrival.
 * I2  What one output gathers is bounded by `maxGatherBytes` (`gathering.ts`).
 * I3  Behind a batch barrier nothing is held but what sinks have prepared.
 * I4  Each run of an output is told of twice: when it begins and when it ends. How long those of a batch took goes to the
 *     coordinator too, with the barrier (`takeOutputTimes`), so that it is known with the batch.
 */
import type { Barrier, Block } from '../../actors/block.ts';
import type { HandOver, OutputTimes, TaskBody, TaskOutput } from '../../actors/task.ts';
import type { Env } from '../../env/env.ts';
import { realEnv } from '../../env/real.ts';
import { MillraceError } from '../../errors.ts';
import type { Graph, GraphNode } from '../../plan/graph.ts';
import type { OutputPort } from '../../plan/planned.ts';
import { stateName } from '../../plan/stateful.ts';
import type { Caller } from '../arguments.ts';
import { Batch } from '../batch.ts';
import type { BatchHome } from '../batch/plan.ts';
import { formatBatch } from '../print.ts';
import type { StateCell } from '../state/cell.ts';
import { TaskState } from '../state/task-state.ts';
import { BatchSink } from './batch-sink.ts';
import { blamed, missingBatch } from './blame.ts';
import { nodeAt } from './chain.ts';
import { Gathering } from './gathering.ts';
import { Remembered } from './remembered.ts';
import { Saver } from './saver.ts';
import { closeSlices, openSlices, type SliceReader } from './slices.ts';
import type { WithinTime } from './user-promise.ts';

export interface OutputsBodyOptions {
  readonly graph: Graph;
  /** Node ids, in order of registration. */
  readonly outputs: readonly number[];
  readonly ports: readonly OutputPort[];
  /** By node id, in ms. */
  readonly slides: readonly number[];
  readonly maxGatherBytes: number;
  /** Bounds the time of a user's promise. */
  readonly within: WithinTime;
  /** An output whose batch has no record isn't run. @default false */
  readonly skipEmptyBatches?: boolean | undefined;
  /** @default the real one */
  readonly env?: Env | undefined;
  /** Unlike that of any other life of the task in the process. @default for a task that lives once */
  readonly life?: string | undefined;
  /** As in `LifeOptions`. @default those of a job that lives once */
  readonly lineage?: string | undefined;
  readonly start?: number | undefined;
  /** Runs a user's function so that it is known to be inside an output. @default nobody asks */
  readonly inside?: (<R>(act: () => R) => R) | undefined;
}

/** One output and where its batch arrives. */
interface Output {
  readonly node: GraphNode;
  /** By partition. */
  readonly ports: readonly number[];
  readonly sink: BatchSink | undefined;
  readonly saver: Saver | undefined;
}

export class OutputsBody implements TaskBody, SliceReader {
  readonly #out: TaskOutput;
  readonly #options: OutputsBodyOptions;
  readonly #env: Env;
  readonly #outputs: readonly Output[];
  readonly #gathering: Gathering;
  readonly #home: BatchHome;
  readonly #remembered: Remembered;
  /** Of tasks that remember. */
  readonly #state: TaskState | undefined;
  /** The batch whose outputs run. */
  #atHand: { readonly time: number; readonly missing: ReadonlySet<number> } | undefined = undefined;
  /** Of the batch at hand. */
  #times: OutputTimes[] = [];
  /** Another body may run the outputs by now; the rest of a batch that waits for a promise is left to it. */
  #closed = false;

  constructor(options: OutputsBodyOptions, out: TaskOutput) {
    this.#out = out;
    this.#options = options;
    this.#env = options.env ?? realEnv();
    const { graph, ports, within, life = 'once', lineage = 'run', start, maxGatherBytes } = options;
    const env = this.#env;
    this.#outputs = options.outputs.map((id) => {
      const node = nodeAt(graph, id);
      const own = ports.flatMap(({ output, partition }, port) =>
        output === id ? [{ port, partition }] : [],
      );
      own.sort((a, b) => a.partition - b.partition);
      const sink =
        node.kind === 'to'
          ? new BatchSink({ node, out, env, life, lineage, start, within })
          : undefined;
      const saver =
        node.kind === 'saveAsTextFiles' || node.kind === 'saveAsObjectFiles'
          ? new Saver({ node, out, env, life, isDurable: start !== undefined })
          : undefined;
      return { node, ports: own.map(({ port }) => port), sink, saver };
    });
    this.#gathering = new Gathering(
      ports.map(({ output }) => nodeAt(graph, output)),
      maxGatherBytes,
    );
    this.#home = { maxGatherBytes, disk: this.#env.disk };
    this.#remembered = new Remembered({ ...options, home: this.#home });
    const cells: Record<string, StateCell> = { ...this.#remembered.cells };
    for (const { node, sink } of this.#outputs)
      if (sink?.outbox !== undefined) cells[`${stateName(node.uid, 0)}/outbox`] = sink.outbox;
    if (Object.keys(cells).length > 0)
      this.#state = new TaskState({ ...cells, 'outputs/open': this.#gathering });
    openSlices(graph, this);
  }

  block(block: Block): void {
    if (!this.#remembered.take(block)) this.#gathering.add(block.port, block);
  }

  barrier(barrier: Barrier, absent: readonly (readonly number[])[]): void | Promise<void> {
    const ran = this.#runBatch(barrier, absent);
    if (!barrier.batch && !barrier.last) return ran;
    return ran === undefined
      ? this.#endSinks(barrier, 0)
      : ran.then(() => this.#endSinks(barrier, 0));
  }

  #runBatch(barrier: Barrier, absent: readonly (readonly number[])[]): void | Promise<void> {
    if (!barrier.batch) return undefined;
    this.#times = [];
    const missing = new Set(absent.flat());
    if (barrier.givenUp === true) {
      this.#remembered.endBatch(barrier, missing);
      this.#remembered.letGo();
      this.#gathering.clear();
      return undefined;
    }
    this.#atHand = { time: barrier.time, missing };
    this.#remembered.endBatch(barrier, missing);
    return this.#run(barrier, missing, 0);
  }

  /** Sinks end the batch, and prepare at a recovery point. */
  #endSinks(barrier: Barrier, from: number): void | Promise<void> {
    for (let i = from; i < this.#outputs.length && !this.#closed; i++) {
      const awaited = this.#outputs[i]!.sink?.endBarrier(barrier);
      if (awaited !== undefined) return awaited.then(() => this.#endSinks(barrier, i + 1));
    }
    return undefined;
  }

  takeWaiting(): Promise<void> | undefined {
    const full = this.#outputs.flatMap(({ sink }) => sink?.waiting() ?? []);
    return full.length === 0 ? undefined : Promise.all(full).then(() => undefined);
  }

  durable(barrier: number): void | Promise<void> {
    const commits = this.#outputs.flatMap(({ sink }) => sink?.durable(barrier) ?? []);
    return commits.length === 0 ? undefined : Promise.all(commits).then(() => undefined);
  }

  handOver(barrier: Barrier): HandOver | undefined {
    const handOver =
      this.#state === undefined
        ? this.#gathering.handOver(barrier)
        : this.#state.handOver(undefined);
    const publish = this.#outputs.flatMap(({ sink }) => sink?.takePublications() ?? []);
    if (publish.length === 0) return handOver;
    return { mode: 'replace', bytes: new Uint8Array(0), ...handOver, publish };
  }

  restore(parts: readonly Uint8Array[]): void {
    const full = parts.filter((part) => part.length > 0);
    if (this.#state === undefined) this.#gathering.restore(full);
    else this.#state.restore(full);
  }

  takeOutputTimes(): readonly OutputTimes[] {
    const times = this.#times;
    this.#times = [];
    return times;
  }

  close(): void {
    this.#closed = true;
    closeSlices(this.#options.graph, this);
    for (const { sink, saver } of this.#outputs) {
      sink?.close();
      saver?.close();
    }
  }

  discard(): void {
    this.#gathering.clear();
    this.#remembered.discard();
  }

  /** Runs the outputs from the `from`-th on; goes on behind a promise where one gives it. */
  #run(barrier: Barrier, missing: ReadonlySet<number>, from: number): void | Promise<void> {
    for (let i = from; i < this.#outputs.length && !this.#closed; i++) {
      const output = this.#outputs[i]!;
      if (output.node.kind === 'remember') continue;
      const batch = this.#batchOf(output, barrier.time, missing);
      if (batch === undefined) continue;
      if (this.#options.skipEmptyBatches === true && batch.size === 0) continue;
      const awaited = this.#timed(output, batch, barrier);
      if (awaited !== undefined) return awaited.then(() => this.#run(barrier, missing, i + 1));
    }
    this.#gathering.clear();
    this.#remembered.letGo();
    this.#atHand = undefined;
    return undefined;
  }

  /** Undefined when the batch is missing. */
  #batchOf(
    { node, ports }: Output,
    time: number,
    missing: ReadonlySet<number>,
  ): Batch<unknown> | undefined {
    const absent = ports.filter((port) => missing.has(port)).length;
    if (absent === ports.length) return undefined;
    if (absent > 0) throw missingBatch(node, time);
    return new Batch<unknown>(
      time,
      ports.map((port) => this.#gathering.partition(port)),
      this.#home,
    );
  }

  slice(caller: Caller, stream: GraphNode, from: number, to: number): Batch<unknown>[] {
    const slideMs = this.#options.slides[stream.id]!;
    return this.#remembered.slice(caller, stream, { from, to, slideMs }, () => {
      const output = this.#outputs.find(({ node }) => node.parents[0] === stream.id);
      if (output === undefined || this.#atHand === undefined) return undefined;
      const { time, missing } = this.#atHand;
      return [this.#batchOf(output, time, missing) ?? []].flat();
    });
  }

  /** Runs one output and tells of it (I4). */
  #timed(output: Output, batch: Batch<unknown>, barrier: Barrier): void | Promise<void> {
    const startTime = this.#env.clock.now();
    const told = { output: output.node.id, barrier: barrier.number, time: barrier.time, startTime };
    void this.#out.report({ type: 'outputStarted', ...told });
    const ended = (error?: unknown): void => {
      const endTime = this.#env.clock.now();
      const failure = error === undefined ? {} : { failureReason: reasonOf(error) };
      void this.#out.report({ type: 'outputCompleted', ...told, endTime, ...failure });
      if (error === undefined) this.#times.push({ output: output.node.id, startTime, endTime });
    };
    let awaited: void | Promise<void>;
    try {
      awaited = this.#output(output, batch, barrier);
    } catch (error) {
      ended(error);
      throw error;
    }
    if (awaited === undefined) return ended();
    return awaited.then(
      () => ended(),
      (error: unknown) => {
        ended(error);
        throw error;
      },
    );
  }

  #output(
    { node, sink, saver }: Output,
    batch: Batch<unknown>,
    barrier: Barrier,
  ): void | Promise<void> {
    const { number, time } = barrier;
    switch (node.kind) {
      case 'print':
        return this.#out.report({
          type: 'printed',
          output: node.id,
          barrier: number,
          text: formatBatch(time, batch, node.params['n'] as number),
        });
      case 'collectAs':
        return this.#out.report({
          type: 'collected',
          output: node.id,
          name: node.params['name'] as string,
          barrier: number,
          time,
          partitions: batch.toPartitions(),
        });
      case 'saveAsTextFiles':
      case 'saveAsObjectFiles':
        return saver!.save(batch, time);
      case 'to':
        return sink!.take(batch, barrier);
      default:
        return this.#callUser(node, batch, barrier);
    }
  }

  #callUser(
    node: GraphNode,
    batch: Batch<unknown>,
    { time, number }: Barrier,
  ): Promise<void> | undefined {
    const fail = (error: unknown): never => {
      // What a batch itself says is coded, and names its operator.
      if (error instanceof MillraceError && error.code === 'ERR_MILLRACE_BATCH_TOO_LARGE')
        throw error;
      throw blamed(error, node, { time });
    };
    const { within, inside = (act) => act() } = this.#options;
    try {
      const given: unknown = inside(() => node.functions['f']!(batch, time, number) as unknown);
      if (
        given === null ||
        typeof given !== 'object' ||
        typeof (given as PromiseLike<void>).then !== 'function'
      )
        return undefined;
      return within(given as PromiseLike<void>).then(() => undefined, fail);
    } catch (error) {
      return fail(error);
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
