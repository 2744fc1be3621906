/** Runs an operator with state by itself, batch by batch, with recoveries in between. */
import type { BatchOperator, Given } from '../../../src/dstream/run/batch-operator.ts';
import { blamed } from '../../../src/dstream/run/blame.ts';
import type { OperatorScene } from '../../../src/dstream/run/operators.ts';
import { TaskState } from '../../../src/dstream/state/task-state.ts';
import type { GraphNode, UserFunction } from '../../../src/plan/graph.ts';

export type Pair = readonly [unknown, unknown];

export function nodeOf(
  kind: string,
  f: UserFunction,
  params: Readonly<Record<string, unknown>> = {},
  live?: unknown,
): GraphNode {
  return {
    id: 1,
    uid: `${kind}#1`,
    kind: kind as GraphNode['kind'],
    role: 'wide',
    parents: [0],
    callSite: 'job.ts:1:1',
    functions: { f },
    params,
    ...(live === undefined ? {} : { live }),
  };
}

export function sceneOf(node: GraphNode): OperatorScene {
  return {
    node,
    partition: 0,
    partitions: 1,
    slideMs: 1000,
    parentSlideMs: 1000,
    passOver: () => {},
    refuse: () => {},
    count: () => {},
    neighbour: () => {
      throw new TypeError('it is alone');
    },
    blame: (error, record) => {
      throw blamed(error, node, { partition: 0, record });
    },
  };
}

export function rowsOf(given: Given | undefined): unknown[] {
  if (given === undefined) return [];
  return 'rows' in given ? [...given.rows] : given.keys.map((key, i) => [key, given.values[i]]);
}

/** An operator in a task that dies now and then. */
export class Stage<O extends BatchOperator> {
  operator: O;
  parts: Uint8Array[] = [];
  time = 0;
  readonly #make: () => O;
  #state: TaskState;

  constructor(make: () => O) {
    this.#make = make;
    this.operator = make();
    this.#state = new TaskState(this.operator.cells);
  }

  gather(pairs: readonly Pair[]): void {
    this.operator.pairs!(
      0,
      pairs.map(([key]) => key),
      pairs.map(([, value]) => value),
    );
  }

  /** Ends a batch; `null` is one that is missing. */
  batch(pairs: readonly Pair[] | null): unknown[] {
    if (pairs !== null) this.gather(pairs);
    this.time += 1000;
    return rowsOf(
      this.operator.end({
        time: this.time,
        zeroTime: 0,
        missing: pairs === null ? [0] : [],
        watermark: Number.NEGATIVE_INFINITY,
      }),
    );
  }

  point(): void {
    const handOver = this.#state.handOver(undefined);
    if (handOver === undefined || handOver.mode === 'keep') return;
    this.parts.splice(0, handOver.drop ?? 0);
    this.parts.push(handOver.bytes);
  }

  /** The task dies, and another goes on from the newest hand-over. */
  recover(): void {
    this.operator = this.#make();
    this.#state = new TaskState(this.operator.cells);
    this.#state.restore(this.parts);
  }
}
