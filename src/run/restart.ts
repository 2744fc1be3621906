/**
 * The start of a job on a checkpoint directory. Over `Disk` alone: a simulated process starts by the very same code.
 *
 *   read ─▶ (the plan is made, with the partitions that the directory has) ─▶ fit? ─▶ membership ─▶ sweep
 *
 * What it gives is plain data for the coordinator and the sources. Whoever calls owns the directory (`owner.ts`).
 *
 * I1  Nothing is changed before the job is known to fit, and nothing that an earlier run needs before `run.json` is durable.
 * I2  Runs and epochs ascend for the life of the directory.
 */
import { crc32 } from 'node:zlib';
import type { Disk } from '../env/env.ts';
import { type MillraceError, millraceError } from '../errors.ts';
import type { Plan } from '../plan/planned.ts';
import type { CheckpointSpec } from '../supervision/checkpoint/checkpoint-spec.ts';
import type { JobRecord, RunRecord } from '../supervision/checkpoint/manifest.ts';
import { droppedState, misfits } from './restart-diff.ts';
import { type FoundDirectory, sweep, writeRun } from './restart-directory.ts';
import { jobRecordOf, storedTasksOf } from './restart-record.ts';
import { startAt, uidsIn } from './restart-state.ts';

export { type FoundDirectory, readDirectory } from './restart-directory.ts';

/** Where a run goes on from, as the program can read it. */
export interface Recovered {
  /** Starts of the process on the directory, this one included. */
  readonly run: number;
  /** Number of the checkpoint; 0: none was complete, and what logs have is read from their beginning. */
  readonly checkpointId: number;
  /** Number of its barrier, the last that need not run again. */
  readonly barrier: number;
  /** Time of its batch in ms; 0 where there is none. */
  readonly time: number;
  /** Wall time in ms at which it was completed; 0 where there is none. */
  readonly writtenAt: number;
}

export interface OpenOptions {
  readonly disk: Disk;
  readonly found: FoundDirectory;
  /** Name of the job. */
  readonly job: string;
  readonly plan: Plan;
  /** With which the plan was made: `partitionsOf`. */
  readonly partitions: number;
  readonly batchIntervalMs: number;
  readonly intervalMs: number;
  readonly allowDroppedState: boolean | readonly string[];
  /** Wall time in ms. */
  readonly now: number;
}

export interface OpenedDirectory {
  readonly spec: CheckpointSpec;
  /** Undefined: it is the first run on it. */
  readonly recovered: Recovered | undefined;
  /** As it is in `run.json`. */
  readonly membership: RunRecord;
  /** What the author of the job should know, a sentence each. */
  readonly warnings: readonly string[];
}

/** Partition count of what names none: the directory's, since state is dealt out by it. */
export function partitionsOf(found: FoundDirectory, otherwise: number): number {
  return (found.manifest ?? found.run)?.partitions ?? otherwise;
}

/**
 * @throws ERR_MILLRACE_CHECKPOINT_MISFIT, ERR_MILLRACE_STATE_DROPPED, and what the disk says
 */
export async function openCheckpointDirectory(options: OpenOptions): Promise<OpenedDirectory> {
  const { disk, found, plan, intervalMs, now } = options;
  const { directory, manifest } = found;
  const before = manifest ?? found.run;
  const lineage = before?.lineage ?? newLineage(options);
  const record = jobRecordOf({ ...options, lineage });
  const tasks = storedTasksOf(plan);
  const dropped = before === undefined ? new Set<string>() : checkFit(options, before, record);
  const run = Math.max(found.run?.run ?? 0, manifest?.run ?? 0) + 1;
  const firstEpoch = found.epoch + 1;
  const membership: RunRecord = {
    format: 1,
    ...record,
    run,
    startedAt: now,
    checkpointed: manifest !== undefined,
  };
  await writeRun(disk, directory, membership);
  sweep(disk, found, record.sources);
  const start =
    manifest === undefined
      ? undefined
      : await startAt({ disk, directory, manifest, tasks, dropped, epoch: firstEpoch });
  return {
    spec: {
      directory,
      intervalMs,
      run,
      firstEpoch,
      job: record,
      tasks,
      ...(start === undefined ? {} : { start }),
    },
    membership,
    recovered: recoveredOf(found, run),
    warnings: warningsOf(found, dropped),
  };
}

/** Nobody makes a directory of that name twice in a millisecond. */
export function newLineage({
  found: { directory },
  job,
  now,
}: Pick<OpenOptions, 'job' | 'now'> & {
  readonly found: Pick<FoundDirectory, 'directory'>;
}): string {
  return `${job}-${now.toString(36)}-${crc32(directory).toString(36)}`;
}

/** Gives the uids whose state is let go. */
function checkFit(
  { disk, found, plan, allowDroppedState }: OpenOptions,
  was: JobRecord,
  is: JobRecord,
): ReadonlySet<string> {
  const { directory, manifest } = found;
  if (was.job !== is.job)
    throw misfit(found, is, `it is that of the job ${was.job}, and this is ${is.job}`);
  if (was.batchIntervalMs !== is.batchIntervalMs)
    throw misfit(
      found,
      is,
      `its batches are ${was.batchIntervalMs} ms long, and those of the job ${is.batchIntervalMs} ms`,
    );
  const sources = new Set(was.sources);
  let uids: ReadonlySet<string> | undefined;
  const fits = misfits({
    was,
    is,
    plan,
    hasState: ({ uid }) => {
      if (sources.has(uid)) return true;
      if (manifest === undefined) return false;
      return (uids ??= uidsIn(disk, directory, manifest)).has(uid);
    },
  });
  return droppedState(directory, fits, { was, is, allowDroppedState });
}

function recoveredOf(
  { manifest, run: before }: FoundDirectory,
  run: number,
): Recovered | undefined {
  if (manifest === undefined && before === undefined) return undefined;
  return {
    run,
    checkpointId: manifest?.id ?? 0,
    barrier: manifest?.barrier.number ?? 0,
    time: manifest?.barrier.time ?? 0,
    writtenAt: manifest?.writtenAt ?? 0,
  };
}

function warningsOf(
  { manifest, problems }: FoundDirectory,
  dropped: ReadonlySet<string>,
): readonly string[] {
  const damaged = problems.map(({ error }) => error.message);
  const lost = [...dropped].map(
    (uid) => `the state of ${uid} is let go, as allowDroppedState says`,
  );
  if (damaged.length === 0 || manifest === undefined) return lost;
  return [`goes back to checkpoint ${manifest.id}: ${damaged.join('; ')}`, ...lost];
}

function misfit({ directory }: FoundDirectory, is: JobRecord, why: string): MillraceError {
  return millraceError(
    'ERR_MILLRACE_CHECKPOINT_MISFIT',
    `${directory} can't be gone on from: ${why}`,
    { context: { directory, job: is.job } },
  );
}
