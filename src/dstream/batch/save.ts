/**
 * A batch as a directory of files, as Spark writes it: a file a partition, `part-00000` and so on, empty ones too, and
 * an empty `_SUCCESS`. Used by outputs and by batches in user hands.
 *
 * I1  A directory that has its name is complete: it is written under a name of its own beside it, and renamed.
 * I2  Who writes again replaces what was there, files of more partitions included.
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

/**
 * Writes partitions into `directory`.
 * @param life unlike that of any other writer of the process that may still be at it
 */
export function savePartitions(
  disk: Disk,
  directory: string,
  format: PartFormat,
  partitions: number,
  read: (partition: number) => Iterable<readonly unknown[]>,
  life = 'batch',
): void {
  const temporary = join(dirname(directory), `.${basename(directory)}-${life}.tmp`);
  disk.removeDirectory(temporary);
  disk.makeDirectory(temporary);
  for (let p = 0; p < partitions; p++)
    writePart(disk, join(temporary, `part-${String(p).padStart(5, '0')}`), format, read(p));
  disk.write(join(temporary, SUCCESS), new Uint8Array(0));
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
