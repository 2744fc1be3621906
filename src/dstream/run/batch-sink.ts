/**
 * A sink (`plan/sink.ts`) at the end of a stream: one instance in the task of the outputs, which gives it each batch as a
 * whole. What it names at a recovery point is published once the point counts, as in a topology.
 * Used by the outputs' body.
 */
import type { Barrier } from '../../actors/block.ts';
import type { Publication, TaskOutput } from '../../actors/task.ts';
import type { Disk } from '../../env/env.ts';
import type { GraphNode } from '../../plan/graph.ts';
import type { Sink } from '../../plan/sink.ts';
import type { Batch } from '../batch.ts';
import { innerOf } from '../batch/core.ts';
import { chunksOf } from '../batch/plan.ts';
import { blamed } from './blame.ts';
import type { WithinTime } from './user-promise.ts';

export interface BatchSinkOptions {
  readonly node: GraphNode;
  readonly out: TaskOutput;
  readonly disk: Disk;
  /** Unlike that of any other life of the task in the process. */
  readonly life: string;
  readonly within: WithinTime;
}

export class BatchSink {
  readonly #options: BatchSinkOptions;
  readonly #sink: Sink<unknown>;

  constructor(options: BatchSinkOptions) {
    const { node, out, disk, life } = options;
    this.#options = options;
    this.#sink = this.#guarded(undefined, () => {
      const sink = node.functions['make']!() as Sink<unknown>;
      sink.open?.({
        name: node.uid,
        instance: 0,
        parallelism: 1,
        disk,
        life,
        write: (text) => out.report({ type: 'wrote', text }),
        collect: (name, barrier, time, rows) =>
          void out.report({
            type: 'collected',
            output: node.id,
            name,
            barrier,
            time,
            partitions: [rows],
          }),
      });
      return sink;
    });
  }

  /** Gives it a batch. A promise when one of the sink has to be waited for. */
  take(batch: Batch<unknown>, { number, time }: Barrier): void | Promise<void> {
    const { plan, home } = innerOf(batch);
    const chunks = chunksOf(plan, home)[Symbol.iterator]();
    const goOn = (): void | Promise<void> => {
      for (let next = chunks.next(); next.done !== true; next = chunks.next()) {
        const records = next.value;
        const given = this.#guarded(time, () => this.#sink.process(records));
        if (given === undefined) continue;
        return this.#options.within(given).then(goOn, (error: unknown) => {
          throw this.#blame(error, time);
        });
      }
      return this.#guarded(time, () => this.#sink.endBatch?.(number, time));
    };
    return goOn();
  }

  prepare(barrier: Barrier): readonly Publication[] {
    return this.#guarded(barrier.time, () => this.#sink.prepare?.(barrier.number)) ?? [];
  }

  close(): void {
    this.#sink.close?.();
  }

  #guarded<R>(time: number | undefined, act: () => R): R {
    try {
      return act();
    } catch (error) {
      throw this.#blame(error, time);
    }
  }

  #blame(error: unknown, time: number | undefined): Error {
    return blamed(error, this.#options.node, { time });
  }
}
