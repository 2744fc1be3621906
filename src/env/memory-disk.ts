/**
 * A disk in memory, for simulations: what it holds goes with it. It fails as a real one does
 * (`ENOENT` with code and path), and by `fault` whenever a test wants. One that `mayCrash` loses on `crash` what was
 * not synced, in any of the ways in which a real one may (`memory-file.ts`, `memory-names.ts`); a process that is only
 * killed loses nothing of what it wrote.
 *
 * I1  Bytes are copied in and out: nobody can change a file by changing an array.
 */
import { posix } from 'node:path';
import type { Disk, OpenFile } from './env.ts';
import { MemoryFile } from './memory-file.ts';
import { inside, MemoryNames } from './memory-names.ts';
import { Pcg32 } from './pcg32.ts';

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

/** What is thrown; of bytes that were to be written so many are there all the same. */
export type DiskFault = Error & { readonly written?: number };

export interface MemoryDiskOptions {
  /** Keeps apart what is not synced, for `crash`. */
  readonly mayCrash?: boolean;
}

export class MemoryDisk implements Disk {
  readonly #mayCrash: boolean;
  readonly #names: MemoryNames;
  /** How often it has crashed. */
  #life = 0;

  /** Asked before each operation: an error that it gives is thrown instead. */
  fault: ((operation: DiskOperation, path: string) => DiskFault | undefined) | undefined;
  /** Called when a sync begins: it ends when that does, and fails with the error that it gives. */
  slow: ((path: string) => Promise<Error | undefined>) | undefined;
  /** What syncs that fail leave behind. */
  chance: Pcg32 = new Pcg32(0);

  constructor({ mayCrash = false }: MemoryDiskOptions = {}) {
    this.#mayCrash = mayCrash;
    this.#names = new MemoryNames(mayCrash);
  }

  write(path: string, data: Uint8Array): void {
    this.#put('write', path, data, (file) => {
      file.truncate(0);
      return 0;
    });
  }

  append(path: string, data: Uint8Array): void {
    this.#put('append', path, data, (file) => file.size);
  }

  read(path: string): Uint8Array {
    return this.#file('read', path).bytes.slice();
  }

  size(path: string): number | undefined {
    const found = this.#names.get(this.#begin('size', path));
    return found instanceof MemoryFile ? found.size : undefined;
  }

  rename(from: string, to: string): void {
    const at = this.#begin('rename', from);
    if (this.#names.get(at) === undefined) throw missing('rename', from);
    const target = normal(to);
    if (this.#names.get(posix.dirname(target)) !== 'directory') throw missing('rename', to);
    if (target !== at) this.#names.move(at, target);
  }

  link(from: string, to: string): void {
    const file = this.#file('link', from);
    const target = normal(to);
    if (this.#names.get(target) !== undefined)
      throw Object.assign(new Error(`EEXIST: file already exists, link '${from}' -> '${to}'`), {
        code: 'EEXIST',
      });
    if (this.#names.get(posix.dirname(target)) !== 'directory') throw missing('link', to);
    this.#names.make(target, file);
  }

  remove(path: string): void {
    const at = this.#begin('remove', path);
    if (this.#names.get(at) instanceof MemoryFile) this.#names.remove([at]);
  }

  makeDirectory(path: string): void {
    const at = this.#begin('makeDirectory', path);
    const made: string[] = [];
    for (let each = at; this.#names.get(each) === undefined; each = posix.dirname(each))
      made.unshift(each);
    for (const each of made) this.#names.make(each, 'directory');
  }

  removeDirectory(path: string): void {
    const at = this.#begin('removeDirectory', path);
    const gone = [...this.#names.entries()].filter(([each]) => each === at || inside(at, each));
    this.#names.remove(gone.map(([each]) => each).toReversed());
  }

  list(directory: string): string[] {
    return this.#list(directory, (found) => found instanceof MemoryFile);
  }

  listDirectories(directory: string): string[] {
    return this.#list(directory, (found) => found === 'directory');
  }

  async sync(path: string): Promise<void> {
    const at = normal(path);
    const found = this.#names.get(at);
    if (found instanceof MemoryFile) return this.#syncFile(path, found);
    const covered = this.#names.unsyncedIn(at);
    await this.#syncs(path);
    if (found === undefined) throw missing('open', path);
    if (this.#mayCrash) this.#names.synced(covered);
  }

  open(path: string): OpenFile {
    const file = this.#made(this.#begin('open', path), path);
    return {
      get size() {
        return file.size;
      },
      append: (...pieces) => {
        for (const piece of pieces)
          this.#writeTo(file, file.size, piece, this.fault?.('append', path));
      },
      writeAt: (at, bytes) => this.#writeTo(file, at, bytes, this.fault?.('writeAt', path)),
      truncate: (size) => {
        this.#begin('truncate', path);
        file.truncate(size);
      },
      sync: () => this.#syncFile(path, file),
      close() {},
    };
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    return [...this.#names.entries()]
      .filter(([, found]) => found instanceof MemoryFile)
      .map(([path]) => path)
      .toSorted();
  }

  /**
   * The power is gone and comes back: of what was not synced there is what chance leaves. Syncs under way never end.
   * Files that are open are to be opened again.
   */
  crash(chance: Pcg32): void {
    if (!this.#mayCrash) throw new TypeError('this disk never crashes');
    this.#life++;
    const files = new Set<MemoryFile>();
    this.#names.crash(chance);
    for (const [, found] of this.#names.entries())
      if (found instanceof MemoryFile) files.add(found);
    for (const file of files) file.crash(chance);
  }

  async #syncFile(path: string, file: MemoryFile): Promise<void> {
    const { changes } = file;
    await this.#syncs(path, () => file.unwritten(changes, this.chance));
    file.synced(changes);
  }

  async #syncs(path: string, failed?: () => void): Promise<void> {
    const life = this.#life;
    const error = this.fault?.('sync', path) ?? (await this.slow?.(path));
    if (life !== this.#life) return new Promise(() => {});
    if (error === undefined) return undefined;
    failed?.();
    throw error;
  }

  #put(
    operation: 'write' | 'append',
    path: string,
    data: Uint8Array,
    begin: (file: MemoryFile) => number,
  ): void {
    const fault = this.fault?.(operation, path);
    // A disk that is full may still have made the name.
    if (fault !== undefined && fault.written === undefined) throw fault;
    const file = this.#made(normal(path), path);
    this.#writeTo(file, begin(file), data, fault);
  }

  #writeTo(file: MemoryFile, at: number, data: Uint8Array, fault: DiskFault | undefined): void {
    const part = fault === undefined ? data : data.subarray(0, fault.written ?? 0);
    if (part.length > 0) file.write(at, part);
    if (fault !== undefined) throw fault;
  }

  #made(at: string, path: string): MemoryFile {
    const found = this.#names.get(at);
    if (found instanceof MemoryFile) return found;
    if (found === 'directory' || this.#names.get(posix.dirname(at)) !== 'directory')
      throw missing('open', path);
    const file = new MemoryFile(this.#mayCrash);
    this.#names.make(at, file);
    return file;
  }

  #file(operation: 'read' | 'link', path: string): MemoryFile {
    const found = this.#names.get(this.#begin(operation, path));
    if (found instanceof MemoryFile) return found;
    throw missing(operation === 'read' ? 'open' : operation, path);
  }

  #list(directory: string, wanted: (found: MemoryFile | 'directory') => boolean): string[] {
    const at = this.#begin('list', directory);
    if (this.#names.get(at) !== 'directory') throw missing('scandir', directory);
    return [...this.#names.entries()]
      .filter(([path, found]) => path !== at && posix.dirname(path) === at && wanted(found))
      .map(([path]) => posix.basename(path));
  }

  #begin(operation: DiskOperation, path: string): string {
    const error = this.fault?.(operation, path);
    if (error !== undefined) throw error;
    return normal(path);
  }
}

function normal(path: string): string {
  const at = posix.normalize(path);
  return at.length > 1 && at.endsWith('/') ? at.slice(0, -1) : at;
}

function missing(syscall: string, path: string): Error {
  const error = new Error(`ENOENT: no such file or directory, ${syscall} '${path}'`);
  return Object.assign(error, { code: 'ENOENT', syscall, path });
}
