/**
 * An operator that takes the records of a partition as they come and gives its result at the end of the batch:
 * `mapPartitions`, windows, keyed state, joins. It lives in the tree of a task, behind the loop that feeds it, or is the
 * root of one, where its parents' records arrive over edges. One instance a partition; called by the task's thread only.
 *
 * I1  Records of a side come in order of partition of the sender, then of arrival, whatever the timing.
 * I2  What must outlive a recovery is in `cells`: the open batch's records too.
 * I3  A result depends on what came, on the cells and on `BatchEnd` alone.
 */
import type { StateCell } from '../state/cell.ts';

export interface BatchEnd {
  /** Batch time in ms. */
  readonly time: number;
  /** Time of the first batch, minus the batch interval: the grid of slides counts from here. */
  readonly zeroTime: number;
  /** Sides on which the batch is missing, which is not empty. Also where a parent has no batch at that time. */
  readonly missing: readonly number[];
  /**
   * Event time up to which all has come, in ms: the least over senders (of all sides) that are not idle; a sender whose
   * mark is NaN is. -Infinity when there is none or all are idle, +Infinity at the end of the stream.
   */
  readonly watermark: number;
}

/** Records, or pairs as columns: all at once, or piece by piece. The arrays are the receiver's from now on. */
export type Given =
  | { readonly rows: readonly unknown[] }
  /** To be taken at once, and once: what gives the pieces works on the state meanwhile. */
  | {
      readonly pieces: () => Iterable<{
        readonly keys: readonly unknown[];
        readonly values: readonly unknown[];
      }>;
    }
  | { readonly keys: readonly unknown[]; readonly values: readonly unknown[] };

export interface BatchOperator {
  /** How it wants its records: a loop in front of it then makes no tuple of a pair. */
  readonly takes: 'rows' | 'pairs';
  /**
   * Takes records of a parent. The array is the operator's from now on. `partition` is the parent's, where the operator
   * is the root of its task.
   */
  rows?(side: number, rows: readonly unknown[], partition?: number): void;
  /** Takes pairs of a parent, side by side. The arrays are the operator's from now on. */
  pairs?(
    side: number,
    keys: readonly unknown[],
    values: readonly unknown[],
    partition?: number,
  ): void;
  /** The batch ends. Gives its result; undefined when the stream has no batch at that time. */
  end(batch: BatchEnd): Given | undefined;
  /** Records of the open batch are dropped: it was given up. */
  discard(): void;
  /**
   * The watermark of what it gives, in ms, asked after each `end`; NaN: idle, nobody need wait for it. One without it
   * passes on `BatchEnd.watermark`. Never goes back.
   */
  mark?(): number;
  /** By name, unique in the operator. */
  readonly cells: Readonly<Record<string, StateCell>>;
  /** The task ends or is replaced: lets go of what is no memory. */
  close?(): void;
  /** Answers `run.query(name, key)`. Only of operators with state by key. */
  query?(key: unknown): unknown;
}
