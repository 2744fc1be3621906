/**
 * The end of a stream that leads to a topology: deals its records out to the instances of a stage as the stage's other
 * senders do, through a route. Used by the task's thread.
 *
 * I1  What came in with a block leaves at the end of that block, so before any barrier behind it: nothing is held.
 * I2  `shuffle` goes on in turn from block to block and from batch to batch. A recovery begins anew with instance 0:
 *     the instances are built anew then too, and get again what the newest point doesn't hold.
 */
import type { ColumnsBlock } from '../../actors/block.ts';
import type { TaskOutput } from '../../actors/task.ts';
import type { SinkStep } from './chain.ts';
import { pairsOf } from './columns.ts';
import { Route } from './route.ts';
import type { Sink } from './sinks.ts';

export class StageSink implements Sink {
  rows: unknown[] = [];
  readonly #route: Route;

  constructor({ node, send }: SinkStep, out: TaskOutput) {
    // Streams lead to no topology whose records are tracked: its builder refuses it.
    this.#route = new Route({ node, send: send!, out, tracking: undefined });
  }

  /** Takes records past the loop. The array stays its owner's. */
  take(rows: readonly unknown[]): void {
    this.#route.take(rows, undefined, false);
  }

  /** The same for pairs. A stage sees each as one record. */
  takePairs(keys: ColumnsBlock['keys'], values: ColumnsBlock['values']): void {
    const count = values.length;
    const pairs = pairsOf({ kind: 'columns', port: 0, count, keys, values });
    this.#route.take(pairs, undefined, true);
  }

  endBlock(): void {
    const { rows } = this;
    if (rows.length > 0) {
      this.rows = [];
      this.#route.take(rows, undefined, true);
    }
    this.#route.flush();
  }

  endPoint(): void {
    this.endBlock();
  }

  endBatch(): void {
    this.endBlock();
  }

  held(): unknown {
    return undefined;
  }

  restore(): void {}

  clear(): void {
    this.rows = [];
    this.#route.clear();
  }
}
