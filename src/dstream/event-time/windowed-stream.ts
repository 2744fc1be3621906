/**
 * Windows of event time that wait to be told what to make of their records. Used while a job is built.
 *
 * Each operator adds the node that gives records their key, the window itself and, if late records are wanted, two
 * that tell its results and the late records apart.
 */
import type { UserFunction } from '../../plan/graph.ts';
import { badOption, type Caller, checkFunction, checkInteger, checkOptions } from '../arguments.ts';
import type { DStream } from '../dstream.ts';
import { type Duration, durationMs } from '../duration.ts';
import { COUNTS, LISTS } from './aggregate.ts';
import { byKey, byRecord, keyed, together } from './by-key.ts';
import { LATE_SIDE, MAIN_SIDE } from './late.ts';
import { addNode, callerAt, type StreamSite } from './site.ts';
import {
  type EarlyParams,
  earlyParams,
  type TimeWindow,
  type Trigger,
  type Windowed,
  type WindowParams,
  windowParams,
} from './window.ts';

export interface WindowOptions<T> {
  /**
   * How long behind a window's end late records are still taken: each batch that has some gives the results that they
   * change once more. @default 0
   */
  readonly allowedLateness?: Duration;
  /**
   * Where records go that are later than that, as `[timestamp, record]`: a name under which they are collected
   * (`collectAs`), or a function that gets their stream. @default they are only counted (`lateRecords`)
   */
  readonly lateTo?: string | ((late: DStream<[number, T]>) => void);
  /** When results come, besides once the watermark has passed a window's end. @default onWatermark() */
  readonly trigger?: Trigger;
}

/** What was checked of a call of `windowBy`. */
export interface WindowSetup {
  readonly window: WindowParams;
  readonly latenessMs: number;
  readonly early: EarlyParams;
  readonly lateTo: string | ((late: DStream<never>) => void) | undefined;
}

export function windowSetup(
  caller: Caller,
  window: unknown,
  options: WindowOptions<never>,
): WindowSetup {
  checkOptions(caller, options, ['allowedLateness', 'lateTo', 'trigger']);
  const { allowedLateness = 0, lateTo, trigger = { trigger: 'watermark' } } = options;
  if (
    lateTo !== undefined &&
    typeof lateTo !== 'function' &&
    (typeof lateTo !== 'string' || lateTo === '')
  )
    throw badOption(caller, 'lateTo', 'a name or a function', lateTo);
  return {
    window: windowParams(caller, window),
    latenessMs: durationMs(allowedLateness, 'windowBy: allowedLateness', 0, caller.callSite),
    early: earlyParams(caller, trigger),
    lateTo,
  };
}

/** How records become values and values a result. */
interface Making {
  /** Gives records their key. */
  readonly key: UserFunction;
  readonly functions: Readonly<Record<'create' | 'mergeValue' | 'mergeCombiners', UserFunction>>;
  readonly isKeyed: boolean;
  readonly lists?: boolean;
  readonly numPartitions?: number | undefined;
}

export class WindowedStream<T> {
  readonly #site: StreamSite;
  readonly #parent: number;
  readonly #setup: WindowSetup;

  /** @internal Made by `windowBy`. */
  constructor(site: StreamSite, parent: number, setup: WindowSetup) {
    this.#site = site;
    this.#parent = parent;
    this.#setup = setup;
  }

  /**
   * One value for each window and key: `f(f(v1, v2), v3) …`. `f` must be associative and commutative and must not change
   * its arguments. Exchange by key.
   */
  reduceByKey<K, V>(
    this: WindowedStream<readonly [K, V]>,
    f: (a: V, b: V) => V,
    numPartitions?: number,
  ): DStream<[Windowed<K>, V]> {
    const caller = callerAt(this.#site, 'reduceByKey');
    checkFunction(caller, 'f', f);
    const functions = { create: itself, mergeValue: f, mergeCombiners: f };
    return this.#make(caller, { key: byKey, functions, isKeyed: true, numPartitions });
  }

  /**
   * One combiner for each window and key: it begins as `merge(zero, value)`, takes further values by `merge`, and those
   * of parts of a window meet in `combine`. Neither may change its arguments. Exchange by key.
   */
  aggregateByKey<K, V, C>(
    this: WindowedStream<readonly [K, V]>,
    zero: C,
    merge: (combiner: C, value: V) => C,
    combine: (a: C, b: C) => C,
    numPartitions?: number,
  ): DStream<[Windowed<K>, C]> {
    const caller = callerAt(this.#site, 'aggregateByKey');
    checkFunction(caller, 'merge', merge);
    checkFunction(caller, 'combine', combine);
    const create = (value: V): C => merge(zero, value);
    const functions = { create, mergeValue: merge, mergeCombiners: combine };
    return this.#make(caller, { key: byKey, functions, isKeyed: true, numPartitions });
  }

  /** The values of each window and key, by part of the window and then as they came. Exchange by key. */
  groupByKey<K, V>(
    this: WindowedStream<readonly [K, V]>,
    numPartitions?: number,
  ): DStream<[Windowed<K>, V[]]> {
    const caller = callerAt(this.#site, 'groupByKey');
    return this.#make(caller, {
      key: byKey,
      functions: LISTS,
      isKeyed: true,
      lists: true,
      numPartitions,
    });
  }

  /** How many records each window and key has. Exchange by key. */
  countByKey<K>(
    this: WindowedStream<readonly [K, unknown]>,
    numPartitions?: number,
  ): DStream<[Windowed<K>, number]> {
    const caller = callerAt(this.#site, 'countByKey');
    return this.#make(caller, { key: byKey, functions: COUNTS, isKeyed: true, numPartitions });
  }

  /** How often each window has each value. Exchange by value. */
  countByValue(numPartitions?: number): DStream<[Windowed<T>, number]> {
    const caller = callerAt(this.#site, 'countByValue');
    return this.#make(caller, { key: byRecord, functions: COUNTS, isKeyed: true, numPartitions });
  }

  /** One record for each window, of all that it has: as `reduceByKey`, in one partition. */
  reduce(f: (a: T, b: T) => T): DStream<[TimeWindow, T]> {
    const caller = callerAt(this.#site, 'reduce');
    checkFunction(caller, 'f', f);
    const functions = { create: itself, mergeValue: f, mergeCombiners: f };
    return this.#make(caller, { key: together, functions, isKeyed: false, numPartitions: 1 });
  }

  /** How many records each window has. One partition. A window without records gives nothing. */
  count(): DStream<[TimeWindow, number]> {
    const caller = callerAt(this.#site, 'count');
    return this.#make(caller, {
      key: together,
      functions: COUNTS,
      isKeyed: false,
      numPartitions: 1,
    });
  }

  #make<U>(
    caller: Caller,
    { key, functions, isKeyed, lists = false, numPartitions }: Making,
  ): DStream<U> {
    if (numPartitions !== undefined) checkInteger(caller, 'numPartitions', numPartitions);
    const { window, latenessMs, early, lateTo } = this.#setup;
    const site = this.#site;
    const made = addNode(site, caller, {
      kind: 'eventWindow',
      role: 'wide',
      parents: [keyed(site, caller, this.#parent, key)],
      exchange: ['key'],
      functions,
      params: {
        window,
        latenessMs,
        early,
        isKeyed,
        lists,
        givesLate: lateTo !== undefined,
        numPartitions,
        keepsKeys: false,
      },
    });
    if (lateTo === undefined) return site.stream(made);
    const side = (number: number, part: string): number =>
      addNode(
        site,
        caller,
        {
          kind: 'flatMap',
          role: 'narrow',
          parents: [made],
          functions: {
            f: (tagged: readonly [number, unknown]) => (tagged[0] === number ? [tagged[1]] : []),
          },
        },
        part,
      );
    const results = site.stream<U>(side(MAIN_SIDE, 'results'));
    const late = site.stream<never>(side(LATE_SIDE, 'late'));
    if (typeof lateTo === 'string') late.collectAs(lateTo);
    else lateTo(late);
    return results;
  }
}

const itself = <V>(value: V): V => value;
