/**
 * The manifests of a directory: which are kept, and what they name. Belongs to the checkpointer.
 *
 * I1  The newest three are kept; one before them is removed only when its successors are durable.
 * I2  One that is damaged counts for nothing, and is removed with those of its age.
 */
import { join } from 'node:path';
import type { Disk } from '../../env/env.ts';
import { manifestId, manifestName, readManifests } from './manifest-file.ts';
import type { Manifest } from './manifest.ts';

const KEPT = 3;

export class KeptManifests {
  readonly #disk: Disk;
  readonly #directory: string;
  /** Oldest first; the newest may not be durable yet. */
  #kept: Manifest[] = [];

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  get newest(): Manifest | undefined {
    return this.#kept.at(-1);
  }

  /** Id of the oldest that a start may go back to. */
  get oldest(): number {
    return this.#kept.at(-KEPT)?.id ?? this.#kept[0]?.id ?? 0;
  }

  /** Finds what is there, up to an id. What is left half written by others is removed. */
  read(last: number): void {
    for (const name of this.#disk.list(this.#directory))
      if (/^(manifest|decisions).*\.tmp$/.test(name)) this.#disk.remove(this.#path(name));
    const { manifests } = readManifests(this.#disk, this.#directory);
    this.#kept = manifests.filter(({ id }) => id <= last).toReversed();
  }

  /** Those behind an id were not started from, and never are: they are called something else. */
  setAside(last: number): void {
    for (const name of this.#disk.list(this.#directory))
      if ((manifestId(name) ?? 0) > last)
        this.#disk.rename(this.#path(name), this.#path(`passed-over-${name}`));
  }

  /** It has its name. */
  add(manifest: Manifest): void {
    this.#kept = [...this.#kept.filter(({ id }) => id !== manifest.id), manifest];
  }

  /** Names of the hand-over files that manifests name. */
  parts(): Set<string> {
    return new Set(this.#kept.flatMap(({ tasks }) => tasks.flatMap(({ parts }) => parts)));
  }

  /** The newest is durable: those before the last three go. */
  tidy(): void {
    this.#kept = this.#kept.slice(-KEPT);
    for (const name of this.#disk.list(this.#directory)) {
      const id = manifestId(name);
      if (id !== undefined && id < this.oldest) this.#disk.remove(this.#path(name));
    }
  }

  path(id: number): string {
    return this.#path(manifestName(id));
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }
}
