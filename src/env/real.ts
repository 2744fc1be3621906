/**
 * The real world. One a thread; any thread may make its own.
 *
 * I1  A timer is never early: Node's may fire a millisecond before its time, and any delay of more
 *     than 2^31 - 1 ms at once. Both are caught here.
 * I2  `monotonic()` is the same clock in every thread of the process, so a time may be sent from
 *     one thread and compared in another. (`performance.now()` begins at 0 in each.)
 */
import * as fs from 'node:fs';
import type { Clock, Disk, Env, Timer } from './env.ts';

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
  return {
    write: (path, data) => fs.writeFileSync(path, data),
    append: (path, data) => fs.appendFileSync(path, data),
    read: (path) => fs.readFileSync(path),
    list: (directory) =>
      fs
        .readdirSync(directory, { withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name }) => name),
    rename: (from, to) => fs.renameSync(from, to),
    remove: (path) => fs.rmSync(path, { force: true }),
    makeDirectory: (path) => void fs.mkdirSync(path, { recursive: true }),
    removeDirectory: (path) => fs.rmSync(path, { recursive: true, force: true }),
  };
}
