/**
 * What all batches of an output came to, held against the guarantee of its topology:
 *
 *   exactly-once    each result that the records come to, once
 *   at-least-once   each of them; no more copies than were sent again
 *   at-most-once    none twice; no more are missing than were counted as lost
 *
 * A process that is started again reads again what came behind its checkpoint, so there the last two are about threads.
 */
import type { TopologyFacts } from './sim-job.ts';

export interface Whole {
  readonly topology: TopologyFacts;
  /** Sources were cut short: what waited for a timer then is gone. */
  readonly early: boolean;
  /** The process died and went on. */
  readonly restarted?: boolean;
  /** What it told of whole batches was lost on its way. */
  readonly isUntold?: boolean;
  readonly counted: Readonly<Record<string, number>>;
  readonly want: readonly unknown[];
  readonly got: readonly unknown[];
}

/** Gives what is wrong. */
export function checkWhole(whole: Whole): string[] {
  const { topology, early, restarted = false, isUntold = false, counted, want, got } = whole;
  const { guarantee, timed } = topology;
  const left = new Map<string, number>();
  for (const row of want) add(left, JSON.stringify(row), 1);
  const known = new Set(left.keys());
  const extra: string[] = [];
  const strange: string[] = [];
  for (const row of got.map((each) => JSON.stringify(each))) {
    if ((left.get(row) ?? 0) > 0) add(left, row, -1);
    else (known.has(row) ? extra : strange).push(row);
  }
  const missing = [...left].flatMap(([row, count]) => Array.from({ length: count }, () => row));
  const wrong: string[] = [];
  const say = (rows: readonly string[], what: string): void => {
    if (rows.length > 0)
      wrong.push(`${rows.length} of ${want.length} results ${what}: ${rows.slice(0, 8).join(' ')}`);
  };
  say(strange, 'are of nothing that came in');
  const { lost = 0, replayed = 0 } = counted;
  if (guarantee === 'exactly-once') say(extra, 'are there once too often');
  else if (restarted) {
    // Whatever it had shown since its checkpoint it may show again.
  } else if (guarantee === 'at-most-once') say(extra, 'are there once too often');
  else if (extra.length > replayed)
    say(extra, `are there once too often, and ${replayed} records were sent again`);
  if (isUntold) return wrong;
  if (guarantee !== 'at-most-once') say(early && timed === true ? [] : missing, 'are missing');
  else if (missing.length > lost) say(missing, `are missing, and ${lost} records were lost`);
  return wrong;
}

function add(counts: Map<string, number>, row: string, by: number): void {
  counts.set(row, (counts.get(row) ?? 0) + by);
}
