/**
 * Finds threads that hang: RUNNING or SNAPSHOT, and no step finished for `hangTimeoutMs`. It reads
 * their vitals and needs nothing of them, so it sees a thread whose event loop stands still. It
 * kills nobody: it tells. Belongs to the thread that made it.
 *
 *   RUNNING, SNAPSHOT        the clock runs until progress or state changes
 *   AWAITING                 user code has a promise; `asyncTimeoutMs` watches it
 *   BLOCKED_OUT              backpressure; the culprit is downstream
 *   STARTING                 `startTimeoutMs` watches it
 *   IDLE, DRAINING           nothing to hang on; a drain has its own deadline
 *
 * I1  No hang is reported before `hangTimeoutMs`, and each by 1.25 × `hangTimeoutMs`: it looks eight
 *     times in that time, and a change is seen at most one look late.
 * I2  If the watcher itself stood still, nobody is blamed for it: every clock starts again.
 * I3  A hang is told once; the next `watch` of the same name (its successor) starts anew.
 */
import type { ThreadState, VitalsReader } from '../actors/vitals.ts';
import type { Clock, Timer } from '../env/env.ts';
import { millraceError } from '../errors.ts';

export interface WatchdogOptions {
  readonly clock: Clock;
  /** How long a thread may work without progress, in ms; `'off'` to never mind. @default 30000 */
  readonly hangTimeoutMs?: number | 'off';
  readonly onHang: (hang: Hang) => void;
}

export interface Hang {
  /** The name that it is watched by. */
  readonly thread: string;
  readonly state: ThreadState;
  /** How long it has been without progress, in ms. */
  readonly sinceMs: number;
  /** Id of the task whose step doesn't end, when the thread says so. */
  readonly task: number | undefined;
}

interface Watched {
  readonly vitals: VitalsReader;
  state: ThreadState;
  progress: number;
  /** When `state` and `progress` were first seen so; monotonic. */
  sinceMs: number;
  told: boolean;
}

const LOOKS_PER_TIMEOUT = 8;
/** A look that comes later than this tells of a stall of the watcher. */
const MAX_LATENESS_MS = 1000;

export class Watchdog {
  #clock: Clock;
  #onHang: (hang: Hang) => void;
  #hangTimeoutMs: number;
  #watched = new Map<string, Watched>();
  #timer: Timer | undefined;
  #dueMs = 0;

  /** @throws `ERR_MILLRACE_BAD_OPTION` */
  constructor(options: WatchdogOptions) {
    const { clock, hangTimeoutMs = 30_000, onHang } = options;
    if (hangTimeoutMs !== 'off' && !(hangTimeoutMs > 0)) {
      throw millraceError(
        'ERR_MILLRACE_BAD_OPTION',
        `hangTimeoutMs is ${String(hangTimeoutMs)}: it must be a number of ms above 0, or 'off'`,
        { context: { option: 'hangTimeoutMs', value: hangTimeoutMs } },
      );
    }
    this.#clock = clock;
    this.#onHang = onHang;
    this.#hangTimeoutMs = hangTimeoutMs === 'off' ? Infinity : hangTimeoutMs;
  }

  /** Watches a thread from now on, instead of the one that had this name before. */
  watch(thread: string, vitals: VitalsReader): void {
    if (this.#hangTimeoutMs === Infinity) return;
    const { state, progress } = vitals;
    const sinceMs = this.#clock.monotonic();
    this.#watched.set(thread, { vitals, state, progress, sinceMs, told: false });
    if (this.#timer === undefined) this.#arm();
  }

  unwatch(thread: string): void {
    this.#watched.delete(thread);
    if (this.#watched.size === 0) this.close();
  }

  /** The watcher, or all threads together, stood still: what was seen before proves nothing. */
  restartClocks(): void {
    const now = this.#clock.monotonic();
    for (const watched of this.#watched.values()) watched.sinceMs = now;
  }

  /** Watches nobody any more. */
  close(): void {
    this.#watched.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    const periodMs = this.#hangTimeoutMs / LOOKS_PER_TIMEOUT;
    this.#dueMs = this.#clock.monotonic() + periodMs;
    this.#timer = this.#clock.after(periodMs, () => this.#look());
  }

  #look(): void {
    const now = this.#clock.monotonic();
    // With a short timeout even a short stall could look like a hang.
    const maxLatenessMs = Math.min(MAX_LATENESS_MS, this.#hangTimeoutMs / 2);
    if (now - this.#dueMs > maxLatenessMs) this.restartClocks();
    this.#arm();
    for (const [thread, watched] of this.#watched) {
      const { state, progress } = watched.vitals;
      if (state !== watched.state || progress !== watched.progress) {
        watched.state = state;
        watched.progress = progress;
        watched.sinceMs = now;
        continue;
      }
      if (watched.told || (state !== 'RUNNING' && state !== 'SNAPSHOT')) continue;
      const sinceMs = now - watched.sinceMs;
      if (sinceMs < this.#hangTimeoutMs) continue;
      watched.told = true;
      this.#onHang({ thread, state, sinceMs, task: watched.vitals.task });
    }
  }
}
