/**
 * What lies in a checkpoint directory or a savepoint, and whether all of it is what was written. Any thread; changes
 * nothing, and may be asked while a run is at work there.
 */
import { join, resolve } from 'node:path';
import type { Disk } from '../../env/env.ts';
import { millraceError } from '../../errors.ts';
import { lookAtLog } from '../../log/copied-cut.ts';
import {
  type CheckpointProblem,
  partPath,
  readManifests,
  verifyManifest,
} from '../../supervision/checkpoint/manifest-file.ts';
import type { Manifest, RunRecord, StoredOperator } from '../../supervision/checkpoint/manifest.ts';
import { unsealJson } from '../../supervision/checkpoint/sealed-json.ts';
import { isDirectory } from '../restart-directory.ts';
import { storedState } from './stored-state.ts';

export interface CheckpointFound {
  readonly id: number;
  /** Time of its batch in ms. */
  readonly time: number;
  /** Wall time in ms. */
  readonly writtenAt: number;
  /** Which start of the process made it. */
  readonly run: number;
  readonly files: number;
  readonly bytes: number;
  /** What of it is missing or damaged, a sentence each. None: a run can go on from it. */
  readonly problems: readonly string[];
}

export interface LogFound {
  /** Uid of its source. */
  readonly source: string;
  readonly records: number;
  readonly bytes: number;
  /** Records, of all that the log ever had, that would outlive a power cut; and the newest one. */
  readonly synced: number;
  readonly last: number;
  /** Barriers whose cuts it has: the first and the last. */
  readonly cuts: readonly [first: number, last: number] | undefined;
  /** Where the source was at the newest good checkpoint, as the source says it. */
  readonly position: unknown;
  readonly problems: readonly string[];
}

export interface OperatorFound extends StoredOperator {
  readonly bytes: number;
  /** Undefined: what it keeps can't be read without the job. */
  readonly entries: number | undefined;
  readonly cells: readonly {
    readonly name: string;
    readonly partitions: number;
    readonly bytes: number;
    readonly entries: number | undefined;
  }[];
}

export interface Inspection {
  readonly directory: string;
  readonly job: string;
  /** Starts of the process; 0 for a savepoint. */
  readonly runs: number;
  /** Of the newest run, wall time in ms. */
  readonly startedAt: number | undefined;
  readonly partitions: number;
  readonly batchIntervalMs: number;
  /** Newest first. */
  readonly checkpoints: readonly CheckpointFound[];
  /** Files that belong to no checkpoint above, a sentence each. */
  readonly problems: readonly string[];
  readonly logs: readonly LogFound[];
  /** State at the newest good checkpoint. */
  readonly operators: readonly OperatorFound[];
}

/** @throws ERR_MILLRACE_CHECKPOINT_CORRUPT when nothing of a job lies there */
export function inspect(disk: Disk, path: string): Inspection {
  const directory = resolve(path);
  const isThere = isDirectory(disk, directory);
  const { manifests, problems } = isThere
    ? readManifests(disk, directory)
    : { manifests: [], problems: [] };
  const told = problems.map(sentence);
  const run = isThere ? readRun(disk, directory, told) : undefined;
  const job = manifests[0] ?? run;
  if (job === undefined)
    throw millraceError(
      'ERR_MILLRACE_CHECKPOINT_CORRUPT',
      `${directory} has no checkpoint that can be read, and no run has begun there${told.map((each) => `\n  ${each}`).join('')}`,
      { context: { directory } },
    );
  const checkpoints = manifests.map((manifest) => checkpointOf(disk, directory, manifest));
  const good = manifests[checkpoints.findIndex((each) => each.problems.length === 0)];
  return {
    directory,
    job: job.job,
    runs: run?.run ?? 0,
    startedAt: run?.startedAt,
    partitions: job.partitions,
    batchIntervalMs: job.batchIntervalMs,
    checkpoints,
    problems: told,
    logs: logsOf(disk, directory, good),
    operators: good === undefined ? [] : operatorsOf(disk, directory, good),
  };
}

/** A run can go on from it. */
export function isHealthy({ checkpoints, logs, problems }: Inspection): boolean {
  return (
    [...checkpoints, ...logs].every((each) => each.problems.length === 0) && problems.length === 0
  );
}

function checkpointOf(disk: Disk, directory: string, manifest: Manifest): CheckpointFound {
  const parts = [...new Set(manifest.tasks.flatMap((task) => task.parts))];
  return {
    id: manifest.id,
    time: manifest.barrier.time,
    writtenAt: manifest.writtenAt,
    run: manifest.run,
    files: parts.length,
    bytes: parts.reduce((sum, part) => sum + (disk.size(partPath(directory, part)) ?? 0), 0),
    problems: verifyManifest(disk, directory, manifest).map(sentence),
  };
}

function logsOf(disk: Disk, directory: string, good: Manifest | undefined): LogFound[] {
  const logs = join(directory, 'log');
  if (!isDirectory(disk, logs)) return [];
  return disk
    .listDirectories(logs)
    .toSorted()
    .map((name): LogFound => {
      const path = join(logs, name);
      const source = decodeURIComponent(name);
      const bytes = disk
        .list(path)
        .reduce((sum, file) => sum + (disk.size(join(path, file)) ?? 0), 0);
      try {
        const { first, last, synced, cuts } = lookAtLog(disk, path);
        const barriers = cuts.map(({ record }) => record.barrier.number);
        const at = cuts.find(({ record }) => record.barrier.number === good?.id);
        return {
          source,
          records: last - first + 1,
          bytes,
          synced,
          last,
          cuts: barriers.length === 0 ? undefined : [barriers[0]!, barriers.at(-1)!],
          position: at?.record.note,
          problems: [],
        };
      } catch (error) {
        const nothing = { records: 0, synced: 0, last: 0, cuts: undefined, position: undefined };
        return { source, bytes, ...nothing, problems: [(error as Error).message] };
      }
    });
}

function operatorsOf(disk: Disk, directory: string, manifest: Manifest): OperatorFound[] {
  const cells = storedState(disk, directory, manifest);
  const sources = new Set(manifest.sources);
  return manifest.operators.flatMap((operator) => {
    const own = cells.filter(({ uid }) => uid === operator.uid);
    if (own.length === 0 && sources.has(operator.uid)) return [];
    const found = [...new Set(own.map(({ name }) => name))].map((name) => {
      const all = own.filter((each) => each.name === name);
      return {
        name,
        partitions: all.length,
        bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
        entries: total(all.map(({ cell }) => cell?.entries)),
      };
    });
    return [
      {
        ...operator,
        bytes: found.reduce((sum, { bytes }) => sum + bytes, 0),
        entries: total(found.map(({ entries }) => entries)),
        cells: found,
      },
    ];
  });
}

function total(counts: readonly (number | undefined)[]): number | undefined {
  return counts.reduce<number | undefined>(
    (sum, count) => (sum === undefined || count === undefined ? undefined : sum + count),
    0,
  );
}

function readRun(disk: Disk, directory: string, problems: string[]): RunRecord | undefined {
  const path = join(directory, 'run.json');
  if (disk.size(path) === undefined) return undefined;
  try {
    return unsealJson(disk.read(path), path) as RunRecord;
  } catch (error) {
    problems.push((error as Error).message);
    return undefined;
  }
}

function sentence({ error }: CheckpointProblem): string {
  return error.message;
}
