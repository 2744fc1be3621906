/**
 * One instance of a stage at work: calls the user's functions, keeps timers, and knows the fate of tracked records.
 * Belongs to the body of one task.
 */
import { NO_ROOT, STRIDE, type Tidings } from '../../actors/tracked.ts';
import { blamed } from '../../dstream/run/blame.ts';
import type { StateCell } from '../../dstream/state/cell.ts';
import { migrationOf } from '../../dstream/state/migration.ts';
import { SnapshotCell } from '../../dstream/state/snapshot-cell.ts';
import type { Clock } from '../../env/env.ts';
import { millraceError } from '../../errors.ts';
import type { GraphNode } from '../../plan/graph.ts';
import { stateName } from '../../plan/stateful.ts';
import {
  type Answer,
  type Emitter,
  makeStage,
  type Stage,
  type StageContext,
  type StageOutputs,
} from '../stage.ts';
import type { Outlet, Taker } from './outlet.ts';
import { type StageLoop, stageLoop } from './stage-loop.ts';
import { Timers } from './timers.ts';

export interface StageUnitOptions {
  readonly node: GraphNode;
  readonly instance: number;
  readonly clock: Clock;
  /** The default one first. */
  readonly outlets: readonly Outlet[];
  readonly tidings: Tidings | undefined;
  readonly count: (what: string, by: number) => void;
}

type StageCells = Readonly<Record<string, StateCell>>;

const NO_ANSWER: Answer = { ack() {}, fail() {} };

export class StageUnit implements Taker {
  readonly timers: Timers;
  readonly #options: StageUnitOptions;
  readonly #stage: Stage<unknown, unknown>;
  readonly #loop: StageLoop;
  readonly #out: StageOutputs<unknown>;
  readonly #ctx: StageContext;
  readonly #place = { at: 0 };
  /** Fate of the tracked record in hand; undefined: it is worked off when `process` returns. */
  #fate: 'deferred' | 'failed' | undefined;
  /** The tracked record in hand. */
  #copy: readonly [root: number, high: number, low: number] | undefined;

  constructor(options: StageUnitOptions) {
    const { node, clock, outlets } = options;
    this.#options = options;
    this.timers = new Timers(clock);
    this.#loop = stageLoop(node);
    this.#out = this.#outputs(outlets);
    this.#ctx = this.#context();
    try {
      this.#stage = makeStage(node.functions['stage']);
      this.#stage.open?.(this.#ctx);
    } catch (error) {
      throw this.#blame(error);
    }
  }

  take(rows: readonly unknown[], copies: ArrayLike<number> | undefined): void {
    try {
      if (copies === undefined) {
        this.#loop(rows, this.#stage, this.#out, this.#ctx, this.#place, this.#refuse);
      } else this.#takeTracked(rows, copies);
    } catch (error) {
      throw this.#blame(error, { value: rows[this.#place.at] });
    }
    for (const outlet of this.#options.outlets) outlet.deliver();
  }

  /** Calls the timers that are due. */
  tick(nowMs: number): void {
    for (
      let timer = this.timers.take(nowMs);
      timer !== undefined;
      timer = this.timers.take(nowMs)
    ) {
      try {
        this.#stage.onTimer?.(timer.payload, this.#out, this.#ctx);
      } catch (error) {
        throw this.#blame(error);
      }
    }
    for (const outlet of this.#options.outlets) outlet.deliver();
  }

  /** What it hands over. Timers are given back first. */
  get cells(): StageCells {
    const { node, instance } = this.#options;
    const migration = migrationOf(node, (error, record) => {
      throw this.#blame(error, { value: record });
    });
    const name = stateName(node.uid, instance);
    return {
      [`${name}/timers`]: new SnapshotCell({
        take: () => this.timers.held(),
        give: (timers) => this.timers.restore(timers),
      }),
      [`${name}/state`]: new SnapshotCell({
        take: () => this.#guarded(() => this.#stage.snapshot?.()),
        give: (state) => this.restore(state),
        ...(migration === undefined ? {} : { migration }),
      }),
    };
  }

  restore(state: unknown): void {
    this.#guarded(() => this.#stage.restore?.(state));
  }

  close(): void {
    this.#stage.close?.();
  }

  #takeTracked(rows: readonly unknown[], copies: ArrayLike<number>): void {
    const { outlets } = this.#options;
    const tidings = this.#options.tidings!;
    for (let i = 0; i < rows.length; i++) {
      this.#place.at = i;
      const at = i * STRIDE;
      const copy = [copies[at]!, copies[at + 1]!, copies[at + 2]!] as const;
      const [root] = copy;
      this.#copy = copy;
      this.#fate = undefined;
      for (const outlet of outlets) outlet.root = root;
      const given: unknown = this.#stage.process(rows[i], this.#out, this.#ctx);
      if (given !== undefined) this.#refuse(given);
      const fate = this.#settled();
      if (root === NO_ROOT) continue;
      if (fate === undefined) tidings.copy(...copy);
      else if (fate === 'failed') tidings.failed(root);
    }
    this.#copy = undefined;
    for (const outlet of outlets) outlet.root = NO_ROOT;
  }

  /** What the stage said of the record in hand. */
  #settled(): 'deferred' | 'failed' | undefined {
    return this.#fate;
  }

  /** Nobody would wait for a promise, and nobody would hear of its rejection. */
  readonly #refuse = (given: unknown): void => {
    if (typeof (given as { then?: unknown } | null)?.then !== 'function') return;
    (given as PromiseLike<unknown>).then(undefined, () => {});
    throw millraceError(
      'ERR_MILLRACE_UNSUPPORTED',
      'process gave a promise: a stage may not be async. Await in the source or in a sink',
    );
  };

  #outputs(outlets: readonly Outlet[]): StageOutputs<unknown> {
    const { node } = this.#options;
    const named = new Map<string, Emitter<unknown>>(
      outlets.map(({ name, emitter }) => [name, emitter]),
    );
    const { emit, emitTo } = outlets[0]!.emitter;
    return {
      emit,
      emitTo,
      to<U>(output: string): Emitter<U> {
        const emitter = named.get(output);
        if (emitter !== undefined) return emitter as Emitter<U>;
        throw millraceError(
          'ERR_MILLRACE_UNKNOWN_OUTPUT',
          `${node.uid} at ${node.callSite} has no output '${output}'; it has ${[...named.keys()].join(', ')}. Name it in outputs`,
          { context: { operator: node.uid, callSite: node.callSite, output } },
        );
      },
    };
  }

  #context(): StageContext {
    const { node, instance, clock, count } = this.#options;
    return {
      stage: node.uid,
      instance,
      parallelism: node.params['parallelism'] as number,
      now: () => clock.now(),
      timer: (ms, payload) => {
        if (typeof ms !== 'number' || !(ms >= 0))
          throw new TypeError(`timer(${String(ms)}): ms must be a number of at least 0`);
        this.timers.set(ms, payload);
      },
      count: (what, by = 1) => count(what, by),
      fail: () => {
        count('failed', 1);
        this.#fate = 'failed';
      },
      defer: () => this.#defer(),
    };
  }

  #defer(): Answer {
    const { tidings, count } = this.#options;
    const copy = this.#copy;
    if (tidings === undefined || copy === undefined || copy[0] === NO_ROOT) return NO_ANSWER;
    this.#fate = 'deferred';
    let answered = false;
    const once = (answer: () => void): void => {
      if (!answered) answer();
      answered = true;
    };
    return {
      ack: () => once(() => tidings.copy(...copy)),
      fail: () =>
        once(() => {
          count('failed', 1);
          tidings.failed(copy[0]);
        }),
    };
  }

  #guarded<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw this.#blame(error);
    }
  }

  #blame(error: unknown, record?: { readonly value: unknown }): Error {
    const { node, instance } = this.#options;
    return blamed(error, node, { partition: instance, record });
  }
}
