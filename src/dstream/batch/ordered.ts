/** Sorting. The order is total over what keys may be, so no comparison depends on where it starts. */
import type { Caller } from '../arguments.ts';
import { type BatchPlan, type Evaluation, readAll, wholePlan } from './plan.ts';
import { dealt } from './sources.ts';

export type KeyOf = (record: never) => unknown;

/** All records in order of their keys, dealt out over as many partitions as the parent has. Equal ones keep their order. */
export function sorted(
  parent: BatchPlan,
  caller: Caller,
  keyOf: KeyOf,
  ascending: boolean,
): BatchPlan {
  return wholePlan(parent.partitions, (run) => {
    const rows: unknown[] = [];
    for (let p = 0; p < parent.partitions; p++)
      for (const row of readAll(parent, p, run, caller)) rows.push(row);
    return dealt(inOrder(rows, keyOf, ascending), parent.partitions);
  });
}

/** The first `n` records in order of their keys. No more than a few times as many are held. */
export function firstInOrder(
  parent: BatchPlan,
  caller: Caller,
  run: Evaluation,
  n: number,
  keyOf: KeyOf,
  ascending: boolean,
): unknown[] {
  let best: unknown[] = [];
  for (let p = 0; p < parent.partitions; p++) {
    for (const chunk of parent.read(p, run)) {
      for (const record of chunk) best.push(record);
      if (best.length > 2 * n + chunk.length) best = inOrder(best, keyOf, ascending).slice(0, n);
    }
  }
  best = inOrder(best, keyOf, ascending).slice(0, n);
  run.hold(caller, best);
  return best;
}

function inOrder(rows: readonly unknown[], keyOf: KeyOf, ascending: boolean): unknown[] {
  const keyed = rows.map((record) => ({ record, key: keyOf(record as never) }));
  keyed.sort(ascending ? (a, b) => compareKeys(a.key, b.key) : (a, b) => compareKeys(b.key, a.key));
  return keyed.map(({ record }) => record);
}

/** Kinds of values in order; numbers and bigints are of one kind, all that has no order of its own is of the last. */
function kindOf(value: unknown): number {
  switch (typeof value) {
    case 'undefined':
      return 0;
    case 'boolean':
      return 2;
    case 'number':
    case 'bigint':
      return 3;
    case 'string':
      return 4;
    case 'object':
      if (value === null) return 1;
      return value instanceof Date ? 5 : Array.isArray(value) ? 6 : 7;
    default:
      return 7;
  }
}

/** Negative when `a` comes first. Text by code units, arrays element by element, NaN behind all numbers. */
export function compareKeys(a: unknown, b: unknown): number {
  const kind = kindOf(a);
  const difference = kind - kindOf(b);
  if (difference !== 0) return difference;
  if (kind === 6) return compareArrays(a as readonly unknown[], b as readonly unknown[]);
  if (kind === 7) return 0;
  const [x, y] = kind === 5 ? [Number(a), Number(b)] : [a as number, b as number];
  if (x < y) return -1;
  if (x > y) return 1;
  return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
}

function compareArrays(a: readonly unknown[], b: readonly unknown[]): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const order = compareKeys(a[i], b[i]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
