/** What a job with a checkpoint directory is started with: plain data, made by the embedding thread from the directory. */
import type { Barrier } from '../../actors/block.ts';
import type { HeldPoint } from '../held-index.ts';
import type { JobRecord, StoredTask } from './manifest.ts';

/** Where a start of the process goes on. */
export interface StartPoint {
  /** Of the manifest, by task ids of this plan; paths are whole. Offsets are empty: edges are new. */
  readonly point: HeldPoint;
  /** Its barrier; numbers and times go on behind it. */
  readonly barrier: Barrier;
}

export interface CheckpointSpec {
  readonly directory: string;
  /** A held batch barrier becomes a checkpoint when the one before is at least so old. */
  readonly intervalMs: number;
  /** Starts of the process on this directory, this one included. */
  readonly run: number;
  /** The first epoch of this start; greater than any whose files are there. */
  readonly firstEpoch: number;
  readonly job: JobRecord;
  /** By task id, as manifests name them. */
  readonly tasks: readonly Omit<StoredTask, 'parts'>[];
  /** Undefined: no checkpoint was completed yet. Logs may have records all the same. */
  readonly start?: StartPoint;
}
