/**
 * The log of one source. Belongs to the thread of the sources; `log-record.ts` says what callers may rely on.
 *
 *   append ──▶ memory and the kernel ──(fdatasync, one at a time)──▶ record of the synced length ──▶ `synced` resolves
 *                     ▲                     │ fails
 *                     └── a new segment ◀───┘ with all of it
 *
 * I1  What is appended has been given to the kernel: it outlives this thread, and what the next host of the source reads
 *     has all that was put on edges.
 * I2  `synced` resolves when the bytes, the names and the record of the synced length would outlive a power cut, but for
 *     the record's own last write: that outlives the process, and later frames bear witness in its place.
 * I3  What isn't durable is read from memory, what is from files. So a reader never sees a page that the disk dropped.
 * I4  An opening writes its own files only, from where the log ended when it began. Whoever was replaced may go on
 *     writing into his: from there on they don't count.
 */
import { dirname } from 'node:path';
import type { Clock, Disk } from '../env/env.ts';
import { millraceError } from '../errors.ts';
import { CutIndex } from './cut-index.ts';
import { GroupCommit } from './group-commit.ts';
import { decodeFrame, encodeFrame, FRAME_BYTES, payloadOf } from './log-format.ts';
import type { CutRecord, LogRecord, Placed, SourceLog } from './log-record.ts';
import { recoverLog, type RecoveredLog } from './recovered-log.ts';
import { damaged, readPiece, type SegmentPiece } from './segment-files.ts';
import { Retry } from './retry.ts';
import { removeIfCan, SegmentWriter } from './segment-writer.ts';
import { BEGUN, syncedName, SyncedRecord } from './synced-record.ts';
import { Unsynced } from './unsynced.ts';

export interface SourceLogOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** Made if it is missing. */
  readonly directory: string;
  /** Number of the barrier behind which the process began. */
  readonly start: number;
  /** The disk refuses, and is asked again until it doesn't. Said once a spell. */
  readonly onTrouble: (error: unknown) => void;
  /** The spell is over. @default nobody is told */
  readonly onRecovered?: () => void;
  /** An append that was refused, or was not tried for want of room, is worth a try. */
  readonly onRoom: () => void;
  /** A segment that is longer is closed, and another begun. @default 32 MiB */
  readonly segmentBytes?: number;
  /** What may wait for the disk in memory. @default 64 MiB */
  readonly maxUnsyncedBytes?: number;
  /** How long a record waits that nobody asks for. @default 100 */
  readonly syncEveryMs?: number;
  /** So many bytes don't wait. @default 8 MiB */
  readonly syncEveryBytes?: number;
}

const MIB = 1024 * 1024;
const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * Opens a log, or begins one.
 * @throws `ERR_MILLRACE_LOG_CORRUPT`, or what the disk says
 */
export function openSourceLog(options: SourceLogOptions): SourceLog {
  const { disk, directory, start } = options;
  disk.makeDirectory(directory);
  const recovered = recoverLog(disk, directory);
  const incarnation = recovered.incarnation + 1;
  // Takes the incarnation, so that no two openings have the same.
  disk.open(`${directory}/${syncedName(incarnation)}`).close();
  const log = new SegmentedLog(options, recovered, incarnation);
  const isMissing = log.cutsBehind(start).length > 0 && log.cut(start) === undefined;
  if (start > recovered.trimmed && isMissing)
    throw millraceError(
      'ERR_MILLRACE_LOG_CORRUPT',
      `${directory} has barriers behind ${start}, where the job goes on, but not that one`,
      { context: { file: directory, offset: 0, barrier: start } },
    );
  return log;
}

class SegmentedLog implements SourceLog {
  readonly #options: SourceLogOptions;
  readonly #pieces: SegmentPiece[];
  readonly #cuts: CutIndex;
  readonly #unsynced: Unsynced;
  readonly #writer: SegmentWriter;
  readonly #commit: GroupCommit;
  readonly #retry: Retry;
  /** The newest append was refused: that the rest is durable doesn't end the trouble. */
  #isRefused = false;
  readonly #incarnation: number;
  #record: SyncedRecord | undefined;
  #prepared: Promise<void> | undefined;
  #isSyncing = false;
  #synced: number;
  #first: number;
  #trimmed: number;
  #roomWanted = false;
  #closed = false;
  last: number;

  constructor(options: SourceLogOptions, recovered: RecoveredLog, incarnation: number) {
    const { disk, clock, directory } = options;
    const { synced, last, paths } = recovered;
    this.#options = options;
    this.#incarnation = incarnation;
    this.#synced = synced;
    this.#first = recovered.first;
    this.#trimmed = recovered.trimmed;
    this.last = last;
    this.#cuts = new CutIndex(recovered.cuts);
    this.#pieces = recovered.pieces
      .filter(({ first }) => first <= synced)
      .map((piece) => ({ ...piece, last: Math.min(piece.last, synced) }));
    this.#unsynced = new Unsynced(synced + 1);
    const needed = new Set(this.#pieces.map(({ path }) => path));
    this.#writer = new SegmentWriter(
      {
        disk,
        directory,
        incarnation,
        from: last + 1,
        segmentBytes: options.segmentBytes ?? 32 * MIB,
        pieces: this.#pieces,
      },
      paths.filter((path) => !needed.has(path) && !path.endsWith(`/${BEGUN}`)),
    );
    this.#retry = new Retry({
      clock,
      onTrouble: options.onTrouble,
      onRecovered: options.onRecovered ?? nobody,
      again: () => this.#again(),
    });
    this.#commit = new GroupCommit(
      {
        clock,
        everyMs: options.syncEveryMs ?? 100,
        everyBytes: options.syncEveryBytes ?? 8 * MIB,
        mayRun: () => !this.#retry.isWaiting,
        sync: () => this.#sync(),
      },
      synced,
    );
    if (last > synced) this.#takeOver(recovered);
  }

  get hasRoom(): boolean {
    const isFull = this.#unsynced.byteLength >= (this.#options.maxUnsyncedBytes ?? 64 * MIB);
    const hasRoom = !isFull && !this.#retry.isWaiting && !this.#closed;
    if (!hasRoom) this.#roomWanted = true;
    return hasRoom;
  }

  append(record: LogRecord, tail: Uint8Array = NOTHING): number {
    if (this.#closed) throw millraceError('ERR_MILLRACE_STOPPED', 'the log is closed');
    // What is being synced can't be replaced meanwhile.
    if (this.#retry.isWaiting || (this.#writer.isBroken && this.#isSyncing)) {
      this.#roomWanted = true;
      throw this.#retry.error;
    }
    const payload = payloadOf(record);
    const ordinal = this.last + 1;
    let isAdded = false;
    try {
      if (this.#writer.isBroken) this.#rewrite();
      const frame = this.#unsynced.add(FRAME_BYTES + payload.length + tail.length);
      isAdded = true;
      encodeFrame(frame, record, payload, tail, ordinal, this.#synced);
      this.#writer.write(frame, ordinal);
      this.last = ordinal;
      this.#isRefused = false;
      if (record.kind === 'cut') this.#cuts.add({ ordinal, record });
      this.#commit.added(frame.length);
      return ordinal;
    } catch (error) {
      if (isAdded) this.#unsynced.undo();
      this.#roomWanted = true;
      this.#isRefused = true;
      this.#retry.failed(error);
      throw error;
    }
  }

  synced(ordinal: number): Promise<void> {
    return this.#commit.wait(ordinal);
  }

  *read(behind: number): Generator<Placed, void, void> {
    const { disk, directory } = this.#options;
    if (behind + 1 < this.#first) throw damaged(directory, 0, behind + 1);
    for (let next = behind + 1; next <= this.last;) {
      if (next > this.#synced) {
        // A copy: the frame's place is used again once it is durable.
        yield decodeFrame(this.#unsynced.frame(next).slice(), 0);
        next++;
        continue;
      }
      const piece = this.#pieces.find(({ last }) => last >= next);
      if (piece === undefined || piece.first > next) throw damaged(directory, 0, next);
      const end = Math.min(piece.last, this.#synced);
      yield* readPiece(disk, piece, next, end);
      next = end + 1;
    }
  }

  cut(barrier: number): { readonly ordinal: number; readonly record?: CutRecord } | undefined {
    if (barrier === 0) return this.#first > 1 ? undefined : { ordinal: 0 };
    return this.#cuts.cut(barrier);
  }

  cutsBehind(barrier: number): readonly Placed<CutRecord>[] {
    return this.#cuts.cutsBehind(barrier);
  }

  trim(barrier: number): void {
    const cut = this.#cuts.atOrBefore(barrier);
    if (cut === undefined || cut.ordinal > this.#synced || this.#closed) return;
    this.#cuts.trim(cut.record.barrier.number);
    this.#trimmed = Math.max(this.#trimmed, barrier);
    // The one that is written stays: it is not known what it will have.
    const kept = this.#pieces.findIndex(({ last }) => last >= cut.ordinal);
    if (kept > 0) void this.#remove(this.#pieces.splice(0, kept));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#commit.finish(!this.#retry.isWaiting && this.last > this.#synced).then(() => {
      this.#retry.stop();
      this.#writer.close();
      this.#record?.close();
    });
    this.#retry.stop();
  }

  /** Nobody knows whether it is durable, so it is written again by this opening. */
  #takeOver(recovered: RecoveredLog): void {
    const { disk } = this.#options;
    for (const piece of recovered.pieces) {
      if (piece.last <= this.#synced) continue;
      const first = Math.max(piece.first, this.#synced + 1);
      for (const { ordinal, record } of readPiece(disk, piece, first, piece.last)) {
        const payload = payloadOf(record);
        const frame = this.#unsynced.add(FRAME_BYTES + payload.length);
        encodeFrame(frame, record, payload, NOTHING, ordinal, this.#synced);
      }
    }
    this.#writer.isBroken = true;
    this.#commit.added(this.#unsynced.byteLength);
  }

  #rewrite(): void {
    this.#writer.rewrite(this.#unsynced.pieces(), this.#unsynced.first);
  }

  async #sync(): Promise<void> {
    this.#isSyncing = true;
    let upTo = 0;
    try {
      if (this.#writer.isBroken) this.#rewrite();
      upTo = this.last;
      await this.#prepare();
      await this.#writer.sync();
      this.#write(upTo);
    } catch (error) {
      this.#isSyncing = false;
      if (!this.#closed) this.#retry.failed(error);
      return;
    }
    this.#isSyncing = false;
    this.#synced = upTo;
    this.#unsynced.release(upTo);
    if (!this.#isRefused) this.#retry.over();
    this.#commit.reached(upTo);
    this.#tellRoom();
  }

  /** What only this opening's first sync does: a record of its own, and the names of the directories. */
  #prepare(): Promise<void> {
    this.#prepared ??= this.#begin().catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  async #begin(): Promise<void> {
    const { disk, directory } = this.#options;
    const state = { synced: this.#synced, first: this.#first, trimmed: this.#trimmed };
    const parent = dirname(directory);
    this.#record?.close();
    this.#record = undefined;
    this.#record = new SyncedRecord(disk, directory, this.#incarnation, state);
    await this.#record.sync();
    await Promise.all([directory, parent, dirname(parent)].map((path) => disk.sync(path)));
    const begun = `${directory}/${BEGUN}`;
    if (disk.size(begun) !== undefined) return;
    disk.write(begun, NOTHING);
    await disk.sync(directory);
  }

  #write(synced: number): void {
    this.#record!.write({ synced, first: this.#first, trimmed: this.#trimmed });
  }

  /** The disk is asked again. */
  #again(): void {
    this.#tellRoom();
    this.#commit.run();
  }

  #tellRoom(): void {
    if (!this.#roomWanted || !this.hasRoom) return;
    this.#roomWanted = false;
    this.#options.onRoom();
  }

  /** The record says first that they aren't needed, durably: else a start would miss them. */
  async #remove(pieces: readonly SegmentPiece[]): Promise<void> {
    const { disk } = this.#options;
    this.#first = this.#pieces[0]!.first;
    try {
      await this.#prepare();
      // Both slots, so that one that is damaged later doesn't ask for what is gone.
      this.#write(this.#synced);
      this.#write(this.#synced);
      await this.#record!.sync();
      const needed = new Set(this.#pieces.map(({ path }) => path));
      for (const { path } of pieces) if (!needed.has(path)) removeIfCan(disk, path);
    } catch {
      // The next opening removes what lies before the first that is needed.
    }
  }
}

function nobody(): void {}
