/**
 * A sink that is given whole parts, and replaces what it had of them: exactly once in effect (`plan/sink.ts`).
 *
 * A part is a partition of a batch; in a topology, what one instance got between two batch barriers. It is gathered, then
 * written before the barrier is taken. When the batch runs again each of its parts is written again, under the same
 * names, so nothing is left of the run before, whatever that had given: functions need not be deterministic.
 */
import { checkFunction, checkOptions } from '../dstream/arguments.ts';
import { callSiteText } from '../dstream/call-site.ts';
import type { SinkContext, SinkPart, SinkSpec } from './sink.ts';

export interface IdempotentOptions<T> {
  /**
   * Replaces what is there under (`output`, `batch` or `time`, `partition`) by these records, all of it; with none by
   * nothing. Called for empty parts too. A promise is waited for; a rejection fails the batch.
   */
  write(records: readonly T[], part: SinkPart): void | Promise<void>;
  /** Called in the thread of each instance before the first `write`. */
  open?(ctx: SinkContext): void;
  close?(): void;
}

/**
 * A sink that replaces.
 *
 * @example
 * idempotent({ write: (rows, { time, partition }) => table.replace(`${time}-${partition}`, rows) })
 */
export function idempotent<T>(options: IdempotentOptions<T>): SinkSpec<T> {
  const call = { operator: 'idempotent', callSite: callSiteText() };
  checkOptions(call, options, ['write', 'open', 'close']);
  checkFunction(call, 'write', options.write);
  return {
    kind: 'idempotent',
    params: {},
    delivery: 'idempotent',
    make: () => ({
      open: (ctx) => options.open?.(ctx),
      replace: (records, part) => options.write(records, part),
      close: () => options.close?.(),
    }),
  };
}
