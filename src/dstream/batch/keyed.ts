/**
 * Operators on a batch that bring records of the same key together. Keys compare as those of streams do, and a key goes
 * to the partition that it goes to there. Within a partition keys come in order of first arrival.
 */
import type { Caller } from '../arguments.ts';
import { KeyTable } from '../keys/key-table.ts';
import { partitionOf } from '../keys/partitioner.ts';
import { guarded, pairOf } from './blame.ts';
import { type BatchPlan, type Evaluation, wholePlan } from './plan.ts';

/** How values of a key are combined; both may change their first argument. */
export interface Combine {
  create(value: unknown): unknown;
  merge(combined: unknown, value: unknown): unknown;
}

/** `[key, combined]` for each key. */
export function combined(
  parent: BatchPlan,
  caller: Caller,
  partitions: number,
  { create, merge }: Combine,
): BatchPlan {
  return wholePlan(partitions, (run) => {
    const tables = tablesOf(parent, caller, partitions, run, create, merge);
    return tables.map(({ keys, values }) => keys.map((key, slot) => [key, values[slot]]));
  });
}

/** `[record, how often]`, or the records alone. */
export function counted(
  parent: BatchPlan,
  caller: Caller,
  partitions: number,
  withCounts: boolean,
): BatchPlan {
  return wholePlan(partitions, (run) => {
    const tables = Array.from({ length: partitions }, () => new KeyTable<number>());
    eachChunk(parent, run, (chunk) => {
      const fresh: unknown[] = [];
      for (const record of chunk)
        guarded(caller, record, () => {
          const table = tables[partitionOf(record, partitions)]!;
          const slot = table.find(record);
          if (slot >= 0) table.values[slot]!++;
          else {
            table.add(record, 1);
            fresh.push(record);
          }
        });
      run.hold(caller, fresh);
    });
    return tables.map(({ keys, values }) =>
      withCounts ? keys.map((key, slot) => [key, values[slot]]) : keys,
    );
  });
}

/** The same pairs, each where its key lives. */
export function byKey(parent: BatchPlan, caller: Caller, partitions: number): BatchPlan {
  return wholePlan(partitions, (run) => {
    const rows: unknown[][] = Array.from({ length: partitions }, () => []);
    eachChunk(parent, run, (chunk) => {
      run.hold(caller, chunk);
      for (const record of chunk)
        rows[guarded(caller, record, () => partitionOf(pairOf(record)[0], partitions))]!.push(
          record,
        );
    });
    return rows;
  });
}

/** Deals records out in turn. */
export function spread(parent: BatchPlan, caller: Caller, partitions: number): BatchPlan {
  return wholePlan(partitions, (run) => {
    const rows: unknown[][] = Array.from({ length: partitions }, () => []);
    for (let from = 0; from < parent.partitions; from++) {
      let next = from;
      for (const chunk of parent.read(from, run)) {
        run.hold(caller, chunk);
        for (const record of chunk) rows[next++ % partitions]!.push(record);
      }
    }
    return rows;
  });
}

/** Pairs without those whose key another batch has. */
export function withoutKeys(
  parent: BatchPlan,
  other: BatchPlan,
  caller: Caller,
  partitions: number,
): BatchPlan {
  return wholePlan(partitions, (run) => {
    const taken = tablesOf(other, caller, partitions, run, nothing, nothing);
    const rows: unknown[][] = taken.map(() => []);
    eachChunk(parent, run, (chunk) => {
      const kept: unknown[] = [];
      for (const record of chunk)
        guarded(caller, record, () => {
          const [key] = pairOf(record);
          const p = partitionOf(key, partitions);
          if (taken[p]!.find(key) >= 0) return;
          rows[p]!.push(record);
          kept.push(record);
        });
      run.hold(caller, kept);
    });
    return rows;
  });
}

/** One table a partition, of all pairs. */
export function tablesOf<V>(
  parent: BatchPlan,
  caller: Caller,
  partitions: number,
  run: Evaluation,
  create: (value: unknown) => V,
  merge: (combined: V, value: unknown) => V,
): readonly KeyTable<V>[] {
  const tables = Array.from({ length: partitions }, () => new KeyTable<V>());
  eachChunk(parent, run, (chunk) => {
    const fresh: unknown[] = [];
    for (const record of chunk) {
      const [table, slot, value] = guarded(caller, record, () => {
        const pair = pairOf(record);
        const at = tables[partitionOf(pair[0], partitions)]!;
        return [at, at.find(pair[0]), pair[1]] as const;
      });
      if (slot >= 0) {
        table.values[slot] = merge(table.values[slot]!, value);
        // A list grows with each of its values; other combiners are taken to stay as they are.
        if (Array.isArray(table.values[slot])) fresh.push(value);
      } else {
        table.add((record as readonly unknown[])[0], create(value));
        fresh.push(record);
      }
    }
    run.hold(caller, fresh);
  });
  return tables;
}

function eachChunk(
  parent: BatchPlan,
  run: Evaluation,
  act: (chunk: readonly unknown[]) => void,
): void {
  for (let partition = 0; partition < parent.partitions; partition++)
    for (const chunk of parent.read(partition, run)) act(chunk);
}

const nothing = (): true => true;
