/**
 * The physical plan: tasks, and in each a tree of operator instances.
 *
 * A stream has partitions. A narrow operator's partition p is computed where its parent's is; a union only renumbers
 * its parents' partitions; so each partition of a narrow stream hangs from exactly one root: a partition of a source
 * or of a wide operator. A task is one root with the tree that hangs from it (fusion). The leaves send: to the tasks
 * of a wide operator, or to the one task that runs all outputs of the job, in order of registration.
 */
import type { Wiring } from '../actors/wiring.ts';
import type { Graph } from './graph.ts';

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
}

export type PlannedTask =
  /** Reads partition `partition` of a source (input 0, port 0). */
  | { readonly id: number; readonly kind: 'source'; readonly tree: OpInstance }
  /** Owns partition `tree.partition` of the wide operator `tree.node`; inputs are its senders in partition order. */
  | { readonly id: number; readonly kind: 'wide'; readonly tree: OpInstance }
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
}
