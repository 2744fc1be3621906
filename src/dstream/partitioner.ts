/** Where a keyed operator puts keys: what users give for it, and what a node carries of that. Used while a job is built. */
import type { UserFunction } from '../plan/graph.ts';
import { badOption, type Caller, checkFunction, checkInteger } from './arguments.ts';

/**
 * Says in which partition a key lies, in place of the hash of the key. Streams that were partitioned by one and the same
 * object, at the same numbers, need no exchange to be joined. It must always say the same of keys that are equal by value.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export interface Partitioner<K = any> {
  /** At least 1. */
  readonly numPartitions: number;
  /** A whole number from 0 to before `numPartitions`; anything else fails the batch. */
  partition(key: K): number;
}

/** How many partitions, or who says where keys lie. @default the parallelism of the run, by hash */
export type Partitions<K> = number | Partitioner<K>;

/** One function an object: the planner tells by it that two operators partition alike. */
const functions = new WeakMap<object, UserFunction>();

/** What a keyed node carries of a number of partitions or a partitioner. */
export function partitionsOf(
  caller: Caller,
  given: unknown,
): {
  readonly functions: Readonly<Record<string, UserFunction>>;
  readonly params: { readonly numPartitions?: number };
} {
  if (given === undefined) return { functions: {}, params: {} };
  if (typeof given !== 'object' || given === null) {
    if (typeof given !== 'number')
      throw badOption(
        caller,
        'numPartitions',
        'a number, or a partitioner { numPartitions, partition(key) }',
        given,
      );
    checkInteger(caller, 'numPartitions', given);
    return { functions: {}, params: { numPartitions: given } };
  }
  const partitioner = given as Partitioner;
  checkInteger(caller, 'partitioner.numPartitions', partitioner.numPartitions);
  checkFunction(caller, 'partitioner.partition', partitioner.partition);
  let partition = functions.get(partitioner);
  if (partition === undefined) {
    partition = (key: unknown) => partitioner.partition(key);
    functions.set(partitioner, partition);
  }
  return { functions: { partition }, params: { numPartitions: partitioner.numPartitions } };
}

/** Of operators that take a number of partitions alone. */
export function checkPartitions(caller: Caller, numPartitions: unknown): void {
  if (numPartitions !== undefined) checkInteger(caller, 'numPartitions', numPartitions);
}
