/**
 * The world as the engine sees it. Everything that reads a clock, rolls dice or touches a disk does so through an
 * `Env`, so that a simulated one (`sim.ts`) can stand in for the real one (`real.ts`) and replay any order of events.
 * Threads and ports have their own seam: `port.ts` and the drivers of a thread host.
 */

/** A pending timer. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall time in milliseconds since 1970: batch times and nothing else. It may jump. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. All deadlines and delays use it. */
  monotonic(): number;
  /** Calls `run` once, `ms` from now. A late call is possible, an early one is not. */
  after(ms: number, run: () => void): Timer;
}

/**
 * Files. Writes return when the kernel has the bytes: they outlive the process, but not the machine. What must outlive
 * a power cut is synced: a file, and the directory for the names in it.
 */
export interface Disk {
  write(path: string, data: Uint8Array): void;
  /** Adds to the end of a file; a missing one is made. */
  append(path: string, data: Uint8Array): void;
  read(path: string): Uint8Array;
  /** Bytes of a file; undefined when there is none. */
  size(path: string): number | undefined;
  /** Names of the files that lie in a directory itself, in no order. */
  list(directory: string): string[];
  /** Names of the directories that lie in a directory itself, in no order. */
  listDirectories(directory: string): string[];
  /** Gives a file another name, in place of a file that has it; or a directory one that nothing has. */
  rename(from: string, to: string): void;
  /** Gives a file a second name, which nothing may have; where the file system can't, a copy. */
  link(from: string, to: string): void;
  /** Removes a file; a missing one is not an error. */
  remove(path: string): void;
  /** Makes a directory and its parents. */
  makeDirectory(path: string): void;
  /** Removes a directory with what is in it; a missing one is not an error. */
  removeDirectory(path: string): void;
  /** Resolves when all that was written to a file before, or the names in a directory, outlive a power cut. */
  sync(path: string): Promise<void>;
  /** Opens a file to write on; a missing one is made. */
  open(path: string): OpenFile;
}

/** A file that stays open for writing. */
export interface OpenFile {
  /** Bytes of it. After a failed `append` it may be more than before: `truncate` to where it was. */
  readonly size: number;
  /** Adds pieces to the end, all of them or it throws. */
  append(...pieces: readonly Uint8Array[]): void;
  /** Replaces bytes from `at` on. */
  writeAt(at: number, bytes: Uint8Array): void;
  truncate(size: number): void;
  /** Resolves when all that was written before the call outlives a power cut. */
  sync(): Promise<void>;
  close(): void;
}

export interface Env {
  readonly clock: Clock;
  readonly disk: Disk;
  /** A number in [0, 1). */
  random(): number;
  /** Calls `run` once, soon: after whatever the event loop has ready now. */
  defer(run: () => void): void;
}
