/**
 * What the log of a source has, in order: what it sent, and where barriers lie in that. Its file format is in
 * `log-format.ts`.
 */
import type { Barrier } from '../actors/block.ts';

/** A block as it went on an edge. */
export interface BlockRecord {
  readonly kind: 'block';
  /** Which of the source's edges. */
  readonly edge: number;
  readonly form: 'text' | 'rows';
  /** Text: whole lines. Rows: encoded by the codec. */
  readonly bytes: Uint8Array;
  /** Lines of the text if they are counted, or number of rows. */
  readonly count: number;
  /** Bytes of the source before the end of the block, for sources that have positions; else 0. */
  readonly position: number;
}

/** A barrier as it was put behind all that stands before it. */
export interface CutRecord {
  readonly kind: 'cut';
  readonly barrier: Barrier;
  /** Its batch is missing. */
  readonly absent: boolean;
  /**
   * Where a source that can be rewound had come, and what its batch was: plain data of the source. Undefined for one
   * whose blocks stand in the log.
   */
  readonly note?: unknown;
}

export type LogRecord = BlockRecord | CutRecord;

/** Its place: counts up from 1 for the life of the log. */
export interface Placed<R extends LogRecord = LogRecord> {
  readonly ordinal: number;
  readonly record: R;
}

/** The log of one source. Belongs to the thread of the sources. */
export interface SourceLog {
  /** Ordinal of the newest record; 0 when there is none. */
  readonly last: number;
  /**
   * Whether a block should be offered now. False: so much waits for the disk, or the disk refuses; `onRoom` of the options
   * is called when it is worth another try. A cut is taken however much waits.
   */
  readonly hasRoom: boolean;
  /**
   * Records behind that ordinal, in order. They are read in pieces, so it may be long; what is added meanwhile comes, too.
   * @throws `ERR_MILLRACE_LOG_CORRUPT` when they are no longer what was written, or were trimmed
   */
  read(behind: number): Iterable<Placed>;
  /** The cut with that number; undefined when the log has none. Number 0 is the start: ordinal 0. */
  cut(barrier: number): { readonly ordinal: number; readonly record?: CutRecord } | undefined;
  /** Cuts with greater numbers, ascending. */
  cutsBehind(barrier: number): readonly Placed<CutRecord>[];
  /**
   * Adds a record; it is durable once `synced` of its ordinal has resolved. Bytes are copied.
   * @param tail the rest of a block's bytes, for those that come in two parts
   * @returns its ordinal
   * @throws what the disk says (ENOSPC, EIO); then nothing was added, and it may be tried again at `onRoom`
   */
  append(record: LogRecord, tail?: Uint8Array): number;
  /**
   * Resolves when all up to that ordinal outlives a power cut; a group of callers shares one fsync. While the disk
   * refuses it stays open and is tried again; `onTrouble` of the options hears of it.
   */
  synced(ordinal: number): Promise<void>;
  /** What lies before that cut is not needed any more. */
  trim(barrier: number): void;
  /** Nothing is added any more; what waits for the disk is synced once more if it can be. */
  close(): void;
}
