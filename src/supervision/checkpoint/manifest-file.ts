/**
 * Manifests as files: their names, what is read of them, and whether all that they name is there. `checkpointer.ts`
 * writes them, a start of the process reads them, and so do the tools.
 *
 * I1  A manifest that was cut or changed at any byte is a problem with its path in it, never a manifest.
 * I2  Nothing here changes a file.
 */
import { join } from 'node:path';
import { unsealed } from '../../actors/hand-over-file.ts';
import type { Disk } from '../../env/env.ts';
import { millraceError, type MillraceError } from '../../errors.ts';
import type { Manifest } from './manifest.ts';
import { sealJson, unsealJson } from './sealed-json.ts';

const FORMAT = 1;

/** A file of a checkpoint that is missing or not what it was. */
export interface CheckpointProblem {
  readonly path: string;
  readonly error: Error;
}

export interface ManifestsFound {
  /** Newest first; what they name was not looked at. */
  readonly manifests: readonly Manifest[];
  readonly problems: readonly CheckpointProblem[];
}

export function manifestName(id: number): string {
  return `manifest-${id}.json`;
}

/** The id of the manifest that has this name; undefined when it is no such file. */
export function manifestId(name: string): number | undefined {
  const id = /^manifest-(\d+)\.json$/.exec(name)?.[1];
  return id === undefined ? undefined : Number(id);
}

export function stateDirectory(directory: string): string {
  return join(directory, 'state');
}

/** Where a part that a manifest names lies. */
export function partPath(directory: string, part: string): string {
  return join(stateDirectory(directory), part);
}

export function encodeManifest(manifest: Manifest): Uint8Array {
  return sealJson(manifest);
}

/** @throws ERR_MILLRACE_CHECKPOINT_CORRUPT, ERR_MILLRACE_CHECKPOINT_MISFIT, or what the disk says */
export function readManifest(disk: Disk, path: string): Manifest {
  const manifest = unsealJson(disk.read(path), path) as Manifest;
  const format = manifest.format as number;
  // It is whole, so to pass it over for an older one would be to lose what came between.
  if (format > FORMAT)
    throw millraceError(
      'ERR_MILLRACE_CHECKPOINT_MISFIT',
      `${path} was written by a newer version of Millrace: it has format ${format}, and this one reads ${FORMAT}. Start with that version, or name another checkpointDir`,
      { context: { path } },
    );
  if (format !== FORMAT) throw corrupt(path, `it has format ${String(format)}`);
  return manifest;
}

/** All manifests of a directory, newest good first. */
export function readManifests(disk: Disk, directory: string): ManifestsFound {
  const manifests: Manifest[] = [];
  const problems: CheckpointProblem[] = [];
  for (const name of disk.list(directory)) {
    const id = manifestId(name);
    if (id === undefined) continue;
    const path = join(directory, name);
    try {
      const manifest = readManifest(disk, path);
      if (manifest.id !== id) throw corrupt(path, `it is that of checkpoint ${manifest.id}`);
      manifests.push(manifest);
    } catch (error) {
      problems.push({ path, error: error as Error });
    }
  }
  return { manifests: manifests.toSorted((a, b) => b.id - a.id), problems };
}

/** Reads all parts that a manifest names. Gives those that are missing or damaged: none, and it can be started from. */
export function verifyManifest(
  disk: Disk,
  directory: string,
  manifest: Manifest,
): readonly CheckpointProblem[] {
  const problems: CheckpointProblem[] = [];
  for (const part of new Set(manifest.tasks.flatMap(({ parts }) => parts))) {
    const path = partPath(directory, part);
    try {
      unsealed(disk.read(path), path);
    } catch (error) {
      problems.push({ path, error: error as Error });
    }
  }
  return problems;
}

function corrupt(path: string, why: string): MillraceError {
  return millraceError('ERR_MILLRACE_CHECKPOINT_CORRUPT', `${path} can not be read: ${why}`, {
    context: { path },
  });
}
