/**
 * What a checkpoint is: a file that names all that a start of the process needs to go on behind a barrier. That the file
 * has its name is the commit point: all that it names was synced before.
 *
 *   dir/owner…                     who runs the job (one live owner)
 *   dir/run.json                   the membership: what the newest run was, durable before its first record
 *   dir/manifest-<id>.json         the newest three; savepoints have one
 *   dir/state/handover-…           hand-over files
 *   dir/log/<source>/…             what a source sent, and where barriers were cut in it
 */
import type { Barrier } from '../../actors/block.ts';
import type { Publication } from '../../actors/task.ts';
import type { PoisonDecision } from '../poison.ts';

/** An operator as it was when the checkpoint was taken. State is found by `uid`. */
export interface StoredOperator {
  readonly uid: string;
  readonly kind: string;
  /** For messages only. */
  readonly callSite: string;
  /** Of its stream. */
  readonly partitions: number;
  /** Of the shape of its state. @default 1 */
  readonly stateVersion?: number;
  /** How its state is laid out (`src/plan/stateful.ts`). @default '' */
  readonly stateLayout?: string;
  /** It may have no state at all: the parts say. @default false */
  readonly mayBeEmpty?: boolean;
}

/** A task as it was. */
export interface StoredTask {
  readonly name: string;
  /** Of its root. */
  readonly partition: number;
  /** Operators that have state there, by uid. */
  readonly operators: readonly string[];
  /** The same with the partition of each: `uid[partition]`, as cells are addressed. */
  readonly states: readonly string[];
  /** Hand-over files in `state`, oldest first. */
  readonly parts: readonly string[];
}

/** What of a job a checkpoint must fit: written with each manifest, and before the first record. */
export interface JobRecord {
  readonly job: string;
  /** Unlike that of any other directory, for the life of this one: under it sinks keep what their targets have. */
  readonly lineage: string;
  /** Default partition count of keyed operators and sources: kept over restarts, whatever `threads` is. */
  readonly partitions: number;
  readonly batchIntervalMs: number;
  readonly operators: readonly StoredOperator[];
  /** Uids of the sources, by source id. */
  readonly sources: readonly string[];
}

export interface Manifest extends JobRecord {
  readonly format: 1;
  /** Number of its barrier: ascends for the life of the directory. */
  readonly id: number;
  /** Starts of the process so far. */
  readonly run: number;
  /** No epoch that had begun is greater. */
  readonly epoch: number;
  readonly barrier: Barrier;
  /** Wall time in ms. */
  readonly writtenAt: number;
  /** By task id of that time. */
  readonly tasks: readonly StoredTask[];
  /** Files of sinks that get their names by this checkpoint. */
  readonly publish: readonly Publication[];
  /** As in `HeldPoint`. */
  readonly skip: readonly number[];
  readonly poison?: { readonly decided: number; readonly open: readonly PoisonDecision[] };
}

/** `run.json`. */
export interface RunRecord extends JobRecord {
  readonly format: 1;
  readonly run: number;
  readonly startedAt: number;
  /** A checkpoint was completed once, so a directory without one has lost it. */
  readonly checkpointed: boolean;
}
