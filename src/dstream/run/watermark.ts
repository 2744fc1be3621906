/** Watermarks of what arrives at a task, from those that came with its barriers. Pure functions. */
import type { Marks } from '../../actors/task.ts';
import type { Arrival } from '../../plan/planned.ts';

/** The least watermark of those that are not idle. -Infinity: one has none yet. NaN: all are idle. */
export function leastMark(arrivals: readonly Arrival[], marks: Marks | undefined): number {
  if (marks === undefined) return Number.NEGATIVE_INFINITY;
  let least = Number.NaN;
  for (const { input, port } of arrivals) {
    const mark = marks[input]!.find((each) => each[0] === port)?.[1] ?? Number.NEGATIVE_INFINITY;
    if (!Number.isNaN(mark) && !(mark >= least)) least = mark;
  }
  return least;
}
