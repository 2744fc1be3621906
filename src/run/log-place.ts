/** Where the sources of a job that outlives its process have their logs. Plain data: it crosses threads. */
import { join } from 'node:path';
import type { CheckpointSpec } from '../supervision/checkpoint/checkpoint-spec.ts';

export interface LogPlace {
  /** A source's own is a directory in it. */
  readonly directory: string;
  /** Number of the barrier behind which this start of the process begins; 0: at the beginning of the logs. */
  readonly start: number;
}

export function logPlaceOf({ directory, start }: CheckpointSpec): LogPlace {
  return { directory: join(directory, 'log'), start: start?.barrier.number ?? 0 };
}
