/**
 * An operator that works a batch at a time, and the place where it does: the root of a task, or behind a loop in its
 * tree. Used on the task's thread.
 *
 * I1  What its code throws is a coded error that names the operator.
 */
import type { Barrier } from '../../actors/block.ts';
import { MillraceError } from '../../errors.ts';
import type { GraphNode } from '../../plan/graph.ts';
import type { Plan } from '../../plan/planned.ts';
import { stateName } from '../../plan/stateful.ts';
import type { StateCell } from '../state/cell.ts';
import type { BatchOperator, Given } from './batch-operator.ts';
import { blamed } from './blame.ts';
import type { OnRecordError, PassOver } from './dead-letter.ts';
import { createOperator, type StorePlace } from './operators.ts';

/** What an operator finds in its task. */
export interface OperatorTask {
  /** The operator of another node in the task. */
  readonly neighbour: (node: number) => BatchOperator;
  readonly passOver: PassOver;
  readonly count: (what: string, count: number) => void;
  readonly store: StorePlace;
  /** For operators that have no say of their own. */
  readonly onRecordError: OnRecordError;
}

export class HostedOperator {
  readonly node: GraphNode;
  readonly partition: number;
  readonly operator: BatchOperator;
  /** Known at barriers only. */
  #time: number | undefined;

  constructor(plan: Plan, node: GraphNode, partition: number, task: OperatorTask) {
    this.node = node;
    this.partition = partition;
    const blame = (error: unknown, record?: { readonly value: unknown }): never => {
      throw blamed(error, node, { partition, time: this.#time, record });
    };
    const passesOver = (node.params['onRecordError'] ?? task.onRecordError) === 'skip';
    const passOver = (error: unknown, record: unknown): void => task.passOver(error, node, record);
    const operator = createOperator({
      node,
      partition,
      partitions: plan.partitions[node.id]!,
      slideMs: plan.slides[node.id]!,
      parentSlideMs: plan.slides[node.parents[0]!]!,
      neighbour: task.neighbour,
      blame,
      passOver,
      refuse: passesOver ? passOver : (error, record) => blame(error, { value: record }),
      count: task.count,
      store: task.store,
    });
    if (operator === undefined) throw new TypeError(`${node.kind} is no operator of batches`);
    this.operator = operator;
  }

  /** Its cells under names that are the task's own. */
  get namedCells(): (readonly [string, StateCell])[] {
    return Object.entries(this.operator.cells).map(([name, cell]) => [
      `${stateName(this.node.uid, this.partition)}/${name}`,
      cell,
    ]);
  }

  end(barrier: Barrier, missing: readonly number[], watermark: number): Given | undefined {
    const { time, zeroTime } = barrier;
    this.#time = time;
    const given = this.guard(() =>
      this.operator.end({
        time,
        zeroTime,
        missing,
        // Idle senders say nothing of the time.
        watermark: Number.isNaN(watermark) ? Number.NEGATIVE_INFINITY : watermark,
      }),
    );
    // Pieces are made while they are taken.
    if (given === undefined || !('pieces' in given)) this.#time = undefined;
    return given;
  }

  /** The watermark of what it gave, where `watermark` came in. */
  markBehind(watermark: number): number {
    return this.operator.mark === undefined ? watermark : this.operator.mark();
  }

  close(): void {
    this.operator.close?.();
  }

  /** The state of a key, if the operator has any. */
  query(key: unknown): unknown {
    return this.guard(() => this.operator.query?.(key));
  }

  /** Runs code of the operator (I1). */
  guard<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (error instanceof MillraceError && error.context.operator !== undefined) throw error;
      throw blamed(error, this.node, { partition: this.partition, time: this.#time });
    }
  }
}
