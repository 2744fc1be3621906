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

/** Small files, written whole or at their end. Writes return when the kernel has the bytes (no fsync). */
export interface Disk {
  write(path: string, data: Uint8Array): void;
  /** Adds to the end of a file; a missing one is made. */
  append(path: string, data: Uint8Array): void;
  read(path: string): Uint8Array;
  /** Names of the files that lie in a directory itself, in no order. */
  list(directory: string): string[];
  /** Gives a file another name, in place of a file that has it; or a directory one that nothing has. */
  rename(from: string, to: string): void;
  /** Removes a file; a missing one is not an error. */
  remove(path: string): void;
  /** Makes a directory and its parents. */
  makeDirectory(path: string): void;
  /** Removes a directory with what is in it; a missing one is not an error. */
  removeDirectory(path: string): void;
}

export interface Env {
  readonly clock: Clock;
  readonly disk: Disk;
  /** A number in [0, 1). */
  random(): number;
  /** Calls `run` once, soon: after whatever the event loop has ready now. */
  defer(run: () => void): void;
}
