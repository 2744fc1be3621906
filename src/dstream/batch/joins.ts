/** Operators on two batches. `cogrouped` is at the bottom of all joins. */
import type { Caller } from '../arguments.ts';
import { tablesOf } from './keyed.ts';
import { type BatchPlan, readAll, wholePlan } from './plan.ts';

export type JoinKind = 'inner' | 'left' | 'right' | 'full';

type Values = unknown[];
/** The side of an outer join that has no value for a key. */
const ABSENT: readonly unknown[] = [undefined];

/** `[key, [values here, values there]]` for each key of either batch: first those here, then those only there. */
export function cogrouped(
  here: BatchPlan,
  there: BatchPlan,
  caller: Caller,
  partitions: number,
): BatchPlan {
  return wholePlan(partitions, (run) => {
    const [left, right] = [here, there].map((parent) =>
      tablesOf<Values>(parent, caller, partitions, run, listed, append),
    ) as [ReturnType<typeof tablesOf<Values>>, ReturnType<typeof tablesOf<Values>>];
    return left.map((table, p) => {
      const other = right[p]!;
      const rows: unknown[] = table.keys.map((key, slot) => [
        key,
        [table.values[slot]!, other.get(key) ?? []],
      ]);
      other.keys.forEach((key, slot) => {
        if (table.find(key) < 0) rows.push([key, [[], other.values[slot]!]]);
      });
      return rows;
    });
  });
}

/** A row for each pair of values of a key; an outer join gives undefined for a side that has none. */
export function joined(
  here: BatchPlan,
  there: BatchPlan,
  caller: Caller,
  partitions: number,
  kind: JoinKind,
): BatchPlan {
  const groups = cogrouped(here, there, caller, partitions);
  return {
    partitions,
    *read(partition, run) {
      for (const chunk of groups.read(partition, run)) {
        const rows: unknown[] = [];
        for (const group of chunk) {
          const [key, [ours, theirs]] = group as [unknown, [Values, Values]];
          const left = ours.length === 0 && (kind === 'right' || kind === 'full') ? ABSENT : ours;
          const right =
            theirs.length === 0 && (kind === 'left' || kind === 'full') ? ABSENT : theirs;
          for (const a of left) for (const b of right) rows.push([key, [a, b]]);
        }
        if (rows.length > 0) yield rows;
      }
    },
  };
}

/** `[a, b]` for each record here with each record there: partition (i, j) is number i · theirs + j. */
export function crossed(here: BatchPlan, there: BatchPlan, caller: Caller): BatchPlan {
  const right = wholePlan(there.partitions, (run) =>
    Array.from({ length: there.partitions }, (_, p) => readAll(there, p, run, caller)),
  );
  return {
    partitions: here.partitions * there.partitions,
    *read(partition, run) {
      const [theirs = []] = right.read(partition % there.partitions, run);
      for (const chunk of here.read(Math.floor(partition / there.partitions), run))
        for (const a of chunk) if (theirs.length > 0) yield theirs.map((b) => [a, b]);
    },
  };
}

const listed = (value: unknown): Values => [value];
const append = (list: Values, value: unknown): Values => {
  list.push(value);
  return list;
};
