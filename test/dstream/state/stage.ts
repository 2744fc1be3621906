/** Runs an operator with state by itself, batch by batch, with recoveries in between. */
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe } from 'vitest';
import type { StateStore } from '../../../src/dstream/state/build.ts';
import type { BatchOperator, Given } from '../../../src/dstream/run/batch-operator.ts';
import { blamed } from '../../../src/dstream/run/blame.ts';
import type { OperatorScene } from '../../../src/dstream/run/operators.ts';
import { TaskState } from '../../../src/dstream/state/task-state.ts';
import type { GraphNode, UserFunction } from '../../../src/plan/graph.ts';

const DIRECTORY = join(tmpdir(), `millrace-test-state-${process.pid}`);

function directory(): string {
  mkdirSync(DIRECTORY, { recursive: true });
  return DIRECTORY;
}

afterAll(() => rmSync(DIRECTORY, { recursive: true, force: true }));

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
    store: { stateStore, stateDirectory: directory(), life: `${++lives}` },
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
  if ('rows' in given) return [...given.rows];
  const pieces = 'pieces' in given ? [...given.pieces()] : [given];
  return pieces.flatMap(({ keys, values }) => keys.map((key, i) => [key, values[i]]));
}

/** Where the operators that `sceneOf` is asked for keep their state. */
let stateStore: StateStore = 'memory';
let lives = 0;

/** Runs tests of operators over every store. */
export function overBothStores(name: string, tests: () => void): void {
  describe.each<StateStore>(['memory', 'disk'])(`${name}, state in %s`, (store) => {
    beforeEach(() => {
      stateStore = store;
    });
    tests();
  });
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
    this.operator.close?.();
    this.operator = this.#make();
    this.#state = new TaskState(this.operator.cells);
    this.#state.restore(this.parts);
  }
}
