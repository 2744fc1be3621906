/**
 * The task of `transform`: gathers a batch of each parent, calls the user's function with them at the batch barrier, waits
 * for its promise, and deals out what the batch that it gave comes to.
 *
 * It sends to the tasks that own the partitions of the result: partition i of the batch to number i, and what lies in
 * those beyond the last to the last one, so that the records of all partitions one after another keep their order.
 * Called by its thread's runner only.
 *
 * I1  A batch's records are in order of partition, then of arrival.
 * I2  Nothing is sent before the function's promise has settled; behind a batch barrier nothing is held.
 * I3  The function isn't called for a batch that was given up, whose result is empty.
 */
import type { Barrier, Block } from '../../actors/block.ts';
import type { HandOver, Marks, TaskBody, TaskOutput } from '../../actors/task.ts';
import { realEnv } from '../../env/real.ts';
import type { Env } from '../../env/env.ts';
import { MillraceError } from '../../errors.ts';
import type { GraphNode } from '../../plan/graph.ts';
import type { Arrival, Send } from '../../plan/planned.ts';
import { fires } from '../../plan/slides.ts';
import { Batch } from '../batch.ts';
import { innerOf, isBatch } from '../batch/core.ts';
import { Evaluation } from '../batch/plan.ts';
import { shown } from '../arguments.ts';
import { BadRecord, blamed, missingBatch } from './blame.ts';
import { emitRows } from './emit.ts';
import { Gathering } from './gathering.ts';
import type { WithinTime } from './user-promise.ts';
import { leastMark } from './watermark.ts';

export interface TransformBodyOptions {
  readonly node: GraphNode;
  /** How often the stream has a batch, in ms. */
  readonly slideMs: number;
  /** By side, then by partition. */
  readonly arrivals: readonly Arrival[];
  /** To the tasks that own the result, of each operator that reads it. */
  readonly sends: readonly Send[];
  readonly maxGatherBytes: number;
  /** Bounds the time of a user's promise. */
  readonly within: WithinTime;
  readonly env?: Env | undefined;
  /** Runs a user's function so that it is known to be inside one. @default nobody asks */
  readonly inside?: (<R>(act: () => R) => R) | undefined;
}

export class TransformBody implements TaskBody {
  readonly #options: TransformBodyOptions;
  readonly #out: TaskOutput;
  readonly #gathering: Gathering;
  /** Slots by input, then by port. */
  readonly #slots: number[][] = [];
  #closed = false;

  constructor(options: TransformBodyOptions, out: TaskOutput) {
    this.#options = options;
    this.#out = out;
    const { arrivals, node, maxGatherBytes } = options;
    this.#gathering = new Gathering(
      arrivals.map(() => node),
      maxGatherBytes,
    );
    arrivals.forEach(({ input, port }, slot) => {
      (this.#slots[input] ??= [])[port] = slot;
    });
  }

  block(block: Block, input: number): void {
    this.#gathering.add(this.#slots[input]![block.port]!, block);
  }

  barrier(
    barrier: Barrier,
    absent: readonly (readonly number[])[],
    marks?: Marks,
  ): void | Promise<void> {
    if (!barrier.batch) return undefined;
    this.#mark(leastMark(this.#options.arrivals, marks));
    const { node, slideMs, within, inside = (act) => act() } = this.#options;
    const missing = absent.some((ports) => ports.length > 0);
    if (!fires(slideMs, barrier)) {
      this.#sendNothing();
      return undefined;
    }
    // What failed the batch may be the function, which is not asked again: what follows gets an empty batch.
    if (barrier.givenUp === true) {
      this.#gathering.clear();
      return undefined;
    }
    if (missing) throw missingBatch(node, barrier.time);
    try {
      const batches = this.#arguments(barrier.time);
      const given: unknown = inside(() => node.functions['f']!(...batches) as unknown);
      if (!isPromise(given)) return this.#send(given);
      return within(given).then(
        (batch) => {
          if (!this.#closed) this.#guarded(barrier, () => this.#send(batch));
        },
        (error: unknown) => this.#fail(error, barrier),
      );
    } catch (error) {
      return this.#fail(error, barrier);
    }
  }

  handOver(barrier: Barrier): HandOver | undefined {
    return this.#gathering.handOver(barrier);
  }

  restore(parts: readonly Uint8Array[]): void {
    this.#gathering.restore(parts);
  }

  discard(): void {
    this.#gathering.clear();
  }

  close(): void {
    this.#closed = true;
  }

  /** What the user's function is called with: `(batch, time)`, `(a, b, time)` or `(batches, time)`. */
  #arguments(time: number): unknown[] {
    const { node, arrivals, maxGatherBytes, env } = this.#options;
    const home = { maxGatherBytes, disk: (env ?? realEnv()).disk };
    const batches = node.parents.map(
      (_, side) =>
        new Batch<unknown>(
          time,
          arrivals.flatMap((arrival, slot) =>
            arrival.side === side ? [this.#gathering.partition(slot)] : [],
          ),
          home,
        ),
    );
    return node.params['operator'] === 'ssc.transform' ? [batches, time] : [...batches, time];
  }

  #send(given: unknown): void {
    if (!isBatch(given)) throw new BadRecord(noBatch(given));
    const { plan, home } = innerOf(given);
    const run = new Evaluation(home);
    for (const { outputs, port } of this.#options.sends) {
      for (let p = 0; p < plan.partitions; p++) {
        const output = outputs[Math.min(p, outputs.length - 1)]!;
        for (const chunk of plan.read(p, run)) emitRows(this.#out, output, port, chunk);
      }
    }
    this.#gathering.clear();
  }

  /** What it gives is as late as what it takes. */
  #mark(watermark: number): void {
    if (watermark === Number.NEGATIVE_INFINITY) return;
    for (const { outputs, port } of this.#options.sends)
      for (const output of outputs) this.#out.mark(output, port, watermark);
  }

  #sendNothing(): void {
    for (const { outputs, port } of this.#options.sends)
      for (const output of outputs) this.#out.absent(output, port);
  }

  #guarded(barrier: Barrier, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#fail(error, barrier);
    }
  }

  #fail(error: unknown, { time }: Barrier): never {
    // What a batch itself says is coded, and names its operator.
    if (error instanceof MillraceError && error.code === 'ERR_MILLRACE_BATCH_TOO_LARGE')
      throw error;
    throw blamed(error, this.#options.node, { time });
  }
}

function noBatch(given: unknown): string {
  return (
    `needs a function that gives a batch, or a promise of one; it gave ${shown(given)}. ` +
    'What an action gives becomes one by Batch.of(records)'
  );
}

function isPromise(given: unknown): given is PromiseLike<unknown> {
  return (
    typeof given === 'object' &&
    given !== null &&
    typeof (given as PromiseLike<unknown>).then === 'function'
  );
}
