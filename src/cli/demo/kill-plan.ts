/**
 * Whom the demo kills, when and how, where nobody is there to press keys. Pure.
 *
 * A worker dies every so often, each time in another way; in between the thread of the sources dies once and the
 * coordinator once.
 */
import type { KillWay, ThreadRole } from '../../run/engine.ts';

export interface PlannedKill {
  readonly atMs: number;
  readonly role: ThreadRole;
  readonly way: KillWay;
}

export const WAYS: readonly KillWay[] = ['terminate', 'throw', 'exit', 'oom', 'spin'];

/** A kill so shortly before the end would show nothing: the recovery should be seen. */
const LAST_MS = 1_000;

export function killPlan(runMs: number, everyMs: number): readonly PlannedKill[] {
  const kills: PlannedKill[] = [];
  for (let n = 1; n * everyMs <= runMs; n++) {
    kills.push({ atMs: n * everyMs, role: 'worker', way: WAYS[(n - 1) % WAYS.length]! });
  }
  kills.push(
    { atMs: everyMs * 1.5, role: 'sources', way: 'terminate' },
    { atMs: everyMs * 2.5, role: 'coordinator', way: 'terminate' },
  );
  return kills.filter(({ atMs }) => atMs <= runMs - LAST_MS).sort((a, b) => a.atMs - b.atMs);
}
