import assert from 'node:assert/strict';
import { expect, it } from 'vitest';
import type { DiskOperation } from '../../src/env/memory-disk.ts';
import { MemoryDisk } from '../../src/env/memory-disk.ts';
import { MillraceError } from '../../src/errors.ts';
import type { LogRecord } from '../../src/log/log-record.ts';
import {
  contents,
  copyOf,
  cut,
  DIRECTORY,
  HeldDisk,
  open,
  settled,
  text,
  type OpenedLog,
} from './log-disk.ts';

/** Two openings, three segments, a trim; the last two records were not synced when the process was killed. */
async function smallLog(): Promise<{ disk: MemoryDisk; all: string[]; synced: number }> {
  const held = new HeldDisk();
  const { log: first } = open(held.disk, { segmentBytes: 150 });
  first.append(text('trimmed away'.repeat(12)));
  await first.synced(first.append(cut(1)));
  first.append(text('a', 3));
  await first.synced(first.append(cut(2, { file: 'x' })));
  first.trim(2);
  await settled();
  const { log } = open(held.disk, { segmentBytes: 150 });
  log.append(text('bb'));
  await log.synced(log.append(cut(3)));
  const synced = log.append(text('cc'));
  await log.synced(synced);
  held.isHeld = true;
  log.append(text('never synced'));
  log.append(cut(4));
  return { disk: held.memory, all: contents(log, 3), synced };
}

/** What a start gets from it: its records, or the code of the error. */
function started(disk: MemoryDisk, behind = 3): string[] | string {
  try {
    return contents(open(disk).log, behind);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    assert.ok('file' in error.context && 'offset' in error.context);
    return error.code;
  }
}

it('every byte flipped in turn, every file cut at every length and removed: what was synced, or an error', async () => {
  const { disk, all, synced } = await smallLog();
  expect(started(copyOf(disk))).toEqual(all);
  const needed = all.slice(0, synced - 3);
  expect(needed).toEqual(['4:#2', '5:bb', '6:#3', '7:cc']);
  const outcomes = { whole: 0, tail: 0, refused: 0 };
  const check = (damaged: MemoryDisk, how: string): void => {
    const got = started(damaged);
    if (typeof got === 'string') {
      assert.equal(got, 'ERR_MILLRACE_LOG_CORRUPT', how);
      outcomes.refused++;
      return;
    }
    expect(got.length, how).toBeGreaterThanOrEqual(needed.length);
    expect(got, how).toEqual(all.slice(0, got.length));
    outcomes[got.length === all.length ? 'whole' : 'tail']++;
  };
  for (const path of disk.paths()) {
    const bytes = disk.read(path);
    const removed = copyOf(disk);
    removed.remove(path);
    check(removed, `without ${path}`);
    for (let at = 0; at < bytes.length; at++) {
      // Nothing but zeros lies between the slots of the record.
      if (path.includes('synced-') && at > 50 && at < 4090 && at % 200 > 0) continue;
      for (const mask of [0x01, 0x80]) {
        const flipped = copyOf(disk);
        flipped.write(
          path,
          bytes.map((byte, n) => (n === at ? byte ^ mask : byte)),
        );
        check(flipped, `${path}: byte ${at} flipped`);
      }
      const short = copyOf(disk);
      short.write(path, bytes.subarray(0, at));
      check(short, `${path}: cut at ${at}`);
    }
  }
  // All three happen, so the sweep is one.
  expect(Math.min(outcomes.whole, outcomes.tail, outcomes.refused)).toBeGreaterThan(50);
});

it('a later frame bears witness when the record of the synced length is older than what was acknowledged', async () => {
  const disk = new MemoryDisk();
  const { log } = open(disk);
  await log.synced(log.append(text('a')));
  const record = disk.paths().find((path) => path.includes('synced-'))!;
  const old = disk.read(record);
  await log.synced(log.append(text('b')));
  log.append(text('c'));
  disk.write(record, old);
  expect(started(copyOf(disk), 0)).toHaveLength(3);
  const segment = disk.paths().find((path) => path.includes('segment-'))!;
  const bytes = disk.read(segment);
  bytes[bytes.lastIndexOf('b'.codePointAt(0)!)]! ^= 1;
  disk.write(segment, bytes);
  expect(started(disk, 0)).toBe('ERR_MILLRACE_LOG_CORRUPT');
});

it('each operation of the disk refused in turn: all is there in the end, and each spell is told', async () => {
  let operations = 0;
  const count = async (): Promise<void> => {
    const disk = new MemoryDisk();
    disk.fault = () => void operations++;
    await run(disk);
  };
  await count();
  expect(operations).toBeGreaterThan(60);
  for (let refused = 1; refused <= operations; refused++) {
    for (const times of [1, 3]) {
      const disk = new MemoryDisk();
      let at = 0;
      let failed: DiskOperation | undefined;
      disk.fault = (operation) => {
        at++;
        if (at < refused || at >= refused + times) return undefined;
        failed ??= operation;
        return Object.assign(new Error(`ENOSPC: ${operation}`), { code: 'ENOSPC' });
      };
      const { told, openings } = await run(disk);
      disk.fault = undefined;
      expect(contents(open(disk).log, 4), `${failed} ${refused} refused`).toEqual(EXPECTED);
      // What fails at an opening is the opener's to try again, and what fails of a trim is left for the next one.
      if (openings === 2 && !told.includes('trouble'))
        assert.ok(OF_TRIMS.includes(failed!), `${failed} ${refused}`);
      const ofLast = told.slice(told.lastIndexOf('opened'));
      expect(ofLast.filter((word) => word === 'trouble').length).toBe(
        ofLast.filter((word) => word === 'recovered').length,
      );
    }
  }
});

const OF_TRIMS: readonly DiskOperation[] = ['sync', 'writeAt', 'remove'];

const EXPECTED = ['5:e', '6:#3', '7:f', '8:#4'];

/** Appends, syncs and trims in two openings, as a patient host does. */
async function run(disk: MemoryDisk): Promise<{ told: string[]; openings: number }> {
  const told: string[] = [];
  let openings = 0;
  let turns = 0;
  const turn = (): void => expect(turns++, 'it goes on at all').toBeLessThan(200);
  const opened = (): OpenedLog => {
    for (;;) {
      turn();
      openings++;
      told.push('opened');
      try {
        return open(disk, {
          segmentBytes: 100,
          onTrouble: () => void told.push('trouble'),
          onRecovered: () => void told.push('recovered'),
        });
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'ENOSPC');
      }
    }
  };
  const added = async ({ log, clock }: OpenedLog, record: LogRecord, isSynced = false) => {
    for (;;) {
      turn();
      try {
        const ordinal = log.append(record);
        if (!isSynced) return;
        let isDone = false;
        void log.synced(ordinal).then(() => (isDone = true));
        for (await settled(); !isDone; await settled()) {
          turn();
          clock.advance(1000);
        }
        return;
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'ENOSPC') throw error;
        clock.advance(1000);
        await settled();
      }
    }
  };
  const first = opened();
  await added(first, text('a'));
  await added(first, cut(1), true);
  await added(first, text('b'.repeat(100)));
  await added(first, cut(2), true);
  first.log.trim(2);
  await settled();
  await added(first, text('e'));
  const second = opened();
  await added(second, cut(3), true);
  second.log.trim(2);
  await settled();
  await added(second, text('f'));
  await added(second, cut(4), true);
  second.log.close();
  await settled();
  expect(second.clock.pending).toBe(0);
  return { told, openings };
}

it('a directory of another file is no log, and a missing one is made', () => {
  const disk = new MemoryDisk();
  disk.makeDirectory(DIRECTORY);
  disk.write(`${DIRECTORY}/notes.txt`, new Uint8Array(3));
  const { log } = open(disk);
  expect(log.append(text('a'))).toBe(1);
});
