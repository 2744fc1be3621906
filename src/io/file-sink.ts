/**
 * A sink that writes records as lines of files, each exactly once whatever dies: transactional (`topology/sink.ts`).
 *
 *   directory/.life-…-0.tmp   what came since the newest recovery point     ──point counts──▶  directory/part-0-17
 *
 * An instance writes a file of its own. At a recovery point the file is closed and named in the hand-over; the coordinator
 * gives it its name, instance and number of the point, once the point counts. A run of the job writes into a directory
 * of its own; old files in it are left alone.
 *
 * I1  A file that has its name is complete and never changes.
 * I2  A temporary file has the life of its writer in its name, so a thread that was replaced and still runs writes where
 *     nobody looks. The successor of an instance removes what such ones left.
 */
import { appendFileSync, closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Publication } from '../actors/task.ts';
import { callSiteText } from '../dstream/call-site.ts';
import { badOption, checkOptions, checkText } from '../dstream/arguments.ts';
import type { Sink, SinkContext, SinkSpec } from '../topology/sink.ts';

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
  #temporary = '';
  #target = '';
  #files = 0;
  /** Of the open temporary file. */
  #file: number | undefined;
  #path = '';

  constructor(directory: string, prefix: string, format: (record: T) => string) {
    this.#directory = directory;
    this.#prefix = prefix;
    this.#format = format;
  }

  open({ instance, life }: SinkContext): void {
    mkdirSync(this.#directory, { recursive: true });
    this.#target = `${this.#prefix}-${instance}`;
    this.#temporary = `.${this.#target}-${life}`;
    // What was prepared for a point that counts has its name by now; the rest is nobody's (I2).
    for (const name of readdirSync(this.#directory))
      if (name.startsWith(`.${this.#target}-`))
        rmSync(join(this.#directory, name), { force: true });
  }

  process(records: readonly T[]): void {
    let text = '';
    for (let i = 0; i < records.length; i++) text += `${this.#format(records[i]!)}\n`;
    if (this.#file === undefined) {
      this.#path = join(this.#directory, `${this.#temporary}-${this.#files++}.tmp`);
      this.#file = openSync(this.#path, 'w');
    }
    appendFileSync(this.#file, text);
  }

  prepare(barrier: number): readonly Publication[] {
    if (this.#file === undefined) return [];
    closeSync(this.#file);
    this.#file = undefined;
    return [{ from: this.#path, to: join(this.#directory, `${this.#target}-${barrier}`) }];
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function asLine(record: unknown): string {
  return typeof record === 'string' ? record : (JSON.stringify(record) ?? String(record));
}
