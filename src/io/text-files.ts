/**
 * The source of `textFileStream`: at each batch boundary, the files that came into a directory since.
 *
 * Taken at time t: a file whose name doesn't begin with a dot, whose modification time lies in the window
 * (max(start if newFilesOnly, t − remember), t − settle], and which wasn't taken before. Files come in the order of
 * modification time, then name; a file is whole in one batch; the i-th file of a batch is in partition i mod P.
 *
 * I1  A file is taken once, by name, within `remember`. One that can't be read is tried again at the next boundary, and
 *     holds back no other.
 * I2  A batch holds at most half of what an edge may retain, a partition. What is more comes with the batches after it,
 *     in order; a single file that is larger is cut at line ends.
 * I3  With a note that outlives the thread, a successor asked for the same batch gives the same bytes, and goes on behind
 *     it: no file is lost or read twice.
 * I4  What Spark loses in silence is told: a file that changes after it was taken, and one that comes with a
 *     modification time before the window, are each a `possibleGap`.
 */
import { open, readdir, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { millraceError } from '../errors.ts';
import { LineCutter, type LongLinePolicy } from './line-cutter.ts';
import type { PulledBatch, Source, SourceContext } from './source.ts';

export interface TextFilesOptions {
  readonly directory: string;
  readonly batchIntervalMs: number;
  /** Leaves out files that were there before the start. @default true */
  readonly newFilesOnly?: boolean;
  /** How far back a modification time may lie, in ms; rounded up to whole batches. @default 60_000 */
  readonly rememberMs?: number;
  /** How long a file must have been left alone, in ms, so that one being written isn't taken. @default 0 */
  readonly settleMs?: number;
  /** As for sockets. @default 1 MiB */
  readonly maxLineBytes?: number;
  /** As for sockets. @default 'fail' */
  readonly onLongLine?: LongLinePolicy;
}

interface Found {
  readonly name: string;
  readonly mtimeMs: number;
  readonly size: number;
}

interface Taken {
  /** The time of the batch. */
  readonly time: number;
  mtimeMs: number;
  size: number;
}

/** A file on its way into batches. What is before `offset`, where a line begins, is in one. */
interface Pending {
  readonly name: string;
  offset: number;
}

/** What a successor must know. */
interface Note {
  readonly startMs: number;
  /** The newest batch that took something, or 0. */
  readonly time: number;
  /** What was pending before that batch was read, and what was left. */
  readonly before: readonly Pending[];
  readonly after: readonly Pending[];
  readonly taken: readonly (readonly [string, Taken])[];
}

/** The text of one partition of a batch, piece by piece. */
interface Gathered {
  readonly pieces: Uint8Array[];
  bytes: number;
}

const STATS_AT_ONCE = 64;

export class TextFilesSource implements Source {
  readonly #options: TextFilesOptions;
  readonly #rememberMs: number;
  #context: SourceContext | undefined;
  #maxLineBytes = 0;
  #startMs = 0;
  readonly #taken = new Map<string, Taken>();
  /** Names that were there with a modification time before the window; undefined before the first look. */
  #old: Set<string> | undefined;
  #pending: Pending[] = [];
  /** A batch that the thread before may have sent in part: asked for again, it is this. */
  #again: Note | undefined;
  #error: unknown;

  constructor(options: TextFilesOptions) {
    const { rememberMs = 60_000, batchIntervalMs } = options;
    this.#options = options;
    this.#rememberMs = Math.ceil(rememberMs / batchIntervalMs) * batchIntervalMs;
  }

  open(context: SourceContext): void {
    const { newFilesOnly = true, maxLineBytes = 1 << 20 } = this.#options;
    this.#context = context;
    this.#maxLineBytes = Math.min(maxLineBytes, Math.floor(context.maxBlockBytes / 2));
    this.#startMs = newFilesOnly ? context.env.clock.now() : 0;
    const note = context.note?.read() as Note | undefined;
    if (note === undefined) {
      this.#keep(context, 0, []);
    } else {
      this.#startMs = note.startMs;
      this.#pending = copy(note.after);
      for (const [name, taken] of note.taken) this.#taken.set(name, taken);
      this.#again = note;
    }
    context.state('connected');
  }

  async pull(time: number): Promise<PulledBatch> {
    const context = this.#context;
    if (context === undefined) return { partitions: [] };
    const before = this.#error;
    this.#error = undefined;
    if (time === this.#again?.time) {
      this.#pending = copy(this.#again.before);
    } else {
      try {
        this.#select(await list(this.#options.directory), time, context);
      } catch (error) {
        this.#error = error;
      }
    }
    const pending = copy(this.#pending);
    const partitions = await this.#read(context);
    try {
      if (pending.length > 0) this.#keep(context, time, pending);
    } catch (error) {
      // The batch is empty, then: what was read for it is read again for the next one.
      this.#pending = pending;
      throw error;
    }
    if (this.#error !== undefined) this.#tellError(context, this.#error);
    else if (before !== undefined) context.state('connected');
    return { partitions };
  }

  close(): void {
    this.#context = undefined;
  }

  #select(found: readonly Found[], time: number, context: SourceContext): void {
    const { settleMs = 0 } = this.#options;
    const after = Math.max(this.#startMs, time - this.#rememberMs);
    const old = new Set<string>();
    for (const file of found.toSorted(byTimeThenName)) {
      const taken = this.#taken.get(file.name);
      if (taken !== undefined) {
        this.#tellChange(taken, file, context);
      } else if (file.mtimeMs <= after) {
        old.add(file.name);
        if (this.#old?.has(file.name) === false) {
          context.possibleGap(
            `${this.#path(file.name)} is not read: its modification time lies before the window`,
          );
        }
      } else if (file.mtimeMs <= time - settleMs) {
        this.#taken.set(file.name, { time, mtimeMs: file.mtimeMs, size: file.size });
        this.#pending.push({ name: file.name, offset: 0 });
      }
    }
    for (const [name, { time: takenAt }] of this.#taken) {
      if (takenAt > time - this.#rememberMs) continue;
      this.#taken.delete(name);
      old.add(name);
    }
    this.#old = old;
  }

  #tellChange(taken: Taken, now: Found, context: SourceContext): void {
    if (taken.size === now.size && taken.mtimeMs === now.mtimeMs) return;
    if (this.#pending.some((file) => file.name === now.name)) return;
    taken.size = now.size;
    taken.mtimeMs = now.mtimeMs;
    context.possibleGap(
      `${this.#path(now.name)} was changed after it was taken: the change is not read`,
    );
  }

  #keep(context: SourceContext, time: number, before: readonly Pending[]): void {
    const note: Note = {
      startMs: this.#startMs,
      time,
      before,
      after: this.#pending,
      taken: [...this.#taken],
    };
    context.note?.write(note);
  }

  /** Reads what is pending, as much as fits (I2). */
  async #read(context: SourceContext): Promise<Uint8Array[]> {
    const gathered = Array.from({ length: context.partitions }, (): Gathered => ({
      pieces: [],
      bytes: 0,
    }));
    for (let i = 0; this.#pending.length > 0; i++) {
      const file = this.#pending[0]!;
      const isDone = await this.#readFile(file, gathered[i % gathered.length]!, context);
      if (!isDone) break;
      this.#pending.shift();
    }
    return gathered.map(({ pieces }) => (pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)));
  }

  /** True when the file is done with: read to its end, or given up for now. */
  async #readFile(file: Pending, into: Gathered, context: SourceContext): Promise<boolean> {
    const mostBytes = 2 * context.maxBlockBytes;
    const cutter = new LineCutter(this.#maxLineBytes, this.#options.onLongLine ?? 'fail');
    cutter.start(file.offset);
    let handle: FileHandle | undefined;
    try {
      handle = await open(this.#path(file.name));
      const { size, mtimeMs } = await handle.stat();
      if (into.bytes > 0 && into.bytes + size - file.offset > mostBytes) return false;
      let at = file.offset;
      let isEnd = false;
      // All of it; of a larger one a good part, which is more only if a line to be left out is that long.
      do {
        const chunk = Buffer.allocUnsafeSlow(Math.max(0, Math.min(size - at, mostBytes)));
        const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
        at += bytesRead;
        isEnd = at >= size || bytesRead === 0;
        gather(cutter, chunk.subarray(0, bytesRead), into, isEnd);
      } while (!isEnd && cutter.position === file.offset && !cutter.tooLong);
      if (cutter.tooLong) {
        context.fail(this.#lineTooLong(context, file));
        return false;
      }
      count(cutter, context);
      file.offset = isEnd ? at : cutter.position;
      const taken = this.#taken.get(file.name);
      if (taken !== undefined) {
        taken.size = at;
        taken.mtimeMs = Math.round(mtimeMs);
      }
      return isEnd;
    } catch (error) {
      this.#error = error;
      if (file.offset === 0) this.#taken.delete(file.name);
      else
        context.possibleGap(
          `${this.#path(file.name)} could be read up to byte ${file.offset} only`,
        );
      return true;
    } finally {
      await handle?.close();
    }
  }

  #path(name: string): string {
    return join(this.#options.directory, name);
  }

  #tellError(context: SourceContext, cause: unknown): void {
    const { directory, batchIntervalMs } = this.#options;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const error = millraceError(
      'ERR_MILLRACE_CONNECT',
      `${context.name}: cannot read from ${directory}: ${reason}; tried again with the next batch`,
      { cause, context: { source: context.name, path: directory } },
    );
    context.state('disconnected', { error, retryInMs: batchIntervalMs });
  }

  #lineTooLong(context: SourceContext, file: Pending): Error {
    const path = this.#path(file.name);
    return millraceError(
      'ERR_MILLRACE_LINE_TOO_LONG',
      `${context.name}: a line of ${path} is longer than ${this.#maxLineBytes} bytes, the maxLineBytes of ` +
        "textFileStream. Raise it (and retainBytes to at least eight times as much), or say onLongLine: 'cut' or 'skip'",
      { context: { source: context.name, path, maxLineBytes: this.#maxLineBytes } },
    );
  }
}

function copy(files: readonly Pending[]): Pending[] {
  return files.map((file) => ({ ...file }));
}

async function list(directory: string): Promise<Found[]> {
  const names = (await readdir(directory)).filter((name) => !name.startsWith('.'));
  const found: Found[] = [];
  for (let at = 0; at < names.length; at += STATS_AT_ONCE) {
    const some = await Promise.all(
      names.slice(at, at + STATS_AT_ONCE).map((name) => find(directory, name)),
    );
    for (const file of some) if (file !== undefined) found.push(file);
  }
  return found;
}

async function find(directory: string, name: string): Promise<Found | undefined> {
  try {
    const stats = await stat(join(directory, name));
    return stats.isFile()
      ? { name, mtimeMs: Math.round(stats.mtimeMs), size: stats.size }
      : undefined;
  } catch {
    // It is gone again.
    return undefined;
  }
}

function byTimeThenName(a: Found, b: Found): number {
  return a.mtimeMs - b.mtimeMs || (a.name < b.name ? -1 : 1);
}

/** `chunk` is not written again, so pieces may lie in it. What the cutter carried must be copied. */
function gather(cutter: LineCutter, chunk: Uint8Array, into: Gathered, isEnd: boolean): void {
  if (chunk.length > 0) cutter.feed(chunk);
  for (let isFinished = false; ;) {
    while (cutter.next()) {
      const { head, tail } = cutter;
      if (head.length > 0) into.pieces.push(head.slice());
      if (tail.length > 0) into.pieces.push(tail);
      into.bytes += head.length + tail.length;
      cutter.taken();
    }
    if (!isEnd || isFinished || cutter.tooLong) return;
    cutter.finish();
    isFinished = true;
  }
}

function count(cutter: LineCutter, context: SourceContext): void {
  if (cutter.linesCut > 0) context.counted('linesCut', cutter.linesCut);
  if (cutter.linesSkipped > 0) context.counted('linesSkipped', cutter.linesSkipped);
  cutter.linesCut = cutter.linesSkipped = 0;
}
