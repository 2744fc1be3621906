/**
 * Where what a run hands over lies, from its start to its end: in a directory of the run alone, which goes with it, or in
 * one that outlives the process and belongs to the run for as long as that lasts.
 *
 * I1  Whatever fails between the taking of a directory and the start, it is given back.
 */
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import type { Env } from '../env/env.ts';
import { MillraceError } from '../errors.ts';
import type { Plan } from '../plan/planned.ts';
import type { CheckpointSpec } from '../supervision/checkpoint/checkpoint-spec.ts';
import { stateDirectory } from '../supervision/checkpoint/manifest-file.ts';
import type { ResolvedCheckpoint } from './checkpoint-options.ts';
import { CheckpointMark } from './checkpoint-mark.ts';
import { ownDirectory } from './owner.ts';
import {
  type FoundDirectory,
  openCheckpointDirectory,
  partitionsOf,
  readDirectory,
  type Recovered,
} from './restart.ts';
import { setAside } from './restart-directory.ts';
import { beginFromSavepoint } from './savepoint-start.ts';

/** What the directories of all runs of this process begin with. */
export function runDirectories(): string {
  return `${tmpdir()}/millrace-${process.pid}-`;
}

export interface Home {
  readonly plan: Plan;
  /** Of the hand-overs. */
  readonly directory: string;
  /** Of a job that outlives its process. */
  readonly checkpoint?: CheckpointSpec;
  readonly recovered: Recovered | undefined;
  readonly warnings: readonly string[];
  /** A checkpoint was completed. */
  checkpointed?(): void;
  /** What that began is written, or was given up. */
  settled?(): Promise<void>;
  /** The run is over. A thread that was left behind may still write: then the directory is free when the process ends. */
  leave(someoneIsLeft: boolean): void;
}

export interface HomeOptions {
  readonly env: Env;
  readonly checkpoint: ResolvedCheckpoint | undefined;
  /** Name of the job. */
  readonly job: string;
  readonly batchIntervalMs: number;
  /** Partition count of what names none, where no directory says otherwise. */
  readonly partitions: number;
  readonly planOf: (partitions: number) => Plan;
  /** A directory whose checkpoints can't be read is begun anew. @default false */
  readonly createOnError?: boolean;
}

/**
 * @throws ERR_MILLRACE_DIR_IN_USE, ERR_MILLRACE_CHECKPOINT_CORRUPT, ERR_MILLRACE_CHECKPOINT_MISFIT,
 *   ERR_MILLRACE_STATE_DROPPED; what planning throws
 */
export async function openHome(options: HomeOptions): Promise<Home> {
  const { env, checkpoint, partitions, planOf } = options;
  if (checkpoint !== undefined) return durableHome(options, checkpoint);
  const plan = planOf(partitions);
  const directory = `${runDirectories()}${randomUUID()}`;
  env.disk.makeDirectory(directory);
  return {
    plan,
    directory,
    recovered: undefined,
    warnings: [],
    leave: () => env.disk.removeDirectory(directory),
  };
}

async function durableHome(options: HomeOptions, checkpoint: ResolvedCheckpoint): Promise<Home> {
  const { env, job, batchIntervalMs, planOf } = options;
  const { disk, clock } = env;
  const { intervalMs, allowDroppedState } = checkpoint;
  const directory = resolve(checkpoint.directory);
  const owner = await ownDirectory(disk, directory, job, clock.now());
  try {
    if (checkpoint.savepoint !== undefined)
      await beginFromSavepoint({
        disk,
        savepoint: checkpoint.savepoint,
        directory,
        now: clock.now(),
      });
    const found = find(options, directory);
    const partitions = partitionsOf(found, options.partitions);
    const plan = planOf(partitions);
    const { spec, membership, recovered, warnings } = await openCheckpointDirectory({
      disk,
      found,
      job,
      plan,
      partitions,
      batchIntervalMs,
      intervalMs,
      allowDroppedState,
      now: clock.now(),
    });
    const mark = new CheckpointMark(disk, directory, membership);
    return {
      plan,
      directory: stateDirectory(directory),
      checkpoint: spec,
      recovered,
      warnings,
      checkpointed: () => mark.set(),
      settled: () => mark.settled,
      leave: (someoneIsLeft) => {
        mark.stop();
        if (!someoneIsLeft) owner.release();
      },
    };
  } catch (error) {
    owner.release();
    throw error;
  }
}

function find({ env: { disk }, createOnError = false }: HomeOptions, path: string): FoundDirectory {
  try {
    return readDirectory(disk, path);
  } catch (error) {
    const isUnreadable =
      error instanceof MillraceError && error.code === 'ERR_MILLRACE_CHECKPOINT_CORRUPT';
    if (!createOnError || !isUnreadable) throw error;
    setAside(disk, path);
    return readDirectory(disk, path);
  }
}
