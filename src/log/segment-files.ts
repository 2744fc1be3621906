/**
 * The segments of a log as files: what they are called, and what of them can be read.
 *
 *   segment-<first ordinal>-<incarnation>-<number within it>
 *
 * I1  A name is used once: incarnations ascend, and so do the numbers within one. Nobody opens a segment of another
 *     incarnation to write, so an fsync or a write of a dead one's thread that is still under way touches no file of ours.
 */
import type { Disk } from '../env/env.ts';
import { millraceError } from '../errors.ts';
import {
  decodeFrame,
  decodeHead,
  FRAME_MAGIC_BYTES,
  frameAt,
  HEAD_BYTES,
  type SegmentHead,
} from './log-format.ts';
import type { CutRecord, Placed } from './log-record.ts';

export interface SegmentName {
  readonly path: string;
  readonly first: number;
  readonly incarnation: number;
  readonly number: number;
}

/** What a segment has that can be read. */
export interface ScannedSegment extends SegmentName {
  /** Undefined: not even its head. */
  readonly head: SegmentHead | undefined;
  /** Ordinal of its last good record; `first - 1` when there is none. */
  readonly last: number;
  /** Where the good part ends. */
  readonly goodBytes: number;
  /** The greatest ordinal that its frames say was durable. */
  readonly witness: number;
  readonly cuts: readonly Placed<CutRecord>[];
}

/** Of a log: the records that are to be read from one file. */
export interface SegmentPiece {
  readonly path: string;
  readonly first: number;
  /** Infinity for the one that is written. */
  last: number;
}

export function segmentName(first: number, incarnation: number, number: number): string {
  return `segment-${String(first).padStart(16, '0')}-${incarnation}-${number}`;
}

export function parseSegmentName(directory: string, name: string): SegmentName | undefined {
  const match = /^segment-(\d+)-(\d+)-(\d+)$/.exec(name);
  if (match === null) return undefined;
  const [first, incarnation, number] = match.slice(1).map(Number) as [number, number, number];
  return { path: `${directory}/${name}`, first, incarnation, number };
}

export function scanSegment(disk: Disk, name: SegmentName): ScannedSegment {
  const bytes = disk.read(name.path);
  const decoded = decodeHead(bytes);
  const head =
    decoded?.first === name.first && decoded.incarnation === name.incarnation ? decoded : undefined;
  const cuts: Placed<CutRecord>[] = [];
  let last = name.first - 1;
  let at = head === undefined ? 0 : HEAD_BYTES;
  let witness = 0;
  if (head !== undefined) {
    for (;;) {
      const frame = frameAt(bytes, at);
      if (frame === undefined || frame.ordinal !== last + 1) break;
      witness = Math.max(witness, frame.synced);
      if (frame.isCut) cuts.push(decodeFrame(bytes, at) as Placed<CutRecord>);
      last = frame.ordinal;
      at = frame.end;
    }
  }
  witness = Math.max(witness, witnessBehind(bytes, at, last));
  return { ...name, head, last, goodBytes: at, witness, cuts };
}

/** Records of a piece from `next` to `end`, in order; their bytes are views of what was read. */
export function* readPiece(
  disk: Disk,
  piece: SegmentPiece,
  next: number,
  end: number,
): Generator<Placed, void, void> {
  const bytes = disk.read(piece.path);
  let at = HEAD_BYTES;
  for (let expected = next; expected <= end;) {
    const frame = frameAt(bytes, at);
    if (frame === undefined || frame.ordinal > expected) throw damaged(piece.path, at, expected);
    if (frame.ordinal === expected) {
      yield decodeFrame(bytes, at);
      expected++;
    }
    at = frame.end;
  }
}

export function damaged(file: string, offset: number, ordinal: number): Error {
  return millraceError(
    'ERR_MILLRACE_LOG_CORRUPT',
    `${file} is damaged at byte ${offset}: record ${ordinal} was synced and is not there. ` +
      'Restore the file, or start from a savepoint or in a new checkpointDir',
    { context: { file, offset, ordinal } },
  );
}

/**
 * Behind a bad frame whole ones may stand. After a power cut that is nothing strange: pages go to the disk in any order.
 * But one of them may say that the bad one was durable when it was written.
 */
function witnessBehind(bytes: Uint8Array, from: number, last: number): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let witness = 0;
  for (let at = buffer.indexOf(FRAME_MAGIC_BYTES, from); at >= 0;) {
    const frame = frameAt(bytes, at);
    const isLater = frame !== undefined && frame.ordinal > last && frame.synced < frame.ordinal;
    if (isLater) witness = Math.max(witness, frame.synced);
    at = buffer.indexOf(FRAME_MAGIC_BYTES, isLater ? frame.end : at + 1);
  }
  return witness;
}
