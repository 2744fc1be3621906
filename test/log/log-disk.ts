/** Disks for tests of logs: in memory, with fsyncs that a test holds back, or that fail. */
import type { Disk, OpenFile } from '../../src/env/env.ts';
import { MemoryDisk } from '../../src/env/memory-disk.ts';
import { VirtualClock } from '../../src/env/virtual-clock.ts';
import type { CutRecord, LogRecord, SourceLog } from '../../src/log/log-record.ts';
import { openSourceLog, type SourceLogOptions } from '../../src/log/source-log.ts';

export const DIRECTORY = '/c/log/lines';

/** Syncs of files named `segment-…` wait for `finish`, when `isHeld`. */
export class HeldDisk {
  readonly memory: MemoryDisk;
  readonly disk: Disk;
  isHeld = false;
  /** Of segments: so many were begun. */
  syncs = 0;
  readonly #waiting: ((error?: Error) => void)[] = [];

  constructor(memory: MemoryDisk = new MemoryDisk()) {
    this.memory = memory;
    this.disk = wrapped(memory, (path, sync) =>
      path.includes('segment-') ? this.#sync(sync) : sync(),
    );
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Ends the oldest sync that waits. */
  async finish(error?: Error): Promise<void> {
    this.#waiting.shift()!(error);
    await settled();
  }

  #sync(sync: () => Promise<void>): Promise<void> {
    this.syncs++;
    if (!this.isHeld) return sync();
    return new Promise((resolve, reject) => {
      this.#waiting.push((error) => (error === undefined ? resolve() : reject(error)));
    });
  }
}

export function wrapped(
  disk: Disk,
  sync: (path: string, sync: () => Promise<void>) => Promise<void>,
): Disk {
  return {
    write: (path, data) => disk.write(path, data),
    append: (path, data) => disk.append(path, data),
    read: (path) => disk.read(path),
    size: (path) => disk.size(path),
    list: (directory) => disk.list(directory),
    listDirectories: (directory) => disk.listDirectories(directory),
    rename: (from, to) => disk.rename(from, to),
    link: (from, to) => disk.link(from, to),
    remove: (path) => disk.remove(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    removeDirectory: (path) => disk.removeDirectory(path),
    sync: (path) => sync(path, () => disk.sync(path)),
    open(path): OpenFile {
      const file = disk.open(path);
      return {
        get size() {
          return file.size;
        },
        append: (...pieces) => file.append(...pieces),
        writeAt: (at, bytes) => file.writeAt(at, bytes),
        truncate: (size) => file.truncate(size),
        sync: () => sync(path, () => file.sync()),
        close: () => file.close(),
      };
    },
  };
}

export interface OpenedLog {
  readonly log: SourceLog;
  readonly clock: VirtualClock;
  /** `trouble`, `recovered`, `room`, in order. */
  readonly told: string[];
}

export function open(disk: Disk, options: Partial<SourceLogOptions> = {}): OpenedLog {
  const clock = new VirtualClock();
  const told: string[] = [];
  const log = openSourceLog({
    disk,
    clock,
    directory: DIRECTORY,
    start: 0,
    onTrouble: () => void told.push('trouble'),
    onRecovered: () => void told.push('recovered'),
    onRoom: () => void told.push('room'),
    ...options,
  });
  return { log, clock, told };
}

export function text(line: string, edge = 0): LogRecord {
  return {
    kind: 'block',
    edge,
    form: 'text',
    bytes: new TextEncoder().encode(line),
    count: 1,
    position: line.length,
  };
}

export function cut(number: number, note?: unknown): CutRecord {
  return {
    kind: 'cut',
    barrier: { number, batch: true, point: true, last: false, time: number * 1000, zeroTime: 0 },
    absent: false,
    ...(note === undefined ? {} : { note }),
  };
}

/** Text of blocks, numbers of cuts. */
export function contents(log: SourceLog, behind = 0): string[] {
  return [...log.read(behind)].map(({ ordinal, record }) => `${ordinal}:${shown(record)}`);
}

export function shown(record: LogRecord): string {
  return record.kind === 'cut' ? `#${record.barrier.number}` : Buffer.from(record.bytes).toString();
}

/** Everything that only waits for promises has run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

/** A disk with the same files. */
export function copyOf(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk();
  for (const path of disk.paths()) {
    copy.makeDirectory(path.slice(0, path.lastIndexOf('/')));
    copy.write(path, disk.read(path));
  }
  return copy;
}
