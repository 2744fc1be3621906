/**
 * What a log is after whatever happened to it: the records that can be read, which of them are durable, and where.
 *
 *   segment 1     ███████████▒▒▒▒▒▒        █ durable   ▒ not known to be   ░ not counted
 *   segment 1'               ▒▒▒▒▒▒▒▒▒     the fsync of the first failed, so it was written again
 *   2nd opening                      ▒▒██████████
 *   a zombie's               ░░░░░░░░░░░░  behind where the second opening began
 *
 * I1  Each record is taken from the newest segment that has it. Copies within an opening, and those an opening makes of
 *     what it found, are the same bytes; an older opening's records from where a newer one's own begin don't count.
 * I2  Records are without a gap. Where one ends them, nothing behind it was durable, or it is `ERR_MILLRACE_LOG_CORRUPT`.
 */
import type { Disk } from '../env/env.ts';
import { millraceError } from '../errors.ts';
import type { CutRecord, Placed } from './log-record.ts';
import {
  damaged,
  parseSegmentName,
  scanSegment,
  type ScannedSegment,
  type SegmentPiece,
} from './segment-files.ts';
import { BEGUN, incarnationOfSynced, readSynced, type Synced } from './synced-record.ts';

export interface RecoveredLog extends Synced {
  /** Of the newest opening; 0 when there was none. */
  readonly incarnation: number;
  /** Ordinal of the newest record. */
  readonly last: number;
  readonly pieces: readonly SegmentPiece[];
  readonly cuts: readonly Placed<CutRecord>[];
  /** All files of the log. */
  readonly paths: readonly string[];
}

/** @throws `ERR_MILLRACE_LOG_CORRUPT` */
export function recoverLog(disk: Disk, directory: string): RecoveredLog {
  const names = disk.list(directory);
  const incarnations = names.map((name) => incarnationOfSynced(name) ?? 0);
  // Before the segments, so that of a log that is being written they have what it says.
  const record = newestRecord(disk, directory, incarnations);
  const segments = names
    .map((name) => parseSegmentName(directory, name))
    .filter((name) => name !== undefined)
    .toSorted((a, b) => a.incarnation - b.incarnation || a.number - b.number)
    .map((name) => scanSegment(disk, name));
  const witness = segments.reduce(
    (most, segment) => Math.max(most, Math.min(segment.witness, limit(segments, segment))),
    0,
  );
  if (record === undefined && (witness > 0 || names.includes(BEGUN)))
    throw millraceError(
      'ERR_MILLRACE_LOG_CORRUPT',
      `${directory}: the file synced-… that says how far the log was synced is missing or damaged. ` +
        'Restore it, or start from a savepoint or in a new checkpointDir',
      { context: { file: `${directory}/synced-…`, offset: 0, ordinal: witness } },
    );
  const synced = Math.max(record?.synced ?? 0, witness);
  const first = record?.first ?? 1;
  const { pieces, next } = chain(segments, first);
  if (next <= synced) throw lost(directory, segments, next);
  return {
    incarnation: Math.max(0, ...incarnations, ...segments.map((segment) => segment.incarnation)),
    synced,
    first,
    trimmed: record?.trimmed ?? 0,
    last: next - 1,
    pieces: pieces.map(({ segment, from, to }) => ({ path: segment.path, first: from, last: to })),
    cuts: pieces.flatMap(({ segment, from, to }) =>
      segment.cuts.filter(({ ordinal }) => ordinal >= from && ordinal <= to),
    ),
    paths: names.map((name) => `${directory}/${name}`),
  };
}

interface Link {
  readonly segment: ScannedSegment;
  readonly from: number;
  readonly to: number;
}

/** Records from `first` on, as long as there is no gap. */
function chain(
  segments: readonly ScannedSegment[],
  first: number,
): { readonly pieces: readonly Link[]; readonly next: number } {
  const pieces: Link[] = [];
  let next = first;
  for (;;) {
    const at = segments.findLastIndex(
      (each) => each.first <= next && next <= Math.min(each.last, limit(segments, each)),
    );
    const segment = segments[at];
    if (segment === undefined) return { pieces, next };
    let to = Math.min(segment.last, limit(segments, segment));
    for (const newer of segments.slice(at + 1)) {
      if (newer.first > next && newer.last >= newer.first) to = Math.min(to, newer.first - 1);
    }
    pieces.push({ segment, from: next, to });
    next = to + 1;
  }
}

/** The last ordinal that counts of what that segment's opening wrote. */
function limit(segments: readonly ScannedSegment[], { incarnation }: ScannedSegment): number {
  let from = Infinity;
  for (const { head } of segments) {
    if (head !== undefined && head.incarnation > incarnation) from = Math.min(from, head.from);
  }
  return from - 1;
}

/** Of the newest opening that wrote one. */
function newestRecord(
  disk: Disk,
  directory: string,
  incarnations: readonly number[],
): Synced | undefined {
  for (const incarnation of incarnations.filter((each) => each > 0).toSorted((a, b) => b - a)) {
    const record = readSynced(disk, `${directory}/synced-${incarnation}`);
    if (record !== undefined) return record;
  }
  return undefined;
}

function lost(directory: string, segments: readonly ScannedSegment[], ordinal: number): Error {
  const segment = segments.findLast(({ first }) => first <= ordinal);
  if (segment === undefined || (segment.head !== undefined && segment.last >= ordinal))
    return damaged(`${directory}/segment-…`, 0, ordinal);
  return damaged(segment.path, segment.goodBytes, ordinal);
}
