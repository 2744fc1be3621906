/**
 * Which files outlive a power cut, and making them do so. Belongs to the checkpointer.
 *
 * I1  A file is taken for synced when it was, and its name in the directory too.
 * I2  A file that could not be synced is never synced again: what the kernel could not write it may have let go, and a
 *     second attempt would succeed for nothing. It is copied, and the copy takes its place (`copied`).
 */
import { dirname } from 'node:path';
import type { Disk } from '../../env/env.ts';
import { SyncedDirectories } from './synced-directories.ts';

export interface SyncedFilesOptions {
  readonly disk: Disk;
  /** Throws when what was read of a file is not what it was. */
  readonly check: (bytes: Uint8Array, path: string) => void;
  /** A synced copy stands for a file from now on. */
  readonly copied: (from: string, to: string) => void;
}

export class SyncedFiles {
  readonly #options: SyncedFilesOptions;
  readonly #directories: SyncedDirectories;
  #synced = new Set<string>();
  readonly #suspect = new Set<string>();
  readonly #copies = new Map<string, string>();
  #count = 0;

  constructor(options: SyncedFilesOptions) {
    this.#options = options;
    this.#directories = new SyncedDirectories(options.disk);
  }

  /** They are known to be. */
  add(paths: Iterable<string>): void {
    for (const path of paths) this.#synced.add(path);
  }

  /** What stands for a file. */
  now(path: string): string {
    return this.#copies.get(path) ?? path;
  }

  /**
   * Gives the bytes of those that were not synced before.
   * @throws what the disk says
   */
  async sync(paths: readonly string[]): Promise<number> {
    const { disk } = this.#options;
    const due = paths.map((path) => this.now(path)).filter((path) => !this.#synced.has(path));
    if (due.length === 0) return 0;
    const results = await Promise.allSettled(due.map((path) => this.#one(path)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    await this.#directories.sync(due.map(dirname));
    const done = due.map((path) => this.now(path));
    this.add(done);
    return done.reduce((sum, path) => sum + (disk.size(path) ?? 0), 0);
  }

  /** The others are of no interest any more. */
  retain(isWanted: (path: string) => boolean): void {
    this.#synced = new Set([...this.#synced].filter(isWanted));
    for (const [from, to] of this.#copies)
      if (!isWanted(from) && !isWanted(to)) this.#copies.delete(from);
    for (const path of this.#suspect) if (!isWanted(path)) this.#suspect.delete(path);
  }

  async #one(path: string): Promise<void> {
    const { disk } = this.#options;
    if (this.#suspect.has(path)) {
      await this.#copy(path);
      return;
    }
    try {
      await disk.sync(path);
    } catch (error) {
      this.#suspect.add(path);
      throw error;
    }
  }

  async #copy(path: string): Promise<void> {
    const { disk, check, copied } = this.#options;
    const bytes = disk.read(path);
    check(bytes, path);
    const copy = `${path}-copy${this.#count++}`;
    try {
      disk.write(copy, bytes);
      await disk.sync(copy);
    } catch (error) {
      disk.remove(copy);
      throw error;
    }
    this.#suspect.delete(path);
    this.#copies.set(path, copy);
    copied(path, copy);
  }
}
