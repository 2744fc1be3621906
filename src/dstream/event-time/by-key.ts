/** Records with timestamps on their way to an operator that works by key: `[timestamp, record]` becomes `[key, [timestamp, value]]`. */
import type { UserFunction } from '../../plan/graph.ts';
import type { Caller } from '../arguments.ts';
import { badPair } from '../run/records.ts';
import { addNode, type StreamSite } from './site.ts';

type Timed = readonly [time: number, record: unknown];
type Keyed = [key: unknown, timed: Timed];

/** Of pairs: by their key. */
export function byKey([time, record]: Timed): Keyed {
  if (!Array.isArray(record)) throw badPair(record);
  return [record[0], [time, record[1]]];
}

/** By the record itself. */
export function byRecord(timed: Timed): Keyed {
  return [timed[1], timed];
}

/** All together. */
export function together(timed: Timed): Keyed {
  return [null, timed];
}

/** Adds the node that does it. */
export function keyed(site: StreamSite, caller: Caller, parent: number, f: UserFunction): number {
  return addNode(
    site,
    caller,
    { kind: 'map', role: 'narrow', parents: [parent], functions: { f } },
    'key',
  );
}
