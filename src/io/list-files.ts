/**
 * The files that lie in a directory, or in all directories that a pattern matches, with what tells a settled file from
 * one that is being written. Used on the thread of the sources.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

export interface FoundFile {
  readonly path: string;
  readonly mtimeMs: number;
  /** When content or name were last touched, by the machine's clock, which nobody can set. */
  readonly ctimeMs: number;
  readonly size: number;
}

const STATS_AT_ONCE = 64;
const MAYBE_PATTERN = /[*?[\]{}()!+@]/;

/**
 * By modification time, then by name, then by path.
 * @param directory a path, or a pattern (`/data/*`, `logs/2024-*`, `in/{a,b}`) that matches directories. A directory
 *   whose name is the text itself is always that directory
 */
export async function listFiles(
  directory: string,
  wanted: (name: string, path: string) => boolean,
): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  for (const each of await directories(directory)) {
    const paths = (await readdir(each))
      .map((name) => join(each, name))
      .filter((path) => wanted(basename(path), path));
    for (let at = 0; at < paths.length; at += STATS_AT_ONCE) {
      const some = await Promise.all(paths.slice(at, at + STATS_AT_ONCE).map(find));
      for (const file of some) if (file !== undefined) found.push(file);
    }
  }
  return found.sort(byTimeThenName);
}

async function directories(directory: string): Promise<readonly string[]> {
  if (!MAYBE_PATTERN.test(directory)) return [directory];
  // Few need it, and inside a bundle in CommonJS it can't even be loaded.
  const { glob, isDynamicPattern } = await import('tinyglobby');
  if (!isDynamicPattern(directory)) return [directory];
  const isThere = await stat(directory).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  if (isThere) return [directory];
  return glob(directory, { onlyDirectories: true, expandDirectories: false, absolute: true });
}

async function find(path: string): Promise<FoundFile | undefined> {
  try {
    const stats = await stat(path);
    if (!stats.isFile()) return undefined;
    const { size } = stats;
    return { path, size, mtimeMs: Math.round(stats.mtimeMs), ctimeMs: Math.ceil(stats.ctimeMs) };
  } catch {
    // It is gone again.
    return undefined;
  }
}

function byTimeThenName(a: FoundFile, b: FoundFile): number {
  if (a.mtimeMs !== b.mtimeMs) return a.mtimeMs - b.mtimeMs;
  const [nameA, nameB] = [basename(a.path), basename(b.path)];
  if (nameA !== nameB) return nameA < nameB ? -1 : 1;
  return a.path < b.path ? -1 : 1;
}
