/**
 * Faults that are planted into what outlives the process: each stands for a line that somebody may one day leave out, a
 * missing fsync above all, which shows when the power goes and never when the process is killed.
 */
import type { BlockLog } from '../../src/actors/block-log.ts';
import type { Disk } from '../../src/env/env.ts';
import { SourceHost } from '../../src/io/source-host.ts';
import { SourceJournal } from '../../src/io/source-journal.ts';
import { GroupCommit } from '../../src/log/group-commit.ts';
import { Publications } from '../../src/supervision/checkpoint/publications.ts';
import { SyncedFiles } from '../../src/supervision/checkpoint/synced-files.ts';
import type { SimHooks } from '../../src/testing/sim/simulation.ts';
import { replaced } from './_replaced.ts';

/** What isn't to be synced is taken for synced. */
function unsynced(of: (path: string, disk: Disk) => boolean): SimHooks {
  return {
    disk: (disk) => ({
      ...disk,
      sync: (path) => (of(path, disk) ? Promise.resolve() : disk.sync(path)),
      open: (path) => {
        const file = disk.open(path);
        if (!of(path, disk)) return file;
        return {
          get size() {
            return file.size;
          },
          append: (...pieces) => file.append(...pieces),
          writeAt: (at, bytes) => file.writeAt(at, bytes),
          truncate: (size) => file.truncate(size),
          sync: () => Promise.resolve(),
          close: () => file.close(),
        };
      },
    }),
  };
}

/** Writes each block down when the next one comes. */
function late({ block }: BlockLog): BlockLog {
  let write: (() => void) | undefined;
  return {
    block: (form, head, tail, count, position) => {
      write?.();
      const [first, second] = [head.slice(), tail.slice()];
      write = () => void block(form, first, second, count, position);
      return 0;
    },
  };
}

const isDirectory = (path: string, disk: Disk): boolean => disk.size(path) === undefined;

export const DURABLE_MUTATIONS: Readonly<Record<string, () => SimHooks>> = {
  'a checkpoint is written before what it names is synced': () =>
    replaced(SyncedFiles.prototype, 'sync', () => async () => 0),
  'hand-overs are not synced': () => unsynced((path) => path.includes('/handover-')),
  'the directory of hand-overs is not synced': () => unsynced((path) => path === '/job/state'),
  'checkpoints are not synced before they get their names': () =>
    unsynced((path) => path.includes('/manifest-')),
  'the names of checkpoints are not synced': () => unsynced((path) => path === '/job'),
  'logs are not synced': () =>
    unsynced((path, disk) => path.startsWith('/job/log/') && !isDirectory(path, disk)),
  'the directories of logs are not synced': () =>
    unsynced((path, disk) => path.startsWith('/job/log') && isDirectory(path, disk)),
  'files of sinks are not synced': () =>
    unsynced((path, disk) => path.startsWith('/out/') && !isDirectory(path, disk)),
  'the directories of sinks are not synced': () =>
    unsynced((path) => path === '/out' || path === '/'),
  'a barrier does not wait for its log': () =>
    replaced(SourceJournal.prototype, 'synced', () => () => Promise.resolve()),
  'an acknowledgement does not wait for the log': () =>
    replaced(SourceJournal.prototype, 'safe', () => () => Promise.resolve()),
  'whoever waits for the log is told at once': () =>
    replaced(GroupCommit.prototype, 'wait', () => () => Promise.resolve()),
  'blocks go out before they are logged': () =>
    replaced(SourceJournal.prototype, 'blockLog', (blockLog) => {
      const logs = new WeakMap<BlockLog, BlockLog>();
      return function (this: SourceJournal, edge) {
        const log = blockLog.call(this, edge);
        if (this.kind !== 'blocks') return log;
        if (!logs.has(log)) logs.set(log, late(log));
        return logs.get(log)!;
      };
    }),
  'files of sinks get their names before the checkpoint': () =>
    replaced(
      Publications.prototype,
      'add',
      (add) =>
        function (this: Publications, publications) {
          add.call(this, publications);
          this.rename(publications ?? []);
        },
    ),
  'barriers that were cut are not cut again': () =>
    replaced(SourceHost.prototype, 'recorded', () => () => []),
  'a process begins anew although there is a checkpoint': () => ({
    start: ({ directory, intervalMs, run, firstEpoch, job, tasks }) => ({
      directory,
      intervalMs,
      run,
      firstEpoch,
      job,
      tasks,
    }),
  }),
  'tasks go on from the parts of others': () => ({
    start: (spec) => {
      const { start } = spec;
      if (start === undefined) return spec;
      const [first = [], ...others] = start.point.parts;
      return { ...spec, start: { ...start, point: { ...start.point, parts: [...others, first] } } };
    },
  }),
  'the newest part of a checkpoint is left out': () => ({
    start: (spec) => {
      const { start } = spec;
      if (start === undefined) return spec;
      const parts = start.point.parts.map((each) => each.slice(0, -1));
      return { ...spec, start: { ...start, point: { ...start.point, parts } } };
    },
  }),
};
