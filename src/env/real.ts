/**
 * The real world. One a thread; any thread may make its own.
 *
 * I1  A timer is never early: Node's may fire a millisecond before its time, and any delay of more
 *     than 2^31 - 1 ms at once. Both are caught here.
 * I2  `monotonic()` is the same clock in every thread of the process, so a time may be sent from
 *     one thread and compared in another. (`performance.now()` begins at 0 in each.)
 */
import * as fs from 'node:fs';
import { open } from 'node:fs/promises';
import type { Clock, Disk, Env, OpenFile, Timer } from './env.ts';

/** What `setTimeout` takes at most; a longer wait is made of several. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Clock, disk and chance of this process. */
export function realEnv(): Env {
  return {
    clock: realClock(),
    disk: realDisk(),
    random: () => Math.random(),
    defer: (run) => void setImmediate(run),
  };
}

function realClock(): Clock {
  // Both read the same hardware clock; only their zeros differ.
  const [seconds, nanoseconds] = process.hrtime();
  const offsetMs = seconds * 1000 + nanoseconds / 1e6 - performance.now();
  const monotonic = (): number => performance.now() + offsetMs;
  return {
    now: () => Date.now(),
    monotonic,
    after: (ms, run) => after(monotonic, ms, run),
  };
}

function after(monotonic: () => number, ms: number, run: () => void): Timer {
  const dueMs = monotonic() + Math.max(0, ms);
  let timeout: NodeJS.Timeout | undefined;
  const arm = (leftMs: number): void => {
    timeout = setTimeout(
      () => {
        const stillMs = dueMs - monotonic();
        if (stillMs > 0) arm(stillMs);
        else run();
      },
      Math.min(Math.ceil(leftMs), MAX_TIMEOUT_MS),
    );
  };
  arm(Math.max(0, ms));
  return { cancel: () => clearTimeout(timeout) };
}

function realDisk(): Disk {
  const names = (directory: string, wanted: (entry: fs.Dirent) => boolean): string[] =>
    fs
      .readdirSync(directory, { withFileTypes: true })
      .filter(wanted)
      .map(({ name }) => name);
  return {
    write: (path, data) => fs.writeFileSync(path, data),
    append: (path, data) => fs.appendFileSync(path, data),
    read: (path) => fs.readFileSync(path),
    size: (path) => fs.statSync(path, { throwIfNoEntry: false })?.size,
    list: (directory) => names(directory, (entry) => entry.isFile()),
    listDirectories: (directory) => names(directory, (entry) => entry.isDirectory()),
    rename: (from, to) => fs.renameSync(from, to),
    link: (from, to) => {
      try {
        fs.linkSync(from, to);
      } catch (error) {
        if (!NO_LINKS.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
        fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL);
      }
    },
    remove: (path) => fs.rmSync(path, { force: true }),
    makeDirectory: (path) => void fs.mkdirSync(path, { recursive: true }),
    removeDirectory: (path) => fs.rmSync(path, { recursive: true, force: true }),
    sync: async (path) => {
      const handle = await open(path, 'r');
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
    open: (path) => new RealFile(path),
  };
}

/** Another file system, one without links, or more names than it allows. */
const NO_LINKS: ReadonlySet<string> = new Set([
  'EXDEV',
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'EMLINK',
]);

class RealFile implements OpenFile {
  readonly #fd: number;
  size: number;

  constructor(path: string) {
    // Not 'a': on Linux that ignores positions.
    this.#fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o666);
    this.size = fs.fstatSync(this.#fd).size;
  }

  append(...pieces: readonly Uint8Array[]): void {
    const wanted = pieces.reduce((sum, { length }) => sum + length, 0);
    const written = fs.writevSync(this.#fd, pieces, this.size);
    this.size += written;
    if (written < wanted) this.#rest(pieces, written);
  }

  writeAt(at: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;)
      done += fs.writeSync(this.#fd, bytes, done, bytes.length - done, at + done);
    this.size = Math.max(this.size, at + bytes.length);
  }

  truncate(size: number): void {
    fs.ftruncateSync(this.#fd, size);
    this.size = size;
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#fd, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  close(): void {
    fs.closeSync(this.#fd);
  }

  /** A write may take less than it was given: a signal came, or the disk is full, which the next one says. */
  #rest(pieces: readonly Uint8Array[], written: number): void {
    let skip = written;
    for (const piece of pieces) {
      if (skip < piece.length) this.writeAt(this.size, piece.subarray(skip));
      skip = Math.max(0, skip - piece.length);
    }
  }
}
