/** `withTimestamps`: what is checked of it, and its node. Used while a job is built. */
import type { UserFunction } from '../../plan/graph.ts';
import { badOption, type Caller, checkFunction, checkOptions } from '../arguments.ts';
import { type Duration, durationMs } from '../duration.ts';
import { onRecordErrorOf, type RecordOptions } from '../record-options.ts';
import { addNode, durationOrNever, type StreamSite } from './site.ts';
import type { OnAhead } from './timestamps.ts';

export interface TimestampOptions extends RecordOptions {
  /**
   * How far records may come out of order: the watermark is the largest timestamp of a partition less this. @default 0
   */
  readonly maxOutOfOrderness?: Duration;
  /**
   * A partition without records for so long (of batch time) holds nobody back, until it has some again; `Infinity`:
   * never. @default '1m'
   */
  readonly idleAfter?: Duration;
  /**
   * How far behind its batch's time a timestamp may be ahead; one that is further never moves the watermark.
   * `Infinity`: no bound. @default '1h'
   */
  readonly maxAhead?: Duration;
  /**
   * What becomes of a record that is further ahead. `'bound'`: its timestamp is the batch's time and `maxAhead`;
   * `'skip'`: it is passed over, as a dead letter; `'fail'`: its batch fails. Counted as `timestampsAhead`.
   * @default 'bound'
   */
  readonly onAhead?: OnAhead;
}

export function addTimestamps(
  site: StreamSite,
  caller: Caller,
  parent: number,
  f: unknown,
  options: TimestampOptions,
): number {
  checkFunction(caller, 'f', f);
  checkOptions(caller, options, [
    'maxOutOfOrderness',
    'idleAfter',
    'maxAhead',
    'onAhead',
    'onRecordError',
  ]);
  const { maxOutOfOrderness = 0, idleAfter = '1m', maxAhead = '1h', onAhead = 'bound' } = options;
  if (onAhead !== 'bound' && onAhead !== 'skip' && onAhead !== 'fail')
    throw badOption(caller, 'onAhead', "'bound', 'skip' or 'fail'", onAhead);
  // Infinity is no plain data.
  const finite = (ms: number): number | undefined => (ms === Infinity ? undefined : ms);
  return addNode(site, caller, {
    kind: 'withTimestamps',
    role: 'narrow',
    parents: [parent],
    functions: { f: f as UserFunction },
    params: {
      maxOutOfOrdernessMs: durationMs(
        maxOutOfOrderness,
        'withTimestamps: maxOutOfOrderness',
        0,
        caller.callSite,
      ),
      idleAfterMs: finite(durationOrNever(caller, 'idleAfter', idleAfter, 1)),
      maxAheadMs: finite(durationOrNever(caller, 'maxAhead', maxAhead)),
      onAhead,
      ...onRecordErrorOf(caller, options),
    },
  });
}
