/** The nodes of `broadcastJoin`, `withBroadcast`, `topByKey`, `mapAsync` and `partitionInto`. Used while a job is built. */
import type { UserFunction } from '../../plan/graph.ts';
import {
  badOption,
  type Caller,
  checkBoolean,
  checkFunction,
  checkInteger,
  checkOptions,
} from '../arguments.ts';
import { type Duration, durationMs } from '../duration.ts';
import { addNode, type StreamSite } from '../event-time/site.ts';
import { onRecordErrorOf, recordParams, type RecordOptions } from '../record-options.ts';

export interface BroadcastJoinOptions extends RecordOptions {
  /** Whether records without an other are given too, with undefined for it. @default false */
  readonly outer?: boolean;
}

export function addBroadcastJoin(
  site: StreamSite,
  caller: Caller,
  parent: number,
  other: number,
  options: BroadcastJoinOptions,
): number {
  checkOptions(caller, options, ['outer', 'onRecordError']);
  const { outer = false } = options;
  checkBoolean(caller, 'outer', outer);
  return addNode(site, caller, {
    kind: 'broadcastJoin',
    role: 'wide',
    parents: [parent, other],
    exchange: ['same', 'all'],
    params: { outer, ...onRecordErrorOf(caller, options) },
  });
}

export function addWithBroadcast(
  site: StreamSite,
  caller: Caller,
  parent: number,
  other: number,
  f: unknown,
  options: RecordOptions | undefined,
): number {
  checkFunction(caller, 'f', f);
  return addNode(site, caller, {
    kind: 'withBroadcast',
    role: 'wide',
    parents: [parent, other],
    exchange: ['same', 'all'],
    functions: { f: f as UserFunction },
    params: { keepsKeys: false, ...recordParams(caller, options) },
  });
}

export interface MapAsyncOptions extends RecordOptions {
  /** Promises at work at a time, in each partition. @default 16 */
  readonly concurrency?: number;
  /** Whether results keep the order of records; else each goes on when it is there. @default true */
  readonly ordered?: boolean;
  /** How long a promise may take. @default the run's `supervision.asyncTimeoutMs`, which is 30 s */
  readonly timeout?: Duration;
}

export function addMapAsync(
  site: StreamSite,
  caller: Caller,
  parent: number,
  f: unknown,
  options: MapAsyncOptions,
): number {
  checkFunction(caller, 'f', f);
  checkOptions(caller, options, ['concurrency', 'ordered', 'timeout', 'onRecordError']);
  const { concurrency = 16, ordered = true, timeout } = options;
  checkInteger(caller, 'concurrency', concurrency);
  checkBoolean(caller, 'ordered', ordered);
  return addNode(site, caller, {
    kind: 'mapAsync',
    role: 'narrow',
    parents: [parent],
    functions: { f: f as UserFunction },
    params: {
      concurrency,
      ordered,
      timeoutMs:
        timeout === undefined
          ? undefined
          : durationMs(timeout, 'mapAsync: timeout', 1, caller.callSite),
      ...onRecordErrorOf(caller, options),
    },
  });
}

/** Gives the node of each side, `rest` among them. */
export function addPartitionInto(
  site: StreamSite,
  caller: Caller,
  parent: number,
  sides: unknown,
): Readonly<Record<string, number>> {
  if (typeof sides !== 'object' || sides === null)
    throw badOption(caller, 'sides', 'an object of predicates by name', sides);
  const names = Object.keys(sides);
  if (names.length === 0 || names.includes('rest'))
    throw badOption(caller, 'sides', 'some predicates, none of them named rest', sides);
  const predicates: readonly UserFunction[] = Object.values(sides);
  predicates.forEach((predicate, i) => checkFunction(caller, names[i]!, predicate));
  const first = (record: unknown): unknown => {
    let side = 0;
    while (side < predicates.length && !predicates[side]!(record)) side++;
    return [side, record];
  };
  const parted = addNode(
    site,
    caller,
    { kind: 'map', role: 'narrow', parents: [parent], functions: { f: first } },
    'side',
  );
  const sideOf = (side: number, name: string): number =>
    addNode(
      site,
      caller,
      {
        kind: 'flatMap',
        role: 'narrow',
        parents: [parted],
        functions: {
          f: (tagged: readonly [number, unknown]) => (tagged[0] === side ? [tagged[1]] : []),
        },
      },
      name,
    );
  return Object.fromEntries(
    [...names, 'rest'].map((name, side) => [name, sideOf(side, name)] as const),
  );
}

type Compare = (a: unknown, b: unknown) => number;

/** Lists of at most `n` values, best first; of equals, the ones that came first. */
export function topFunctions(
  caller: Caller,
  n: unknown,
  compare: unknown,
): Readonly<Record<'create' | 'mergeValue' | 'mergeCombiners', UserFunction>> {
  checkInteger(caller, 'n', n);
  if (compare !== undefined) checkFunction(caller, 'compare', compare);
  const most = n as number;
  const order = (compare ?? descending) as Compare;
  const put = (best: unknown[], value: unknown): unknown[] => {
    let at = best.length;
    if (at === most && order(value, best[at - 1]) >= 0) return best;
    while (at > 0 && order(value, best[at - 1]) < 0) at--;
    best.splice(at, 0, value);
    if (best.length > most) best.pop();
    return best;
  };
  return {
    create: (value: unknown) => [value],
    mergeValue: put,
    mergeCombiners: (a: unknown[], b: unknown[]) => b.reduce(put, a),
  };
}

function descending(a: unknown, b: unknown): number {
  return (a as number) > (b as number) ? -1 : (a as number) < (b as number) ? 1 : 0;
}
