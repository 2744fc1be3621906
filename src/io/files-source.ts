/**
 * The source of `textFileStream`, `fileStream` and `binaryRecordsStream`: at each batch boundary, the files that came
 * into a directory since.
 *
 * Taken at time t: a file whose name is wanted, whose modification time lies in the window (max(start if newFilesOnly,
 * t − remember), t], which has settled, and which wasn't taken before. Files come in the order of modification time, then
 * name; a file is whole in one batch; the i-th file of a batch is in partition i mod P. One that is too large goes on in the
 * next partition, and then in the next batch.
 *
 * Text goes out as bytes. Of all other formats the workers make the records (`dstream/run/file-records.ts`): they get rows
 * `[path, at, bytes, header?]`, pieces of whole records.
 *
 * I1  A file is taken once, by path, within `remember`. One that can't be read is tried again at the next boundary, and
 *     holds back no other.
 * I2  A batch holds at most half of what an edge may retain, a partition, and no more than the rate allows. What is more
 *     comes with the batches after it, in order; a single file that is larger is cut between records. A compressed file
 *     is taken to be EXPANDS times as large as it is.
 * I3  With a note that outlives the thread, a successor asked for the same batch gives the same, and goes on behind it: no
 *     file is lost or read twice.
 *     With cuts that are recorded the same holds for another process, and for each batch that a note tells of. What came
 *     while there was none is taken: the window of the first look reaches back to the last one.
 * I4  What Spark loses in silence is told: a file that changes after it was taken, and one that comes with a
 *     modification time before the window, are each a `possibleGap`.
 */
import { stat } from 'node:fs/promises';
import { millraceError } from '../errors.ts';
import { BadContent, compressionOf, type Compression } from './file-bytes.ts';
import { FileFaults } from './file-faults.ts';
import { FileSelection, type Taken } from './file-selection.ts';
import type { LongLinePolicy } from './line-cutter.ts';
import { listFiles } from './list-files.ts';
import { OpenFile, type Piece, splitFixed, splitLines, type Splitter } from './open-file.ts';
import {
  csvFrom,
  endOfCsv,
  fixedFrom,
  linesFrom,
  LinePieces,
  type PieceCutter,
} from './piece-cutter.ts';
import type { PulledBatch, PulledPartition, Source, SourceContext } from './source.ts';

export interface FilesOptions {
  /** A directory, or a pattern that matches directories. */
  readonly directory: string;
  readonly batchIntervalMs: number;
  /** @default 'text' */
  readonly format?: 'text' | 'json' | 'csv' | 'binary';
  /** Which files, by name. @default those that don't begin with a dot */
  readonly filter?: (name: string, path: string) => unknown;
  /** Leaves out files that were there before the start. @default true */
  readonly newFilesOnly?: boolean;
  /** How far back a modification time may lie, in ms; rounded up to whole batches. @default 60_000 */
  readonly rememberMs?: number;
  /** How long a file must have been left alone, in ms, so that one being written isn't taken. @default 0 */
  readonly settleMs?: number;
  /** @default 'auto': by the ending of the name */
  readonly compression?: Compression;
  /** As for sockets; of JSON and CSV a record. @default 1 MiB */
  readonly maxLineBytes?: number;
  /** Of text, as for sockets. @default 'fail' */
  readonly onLongLine?: LongLinePolicy;
  /** What is no record, or no content: fails the job, or is left out and told of. @default 'fail' */
  readonly onBadRecord?: 'fail' | 'deadLetter';
  /** Of CSV. @default ',' */
  readonly separator?: string;
  /** Of CSV: `true` if the first record of each file names its fields. */
  readonly header?: boolean | readonly string[];
  /** Of binary records. */
  readonly recordLength?: number;
}

/** A file on its way into batches. What is before `offset`, where a record begins, is in one; so many lines. */
interface Pending {
  readonly path: string;
  offset: number;
  line: number;
}

/** What a successor must know. */
interface Note {
  readonly startMs: number;
  /** The newest batch that took something, or of those that are recorded the newest one; or 0. */
  readonly time: number;
  /** Records that it was allowed; null for any number. */
  readonly limit: number | null;
  /** What was pending before that batch was read, how far each file of it was read for it, and what was left. */
  readonly before: readonly Pending[];
  readonly read: readonly (readonly [string, number])[];
  readonly after: readonly Pending[];
  readonly taken: readonly (readonly [string, Taken])[];
}

/** One partition of a batch, piece by piece. */
interface Gathered {
  readonly pieces: Uint8Array[];
  readonly rows: (readonly [string, number, Uint8Array, string?])[];
  bytes: number;
}

const TEXT_WINDOW_BYTES: number = 1 << 20;
/** Of other formats: what a worker takes in one go. */
const RECORDS_WINDOW_BYTES: number = 1 << 16;
/** How much larger the content of a compressed file is taken to be. */
const EXPANDS = 8;

export class FilesSource implements Source {
  readonly #options: FilesOptions;
  readonly #format: NonNullable<FilesOptions['format']>;
  readonly #wanted: (name: string, path: string) => boolean;
  readonly #split: Splitter;
  #context: SourceContext | undefined;
  #maxLineBytes = 0;
  #windowBytes = 0;
  /** The most that a partition gets in a batch. */
  #mostBytes = 0;
  #startMs = 0;
  #selection: FileSelection | undefined;
  #pending: Pending[] = [];
  #opened: OpenFile | undefined;
  /** Of the file in hand, if its first record names the fields. */
  #header: string | undefined;
  /** A batch that the thread before may have sent in part: asked for again, it is this. */
  #again: Note | undefined;
  /** Of the batch at hand: how far each file was read. */
  #reached = new Map<string, number>();
  /** The batch at hand is given again: no file is read further than it was for it. */
  #ends: ReadonlyMap<string, number> | undefined;
  /** Files of that batch that had more. */
  #unfinished: ReadonlySet<string> = new Set();
  #faults: FileFaults | undefined;
  #isPulling = false;
  #error: unknown;

  constructor(options: FilesOptions) {
    const { format = 'text', filter, separator = ',', recordLength = 1 } = options;
    this.#options = options;
    this.#format = format;
    this.#wanted =
      filter === undefined
        ? (name) => !name.startsWith('.')
        : (name, path) => Boolean(filter(name, path));
    this.#split =
      format === 'binary'
        ? splitFixed(recordLength)
        : format === 'csv'
          ? (piece, most) => endOfCsv(piece, separator, most)
          : splitLines;
  }

  open(context: SourceContext): void {
    const { newFilesOnly = true, maxLineBytes = 1 << 20, settleMs = 0 } = this.#options;
    const { rememberMs = 60_000, batchIntervalMs } = this.#options;
    this.#context = context;
    this.#maxLineBytes = Math.min(maxLineBytes, Math.floor(context.maxBlockBytes / 2));
    this.#mostBytes = 2 * context.maxBlockBytes;
    this.#windowBytes = Math.min(
      this.#format === 'text' ? TEXT_WINDOW_BYTES : RECORDS_WINDOW_BYTES,
      context.maxBlockBytes >>> 1,
    );
    const note = context.note?.read() as Note | undefined;
    this.#startMs = note?.startMs ?? (newFilesOnly ? context.env.clock.now() : 0);
    this.#selection = new FileSelection(this.#startMs, note?.taken ?? [], {
      rememberMs: Math.ceil(rememberMs / batchIntervalMs) * batchIntervalMs,
      settleMs,
      ...(note !== undefined && context.isRecorded === true
        ? { lookedAtMs: note.time, batchIntervalMs }
        : {}),
      gap: (detail) => context.possibleGap(detail),
    });
    this.#faults = new FileFaults(context, {
      isText: this.#format === 'text',
      maxLineBytes: this.#maxLineBytes,
      mayLeaveOut: this.#options.onBadRecord === 'deadLetter',
    });
    this.#pending = copy(note?.after ?? []);
    this.#again = note;
    if (note === undefined) {
      const first = this.#noteOf(0, null, []);
      if (context.note?.begin === undefined) context.note?.write(first);
      else context.note.begin(first);
    }
    context.state('connected');
  }

  async pull(time: number, note?: unknown): Promise<PulledBatch> {
    const context = this.#context;
    if (context === undefined) return { partitions: [] };
    this.#isPulling = true;
    try {
      if (note !== undefined) return await this.#pullAgain(note as Note, context, true);
      return time === this.#again?.time && context.isRecorded !== true
        ? await this.#pullAgain(this.#again, context, false)
        : await this.#pull(time, context);
    } finally {
      this.#isPulling = false;
      if (this.#context === undefined) await this.#closeFile();
    }
  }

  async close(): Promise<void> {
    this.#context = undefined;
    if (!this.#isPulling) await this.#closeFile();
  }

  async #pull(time: number, context: SourceContext): Promise<PulledBatch> {
    const before = this.#error;
    this.#error = undefined;
    await this.#select(time, context);
    const limit = this.#limit(context);
    const pending = copy(this.#pending);
    const partitions = await this.#read(context, limit ?? Infinity);
    try {
      if (pending.length > 0 || context.isRecorded === true)
        context.note?.write(this.#noteOf(time, limit, pending));
    } catch (error) {
      // The batch is empty, then: what was read for it is read again for the next one.
      this.#pending = pending;
      throw error;
    }
    if (this.#error !== undefined) this.#tellError(context, this.#error);
    else if (before !== undefined) context.state('connected');
    return { partitions };
  }

  /**
   * The batch of a note, as it was given. What is pending now stays as it is.
   * @param mayThrow it is asked for again then
   */
  async #pullAgain(note: Note, context: SourceContext, mayThrow: boolean): Promise<PulledBatch> {
    const [pending, selection] = [this.#pending, this.#selection];
    this.#pending = copy(note.before);
    this.#selection = new FileSelection(note.startMs, note.taken, {
      rememberMs: 0,
      settleMs: 0,
      gap: () => {},
    });
    this.#faults!.isAgain = true;
    this.#error = undefined;
    this.#ends = new Map(note.read);
    this.#unfinished = new Set(note.after.map(({ path }) => path));
    try {
      const partitions = await this.#read(context, note.limit ?? Infinity);
      const error: unknown = this.#error;
      if (error !== undefined && mayThrow && !isMissing(error)) throw error;
      if (error !== undefined)
        context.possibleGap(
          `files of the batch at ${note.time} ms, which is given again, can't be read any more: ${messageOf(error)}`,
        );
      return { partitions };
    } finally {
      this.#error = undefined;
      this.#ends = undefined;
      this.#pending = pending;
      this.#selection = selection;
      this.#faults!.isAgain = false;
    }
  }

  async #select(time: number, context: SourceContext): Promise<void> {
    try {
      const found = await listFiles(this.#options.directory, this.#wanted);
      const taken = this.#selection!.take(found, time, context.env.clock.now(), (path) =>
        this.#pending.some((file) => file.path === path),
      );
      for (const { path } of taken) this.#pending.push({ path, offset: 0, line: 0 });
    } catch (error) {
      this.#error = error;
    }
  }

  /** Records that the rate allows in a batch; null for any number. */
  #limit(context: SourceContext): number | null {
    const records = (context.rate() * this.#options.batchIntervalMs) / 1000;
    return records === Infinity ? null : Math.max(1, Math.floor(records));
  }

  #noteOf(time: number, limit: number | null, before: readonly Pending[]): Note {
    return {
      startMs: this.#startMs,
      time,
      limit,
      before,
      read: [...this.#reached],
      after: copy(this.#pending),
      taken: this.#selection!.taken,
    };
  }

  /** Reads what is pending, as much as fits and the rate allows (I2). */
  async #read(context: SourceContext, limit: number): Promise<PulledPartition[]> {
    const gathered = Array.from({ length: context.partitions }, (): Gathered => ({
      pieces: [],
      rows: [],
      bytes: 0,
    }));
    let left = limit;
    this.#reached = new Map();
    for (let i = 0; this.#pending.length > 0 && left > 0; i++) {
      const file = this.#pending[0]!;
      const into = gathered[i % gathered.length]!;
      if (!this.#fits(file, into)) break;
      const { isDone, records } = await this.#readFile(file, into, left, context);
      left -= records;
      this.#reached.set(file.path, file.offset);
      if (isDone) this.#pending.shift();
      // A large file goes on in the next partition, while that is empty.
      else if (i + 1 >= gathered.length) break;
    }
    return gathered.map(({ pieces, rows }) =>
      this.#format !== 'text' ? rows : pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces),
    );
  }

  /** Whether there is room for the file, as far as its size says. */
  #fits(file: Pending, into: Gathered): boolean {
    if (into.bytes === 0) return true;
    const { compression = 'auto' } = this.#options;
    const kind = compression === 'auto' ? compressionOf(file.path) : compression;
    const bytes = this.#selection!.sizeOf(file.path) * (kind === 'none' ? 1 : EXPANDS);
    return into.bytes + bytes - file.offset <= this.#mostBytes;
  }

  /** Done: read to its end, or given up for now. */
  async #readFile(
    file: Pending,
    into: Gathered,
    limit: number,
    context: SourceContext,
  ): Promise<{ readonly isDone: boolean; readonly records: number }> {
    let records = 0;
    let isDone = false;
    const end = this.#ends === undefined ? Infinity : (this.#ends.get(file.path) ?? 0);
    if (file.offset >= end) return { isDone: !this.#unfinished.has(file.path), records };
    try {
      const opened = await this.#openFile(file);
      while (records < limit && file.offset < end) {
        const room = into.bytes === 0 ? Infinity : this.#mostBytes - into.bytes;
        const piece = await opened.next(limit - records, room);
        this.#faults!.skipped(opened.cutter, file);
        if (piece === undefined) {
          isDone = !opened.hasMore && this.#ended(opened, file);
          break;
        }
        records += piece.records;
        this.#gather(file, piece, into);
        file.offset = opened.offset;
        file.line = opened.line;
      }
      if (file.offset >= end) isDone = !this.#unfinished.has(file.path);
      if (isDone) await this.#wasRead(file);
    } catch (error) {
      isDone = this.#failed(file, error, context);
    }
    if (isDone) await this.#closeFile();
    return { isDone, records };
  }

  async #openFile(file: Pending): Promise<OpenFile> {
    const opened = this.#opened;
    if (opened?.path === file.path && opened.offset === file.offset) return opened;
    await this.#closeFile();
    if (this.#options.header === true) this.#header = await this.#readHeader(file.path);
    return (this.#opened = await this.#openAt(file.path, file));
  }

  #openAt(path: string, at: { readonly offset: number; readonly line: number }): Promise<OpenFile> {
    return OpenFile.open(path, at, {
      compression: this.#options.compression ?? 'auto',
      windowBytes: this.#windowBytes,
      cutter: this.#cutter(at.offset),
      split: this.#split,
    });
  }

  async #readHeader(path: string): Promise<string> {
    const opened = await this.#openAt(path, { offset: 0, line: 0 });
    try {
      const first = await opened.next(1, Infinity);
      return Buffer.from(first?.bytes ?? '')
        .toString('utf8')
        .replace(/^\uFEFF/, '');
    } finally {
      await opened.close();
    }
  }

  async #closeFile(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.close();
  }

  #cutter(from: number): PieceCutter {
    const { onLongLine = 'fail', onBadRecord, separator = ',', recordLength = 1 } = this.#options;
    const maySkip = onBadRecord === 'deadLetter';
    switch (this.#format) {
      case 'text':
        return new LinePieces(from, this.#maxLineBytes, onLongLine);
      case 'json':
        return linesFrom(from, this.#maxLineBytes, maySkip);
      case 'csv':
        return csvFrom(from, this.#maxLineBytes, maySkip, separator);
      case 'binary':
        return fixedFrom(from, recordLength);
    }
  }

  #gather(file: Pending, { bytes, offset, line }: Piece, into: Gathered): void {
    into.bytes += bytes.length;
    if (this.#format === 'text') into.pieces.push(bytes);
    else {
      const at = this.#format === 'binary' ? offset : line;
      into.rows.push(
        this.#header === undefined ? [file.path, at, bytes] : [file.path, at, bytes, this.#header],
      );
    }
  }

  /** All of it was read: what it is now is known. */
  async #wasRead(file: Pending): Promise<void> {
    const { size, mtimeMs } = await stat(file.path);
    if (size === file.offset) this.#selection!.wasRead(file.path, size, Math.round(mtimeMs));
  }

  /** There is nothing more to give. True when the file is done with. */
  #ended({ cutter }: OpenFile, file: Pending): boolean {
    if (cutter.fault === 'tooLong') {
      this.#faults!.tooLong(file);
      return false;
    }
    if (cutter.fault === 'remainder') {
      const { recordLength } = this.#options;
      const why = `what is left is shorter than a record, which has ${recordLength} bytes`;
      return this.#faults!.rest(file, why);
    }
    file.offset = cutter.position;
    return true;
  }

  #failed(file: Pending, error: unknown, context: SourceContext): boolean {
    if (error instanceof BadContent)
      return this.#faults!.rest(file, `its compressed content is broken (${error.message})`);
    if ((error as { code?: unknown }).code === 'ERR_MILLRACE_UNSUPPORTED') {
      context.fail(error);
      return false;
    }
    // Tried again at the next boundary, if nothing of it is in a batch.
    this.#error = error;
    if (file.offset === 0) this.#selection!.forget(file.path);
    else context.possibleGap(`${file.path} could be read up to byte ${file.offset} only`);
    return true;
  }

  #tellError(context: SourceContext, cause: unknown): void {
    const { directory, batchIntervalMs } = this.#options;
    const reason = messageOf(cause);
    const error = millraceError(
      'ERR_MILLRACE_CONNECT',
      `${context.name}: cannot read from ${directory}: ${reason}; tried again with the next batch`,
      { cause, context: { source: context.name, path: directory } },
    );
    context.state('disconnected', { error, retryInMs: batchIntervalMs });
  }
}

function copy(files: readonly Pending[]): Pending[] {
  return files.map((file) => ({ ...file }));
}

function isMissing(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'ENOENT';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
