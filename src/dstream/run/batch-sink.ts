/**
 * A sink (`plan/sink.ts`) at the end of a stream: one instance in the task of the outputs, which gives it each batch as a
 * whole, or each partition of it as a whole. What it does at a recovery point is the same as in a topology.
 * Used by the outputs' body.
 */
import type { Barrier } from '../../actors/block.ts';
import type { Batch } from '../batch.ts';
import { innerOf } from '../batch/core.ts';
import { chunksOf, Evaluation, readAll } from '../batch/plan.ts';
import { SinkLife, type SinkLifeOptions } from './sink-life.ts';

export class BatchSink extends SinkLife {
  constructor(options: Omit<SinkLifeOptions, 'instance' | 'parallelism' | 'wait'>) {
    super({ ...options, instance: 0, parallelism: 1, wait: () => {} });
  }

  /** Gives it a batch. A promise when one of the sink has to be waited for. */
  take(batch: Batch<unknown>, barrier: Barrier): void | Promise<void> {
    return this.replaces ? this.#replace(batch, barrier) : this.#process(batch, barrier.time);
  }

  #process(batch: Batch<unknown>, time: number): void | Promise<void> {
    const { plan, home } = innerOf(batch);
    const chunks = chunksOf(plan, home)[Symbol.iterator]();
    const goOn = (): void | Promise<void> => {
      for (let next = chunks.next(); next.done !== true; next = chunks.next()) {
        const given = this.process(next.value, time);
        if (given !== undefined) return given.then(goOn);
      }
    };
    return goOn();
  }

  #replace(batch: Batch<unknown>, { number, time }: Barrier): void | Promise<void> {
    const { plan, home } = innerOf(batch);
    const run = new Evaluation(home);
    const goOn = (from: number): void | Promise<void> => {
      for (let partition = from; partition < plan.partitions; partition++) {
        const records = readAll(plan, partition, run);
        const given = this.replace(records, { batch: number, time, partition });
        if (given !== undefined) return given.then(() => goOn(partition + 1));
      }
    };
    return goOn(0);
  }
}
