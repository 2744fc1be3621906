/**
 * Which of the files that lie there are taken, and which were. Part of `files-source.ts`, and as pure as a clock allows: it
 * touches no disk.
 *
 * I1  A file is taken once, by path, within `remember`; behind that its modification time lies before the window.
 * I2  What is not taken although it came is told of: too late for the window, or changed after it was taken.
 */
import type { FoundFile } from './list-files.ts';

export interface Taken {
  /** The time of the batch. */
  readonly time: number;
  mtimeMs: number;
  size: number;
}

export interface FileSelectionOptions {
  readonly rememberMs: number;
  readonly settleMs: number;
  /**
   * Time of the last batch that a process before this one looked for, and the time between batches: what came since is
   * wanted, however long ago it came. @default nobody looked before
   */
  readonly lookedAtMs?: number;
  readonly batchIntervalMs?: number;
  /** Tells of a file, or part of one, that nobody reads. */
  readonly gap: (detail: string) => void;
}

/** A file that is left alone until it has settled. */
interface Seen {
  readonly mtimeMs: number;
  readonly size: number;
  /** Since when it is as it is, by the clock of the job. */
  readonly sinceMs: number;
}

export class FileSelection {
  readonly #options: FileSelectionOptions;
  /** Files with a modification time up to here are not wanted. */
  readonly #startMs: number;
  readonly #taken: Map<string, Taken>;
  #seen = new Map<string, Seen>();
  /** No window begins later than that of a batch that would have ended here; Infinity after the first look. */
  #dueMs: number;
  /** Paths that were there with a modification time before the window; undefined before the first look. */
  #old: Set<string> | undefined;

  constructor(
    startMs: number,
    taken: readonly (readonly [string, Taken])[],
    options: FileSelectionOptions,
  ) {
    const { lookedAtMs = 0, batchIntervalMs = 0 } = options;
    this.#startMs = startMs;
    this.#dueMs = lookedAtMs > 0 ? lookedAtMs + batchIntervalMs : Infinity;
    this.#taken = new Map(taken);
    this.#options = options;
  }

  /** What a successor must know. */
  get taken(): readonly (readonly [string, Taken])[] {
    return [...this.#taken].map(([path, taken]) => [path, { ...taken }]);
  }

  /** Its size when it was taken. */
  sizeOf(path: string): number {
    return this.#taken.get(path)?.size ?? 0;
  }

  /** It could not be read: it is taken again, as if it had just come. */
  forget(path: string): void {
    this.#taken.delete(path);
  }

  /** It was read to its end, and had grown meanwhile. */
  wasRead(path: string, size: number, mtimeMs: number): void {
    const taken = this.#taken.get(path);
    if (taken === undefined) return;
    taken.size = size;
    taken.mtimeMs = mtimeMs;
  }

  /**
   * Takes the files of the batch that ends at `time`, in the order of `found`.
   * @param nowMs wall time as files have it
   * @param isBeingRead whether a file is on its way into batches
   */
  take(
    found: readonly FoundFile[],
    time: number,
    nowMs: number,
    isBeingRead: (path: string) => boolean,
  ): FoundFile[] {
    const { rememberMs, gap } = this.#options;
    const after = Math.max(this.#startMs, Math.min(time, this.#dueMs) - rememberMs);
    this.#dueMs = Infinity;
    const old = new Set<string>();
    const seen = new Map<string, Seen>();
    const now: FoundFile[] = [];
    for (const file of found) {
      const { path, mtimeMs, size } = file;
      const taken = this.#taken.get(path);
      if (taken !== undefined) {
        if (!isBeingRead(path)) this.#tellChange(taken, file);
      } else if (mtimeMs <= after && !this.#seen.has(path)) {
        old.add(path);
        if (this.#old?.has(path) === false)
          gap(`${path} is not read: its modification time lies before the window`);
      } else if (mtimeMs <= time) {
        const before = this.#seen.get(path);
        const isSame = before?.mtimeMs === mtimeMs && before.size === size;
        const sinceMs = isSame ? before.sinceMs : time;
        if (this.#hasSettled(file, sinceMs, time, nowMs)) {
          this.#taken.set(path, { time, mtimeMs, size });
          now.push(file);
        } else seen.set(path, { mtimeMs, size, sinceMs });
      }
    }
    for (const [path, { time: takenAt }] of this.#taken) {
      if (takenAt > time - rememberMs) continue;
      this.#taken.delete(path);
      old.add(path);
    }
    this.#old = old;
    this.#seen = seen;
    return now;
  }

  /** It was left alone for long enough: as its own times say, or as we have seen. */
  #hasSettled(file: FoundFile, sinceMs: number, time: number, nowMs: number): boolean {
    const { settleMs } = this.#options;
    if (settleMs === 0) return true;
    if (file.mtimeMs > time - settleMs) return false;
    return file.ctimeMs <= nowMs - settleMs || sinceMs <= time - settleMs;
  }

  #tellChange(taken: Taken, now: FoundFile): void {
    if (taken.size === now.size && taken.mtimeMs === now.mtimeMs) return;
    taken.size = now.size;
    taken.mtimeMs = now.mtimeMs;
    this.#options.gap(`${now.path} was changed after it was taken: the change is not read`);
  }
}
