/**
 * Names that outlive a power cut: those in a directory, and, when it is synced for the first time, those of the
 * directory itself and of all above it, for whoever writes into one may have made it a moment ago.
 */
import { dirname } from 'node:path';
import type { Disk } from '../../env/env.ts';

/** Above, where nothing may be made: what lies there was there before. */
const NOT_OURS: ReadonlySet<unknown> = new Set(['EACCES', 'EPERM', 'EROFS', 'EINVAL', 'ENOENT']);

export class SyncedDirectories {
  readonly #disk: Disk;
  /** Directories whose own names last. */
  readonly #named = new Set<string>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** @throws what the disk says */
  async sync(directories: Iterable<string>): Promise<void> {
    await Promise.all(
      [...new Set(directories)].flatMap((each) => [this.#disk.sync(each), this.#name(each)]),
    );
  }

  async #name(directory: string): Promise<void> {
    const above = dirname(directory);
    if (above === directory || this.#named.has(directory)) return;
    try {
      await this.#disk.sync(above);
    } catch (error) {
      if (!NOT_OURS.has((error as { code?: unknown }).code)) throw error;
    }
    await this.#name(above);
    this.#named.add(directory);
  }
}
