/** What sinks must know of the run that they are in (`LifeOptions`): plain data. */
import { basename } from 'node:path';
import type { CheckpointSpec } from '../supervision/checkpoint/checkpoint-spec.ts';

export interface SinkPlace {
  readonly lineage: string;
  /** Only of a job that outlives its process. */
  readonly start?: number;
}

/** @param directory of the hand-overs: without a checkpoint directory no other run has it */
export function sinkPlaceOf(directory: string, checkpoint: CheckpointSpec | undefined): SinkPlace {
  if (checkpoint === undefined) return { lineage: basename(directory) };
  const { job, start } = checkpoint;
  return { lineage: job.lineage, start: start?.barrier.number ?? 0 };
}
