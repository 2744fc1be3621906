/**
 * Something that says as a whole what it needs to go on, as a cell of state: it is asked at each hand-over, and what it
 * said last is given back after a recovery. Used by its task's thread only.
 *
 * I1  `give` is called once at most, before anything else happens, and not at all where nothing was said.
 */
import type { StateCell } from './cell.ts';
import { type Migration, migrated } from './migration.ts';

export interface SnapshotOptions {
  /** What it needs now: plain data; undefined: nothing. */
  readonly take: () => unknown;
  readonly give: (snapshot: unknown) => void;
  /** @default what was written has the shape of today */
  readonly migration?: Migration;
}

export class SnapshotCell implements StateCell {
  readonly size: number = 1;
  readonly version: number;
  readonly #options: SnapshotOptions;
  /** What it said last was something. */
  #had = false;
  #applied: readonly [value: unknown, version: number] | undefined;

  constructor(options: SnapshotOptions) {
    this.#options = options;
    this.version = options.migration?.version ?? 1;
  }

  changes(): readonly [unknown] | undefined {
    const value = this.#options.take();
    if (value === undefined && !this.#had) return undefined;
    this.#had = value !== undefined;
    return [value];
  }

  /** The newest log has all of it. */
  rewrite(): { readonly log: undefined; readonly round: true } {
    return { log: undefined, round: true };
  }

  apply(log: unknown, version: number = this.version): void {
    const [value] = log as readonly [unknown];
    this.#applied = [value, version];
    this.#had = value !== undefined;
  }

  restored(): void {
    const applied = this.#applied;
    this.#applied = undefined;
    if (applied?.[0] === undefined) return;
    const [value, version] = applied;
    const { migration, give } = this.#options;
    const now = migration === undefined ? value : migrated(migration, version, value);
    if (now !== undefined) give(now);
  }
}
