/**
 * A log of its own for one cut of another log, so that a source goes on there without what it has sent. Any thread; the
 * log that is read may be written by its owner meanwhile.
 */
import type { Clock, Disk } from '../env/env.ts';
import type { CutRecord, Placed } from './log-record.ts';
import { recoverLog, type RecoveredLog } from './recovered-log.ts';
import { parseSegmentName, scanSegment } from './segment-files.ts';
import { openSourceLog } from './source-log.ts';

/** Trims remove files while they are looked at. */
const ATTEMPTS = 5;

/** What a log is now, for those who only look. @throws ERR_MILLRACE_LOG_CORRUPT, or what the disk says */
export function lookAtLog(disk: Disk, directory: string): RecoveredLog {
  for (let attempt = 1; ; attempt++) {
    try {
      return recoverLog(disk, directory);
    } catch (error) {
      const { code } = error as { code?: unknown };
      const mayPass = code === 'ENOENT' || code === 'ERR_MILLRACE_LOG_CORRUPT';
      if (!mayPass || attempt === ATTEMPTS) throw error;
    }
  }
}

/** The newest segment that has it: it is near the end, and a log may be long. */
function findCut(disk: Disk, directory: string, barrier: number): Placed<CutRecord> | undefined {
  const segments = disk
    .list(directory)
    .map((name) => parseSegmentName(directory, name))
    .filter((name) => name !== undefined)
    .toSorted((a, b) => b.incarnation - a.incarnation || b.number - a.number);
  for (const segment of segments) {
    // One that was trimmed meanwhile has only what is older.
    if (disk.size(segment.path) === undefined) continue;
    const cut = scanSegment(disk, segment).cuts.find(
      ({ record }) => record.barrier.number === barrier,
    );
    if (cut !== undefined) return cut;
  }
  return undefined;
}

/** Resolves when the copy is durable. False: the log has no such cut. */
export async function copyCut(
  disk: Disk,
  clock: Clock,
  from: string,
  to: string,
  barrier: number,
): Promise<boolean> {
  const cut = findCut(disk, from, barrier);
  if (cut === undefined) return false;
  await new Promise<void>((resolve, reject) => {
    const log = openSourceLog({
      disk,
      clock,
      directory: to,
      start: 0,
      onTrouble: reject,
      onRoom: () => {},
    });
    const close = (): void => log.close();
    try {
      log.synced(log.append(cut.record)).then(resolve, reject).finally(close);
    } catch (error) {
      close();
      reject(error as Error);
    }
  });
  return true;
}
