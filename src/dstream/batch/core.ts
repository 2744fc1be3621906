/**
 * What each operator of a batch works with: its plan, where it lives, and ways to make another batch of them.
 *
 * The members of `Batch` are a chain of classes, a file for each kind of them, with this one at its root and `Batch` at its
 * end: core, records, pairs, actions, Batch. A file may name `Batch` as a type alone; the value is made by `make`, which
 * Batch has. So no module waits for one that waits for it. Used by the thread that has the batch in hand.
 *
 * I1. A batch never changes: an operator gives another.
 */
import { badOption, type Caller, checkInteger } from '../arguments.ts';
import type { Batch } from '../batch.ts';
import { callSiteText } from '../call-site.ts';
import { type BatchHome, type BatchPlan, commonHome, defaultHome } from './plan.ts';
import { type PartitionSource, sourcePlan } from './sources.ts';

/** Where a batch keeps what it is, for others: a registered symbol, so that another copy of this package finds it too. */
const INNER: unique symbol = Symbol.for('millrace.batch') as never;

export interface BatchInner {
  readonly plan: BatchPlan;
  readonly home: BatchHome;
}

/** The root of all batches. */
export abstract class BatchCore {
  /** Batch time in ms since 1970: the end of the batch. 0 of a batch that was made of an array. */
  readonly time: number;
  readonly #plan: BatchPlan;
  readonly #home: BatchHome;
  /** Of a batch that nothing has been done to. */
  readonly #parts: readonly PartitionSource[] | undefined;

  /** @internal Batches are made by outputs, `Batch.of` and operators. */
  constructor(
    time: number,
    of: readonly PartitionSource[] | BatchPlan,
    home: BatchHome = defaultHome(),
  ) {
    this.time = time;
    this.#parts = 'read' in of ? undefined : of;
    this.#plan = 'read' in of ? of : sourcePlan(of);
    this.#home = home;
    const inner: BatchInner = { plan: this.#plan, home };
    Object.defineProperty(this, INNER, { value: inner });
  }

  /** The number of partitions. Nothing runs for it. */
  get partitions(): number {
    return this.#plan.partitions;
  }

  /** @internal */
  protected get plan(): BatchPlan {
    return this.#plan;
  }

  /** @internal */
  protected get home(): BatchHome {
    return this.#home;
  }

  /** @internal Undefined once something was done to the batch. */
  protected get parts(): readonly PartitionSource[] | undefined {
    return this.#parts;
  }

  /** @internal A batch of the same time. */
  protected abstract make<U>(plan: BatchPlan, home: BatchHome): Batch<U>;

  /** @internal What a plan makes of this batch, and perhaps of another. */
  protected with<U>(plan: BatchPlan, other?: Batch<unknown>): Batch<U> {
    const home = other === undefined ? this.#home : commonHome(this.#home, innerOf(other).home);
    return this.make(plan, home);
  }

  /** @internal Who calls, and over how many partitions keys are dealt. */
  protected keyed(
    operator: string,
    numPartitions: number | undefined,
  ): { readonly caller: Caller; readonly partitions: number } {
    const caller = callOf(operator);
    if (numPartitions !== undefined) checkInteger(caller, 'numPartitions', numPartitions);
    return { caller, partitions: numPartitions ?? Math.max(1, this.partitions) };
  }
}

/** Whether a value is a batch, be it of another copy of this package. */
export function isBatch(value: unknown): value is Batch<unknown> {
  return typeof value === 'object' && value !== null && INNER in value;
}

/** @internal The plan of a batch, and where it lives. */
export function innerOf(batch: object): BatchInner {
  return (batch as { readonly [INNER]: BatchInner })[INNER];
}

export function callOf(operator: string): Caller {
  return { operator, callSite: callSiteText() };
}

export function checkBatch(caller: Caller, option: string, given: unknown): void {
  if (!isBatch(given)) throw badOption(caller, option, 'a batch, such as Batch.of(array)', given);
}
