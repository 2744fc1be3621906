/**
 * Savepoints: a checkpoint that stands alone in a directory of its own, until somebody deletes it.
 *
 *   dir/manifest-<id>.json   the checkpoint's; written last
 *   dir/state/handover-…     its hand-overs: links where the file system has them
 *   dir/log/<source>         one cut: where the source was. No data
 *
 * It is made from the checkpoint directory of a run that may be at work, by whoever can read that.
 *
 * I1  A directory has a manifest only when all of it is durable.
 * I2  What was published or committed by the checkpoint is the business of the run that made it: a savepoint has nothing
 *     of that to do.
 */
import { join, resolve } from 'node:path';
import type { Clock, Disk } from '../env/env.ts';
import { millraceError } from '../errors.ts';
import { copyCut } from '../log/copied-cut.ts';
import {
  encodeManifest,
  manifestName,
  partPath,
  readManifests,
  stateDirectory,
} from '../supervision/checkpoint/manifest-file.ts';
import type { Manifest } from '../supervision/checkpoint/manifest.ts';
import { replaceDurably } from '../supervision/checkpoint/sealed-json.ts';
import { isDirectory } from './restart-directory.ts';

export interface Savepoint {
  /** Number of its barrier. */
  readonly barrier: number;
  /** Time of its batch in ms: all up to there is in it. */
  readonly time: number;
  /** The whole path of its directory. */
  readonly path: string;
  /** Of what lies there. Links take no room of their own while the run keeps the files. */
  readonly bytes: number;
}

export interface SavepointOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** The checkpoint directory. */
  readonly from: string;
  readonly to: string;
  /** The checkpoint is that of this barrier or a later one. */
  readonly barrier: number;
}

/** A checkpoint may be removed while it is copied; the next one is newer. */
const ATTEMPTS = 5;

/** @throws ERR_MILLRACE_BAD_OPTION when something lies there, and what the disk says */
export async function writeSavepoint(options: SavepointOptions): Promise<Savepoint> {
  const { disk, from, barrier } = options;
  const to = resolve(options.to);
  checkEmpty(disk, to, 'savepoint');
  for (let attempt = 1; ; attempt++) {
    const [manifest] = readManifests(disk, from).manifests;
    if (manifest === undefined || manifest.id < barrier)
      throw millraceError(
        'ERR_MILLRACE_CHECKPOINT_CORRUPT',
        `${from} has lost its checkpoint ${barrier}, so there is nothing to make a savepoint of`,
        { context: { directory: from } },
      );
    try {
      return await copyOf(options, to, manifest);
    } catch (error) {
      disk.removeDirectory(to);
      if ((error as { code?: unknown }).code !== 'ENOENT' || attempt === ATTEMPTS) throw error;
    }
  }
}

/** @throws ERR_MILLRACE_BAD_OPTION */
export function checkEmpty(disk: Disk, directory: string, option: string): void {
  if (!isDirectory(disk, directory)) return;
  if (disk.list(directory).length + disk.listDirectories(directory).length === 0) return;
  throw millraceError(
    'ERR_MILLRACE_BAD_OPTION',
    `${option}: ${directory} is not empty. Give it a directory that is new`,
    { context: { option, value: directory } },
  );
}

async function copyOf(
  { disk, clock, from }: SavepointOptions,
  to: string,
  manifest: Manifest,
): Promise<Savepoint> {
  const { barrier } = manifest;
  disk.makeDirectory(stateDirectory(to));
  const parts = [...new Set(manifest.tasks.flatMap((task) => task.parts))];
  for (const part of parts) disk.link(partPath(from, part), partPath(to, part));
  await syncAll(disk, to, parts);
  await copyLogs(disk, clock, from, to, barrier.number);
  await writeManifest(disk, to, { ...manifest, publish: [] });
  return { barrier: barrier.number, time: barrier.time, path: to, bytes: sizeOf(disk, to) };
}

/** Where sources were at that barrier. */
export async function copyLogs(
  disk: Disk,
  clock: Clock,
  from: string,
  to: string,
  barrier: number,
): Promise<void> {
  const logs = join(from, 'log');
  for (const source of isDirectory(disk, logs) ? disk.listDirectories(logs) : [])
    await copyCut(disk, clock, join(logs, source), join(to, 'log', source), barrier);
}

/** Copies may not be on the disk yet, and names never are. */
export async function syncAll(disk: Disk, to: string, parts: readonly string[]): Promise<void> {
  for (const part of parts) await disk.sync(partPath(to, part));
  await disk.sync(stateDirectory(to));
  await disk.sync(to);
  await disk.sync(resolve(to, '..'));
}

/** It is a checkpoint from then on. */
export async function writeManifest(disk: Disk, to: string, manifest: Manifest): Promise<void> {
  const path = join(to, manifestName(manifest.id));
  await replaceDurably(disk, path, encodeManifest(manifest), { temporary: `${path}.tmp` });
}

function sizeOf(disk: Disk, directory: string): number {
  const own = disk
    .list(directory)
    .reduce((sum, name) => sum + (disk.size(join(directory, name)) ?? 0), 0);
  return disk
    .listDirectories(directory)
    .reduce((sum, name) => sum + sizeOf(disk, join(directory, name)), own);
}
