/** The machine's disk, on which room may run out: what still fits of a piece is written, then it says ENOSPC. */
import type { Disk, OpenFile } from '../../env/env.ts';
import { realEnv } from '../../env/real.ts';

export class FillingDisk implements Disk {
  /** Something was written. */
  isUsed = false;
  /** It said that it is full. */
  refusals = 0;
  readonly #disk: Disk = realEnv().disk;
  /** Bytes that still fit; and refusals until there is room again. */
  #room = Infinity;
  #until = 0;

  /** So many bytes fit, then it refuses so often. */
  fill(room: number, refusals: number): void {
    this.#room = room;
    this.#until = this.refusals + refusals;
  }

  write(path: string, data: Uint8Array): void {
    this.#take(data, (fitting) => this.#disk.write(path, fitting));
  }

  append(path: string, data: Uint8Array): void {
    this.#take(data, (fitting) => this.#disk.append(path, fitting));
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
    this.#disk.rename(from, to);
  }

  link(from: string, to: string): void {
    this.#disk.link(from, to);
  }

  remove(path: string): void {
    this.#disk.remove(path);
  }

  makeDirectory(path: string): void {
    this.#disk.makeDirectory(path);
  }

  removeDirectory(path: string): void {
    this.#disk.removeDirectory(path);
  }

  sync(path: string): Promise<void> {
    return this.#disk.sync(path);
  }

  open(path: string): OpenFile {
    const file = this.#disk.open(path);
    const all = (pieces: readonly Uint8Array[]): Uint8Array => Buffer.concat(pieces);
    return {
      get size() {
        return file.size;
      },
      append: (...pieces) => this.#take(all(pieces), (fitting) => file.append(fitting)),
      writeAt: (at, bytes) => this.#take(bytes, (fitting) => file.writeAt(at, fitting)),
      truncate: (size) => file.truncate(size),
      sync: () => file.sync(),
      close: () => file.close(),
    };
  }

  #take(data: Uint8Array, write: (fitting: Uint8Array) => void): void {
    this.isUsed = true;
    if (data.length <= this.#room) {
      this.#room -= data.length;
      write(data);
      return;
    }
    write(data.subarray(0, this.#room));
    this.#room = 0;
    this.refusals++;
    if (this.refusals >= this.#until) this.#room = Infinity;
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  }
}
