/**
 * The names on a `MemoryDisk`, and, where it can lose power, which of them are on the disk itself.
 *
 * I1  A name that was made, moved or removed stays so after a crash once its directory was synced (of a move: the one that
 *     it went to). Before that it may be either way, each change for itself; a move happens as a whole or not at all.
 * I2  What lies in a directory that has lost its own name is gone.
 */
import { posix } from 'node:path';
import type { MemoryFile } from './memory-file.ts';
import type { Pcg32 } from './pcg32.ts';

export type Named = MemoryFile | 'directory';

/** By path. */
type Names = Map<string, Named>;

interface Change {
  /** Whose sync makes it last. */
  readonly directory: string;
  readonly gone: readonly string[];
  readonly made: readonly (readonly [path: string, what: Named])[];
}

export class MemoryNames {
  #kernel: Names = new Map([
    ['/', 'directory'],
    ['.', 'directory'],
  ]);
  #disk: Names | undefined;
  #unsynced: Change[] = [];

  /** @param mayCrash whether what is not synced is kept apart */
  constructor(mayCrash: boolean) {
    this.#disk = mayCrash ? new Map(this.#kernel) : undefined;
  }

  get(path: string): Named | undefined {
    return this.#kernel.get(path);
  }

  entries(): IterableIterator<[string, Named]> {
    return this.#kernel.entries();
  }

  make(path: string, what: Named): void {
    this.#change({ directory: posix.dirname(path), gone: [], made: [[path, what]] });
  }

  remove(paths: readonly string[]): void {
    for (const path of paths)
      this.#change({ directory: posix.dirname(path), gone: [path], made: [] });
  }

  /** The paths under `from`, itself included, lie under `to` from now on. */
  move(from: string, to: string): void {
    const moved = [...this.#kernel].filter(([path]) => path === from || inside(from, path));
    this.#change({
      directory: posix.dirname(to),
      gone: moved.map(([path]) => path),
      made: moved.map(([path, what]) => [to + path.slice(from.length), what] as const),
    });
  }

  /** A sync that begins now covers these. */
  unsyncedIn(directory: string): ReadonlySet<object> {
    return new Set(this.#unsynced.filter((change) => change.directory === directory));
  }

  /** It has ended well. */
  synced(covered: ReadonlySet<object>): void {
    // What it covers rests on earlier changes of the same paths, in whatever directory.
    const paths = new Set<string>();
    const all = new Set(covered);
    for (const change of this.#unsynced.toReversed()) {
      const touched = [...change.gone, ...change.made.map(([path]) => path)];
      if (!all.has(change) && !touched.some((path) => paths.has(path))) continue;
      all.add(change);
      for (const path of touched) paths.add(path);
    }
    for (const change of this.#unsynced) if (all.has(change)) apply(change, this.#disk!);
    this.#unsynced = this.#unsynced.filter((change) => !all.has(change));
  }

  crash(chance: Pcg32): void {
    const disk = this.#disk!;
    const kept = chance.below(3);
    for (const change of this.#unsynced)
      if (kept === 2 || (kept === 1 && chance.below(2) === 0)) apply(change, disk);
    this.#unsynced = [];
    for (const path of disk.keys()) if (!hangsOn(path, disk)) disk.delete(path);
    this.#kernel = new Map(disk);
  }

  #change(change: Change): void {
    apply(change, this.#kernel);
    if (this.#disk !== undefined) this.#unsynced.push(change);
  }
}

export function inside(directory: string, path: string): boolean {
  return path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

function apply({ gone, made }: Change, names: Names): void {
  for (const path of gone) names.delete(path);
  for (const [path, what] of made) names.set(path, what);
}

function hangsOn(path: string, names: Names): boolean {
  for (let at = posix.dirname(path); at !== '/' && at !== '.'; at = posix.dirname(at))
    if (names.get(at) !== 'directory') return false;
  return true;
}
