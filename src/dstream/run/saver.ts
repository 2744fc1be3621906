/**
 * Writes the batches of an output into a directory each (`batch/save.ts`): `saveAsTextFiles` and `saveAsObjectFiles`.
 * Used by the outputs' body, on its thread.
 *
 * I1  A batch that runs again replaces all of its directory. With a checkpoint directory it outlives a power cut before
 *     the batch counts.
 * I2  A full disk holds the batch back; what was written of it is given free meanwhile.
 */
import type { TaskOutput } from '../../actors/task.ts';
import type { Env } from '../../env/env.ts';
import type { GraphNode } from '../../plan/graph.ts';
import type { Batch } from '../batch.ts';
import { innerOf } from '../batch/core.ts';
import { Evaluation } from '../batch/plan.ts';
import {
  batchDirectory,
  removeUnfinished,
  type SavedBatch,
  savePartitions,
  savePartitionsDurably,
} from '../batch/save.ts';
import { blamed } from './blame.ts';
import { Patience } from './patience.ts';

export interface SaverOptions {
  readonly node: GraphNode;
  readonly out: TaskOutput;
  readonly env: Env;
  /** Unlike that of any other life of the task. */
  readonly life: string;
  /** A saved batch must outlive a power cut. */
  readonly isDurable: boolean;
}

export class Saver {
  readonly #options: SaverOptions;
  readonly #patience: Patience;
  /** What earlier lives left is gone. */
  #isSwept = false;

  constructor(options: SaverOptions) {
    const { node, out, env } = options;
    this.#options = options;
    this.#patience = new Patience({
      clock: env.clock,
      what: `directories of ${node.uid} at ${node.callSite}`,
      report: (event) => out.report(event),
    });
  }

  save(batch: Batch<unknown>, time: number): void | Promise<void> {
    const { node, env, life, isDurable } = this.#options;
    const { prefix, suffix } = node.params as { readonly prefix: string; readonly suffix: string };
    const { plan, home } = innerOf(batch);
    const run = new Evaluation(home);
    const saved: SavedBatch = {
      directory: batchDirectory(prefix, suffix, time),
      format: node.kind === 'saveAsTextFiles' ? 'text' : 'objects',
      partitions: plan.partitions,
      read: (partition) => plan.read(partition, run),
    };
    const sweep = (): void => {
      if (!this.#isSwept) removeUnfinished(env.disk, prefix, suffix, life);
      this.#isSwept = true;
    };
    const blame = (error: unknown): never => {
      throw blamed(error, node, { time });
    };
    try {
      const written = isDurable
        ? this.#patience.attemptAsync(async () => {
            sweep();
            await savePartitionsDurably(env.disk, saved, life);
          })
        : this.#patience.attempt(() => {
            sweep();
            savePartitions(env.disk, saved, life);
          });
      return written?.catch(blame);
    } catch (error) {
      return blame(error);
    }
  }

  close(): void {
    this.#patience.close();
  }
}
