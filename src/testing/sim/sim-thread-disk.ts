/**
 * The disk as a simulated thread has it. Before and after each operation the thread may die, and whatever the world has
 * planned for the disk may strike.
 */
import type { Disk, OpenFile } from '../../env/env.ts';
import type { DiskOperation } from '../../env/memory-disk.ts';
import type { SimThread } from './sim-thread.ts';

export function guardedDisk(thread: SimThread, disk: Disk): Disk {
  const alive = (): void => void (thread.dead && thread.unwind());
  const change = (operation: DiskOperation, path: string, act: () => void): void => {
    const kind = operation.startsWith('remove') ? 'remove' : 'write';
    if (!thread.at(kind, 'before') || !befalls(thread, operation, path)) throw gone();
    act();
    thread.at(kind, 'after');
  };
  const write = (
    operation: DiskOperation,
    path: string,
    data: Uint8Array,
    act: (part: Uint8Array) => void,
  ): void => {
    if (!thread.at('write', 'before')) throw gone();
    if (thread.diskFaults > 0) {
      thread.diskFaults--;
      throw noSpace(path);
    }
    if (thread.isTorn()) {
      act(data.subarray(0, data.length >> 1));
      thread.kill('in the middle of a write');
      thread.unwind();
      throw gone();
    }
    const befall = (part: number): void => act(data.subarray(0, part));
    if (!befalls(thread, operation, path, data.length, befall)) throw gone();
    act(data);
    thread.at('write', 'after');
  };
  const sync = (path: string, begin: () => Promise<void>): Promise<void> => {
    const never = new Promise<void>(() => {});
    if (!thread.at('sync', 'before')) return never;
    try {
      if (!befalls(thread, 'sync', path)) return never;
    } catch (error) {
      if (thread.dead) throw error;
      return thread.settles(Promise.reject(error as Error));
    }
    return thread.settles(begin());
  };
  return {
    write: (path, data) => write('write', path, data, (part) => disk.write(path, part)),
    append: (path, data) => write('append', path, data, (part) => disk.append(path, part)),
    rename: (from, to) => change('rename', to, () => disk.rename(from, to)),
    link: (from, to) => change('link', to, () => disk.link(from, to)),
    remove: (path) => change('remove', path, () => disk.remove(path)),
    removeDirectory: (path) => change('removeDirectory', path, () => disk.removeDirectory(path)),
    makeDirectory: (path) => change('makeDirectory', path, () => disk.makeDirectory(path)),
    read: (path) => {
      alive();
      return disk.read(path);
    },
    list: (directory) => {
      alive();
      return disk.list(directory);
    },
    listDirectories: (directory) => {
      alive();
      return disk.listDirectories(directory);
    },
    size: (path) => {
      alive();
      return disk.size(path);
    },
    sync: (path) => sync(path, () => disk.sync(path)),
    open: (path): OpenFile => {
      if (!thread.at('write', 'before') || !befalls(thread, 'open', path)) throw gone();
      const file = disk.open(path);
      return {
        get size() {
          return file.size;
        },
        append: (...pieces) =>
          write('append', path, Buffer.concat(pieces), (part) => file.append(part)),
        writeAt: (at, bytes) => write('writeAt', path, bytes, (part) => file.writeAt(at, part)),
        truncate: (size) => change('truncate', path, () => file.truncate(size)),
        sync: () => sync(path, () => file.sync()),
        close: () => file.close(),
      };
    },
  };
}

/** @returns whether the thread still lives and the operation is to happen */
function befalls(
  thread: SimThread,
  operation: DiskOperation,
  path: string,
  byteLength = 0,
  part?: (bytes: number) => void,
): boolean {
  const trouble = thread.trouble(operation, path, byteLength);
  if (trouble === undefined) return true;
  if (trouble.written > 0) part?.(trouble.written);
  trouble.behind?.();
  if (thread.dead) return thread.unwind();
  throw trouble.error;
}

/** What code of a dead thread hears that nobody could unwind: it stops as it does when the disk refuses. */
function gone(): Error {
  return Object.assign(new Error('EIO: the thread is dead'), { code: 'EIO' });
}

export function noSpace(path: string): Error {
  return Object.assign(new Error(`ENOSPC: no space left on device, write '${path}'`), {
    code: 'ENOSPC',
  });
}
