/**
 * Regions: the tasks that fail and recover together, since edges connect them. Receivers stand outside: their edges
 * keep what a region has to read again, so two regions may read one source. A job whose outputs run in one task, as
 * all do now, is one region.
 */
import type { Wiring } from '../actors/wiring.ts';

/** The task ids of each region, ascending; regions in order of their first task. */
export function regionsOf(wiring: Wiring): number[][] {
  const leader = wiring.tasks.map((task) => task.id);
  const find = (task: number): number => {
    let at = task;
    for (let next = leader[at]; next !== undefined && next !== at; next = leader[at]) at = next;
    leader[task] = at;
    return at;
  };
  for (const edge of wiring.edges) {
    if (edge.kind !== 'inner') continue;
    const from = find(edge.from);
    const to = find(edge.to);
    leader[Math.max(from, to)] = Math.min(from, to);
  }
  const regions = new Map<number, number[]>();
  for (const task of wiring.tasks) {
    const first = find(task.id);
    const region = regions.get(first);
    if (region === undefined) regions.set(first, [task.id]);
    else region.push(task.id);
  }
  return [...regions.values()];
}
