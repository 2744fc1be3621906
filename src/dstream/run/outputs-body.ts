/**
 * The task that runs a job's outputs. It gathers each output's partitions while they arrive, and at the batch barrier
 * runs the outputs one after another, in order of registration.
 * Called by its thread's runner only; `barrier` gives a promise while a user's `foreachBatch` is at work.
 *
 * I1  A batch's records are in order of partition, then of arrival.
 * I2  Blocks stay as they came, columns as columns, until somebody asks for records.
 * I3  What one output gathers is bounded by `maxGatherBytes`.
 * I4  A hand-over inside a batch holds the blocks since the one before it; behind a batch barrier nothing is held.
 */
import type { Barrier, Block } from '../../actors/block.ts';
import { packValue, unpackValue } from '../../actors/codec.ts';
import type { HandOver, TaskBody, TaskOutput } from '../../actors/task.ts';
import { millraceError } from '../../errors.ts';
import type { Graph, GraphNode } from '../../plan/graph.ts';
import type { OutputPort } from '../../plan/planned.ts';
import { Batch } from '../batch.ts';
import { formatBatch } from '../print.ts';
import { blamed, missingBatch } from './blame.ts';
import { nodeAt } from './chain.ts';
import { approximateBytes, GatheredPartition } from './gathered.ts';
import type { WithinTime } from './user-promise.ts';

export interface OutputsBodyOptions {
  readonly graph: Graph;
  /** Node ids, in order of registration. */
  readonly outputs: readonly number[];
  readonly ports: readonly OutputPort[];
  readonly maxGatherBytes: number;
  /** Bounds the time of a user's promise. */
  readonly within: WithinTime;
}

/** One output and what it has gathered. */
interface Gathering {
  readonly node: GraphNode;
  /** By partition. */
  readonly ports: readonly number[];
  bytes: number;
}

export class OutputsBody implements TaskBody {
  readonly #out: TaskOutput;
  readonly #maxGatherBytes: number;
  readonly #within: WithinTime;
  readonly #gatherings: readonly Gathering[];
  readonly #byPort: readonly Gathering[];
  /** By port. */
  #blocks: Block[][];
  /** Since the last hand-over. */
  #fresh: Block[] = [];
  #handedOver = false;
  /** Another body may run the outputs by now; the rest of a batch that waits for a promise is left to it. */
  #closed = false;

  constructor(options: OutputsBodyOptions, out: TaskOutput) {
    this.#out = out;
    this.#maxGatherBytes = options.maxGatherBytes;
    this.#within = options.within;
    this.#gatherings = options.outputs.map((id) => {
      const ports = options.ports.flatMap(({ output, partition }, port) =>
        output === id ? [{ port, partition }] : [],
      );
      ports.sort((a, b) => a.partition - b.partition);
      return { node: nodeAt(options.graph, id), ports: ports.map(({ port }) => port), bytes: 0 };
    });
    this.#byPort = options.ports.map(
      ({ output }) => this.#gatherings[options.outputs.indexOf(output)]!,
    );
    this.#blocks = options.ports.map(() => []);
  }

  block(block: Block): void {
    this.#gather(block);
    this.#fresh.push(block);
  }

  barrier(barrier: Barrier, absent: readonly (readonly number[])[]): void | Promise<void> {
    if (!barrier.batch) return undefined;
    const missing = new Set(absent.flat());
    return this.#run(barrier, missing, 0);
  }

  handOver(barrier: Barrier): HandOver | undefined {
    if (barrier.batch) return undefined;
    const fresh = this.#fresh;
    this.#fresh = [];
    if (fresh.length === 0)
      return this.#handedOver ? { mode: 'keep', bytes: new Uint8Array(0) } : undefined;
    this.#handedOver = true;
    return { mode: 'append', bytes: packValue(fresh) };
  }

  restore(parts: readonly Uint8Array[]): void {
    for (const part of parts) for (const block of unpackValue(part) as Block[]) this.#gather(block);
    this.#handedOver = parts.length > 0;
  }

  close(): void {
    this.#closed = true;
  }

  discard(): void {
    this.#blocks = this.#blocks.map(() => []);
    this.#fresh = [];
    this.#handedOver = false;
    for (const gathering of this.#gatherings) gathering.bytes = 0;
  }

  #gather(block: Block): void {
    const gathering = this.#byPort[block.port]!;
    gathering.bytes += approximateBytes(block);
    if (gathering.bytes > this.#maxGatherBytes) {
      const { node } = gathering;
      throw millraceError(
        'ERR_MILLRACE_BATCH_TOO_LARGE',
        `the batch that ${node.kind} (${node.uid}) at ${node.callSite} gathers is larger than maxGatherBytes (${this.#maxGatherBytes}); reduce it before the output, or shorten batchInterval`,
        {
          context: {
            operator: node.uid,
            kind: node.kind,
            callSite: node.callSite,
            maxGatherBytes: this.#maxGatherBytes,
          },
        },
      );
    }
    this.#blocks[block.port]!.push(block);
  }

  /** Runs the outputs from the `from`-th on; goes on behind a promise where one gives it. */
  #run(barrier: Barrier, missing: ReadonlySet<number>, from: number): void | Promise<void> {
    for (let i = from; i < this.#gatherings.length && !this.#closed; i++) {
      const { node, ports } = this.#gatherings[i]!;
      const absent = ports.filter((port) => missing.has(port)).length;
      if (absent === ports.length) continue;
      if (absent > 0) throw missingBatch(node, barrier.time);
      const batch = new Batch<unknown>(
        barrier.time,
        ports.map((port) => new GatheredPartition(this.#blocks[port]!)),
      );
      const awaited = this.#output(node, batch, barrier);
      if (awaited !== undefined) return awaited.then(() => this.#run(barrier, missing, i + 1));
    }
    this.discard();
    return undefined;
  }

  #output(node: GraphNode, batch: Batch<unknown>, barrier: Barrier): void | Promise<void> {
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
      default:
        return this.#callUser(node, batch, time);
    }
  }

  #callUser(node: GraphNode, batch: Batch<unknown>, time: number): Promise<void> | undefined {
    const fail = (error: unknown): never => {
      throw blamed(error, node, { time });
    };
    try {
      const given: unknown = node.functions['f']!(batch, time);
      if (
        given === null ||
        typeof given !== 'object' ||
        typeof (given as PromiseLike<void>).then !== 'function'
      )
        return undefined;
      return this.#within(given as PromiseLike<void>).then(() => undefined, fail);
    } catch (error) {
      return fail(error);
    }
  }
}
