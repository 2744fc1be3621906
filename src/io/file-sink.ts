/**
 * A sink that writes records as lines of files, each exactly once whatever dies: transactional (`topology/sink.ts`).
 *
 *   directory/.life-…-0.tmp   what came since the newest recovery point     ──point counts──▶  directory/part-0-17
 *
 * An instance writes a file of its own. At a recovery point the file is ended and named in the hand-over; the coordinator
 * gives it its name, instance and number of the point, once the point counts. A run of the job writes into a directory
 * of its own; old files in it are left alone.
 *
 * I1  A file that has its name is complete and never changes.
 * I2  A temporary file has the life of its writer in its name, so a thread that was replaced and still runs writes where
 *     nobody looks. The successor of an instance removes what such ones left.
 */
import { join } from 'node:path';
import type { Publication } from '../actors/task.ts';
import { callSiteText } from '../dstream/call-site.ts';
import type { Disk } from '../env/env.ts';
import { badOption, checkOptions, checkText } from '../dstream/arguments.ts';
import type { Sink, SinkContext, SinkSpec } from '../topology/sink.ts';

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
 * what one instance got since the one before.
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
    make: () => new FileSink<T>(directory, prefix, format),
  };
}

class FileSink<T> implements Sink<T> {
  readonly #directory: string;
  readonly #prefix: string;
  readonly #format: (record: T) => string;
  #disk!: Disk;
  #temporary = '';
  #target = '';
  #files = 0;
  /** Of the temporary file that is written. */
  #path: string | undefined;
  /** What is to be added to it. */
  #text = '';

  constructor(directory: string, prefix: string, format: (record: T) => string) {
    this.#directory = directory;
    this.#prefix = prefix;
    this.#format = format;
  }

  open({ instance, life, disk }: SinkContext): void {
    this.#disk = disk;
    disk.makeDirectory(this.#directory);
    this.#target = `${this.#prefix}-${instance}`;
    this.#temporary = `.${this.#target}-${life}`;
    // What was prepared for a point that counts has its name by now; the rest is nobody's (I2).
    for (const name of disk.list(this.#directory))
      if (name.startsWith(`.${this.#target}-`)) disk.remove(join(this.#directory, name));
  }

  process(records: readonly T[]): void {
    const format = this.#format;
    for (let i = 0; i < records.length; i++) this.#text += `${format(records[i]!)}\n`;
    if (this.#text.length >= WRITE_CHARACTERS) this.#write();
  }

  prepare(barrier: number): readonly Publication[] {
    this.#write();
    const from = this.#path;
    this.#path = undefined;
    if (from === undefined) return [];
    return [{ from, to: join(this.#directory, `${this.#target}-${barrier}`) }];
  }

  #write(): void {
    if (this.#text === '') return;
    this.#path ??= join(this.#directory, `${this.#temporary}-${this.#files++}.tmp`);
    this.#disk.append(this.#path, Buffer.from(this.#text));
    this.#text = '';
  }
}

function asLine(record: unknown): string {
  return typeof record === 'string' ? record : (JSON.stringify(record) ?? String(record));
}
