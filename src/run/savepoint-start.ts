/**
 * The start of a run from a savepoint: its files are put into the checkpoint directory of the run, which then goes on as
 * from a checkpoint of its own. The savepoint itself is only read, so any number of runs may begin from it.
 *
 *   marker ─▶ hand-overs and cuts ─▶ manifest
 *
 * I1  The marker names the savepoint, and comes first: a start that is made again (the process was killed, or `--restart`
 *     starts the next one with the same options) goes on in the directory, however far the one before came.
 * I2  The run has a lineage of its own. What sinks have prepared and not committed is let go: that is done by the run that
 *     made the savepoint, and would be done twice.
 */
import { join, resolve } from 'node:path';
import { sealed, unsealed } from '../actors/hand-over-file.ts';
import { readPart, writePart } from '../dstream/state/part.ts';
import type { Disk } from '../env/env.ts';
import { millraceError } from '../errors.ts';
import {
  partPath,
  readManifests,
  stateDirectory,
  verifyManifest,
} from '../supervision/checkpoint/manifest-file.ts';
import type { Manifest } from '../supervision/checkpoint/manifest.ts';
import { replaceDurably, sealJson, unsealJson } from '../supervision/checkpoint/sealed-json.ts';
import { newLineage } from './restart.ts';
import { isDirectory } from './restart-directory.ts';
import { checkEmpty, syncAll, writeManifest } from './savepoint.ts';

const MARKER = 'from-savepoint.json';

/** Which savepoint a directory began from. */
interface Marker {
  readonly lineage: string;
  readonly id: number;
  readonly writtenAt: number;
}

export interface SavepointStart {
  readonly disk: Disk;
  readonly savepoint: string;
  /** Of the run, which owns it. */
  readonly directory: string;
  /** Wall time in ms. */
  readonly now: number;
}

/**
 * @throws ERR_MILLRACE_CHECKPOINT_CORRUPT when it is no savepoint or damaged, ERR_MILLRACE_BAD_OPTION when the directory
 *   has something else
 */
export async function beginFromSavepoint(options: SavepointStart): Promise<void> {
  const { disk, directory, now } = options;
  const savepoint = resolve(options.savepoint);
  const manifest = readSavepoint(disk, savepoint);
  const { lineage, id, writtenAt } = manifest;
  const marker: Marker = { lineage, id, writtenAt };
  if (!isMarked(disk, directory, marker)) {
    checkOthers(disk, directory);
    disk.makeDirectory(directory);
    await replaceDurably(disk, join(directory, MARKER), sealJson(marker), {
      temporary: join(directory, `${MARKER}.tmp`),
    });
  } else if (hasBegun(disk, directory)) return;
  disk.makeDirectory(stateDirectory(directory));
  const parts = [...new Set(manifest.tasks.flatMap((task) => task.parts))];
  for (const part of parts) bring(disk, partPath(savepoint, part), partPath(directory, part));
  await syncAll(disk, directory, parts);
  await bringLogs(disk, join(savepoint, 'log'), join(directory, 'log'));
  await writeManifest(disk, directory, {
    ...manifest,
    lineage: newLineage({ found: { directory }, job: manifest.job, now }),
    publish: [],
  });
}

/** The one manifest of a savepoint, or the newest of a checkpoint directory that nobody runs on; all of it is there. */
export function readSavepoint(disk: Disk, savepoint: string): Manifest {
  const found = isDirectory(disk, savepoint)
    ? readManifests(disk, savepoint)
    : { manifests: [], problems: [] };
  const [manifest] = found.manifests;
  const problems =
    manifest === undefined ? found.problems : verifyManifest(disk, savepoint, manifest);
  if (manifest !== undefined && problems.length === 0) return manifest;
  const why = problems.map(({ error }) => `: ${error.message}`)[0] ?? ': no manifest lies there';
  throw millraceError(
    'ERR_MILLRACE_CHECKPOINT_CORRUPT',
    `${savepoint} is no savepoint that can be begun from${why}`,
    { context: { directory: savepoint }, cause: problems[0]?.error },
  );
}

function isMarked(disk: Disk, directory: string, marker: Marker): boolean {
  const path = join(directory, MARKER);
  if (!isDirectory(disk, directory) || disk.size(path) === undefined) return false;
  const found = unsealJson(disk.read(path), path) as Marker;
  return (
    found.lineage === marker.lineage &&
    found.id === marker.id &&
    found.writtenAt === marker.writtenAt
  );
}

function hasBegun(disk: Disk, directory: string): boolean {
  return disk.list(directory).some((name) => /^(?:manifest-\d+|run)\.json$/.test(name));
}

/** The owner's files lie there already. */
function checkOthers(disk: Disk, directory: string): void {
  if (!isDirectory(disk, directory)) return;
  const isForeign =
    hasBegun(disk, directory) ||
    disk.size(join(directory, MARKER)) !== undefined ||
    disk.listDirectories(directory).length > 0;
  if (isForeign) checkEmpty(disk, directory, 'checkpointDir of a run with savepoint');
}

/** A part without what was prepared; the same file where it has nothing of that. */
function bring(disk: Disk, from: string, to: string): void {
  disk.remove(to);
  const part = readPart(unsealed(disk.read(from), from));
  if (part === undefined || !part.logs.some(({ name }) => isOutbox(name))) {
    disk.link(from, to);
    return;
  }
  const logs = part.logs
    .filter(({ name }) => !isOutbox(name))
    .map(({ name, version, log }) => ({ name, version, log: log() }));
  disk.write(to, sealed(writePart(part.volatile, part.shape, logs, (_name, pack) => pack())));
}

function isOutbox(cell: string): boolean {
  return cell.endsWith('/outbox');
}

async function bringLogs(disk: Disk, from: string, to: string): Promise<void> {
  if (!isDirectory(disk, from)) return;
  for (const source of disk.listDirectories(from)) {
    const target = join(to, source);
    disk.makeDirectory(target);
    for (const name of disk.list(join(from, source))) {
      disk.remove(join(target, name));
      disk.link(join(from, source, name), join(target, name));
      await disk.sync(join(target, name));
    }
    await disk.sync(target);
  }
  await disk.sync(to);
}
