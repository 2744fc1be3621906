/** Operators on a batch that work by partition. Pure: they make plans. */
import { Pcg32 } from '../../env/pcg32.ts';
import type { Caller } from '../arguments.ts';
import { itemsOf } from '../run/records.ts';
import { guarded } from './blame.ts';
import { type BatchPlan, narrowPlan, readAll } from './plan.ts';

type F = (...args: never[]) => unknown;

export function mapped(parent: BatchPlan, f: F): BatchPlan {
  return narrowPlan(parent, (chunk) => {
    const given: unknown[] = [];
    for (let i = 0; i < chunk.length; i++) given.push(f(chunk[i] as never));
    return given;
  });
}

export function filtered(parent: BatchPlan, f: F): BatchPlan {
  return narrowPlan(parent, (chunk) => chunk.filter((record) => f(record as never)));
}

export function flatMapped(parent: BatchPlan, caller: Caller, f: F): BatchPlan {
  return narrowPlan(parent, (chunk) => {
    const given: unknown[] = [];
    for (let i = 0; i < chunk.length; i++) {
      const items = f(chunk[i] as never);
      for (const item of guarded(caller, chunk[i], () => itemsOf(items))) given.push(item);
    }
    return given;
  });
}

/** Calls `f` with all records of a partition. */
export function partitionMapped(
  parent: BatchPlan,
  caller: Caller,
  f: (records: readonly unknown[], partition: number) => unknown,
): BatchPlan {
  return {
    partitions: parent.partitions,
    read(partition, run) {
      const given = f(readAll(parent, partition, run), partition);
      return [guarded(caller, undefined, () => itemsOf(given))];
    },
  };
}

/** The partitions of one batch, then those of the next. */
export function united(parents: readonly BatchPlan[]): BatchPlan {
  const counts = parents.flatMap((parent) => parent.counts ?? []);
  const partitions = parents.reduce((total, parent) => total + parent.partitions, 0);
  return {
    partitions,
    ...(counts.length === partitions ? { counts } : {}),
    read(partition, run) {
      let at = partition;
      for (const parent of parents) {
        if (at < parent.partitions) return parent.read(at, run);
        at -= parent.partitions;
      }
      throw new RangeError(`no partition ${partition}`);
    },
  };
}

/** Each record with a chance of `fraction`; with replacement, each as often as a Poisson draw says. */
export function sampled(
  parent: BatchPlan,
  fraction: number,
  withReplacement: boolean,
  seed: number,
): BatchPlan {
  return {
    partitions: parent.partitions,
    *read(partition, run) {
      // A stream of chance of its own for each partition: what is drawn depends on nothing else.
      const chance = new Pcg32(seed, partition + 1);
      const zero = Math.exp(-fraction);
      for (const chunk of parent.read(partition, run)) {
        const given: unknown[] = [];
        for (let i = 0; i < chunk.length; i++) {
          if (!withReplacement) {
            if (chance.float() < fraction) given.push(chunk[i]);
            continue;
          }
          for (let product = chance.float(); product > zero; product *= chance.float())
            given.push(chunk[i]);
        }
        if (given.length > 0) yield given;
      }
    },
  };
}

/** `[record, index]`, counted over all partitions. */
export function indexed(parent: BatchPlan): BatchPlan {
  return {
    partitions: parent.partitions,
    *read(partition, run) {
      let index = 0;
      for (let before = 0; before < partition; before++) {
        const known = parent.counts?.[before];
        if (known !== undefined) index += known;
        else for (const chunk of parent.read(before, run)) index += chunk.length;
      }
      for (const chunk of parent.read(partition, run))
        yield chunk.map((record) => [record, index++]);
    },
  };
}
