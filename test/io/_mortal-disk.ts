/** A disk as one life of a thread or process has it: at some operation that life ends, and does nothing any more. */
import type { Disk, OpenFile } from '../../src/env/env.ts';

/** Thrown where a life ends. */
export class Death extends Error {}

export class MortalDisk implements Disk {
  isDead = false;
  /** Operations, and stores to edges, that are left to it. */
  left: number;
  readonly #disk: Disk;

  constructor(disk: Disk, left: number) {
    this.#disk = disk;
    this.left = left;
  }

  /** One moment of life before `act`, and one behind it. */
  moment<T>(act: () => T): T {
    this.#tick();
    const result = act();
    this.#tick();
    return result;
  }

  living<T>(act: () => T): T {
    if (this.isDead) throw new Death();
    return act();
  }

  #tick(): void {
    if (!this.isDead && this.left-- > 0) return;
    this.isDead = true;
    throw new Death();
  }

  async #sync(act: () => Promise<void>): Promise<void> {
    this.#tick();
    await act();
    if (this.isDead) return new Promise(() => {});
    this.#tick();
    return undefined;
  }

  write(path: string, data: Uint8Array): void {
    this.moment(() => this.#disk.write(path, data));
  }

  append(path: string, data: Uint8Array): void {
    this.moment(() => this.#disk.append(path, data));
  }

  read(path: string): Uint8Array {
    return this.#disk.read(path);
  }

  size(path: string): number | undefined {
    return this.#disk.size(path);
  }

  list(directory: string): string[] {
    return this.#disk.list(directory);
  }

  listDirectories(directory: string): string[] {
    return this.#disk.listDirectories(directory);
  }

  rename(from: string, to: string): void {
    this.moment(() => this.#disk.rename(from, to));
  }

  link(from: string, to: string): void {
    this.moment(() => this.#disk.link(from, to));
  }

  remove(path: string): void {
    this.moment(() => this.#disk.remove(path));
  }

  makeDirectory(path: string): void {
    this.moment(() => this.#disk.makeDirectory(path));
  }

  removeDirectory(path: string): void {
    this.moment(() => this.#disk.removeDirectory(path));
  }

  sync(path: string): Promise<void> {
    return this.#sync(() => this.#disk.sync(path));
  }

  open(path: string): OpenFile {
    const file = this.moment(() => this.#disk.open(path));
    return {
      get size() {
        return file.size;
      },
      append: (...pieces) => this.moment(() => file.append(...pieces)),
      writeAt: (at, bytes) => this.moment(() => file.writeAt(at, bytes)),
      truncate: (size) => this.moment(() => file.truncate(size)),
      sync: () => this.#sync(() => file.sync()),
      close: () => file.close(),
    };
  }
}
