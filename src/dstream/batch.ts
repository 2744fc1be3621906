/**
 * A batch in the user's hands: what `foreachBatch` and `transform` get.
 *
 * Transformations are lazy: they give another batch and run nothing. Actions run what is needed, once each, in the
 * thread that has the batch in hand, and are promises. Keys, partitions and orders are as of the operators of streams.
 *
 * Its partitions may still be columns: a record is made when somebody asks for it, so `take(10)` of a million
 * records makes ten. What was made is not kept: asking twice makes it twice.
 *
 * By partition, order kept: map flatMap filter mapPartitions mapPartitionsWithIndex glom union keys values mapValues
 * flatMapValues keyBy peek sample zipWithIndex. All others need the whole batch in memory at once: above `maxGatherBytes`
 * an action on them rejects with ERR_MILLRACE_BATCH_TOO_LARGE, which names what to do instead.
 *
 * Its members are in `batch/`, a file for each kind; `batch/core.ts` says how they hang together.
 */
import { badOption, checkInteger } from './arguments.ts';
import { BatchActions } from './batch/actions.ts';
import { callOf } from './batch/core.ts';
import type { BatchHome, BatchPlan } from './batch/plan.ts';
import { arrayPartition, dealt } from './batch/sources.ts';

/**
 * The records of one stream between two batch times, or of an array, in partitions.
 *
 * Operators throw ERR_MILLRACE_BAD_OPTION for an argument of the wrong kind. Actions reject with what a function that was
 * given threw, with ERR_MILLRACE_KEY_TYPE or ERR_MILLRACE_RECORD_TYPE for a record that the operator can't take, and with
 * ERR_MILLRACE_BATCH_TOO_LARGE. `numPartitions`, left out, is the batch's own number.
 */
export class Batch<T> extends BatchActions<T> {
  /**
   * A batch of an array, to be joined with others, say. Element i of n goes to partition p where
   * floor(p·n/P) <= i < floor((p+1)·n/P). The array isn't copied.
   */
  static of<T>(records: readonly T[], partitions = 1): Batch<T> {
    const caller = callOf('Batch.of');
    if (!Array.isArray(records)) throw badOption(caller, 'records', 'an array', records);
    checkInteger(caller, 'partitions', partitions);
    return new Batch<T>(0, dealt(records, partitions).map(arrayPartition));
  }

  /** @internal */
  protected override make<U>(plan: BatchPlan, home: BatchHome): Batch<U> {
    return new Batch<U>(this.time, plan, home);
  }
}
