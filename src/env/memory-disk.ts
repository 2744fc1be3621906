/**
 * A disk in memory, for simulations: what it holds goes with it. It fails as a real one does
 * (`ENOENT` with code and path), and by `fault` whenever a test wants.
 *
 * I1  Bytes are copied in and out: nobody can change a file by changing an array.
 */
import { posix } from 'node:path';
import type { Disk, OpenFile } from './env.ts';

export type DiskOperation =
  | 'write'
  | 'append'
  | 'read'
  | 'size'
  | 'list'
  | 'rename'
  | 'link'
  | 'remove'
  | 'makeDirectory'
  | 'removeDirectory'
  | 'sync'
  | 'open'
  | 'writeAt'
  | 'truncate';

export class MemoryDisk implements Disk {
  #files = new Map<string, Uint8Array>();
  #directories = new Set<string>(['/', '.']);

  /** Asked before each operation: an error that it gives is thrown instead. */
  fault: ((operation: DiskOperation, path: string) => Error | undefined) | undefined;

  write(path: string, data: Uint8Array): void {
    const at = this.#begin('write', path);
    if (!this.#directories.has(posix.dirname(at))) throw missing('open', path);
    this.#files.set(at, data.slice());
  }

  append(path: string, data: Uint8Array): void {
    const at = this.#begin('append', path);
    if (!this.#directories.has(posix.dirname(at))) throw missing('open', path);
    const before = this.#files.get(at) ?? new Uint8Array(0);
    const all = new Uint8Array(before.length + data.length);
    all.set(before);
    all.set(data, before.length);
    this.#files.set(at, all);
  }

  read(path: string): Uint8Array {
    const data = this.#files.get(this.#begin('read', path));
    if (data === undefined) throw missing('open', path);
    return data.slice();
  }

  size(path: string): number | undefined {
    return this.#files.get(this.#begin('size', path))?.length;
  }

  rename(from: string, to: string): void {
    const at = this.#begin('rename', from);
    const target = posix.normalize(to);
    if (this.#directories.has(at)) {
      this.#renameDirectory(at, target);
      return;
    }
    const data = this.#files.get(at);
    if (data === undefined) throw missing('rename', from);
    this.#files.delete(at);
    this.#files.set(target, data);
  }

  link(from: string, to: string): void {
    const data = this.#files.get(this.#begin('link', from));
    if (data === undefined) throw missing('link', from);
    const target = posix.normalize(to);
    if (this.#files.has(target))
      throw Object.assign(new Error(`EEXIST: file already exists, link '${from}' -> '${to}'`), {
        code: 'EEXIST',
      });
    // No file that has two names is written again.
    this.#files.set(target, data);
  }

  remove(path: string): void {
    this.#files.delete(this.#begin('remove', path));
  }

  makeDirectory(path: string): void {
    let at = this.#begin('makeDirectory', path);
    while (!this.#directories.has(at)) {
      this.#directories.add(at);
      at = posix.dirname(at);
    }
  }

  removeDirectory(path: string): void {
    const at = this.#begin('removeDirectory', path);
    for (const file of this.#files.keys()) if (inside(at, file)) this.#files.delete(file);
    for (const each of this.#directories) {
      if (each === at || inside(at, each)) this.#directories.delete(each);
    }
  }

  list(directory: string): string[] {
    const at = this.#begin('list', directory);
    if (!this.#directories.has(at)) throw missing('scandir', directory);
    return [...this.#files.keys()]
      .filter((path) => posix.dirname(path) === at)
      .map((path) => posix.basename(path));
  }

  listDirectories(directory: string): string[] {
    const at = this.#begin('list', directory);
    if (!this.#directories.has(at)) throw missing('scandir', directory);
    return [...this.#directories]
      .filter((path) => path !== at && posix.dirname(path) === at)
      .map((path) => posix.basename(path));
  }

  async sync(path: string): Promise<void> {
    const at = this.#begin('sync', path);
    if (!this.#files.has(at) && !this.#directories.has(at)) throw missing('open', path);
  }

  open(path: string): OpenFile {
    const at = this.#begin('open', path);
    if (!this.#files.has(at)) this.write(path, new Uint8Array(0));
    const file = (): Uint8Array => this.#files.get(at) ?? new Uint8Array(0);
    const resize = (size: number): Uint8Array => {
      const bytes = new Uint8Array(size);
      bytes.set(file().subarray(0, size));
      this.#files.set(at, bytes);
      return bytes;
    };
    return {
      get size() {
        return file().length;
      },
      append: (...pieces) => {
        for (const piece of pieces) this.append(path, piece);
      },
      writeAt: (position, bytes) => {
        this.#begin('writeAt', path);
        resize(Math.max(file().length, position + bytes.length)).set(bytes, position);
      },
      truncate: (size) => {
        this.#begin('truncate', path);
        resize(size);
      },
      sync: () => this.sync(path),
      close() {},
    };
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    return [...this.#files.keys()].toSorted();
  }

  #renameDirectory(from: string, to: string): void {
    const moved = (path: string): string => to + path.slice(from.length);
    for (const [path, data] of this.#files) {
      if (!inside(from, path)) continue;
      this.#files.delete(path);
      this.#files.set(moved(path), data);
    }
    for (const path of this.#directories) {
      if (path !== from && !inside(from, path)) continue;
      this.#directories.delete(path);
      this.#directories.add(moved(path));
    }
  }

  #begin(operation: DiskOperation, path: string): string {
    const error = this.fault?.(operation, path);
    if (error !== undefined) throw error;
    const at = posix.normalize(path);
    return at.length > 1 && at.endsWith('/') ? at.slice(0, -1) : at;
  }
}

function inside(directory: string, path: string): boolean {
  return path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

function missing(syscall: string, path: string): Error {
  const error = new Error(`ENOENT: no such file or directory, ${syscall} '${path}'`);
  return Object.assign(error, { code: 'ENOENT', syscall, path });
}
