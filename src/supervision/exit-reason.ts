/**
 * What an exit means to a supervisor. The reasons themselves are data that every thread speaks of:
 * `actors/exit.ts`.
 */
import { describe, type ExitReason } from '../actors/exit.ts';

export { describe, type ExitReason };

/**
 * When a child is started again: always, after an abnormal end only, or never.
 */
export type RestartKind = 'permanent' | 'transient' | 'temporary';

/** Whether the end was in order. `exit` with code 0 is not: nobody said that the work is done. */
export function isNormal(reason: ExitReason): boolean {
  return reason.kind === 'normal' || reason.kind === 'shutdown';
}

/** Whether a child of this kind is started again after it ended so. */
export function restarts(kind: RestartKind, reason: ExitReason): boolean {
  switch (kind) {
    case 'permanent':
      return true;
    case 'transient':
      return !isNormal(reason);
    case 'temporary':
      return false;
    default:
      return kind satisfies never;
  }
}

/** Whether the thread may still run, so nothing that it could write to may be used again. */
export function mayStillRun(reason: ExitReason): boolean {
  return reason.kind === 'lost';
}
