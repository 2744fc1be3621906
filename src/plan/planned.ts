/**
 * The physical plan: tasks, and in each a tree of operator instances.
 *
 * A stream has partitions. A narrow operator's partition p is computed where its parent's is; a union only renumbers
 * its parents' partitions; so each partition of a narrow stream hangs from exactly one root: a partition of a source
 * or of a wide operator. A task is one root with the tree that hangs from it (fusion). The leaves send: to the tasks
 * of a wide operator, or to the one task that runs all outputs of the job, in order of registration.
 *
 * A keyed operator whose parent lies by key already, in as many partitions, is no root: it hangs in the parent's tree.
 */
import type { Wiring } from '../actors/wiring.ts';
import type { Exchange, Graph } from './graph.ts';

/** An operator at work on one partition. `children` take its records one by one, in order. */
export interface OpInstance {
  readonly node: number;
  readonly partition: number;
  readonly children: readonly OpInstance[];
  readonly sends: readonly Send[];
}

/** A leaf of the tree: records leave the task. */
export interface Send {
  /** The wide operator, the stage or the output that they go to. */
  readonly node: number;
  /** Index into the task's output edges for each partition of the target that it may send to (one for an output). */
  readonly outputs: readonly number[];
  /** Port at the receiving task; for a stage, which of its inputs it is. */
  readonly port: number;
  /** To a wide operator with `exchange`: how records are dealt out to `outputs`. `same` has one of them. */
  readonly exchange?: Exchange;
}

/** A partition of a parent as it arrives at a wide task. */
export interface Arrival {
  readonly input: number;
  readonly port: number;
  /** Which of the operator's parents it is. */
  readonly side: number;
  /** Partition of the parent. */
  readonly partition: number;
}

export type PlannedTask =
  /** Reads partition `partition` of a source (input 0, port 0). */
  | { readonly id: number; readonly kind: 'source'; readonly tree: OpInstance }
  /**
   * Owns partition `tree.partition` of the wide operator `tree.node`. `arrivals` are what its senders send, by side, then
   * by partition.
   */
  | {
      readonly id: number;
      readonly kind: 'wide';
      readonly tree: OpInstance;
      readonly arrivals: readonly Arrival[];
    }
  /** An instance of a stage or sink, with what is fused into it; inputs are all that send to it. */
  | { readonly id: number; readonly kind: 'stage'; readonly tree: OpInstance }
  /** Follows the records of sources through the stages; `tree` has its node alone. */
  | { readonly id: number; readonly kind: 'acker'; readonly tree: OpInstance }
  /** Runs the outputs. `ports[p]` says which partition of which output arrives on port p. */
  | {
      readonly id: number;
      readonly kind: 'outputs';
      readonly outputs: readonly number[];
      readonly ports: readonly OutputPort[];
    };

export interface OutputPort {
  /** Node id of the output. */
  readonly output: number;
  readonly partition: number;
}

export interface Plan {
  readonly graph: Graph;
  readonly tasks: readonly PlannedTask[];
  readonly wiring: Wiring;
  /** Partition count of each node's stream, by node id. */
  readonly partitions: readonly number[];
  /** By node id: it has a batch at each multiple of so many ms, counted from the zero time. */
  readonly slides: readonly number[];
}
