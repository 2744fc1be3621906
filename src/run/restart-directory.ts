/**
 * A checkpoint directory as a start finds it, and what is done to it before the first record: the membership is written,
 * and what nothing needs is removed. Over `Disk` alone, so a simulated process starts as a real one.
 *
 * I1  Looking changes nothing. What is removed is removed behind `run.json`, and none of it is named by a manifest.
 * I2  A manifest counts only with all of its parts. A damaged one is told of, and the one before it is taken; where none
 *     is left, that is an error and never a start from nothing.
 */
import { dirname, join } from 'node:path';
import { epochOfHandOver } from '../actors/hand-over-file.ts';
import type { Disk } from '../env/env.ts';
import { type MillraceError, millraceError } from '../errors.ts';
import {
  type CheckpointProblem,
  readManifests,
  stateDirectory,
  verifyManifest,
} from '../supervision/checkpoint/manifest-file.ts';
import type { Manifest, RunRecord } from '../supervision/checkpoint/manifest.ts';
import { replaceDurably, sealJson, unsealJson } from '../supervision/checkpoint/sealed-json.ts';
import { logDirectory } from './sources-actor.ts';

const ASIDE = 'set-aside-';
/** What a start may pass over. */
const LOST: ReadonlySet<unknown> = new Set(['ERR_MILLRACE_CHECKPOINT_CORRUPT', 'ENOENT', 'EIO']);

export interface FoundDirectory {
  readonly directory: string;
  /** What the newest run noted before its first record; undefined: there was none. */
  readonly run: RunRecord | undefined;
  /** The newest that can be gone on from. */
  readonly manifest: Manifest | undefined;
  /** It and those before it. */
  readonly manifests: readonly Manifest[];
  /** Of manifests that were passed over, and of their parts. */
  readonly problems: readonly CheckpointProblem[];
  /** No epoch of an earlier run was greater. */
  readonly epoch: number;
}

/** @throws ERR_MILLRACE_CHECKPOINT_CORRUPT when there was a checkpoint and none is good any more */
export function readDirectory(disk: Disk, directory: string): FoundDirectory {
  if (!isDirectory(disk, directory)) return nothingIn(directory);
  const { manifests, problems: unreadable } = readManifests(disk, directory);
  const problems = [...unreadable];
  refuseOthers(problems);
  let good = 0;
  for (; good < manifests.length; good++) {
    const found = verifyManifest(disk, directory, manifests[good]!);
    if (found.length === 0) break;
    refuseOthers(found);
    problems.push(...found);
  }
  const run = readRun(disk, directory, problems);
  const manifest = manifests[good];
  const wasCheckpointed = run?.checkpointed === true || problems.length > 0;
  if (manifest === undefined && wasCheckpointed) throw noneLeft(directory, problems);
  const state = stateDirectory(directory);
  const epochs = isDirectory(disk, state)
    ? disk.list(state).map((name) => epochOfHandOver(name) ?? 0)
    : [];
  return {
    directory,
    run,
    manifest,
    manifests: manifests.slice(good),
    problems,
    epoch: Math.max(0, ...manifests.map(({ epoch }) => epoch), ...epochs),
  };
}

/**
 * Writes who runs now, so that it outlives a power cut.
 * @param check called before the file gets its name; a throw leaves the old one
 */
export async function writeRun(
  disk: Disk,
  directory: string,
  record: RunRecord,
  check: () => void = () => {},
): Promise<void> {
  const isNew = !isDirectory(disk, directory);
  disk.makeDirectory(stateDirectory(directory));
  if (isNew) await disk.sync(dirname(directory));
  await replaceDurably(disk, runFile(directory), sealJson(record), {
    temporary: join(directory, 'run.json.new'),
    check,
  });
}

/**
 * Removes what nothing needs: what dead epochs wrote and no manifest names, indexes and notes of earlier runs, logs of
 * sources that the job has not any more: one that gets such a name later must not take them for its own.
 * @param sources uids
 */
export function sweep(
  disk: Disk,
  { directory, manifests }: FoundDirectory,
  sources: readonly string[],
): void {
  const needed = new Set(manifests.flatMap(({ tasks }) => tasks.flatMap(({ parts }) => parts)));
  const state = stateDirectory(directory);
  for (const name of disk.list(state)) if (!needed.has(name)) disk.remove(join(state, name));
  // Working copies of state that is kept on disk.
  for (const name of disk.listDirectories(state)) disk.removeDirectory(join(state, name));
  const logs = join(directory, 'log');
  if (!isDirectory(disk, logs)) return;
  const own = new Set(sources.map((uid) => logDirectory(logs, uid)));
  for (const name of disk.listDirectories(logs)) {
    const path = join(logs, name);
    if (!own.has(path)) disk.removeDirectory(path);
  }
  for (const name of disk.list(logs)) {
    const path = join(logs, name);
    if (!own.has(path.replace(/\.[^.]*$/, ''))) disk.remove(path);
  }
}

/** Puts all that runs have left into a directory of its own, where nothing looks for it. */
export function setAside(disk: Disk, directory: string): void {
  const taken = disk.listDirectories(directory).filter((name) => name.startsWith(ASIDE)).length;
  const aside = join(directory, `${ASIDE}${taken + 1}`);
  disk.makeDirectory(aside);
  const own = [
    ...disk.list(directory).filter((name) => /^(?:manifest-|run\.|decisions\.)/.test(name)),
    ...disk.listDirectories(directory).filter((name) => name === 'state' || name === 'log'),
  ];
  for (const name of own) disk.rename(join(directory, name), join(aside, name));
}

export function isDirectory(disk: Disk, path: string): boolean {
  try {
    disk.list(path);
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return false;
    throw error;
  }
}

/** What a disk has lost is passed over. What can't be read now (rights, too many open files) may be good. */
function refuseOthers(problems: readonly CheckpointProblem[]): void {
  const other = problems.find(({ error }) => !LOST.has((error as { code?: unknown }).code));
  if (other !== undefined) throw other.error;
}

function readRun(
  disk: Disk,
  directory: string,
  problems: CheckpointProblem[],
): RunRecord | undefined {
  const path = runFile(directory);
  if (disk.size(path) === undefined) return undefined;
  try {
    return unsealJson(disk.read(path), path) as RunRecord;
  } catch (error) {
    problems.push({ path, error: error as Error });
    return undefined;
  }
}

function runFile(directory: string): string {
  return join(directory, 'run.json');
}

function nothingIn(directory: string): FoundDirectory {
  return {
    directory,
    run: undefined,
    manifest: undefined,
    manifests: [],
    problems: [],
    epoch: 0,
  };
}

function noneLeft(directory: string, problems: readonly CheckpointProblem[]): MillraceError {
  const told = problems.map(({ error }) => `\n  ${error.message}`).join('');
  return millraceError(
    'ERR_MILLRACE_CHECKPOINT_CORRUPT',
    `${directory} has no checkpoint that can be gone on from${told === '' ? ', and it had one: its files are gone' : `:${told}`}`,
    { context: { directory }, cause: problems[0]?.error },
  );
}
