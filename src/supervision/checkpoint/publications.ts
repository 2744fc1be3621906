/**
 * Files of sinks on the way to their names. Belongs to a durability, on the coordinator's thread.
 *
 *   added by a held point ──(the point is durable)──▶ renamed ──(the directory is synced)──▶ forgotten
 *
 * I1  Renaming can be said again: what has its name already is left alone.
 * I2  A file that can't get its name is never taken for one that has it.
 */
import { dirname } from 'node:path';
import type { Publication } from '../../actors/task.ts';
import type { Disk } from '../../env/env.ts';
import { SyncedDirectories } from './synced-directories.ts';

export class Publications {
  readonly #disk: Disk;
  readonly #directories: SyncedDirectories;
  /** By the name that each has until then. */
  readonly #open = new Map<string, Publication>();

  constructor(disk: Disk) {
    this.#disk = disk;
    this.#directories = new SyncedDirectories(disk);
  }

  get open(): readonly Publication[] {
    return [...this.#open.values()];
  }

  add(publications: readonly Publication[] = []): void {
    for (const each of publications) this.#open.set(each.from, each);
  }

  /** Those among them that are not forgotten, as they are called now. */
  among(publications: readonly Publication[] = []): Publication[] {
    return publications.flatMap(({ from }) => this.#open.get(from) ?? []);
  }

  /** What those among them lie in that have no other name yet: the index may be older than their names are. */
  waiting(publications: readonly Publication[] = []): string[] {
    return this.among(publications).flatMap(({ from }) =>
      this.#disk.size(from) === undefined ? [] : [from],
    );
  }

  has(from: string): boolean {
    return this.#open.has(from);
  }

  /** What was to come from one file comes from a copy. */
  copied(from: string, to: string): void {
    const publication = this.#open.get(from);
    if (publication !== undefined) this.#open.set(from, { from: to, to: publication.to });
  }

  /** @throws what the disk says; then the rest is to be done again */
  rename(publications: readonly Publication[]): void {
    for (const { from, to } of publications) {
      try {
        this.#disk.rename(from, to);
      } catch (error) {
        // An earlier attempt, or an earlier coordinator, may have done it.
        if ((error as { code?: unknown }).code !== 'ENOENT' || this.#disk.size(from) !== undefined)
          throw error;
      }
    }
  }

  /** Their names outlive a power cut. */
  async sync(publications: readonly Publication[]): Promise<void> {
    await this.#directories.sync(publications.map(({ to }) => dirname(to)));
  }

  forget(publications: readonly Publication[]): void {
    const done = new Set(publications.map(({ from }) => from));
    for (const [key, { from }] of this.#open) if (done.has(from)) this.#open.delete(key);
  }
}
