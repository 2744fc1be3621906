/**
 * A disk that fails when it is told to, for a job's process: loaded in each of its threads before anything else
 * (`--import`). What it is told lies in a file, since no thread knows another here: while there is one, whatever is added
 * to a file below `MILLRACE_CHAOS_DISK` fails. The file's text says how:
 *
 *   full    ENOSPC: no write, no new file; syncs, reads and removals go on
 *   broken  EIO: no write and no sync
 */
import fs from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join, resolve, sep } from 'node:path';

// eslint-disable-next-line @typescript-eslint/no-explicit-any
type AnyFunction = (...args: any[]) => any;

const VARIABLE = 'MILLRACE_CHAOS_DISK';
const ORDER = '.disk-fault';

/** What a process of a job needs to be told by `orderDisk`. */
export function faultyDisk(directory: string): {
  readonly imports: readonly string[];
  readonly env: Readonly<Record<string, string>>;
} {
  return { imports: [import.meta.url], env: { [VARIABLE]: directory } };
}

/** From now on the disk of the process fails so; undefined: no more. */
export function orderDisk(directory: string, how: 'full' | 'broken' | undefined): void {
  const order = join(directory, ORDER);
  if (how === undefined) fs.rmSync(order, { force: true });
  else fs.writeFileSync(order, how);
}

const directory = process.env[VARIABLE];
if (directory !== undefined) watchDisk(resolve(directory));

function watchDisk(root: string): void {
  const { existsSync, readFileSync } = fs;
  const order = join(root, ORDER);
  const descriptors = new Map<number, string>();

  const failure = (file: unknown, what: 'write' | 'sync'): Error | undefined => {
    const path = typeof file === 'number' ? descriptors.get(file) : resolve(String(file));
    if (path === undefined || !path.startsWith(root + sep) || !existsSync(order)) return undefined;
    const isFull = readFileSync(order, 'utf8') === 'full';
    if (isFull && what === 'sync') return undefined;
    const [code, text] = isFull ? ['ENOSPC', 'no space left on device'] : ['EIO', 'i/o error'];
    return Object.assign(new Error(`${code}: ${text}, ${what} '${path}'`), {
      code,
      syscall: what,
      path,
    });
  };

  const wrap = (key: keyof typeof fs, what: 'write' | 'sync'): void => {
    const module = fs as unknown as Record<string, AnyFunction>;
    const original = module[key]!;
    module[key] = (file: unknown, ...rest: unknown[]): unknown => {
      const error = failure(file, what);
      if (error === undefined) return original(file, ...rest);
      const callback = rest.at(-1);
      if (typeof callback !== 'function') throw error;
      void Promise.resolve().then(() => (callback as AnyFunction)(error));
      return undefined;
    };
  };
  for (const key of ['writeFileSync', 'appendFileSync', 'writeSync', 'writevSync'] as const)
    wrap(key, 'write');
  for (const key of ['fsync', 'fdatasync', 'fsyncSync', 'fdatasyncSync'] as const)
    wrap(key, 'sync');

  const { openSync, closeSync } = fs;
  fs.openSync = (path, ...rest) => {
    const isNew = !existsSync(path);
    const error = isNew ? failure(path, 'write') : undefined;
    if (error !== undefined) throw error;
    const descriptor = openSync(path, ...rest);
    descriptors.set(descriptor, resolve(String(path)));
    return descriptor;
  };
  fs.closeSync = (descriptor) => {
    descriptors.delete(descriptor);
    closeSync(descriptor);
  };
  const { open } = promises;
  promises.open = async (path, ...rest) => {
    const handle = await open(path, ...rest);
    for (const key of ['sync', 'datasync'] as const) {
      const original = handle[key].bind(handle);
      handle[key] = async () => {
        const error = failure(path, 'sync');
        if (error !== undefined) throw error;
        await original();
      };
    }
    return handle;
  };
  syncBuiltinESMExports();
}
