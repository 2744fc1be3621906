/** Two disks as one: what belongs to a run lies on the first, all other paths on the second. */
import type { Disk } from './env.ts';

/** @param isOurs whether a path belongs to the run */
export function splitDisk(isOurs: (path: string) => boolean, ours: Disk, others: Disk): Disk {
  const at = (path: string): Disk => (isOurs(path) ? ours : others);
  return {
    write: (path, data) => at(path).write(path, data),
    append: (path, data) => at(path).append(path, data),
    read: (path) => at(path).read(path),
    size: (path) => at(path).size(path),
    list: (directory) => at(directory).list(directory),
    listDirectories: (directory) => at(directory).listDirectories(directory),
    rename: (from, to) => at(from).rename(from, to),
    link: (from, to) => at(from).link(from, to),
    remove: (path) => at(path).remove(path),
    makeDirectory: (path) => at(path).makeDirectory(path),
    removeDirectory: (path) => at(path).removeDirectory(path),
    sync: (path) => at(path).sync(path),
    open: (path) => at(path).open(path),
  };
}
