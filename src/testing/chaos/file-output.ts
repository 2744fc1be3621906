/**
 * What a job wrote into a directory of transactional files, as an output that is compared with what was served. A file that
 * has its name never changes, so each is read once.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NumberedServer } from './numbered-server.ts';
import { Output } from './output.ts';

export class FileOutput {
  readonly output: Output;
  readonly directory: string;
  readonly #read = new Set<string>();

  constructor(name: string, directory: string, servers: readonly NumberedServer[]) {
    this.output = new Output(name, servers);
    this.directory = directory;
  }

  /** Reads what is new: a line is a record, or a pair `["k3",1]`. */
  look(): void {
    if (!existsSync(this.directory)) return;
    const fresh = readdirSync(this.directory)
      .filter((name) => !name.startsWith('.') && !this.#read.has(name))
      .sort((a, b) => pointOf(a) - pointOf(b));
    for (const name of fresh) {
      this.#read.add(name);
      const lines = readFileSync(join(this.directory, name), 'utf8').split('\n').slice(0, -1);
      this.output.add(
        lines.map((line) => (line.startsWith('[') ? (JSON.parse(line) as unknown) : line)),
      );
    }
  }
}

/** `part-<instance>-<point>` */
function pointOf(name: string): number {
  return Number(name.slice(name.lastIndexOf('-') + 1));
}
