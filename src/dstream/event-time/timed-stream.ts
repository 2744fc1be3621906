/**
 * A stream whose records have timestamps: event time. Made by `withTimestamps`; its operators keep each record's
 * timestamp, and it knows how far event time has come (its watermark).
 *
 * Inside, a record is `[timestamp, value]`, so `map` here is `mapValues` of the graph. Used while a job is built.
 */
import type { GraphNode, UserFunction } from '../../plan/graph.ts';
import { badOption, type Caller, checkFunction, checkInteger, checkOptions } from '../arguments.ts';
import type { DStream } from '../dstream.ts';
import { type Duration, durationMs } from '../duration.ts';
import { recordParams, type RecordOptions } from '../record-options.ts';
import { byKey, keyed } from './by-key.ts';
import { addNode, callerAt, offsetMs, type StreamSite } from './site.ts';
import type { WindowKind } from './window.ts';
import { type WindowOptions, windowSetup, WindowedStream } from './windowed-stream.ts';

export interface IntervalJoinBounds {
  /** How much the other's timestamp may be before (`'-5s'`, -5000) or must be behind (`'1s'`) the record's. */
  readonly lower: Duration;
  /** How much it may be behind at most. Not less than `lower`. */
  readonly upper: Duration;
  /** @default the parallelism of the run */
  readonly numPartitions?: number;
}

export interface DedupeByKeyOptions<T> {
  /** What records are told apart by. @default a pair's key */
  readonly key?: (record: T) => unknown;
  /** @default the parallelism of the run */
  readonly numPartitions?: number;
}

/** A stream of batches of `T` in event time. */
export class TimedStream<T> {
  /** @internal */
  readonly id: number;
  readonly #site: StreamSite;

  /** @internal Made by `withTimestamps` and operators. */
  constructor(site: StreamSite, id: number) {
    this.#site = site;
    this.id = id;
  }

  // ── Record by record ──────────────────────────────────────────────────────────────────────────
  // As of a DStream. What comes of a record has its timestamp.

  map<U>(f: (record: T) => U, options?: RecordOptions): TimedStream<U> {
    return this.#apply('map', 'mapValues', f, f as UserFunction, options);
  }

  flatMap<U>(f: (record: T) => Iterable<U>, options?: RecordOptions): TimedStream<U> {
    return this.#apply('flatMap', 'flatMapValues', f, f as UserFunction, options);
  }

  filter<S extends T>(f: (record: T) => record is S, options?: RecordOptions): TimedStream<S>;
  filter(f: (record: T) => unknown, options?: RecordOptions): TimedStream<T>;
  filter(f: (record: T) => unknown, options?: RecordOptions): TimedStream<T> {
    return this.#apply(
      'filter',
      'filter',
      f,
      (timed: readonly [number, T]) => f(timed[1]),
      options,
    );
  }

  /** Gives `[key, f(value)]`. */
  mapValues<K, V, U>(
    this: TimedStream<readonly [K, V]>,
    f: (value: V) => U,
    options?: RecordOptions,
  ): TimedStream<[K, U]> {
    const each = (pair: readonly [K, V]): [K, U] => [pair[0], f(pair[1])];
    return this.#apply('mapValues', 'mapValues', f, each, options);
  }

  /** The records of this stream and of others. Its watermark is the least of theirs. */
  union<U = T>(...others: readonly TimedStream<U>[]): TimedStream<T | U> {
    const caller = callerAt(this.#site, 'union');
    others.forEach((other, index) => this.#check(caller, `stream ${index + 1}`, other));
    const parents = [this, ...others].map(({ id }) => id);
    return new TimedStream(
      this.#site,
      addNode(this.#site, caller, { kind: 'union', role: 'narrow', parents }),
    );
  }

  // ── By time ───────────────────────────────────────────────────────────────────────────────────

  /**
   * Windows of event time: `tumbling`, `sliding` or `session`. What is to be made of them is said by an operator of the
   * stream that this gives.
   * @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION
   */
  windowBy(window: WindowKind, options: WindowOptions<T> = {}): WindowedStream<T> {
    const caller = callerAt(this.#site, 'windowBy');
    return new WindowedStream(this.#site, this.id, windowSetup(caller, window, options as never));
  }

  /**
   * Pairs this stream with another by key and time: `[key, [value, other]]` for each two records of a key whose
   * timestamps are near, `lower ≤ other's − this one's ≤ upper`. The result has the later of the two timestamps. Records
   * that come behind the watermark are counted (`lateRecords`) and meet nobody. Exchange by key of both.
   * @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION
   */
  intervalJoin<K, V, W>(
    this: TimedStream<readonly [K, V]>,
    other: TimedStream<readonly [K, W]>,
    bounds: IntervalJoinBounds,
  ): TimedStream<[K, [V, W]]> {
    const caller = callerAt(this.#site, 'intervalJoin');
    this.#check(caller, 'the other stream', other);
    checkOptions(caller, bounds, ['lower', 'upper', 'numPartitions']);
    const { lower, upper, numPartitions } = bounds;
    const lowerMs = offsetMs(caller, 'lower', lower);
    const upperMs = offsetMs(caller, 'upper', upper);
    if (upperMs < lowerMs) throw badOption(caller, 'upper', 'not less than lower', upper);
    if (numPartitions !== undefined) checkInteger(caller, 'numPartitions', numPartitions);
    const sides = [this.id, other.id].map((id) => keyed(this.#site, caller, id, byKey));
    const joined = addNode(this.#site, caller, {
      kind: 'intervalJoin',
      role: 'wide',
      parents: sides,
      exchange: ['key', 'key'],
      params: { lowerMs, upperMs, numPartitions, keepsKeys: false },
    });
    return new TimedStream(this.#site, joined);
  }

  /**
   * Gives the first of the records of a key that are less than `within` apart in event time, as they come. Late records
   * are counted (`lateRecords`) and passed over. Exchange by key.
   * @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION
   */
  dedupeByKey(within: Duration, options: DedupeByKeyOptions<T> = {}): TimedStream<T> {
    const caller = callerAt(this.#site, 'dedupeByKey');
    return new TimedStream(
      this.#site,
      addDedupe(this.#site, caller, this.id, within, options as DedupeByKeyOptions<unknown>, true),
    );
  }

  // ── Back to batches ───────────────────────────────────────────────────────────────────────────

  /** The records alone. */
  values(): DStream<T> {
    const caller = callerAt(this.#site, 'values');
    const id = addNode(this.#site, caller, {
      kind: 'map',
      role: 'narrow',
      parents: [this.id],
      functions: { f: (timed: readonly [number, T]) => timed[1] },
    });
    return this.#site.stream(id);
  }

  /** `[timestamp, record]`. */
  timestamped(): DStream<[number, T]> {
    const caller = callerAt(this.#site, 'timestamped');
    return this.#site.stream(
      addNode(this.#site, caller, { kind: 'union', role: 'narrow', parents: [this.id] }),
    );
  }

  #apply<U>(
    operator: string,
    kind: GraphNode['kind'],
    given: unknown,
    f: UserFunction,
    options?: RecordOptions,
  ): TimedStream<U> {
    const caller = callerAt(this.#site, operator);
    checkFunction(caller, 'f', given);
    const params = recordParams(caller, options);
    const node = { kind, role: 'narrow', parents: [this.id], functions: { f }, params } as const;
    return new TimedStream(this.#site, addNode(this.#site, caller, node));
  }

  #check(caller: Caller, option: string, given: unknown): void {
    if (!(given instanceof TimedStream))
      throw badOption(caller, option, 'a stream of withTimestamps', given);
    if (given.#site.builder !== this.#site.builder)
      throw badOption(
        caller,
        option,
        `a stream of ${this.#site.builder.owner}`,
        `a stream of ${given.#site.builder.owner}`,
      );
  }
}

/** The node of `dedupeByKey`, of streams with and without timestamps. */
export function addDedupe(
  site: StreamSite,
  caller: Caller,
  parent: number,
  within: Duration,
  options: DedupeByKeyOptions<unknown>,
  isTimed: boolean,
): number {
  checkOptions(caller, options, ['key', 'numPartitions']);
  const withinMs = durationMs(within, `${caller.operator}: within`, 1, caller.callSite);
  const { key, numPartitions } = options;
  if (key !== undefined) checkFunction(caller, 'key', key);
  if (numPartitions !== undefined) checkInteger(caller, 'numPartitions', numPartitions);
  const keyOf = key ?? pairKey;
  const f = isTimed
    ? (timed: readonly [number, unknown]) => [keyOf(timed[1]), timed]
    : (record: unknown) => [keyOf(record), record];
  return addNode(site, caller, {
    kind: 'dedupe',
    role: 'wide',
    parents: [keyed(site, caller, parent, f)],
    exchange: ['key'],
    params: { withinMs, isTimed, numPartitions, keepsKeys: false },
  });
}

function pairKey(record: unknown): unknown {
  return byKey([0, record])[0];
}
