/**
 * A sink that writes records as lines of files, each exactly once whatever dies: transactional files (`plan/sink.ts`).
 *
 *   directory/.part-0.life-0.tmp   what came since the newest recovery point     ──point counts──▶  directory/part-0-17
 *
 * An instance writes a file of its own. At a recovery point the file is ended and named in the hand-over; the coordinator
 * gives it its name, instance and number of the point, once the point counts. Numbers ascend for the life of a checkpoint
 * directory, so a process that goes on adds files, and what it makes again has the name that it had.
 *
 * I1  A file that has its name is complete. It changes only if the job went back behind it, to an older checkpoint: then
 *     what is made again replaces it, and what isn't made again is removed.
 * I2  A temporary file has the life of its writer in its name, so a thread that was replaced and still runs writes where
 *     nobody looks. The successor of an instance removes what such ones left, but what was prepared and may yet count.
 * I3  What a full disk took of a piece is cut off before the piece is written again.
 */
import { join, resolve } from 'node:path';
import type { Publication } from '../actors/task.ts';
import { badOption, checkOptions, checkText } from '../dstream/arguments.ts';
import { callSiteText } from '../dstream/call-site.ts';
import type { Kept, Sink, SinkContext, SinkSpec } from '../topology/sink.ts';

/** So much is written at once. */
const WRITE_CHARACTERS = 64 * 1024;

export interface FilesOptions<T> {
  /** A line, without its end. @default text as it is, anything else as JSON */
  readonly format?: (record: T) => string;
  /** Files are called `prefix-instance-point`. @default 'part' */
  readonly prefix?: string;
}

/**
 * Writes records as lines into files of a directory, which is made. A file appears at a checkpoint, complete, and holds
 * what one instance got since the one before. A directory belongs to one job. Transactional: each record is there once,
 * with a checkpoint directory also when the process dies.
 */
export function files<T>(directory: string, options: FilesOptions<T> = {}): SinkSpec<T> {
  const call = { operator: 'files', callSite: callSiteText() };
  checkText(call, 'directory', directory);
  checkOptions(call, options, ['format', 'prefix']);
  const { format = asLine, prefix = 'part' } = options;
  if (!/^[\w-]+$/.test(prefix)) throw badOption(call, 'prefix', 'letters, digits, _ and -', prefix);
  return {
    kind: 'files',
    params: { directory, prefix },
    delivery: 'transactional',
    make: () => new FileSink<T>(directory, prefix, format),
  };
}

class FileSink<T> implements Sink<T> {
  readonly #directory: string;
  readonly #prefix: string;
  readonly #format: (record: T) => string;
  #ctx!: SinkContext;
  #target = '';
  #files = 0;
  #isMade = false;
  /** Of the temporary file that is written. */
  #path: string | undefined;
  #bytes = 0;
  /** A piece may be there in part. */
  #isTorn = false;
  /** What is to be added to it. */
  #text = '';

  constructor(directory: string, prefix: string, format: (record: T) => string) {
    // A manifest names files, whatever the directory is in which the process that reads it is started.
    this.#directory = resolve(directory);
    this.#prefix = prefix;
    this.#format = format;
  }

  open(ctx: SinkContext): void {
    this.#ctx = ctx;
    this.#target = `${this.#prefix}-${ctx.instance}`;
  }

  recover(durable: number, kept: readonly Kept[]): void | Promise<void> {
    const publications = kept.flatMap(({ publish }) => publish);
    const needed = new Set(publications.flatMap(({ from, to }) => [from, to]));
    return this.#ctx.patiently(() => {
      for (const name of this.#names()) {
        const path = join(this.#directory, name);
        if (!needed.has(originalOf(path)) && this.#isStale(name, durable))
          this.#ctx.disk.remove(path);
      }
    });
  }

  process(records: readonly T[]): void | Promise<void> {
    const format = this.#format;
    for (let i = 0; i < records.length; i++) this.#text += `${format(records[i]!)}\n`;
    return this.#text.length >= WRITE_CHARACTERS ? this.#write() : undefined;
  }

  publish(id: number): readonly Publication[] | Promise<readonly Publication[]> {
    const written = this.#write();
    return written === undefined ? this.#ended(id) : written.then(() => this.#ended(id));
  }

  #ended(id: number): readonly Publication[] {
    const from = this.#path;
    this.#path = undefined;
    this.#bytes = 0;
    return from === undefined ? [] : [{ from, to: join(this.#directory, `${this.#target}-${id}`) }];
  }

  #write(): void | Promise<void> {
    if (this.#text === '') return undefined;
    const piece = Buffer.from(this.#text);
    this.#text = '';
    return this.#ctx.patiently(() => this.#append(piece));
  }

  /** May have been begun before (I3). */
  #append(piece: Uint8Array): void {
    const { disk, life } = this.#ctx;
    if (!this.#isMade) disk.makeDirectory(this.#directory);
    this.#isMade = true;
    const path = (this.#path ??= join(
      this.#directory,
      `.${this.#target}.${life}-${this.#files++}.tmp`,
    ));
    if (this.#isTorn && disk.size(path) !== undefined) {
      const file = disk.open(path);
      try {
        file.truncate(this.#bytes);
      } finally {
        file.close();
      }
    }
    this.#isTorn = true;
    disk.append(path, piece);
    this.#isTorn = false;
    this.#bytes += piece.length;
  }

  #names(): readonly string[] {
    try {
      return this.#ctx.disk.list(this.#directory);
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return [];
      throw error;
    }
  }

  /** Nobody's, or of a point that the job went back behind. Without a checkpoint directory old files are other runs'. */
  #isStale(name: string, durable: number): boolean {
    if (name.startsWith(`.${this.#target}.`)) return originalOf(name).endsWith('.tmp');
    const { start = 0 } = this.#ctx;
    const number = name.startsWith(`${this.#target}-`) ? name.slice(this.#target.length + 1) : '';
    return start > 0 && /^\d+$/.test(number) && Number(number) > durable;
  }
}

/** A file that could not be synced has a copy (`synced-files.ts`), which is needed as it is. */
function originalOf(path: string): string {
  return path.replace(/-copy\d+$/, '');
}

function asLine(record: unknown): string {
  return typeof record === 'string' ? record : (JSON.stringify(record) ?? String(record));
}
