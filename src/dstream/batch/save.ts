/**
 * A batch as a directory of files, as Spark writes it: a file a partition, `part-00000` and so on, empty ones too, and
 * an empty `_SUCCESS`. Used by outputs and by batches in user hands.
 *
 * I1  A directory that has its name is complete: it is written under a name of its own beside it, and renamed.
 * I2  Who writes again replaces what was there, files of more partitions included.
 * I3  What a full disk broke off is removed, and written again as a whole.
 */
import { basename, dirname, join } from 'node:path';
import { packValue } from '../../actors/codec.ts';
import type { Disk } from '../../env/env.ts';
import { formatRecord } from '../print.ts';

/** Lines, each as `print` shows a record; or msgpack values, one after another. */
export type PartFormat = 'text' | 'objects';

export const SUCCESS = '_SUCCESS';

/** Pieces of about this many bytes are appended, so that no file lies in memory as a whole. */
const PIECE_BYTES = 1 << 20;

/** `prefix-<time>[.suffix]`; an empty prefix or suffix is left out with its mark. */
export function batchDirectory(prefix: string, suffix: string, time: number): string {
  return `${prefix === '' ? '' : `${prefix}-`}${time}${suffix === '' ? '' : `.${suffix}`}`;
}

/** A batch that is to be a directory. */
export interface SavedBatch {
  readonly directory: string;
  readonly format: PartFormat;
  readonly partitions: number;
  read(partition: number): Iterable<readonly unknown[]>;
}

/**
 * Writes partitions into a directory.
 * @param life unlike that of any other writer of the process that may still be at it
 */
export function savePartitions(disk: Disk, batch: SavedBatch, life = 'batch'): void {
  const { directory } = batch;
  const temporary = temporaryOf(directory, life);
  writeParts(disk, temporary, batch);
  replace(disk, temporary, directory);
}

/** The same; when it resolves the directory outlives a power cut. What fails may be begun again. */
export async function savePartitionsDurably(
  disk: Disk,
  batch: SavedBatch,
  life: string,
): Promise<void> {
  const { directory } = batch;
  const temporary = temporaryOf(directory, life);
  const files = writeParts(disk, temporary, batch);
  await Promise.all(files.map((path) => disk.sync(path)));
  await disk.sync(temporary);
  replace(disk, temporary, directory);
  await disk.sync(dirname(directory));
}

/** Removes what other lives were writing of the batches of an output: they are dead, or nobody looks at what they do. */
export function removeUnfinished(disk: Disk, prefix: string, suffix: string, life: string): void {
  const some = batchDirectory(prefix, '', 0);
  const within = dirname(some);
  const before = basename(some).slice(0, -1);
  const after = suffix === '' ? '' : `.${suffix}`;
  const unfinished = new RegExp(`^\\.${escaped(before)}\\d+${escaped(after)}-(.+)\\.tmp$`);
  for (const name of directoriesIn(disk, within)) {
    const of = unfinished.exec(name)?.[1];
    if (of !== undefined && of !== life) disk.removeDirectory(join(within, name));
  }
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function directoriesIn(disk: Disk, directory: string): readonly string[] {
  try {
    return disk.listDirectories(directory);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return [];
    throw error;
  }
}

function temporaryOf(directory: string, life: string): string {
  return join(dirname(directory), `.${basename(directory)}-${life}.tmp`);
}

/** Gives the paths of its files. A disk that refuses keeps nothing of it. */
function writeParts(
  disk: Disk,
  temporary: string,
  { format, partitions, read }: SavedBatch,
): readonly string[] {
  const files: string[] = [];
  disk.removeDirectory(temporary);
  try {
    disk.makeDirectory(temporary);
    for (let p = 0; p < partitions; p++) {
      const path = join(temporary, `part-${String(p).padStart(5, '0')}`);
      writePart(disk, path, format, read(p));
      files.push(path);
    }
    const success = join(temporary, SUCCESS);
    disk.write(success, new Uint8Array(0));
    return [...files, success];
  } catch (error) {
    disk.removeDirectory(temporary);
    throw error;
  }
}

function replace(disk: Disk, temporary: string, directory: string): void {
  disk.removeDirectory(directory);
  disk.rename(temporary, directory);
}

function writePart(
  disk: Disk,
  path: string,
  format: PartFormat,
  chunks: Iterable<readonly unknown[]>,
): void {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  disk.write(path, new Uint8Array(0));
  const flush = (): void => {
    if (bytes > 0) disk.append(path, Buffer.concat(pieces, bytes));
    pieces = [];
    bytes = 0;
  };
  for (const chunk of chunks) {
    const piece =
      format === 'text'
        ? Buffer.from(chunk.map((record) => `${formatRecord(record)}\n`).join(''))
        : Buffer.concat(chunk.map((record) => packValue(record)));
    pieces.push(piece);
    bytes += piece.length;
    if (bytes >= PIECE_BYTES) flush();
  }
  flush();
}
