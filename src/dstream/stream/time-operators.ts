/** Operators over a span of time: windows, event time, what came lately. Of DStream; used by the thread that builds a job. */
import type { DStream } from '../dstream.ts';
import type { Duration } from '../duration.ts';
import { addDedupe, type DedupeByKeyOptions, TimedStream } from '../event-time/timed-stream.ts';
import { addTimestamps, type TimestampOptions } from '../event-time/with-timestamps.ts';
import type { Partitions } from '../partitioner.ts';
import type { CountReducer } from '../reducers.ts';
import type { Widened } from '../widened.ts';
import {
  addCountByValueAndWindow,
  addCountByWindow,
  addGroupByKeyAndWindow,
  addReduceByKeyAndWindow,
  addReduceByWindow,
  addWindow,
  type ReduceByKeyWindow,
  type ReduceWindow,
} from '../windows/build.ts';
import { StateOperators } from './state-operators.ts';

/** And what it has over a span of time. */
export abstract class TimeOperators<T> extends StateOperators<T> {
  // ── Windows in processing time ────────────────────────────────────────────────────────────────
  // At each slide a window has what the stream had in the last `window` ms, missing batches passed over. It always is a
  // batch then, perhaps an empty one; at other times there is none. The first windows are short. Lengths are multiples of
  // the stream's own slide; slides count from the first batch time less one interval. Functions must be associative and
  // must not change their arguments.

  /**
   * The records of the last batches, oldest first. By partition.
   * @param slide how often @default as often as this stream has a batch
   * @throws ERR_MILLRACE_BAD_DURATION; at the start, ERR_MILLRACE_WINDOW_MULTIPLE
   */
  window(length: Duration, slide?: Duration): DStream<T> {
    return this.make(addWindow(this.site('window'), length, slide));
  }

  /**
   * One record a window: that of its batches, each reduced by `f`. One partition. An empty window gives an empty batch.
   *
   * With `inverse`, which undoes `f`, a window costs only what comes and what leaves. Once there was a record, every
   * window then gives one: for an empty window what is left after taking everything away (0, say).
   * @param options.slide how often @default as often as this stream has a batch
   * @param options.inverse `inverse(f(a, b), a)` is `b` @default none
   * @throws ERR_MILLRACE_BAD_DURATION; at the start, ERR_MILLRACE_WINDOW_MULTIPLE
   */
  reduceByWindow(
    f: (a: Widened<T>, b: Widened<T>) => Widened<T>,
    options: ReduceWindow<Widened<T>>,
  ): DStream<Widened<T>> {
    return this.make(addReduceByWindow(this.site('reduceByWindow'), f, options));
  }

  /**
   * How many records a window has. Nothing until the first record ever, then always one number: 0 for an empty window.
   * One partition.
   * @throws ERR_MILLRACE_BAD_DURATION; at the start, ERR_MILLRACE_WINDOW_MULTIPLE
   */
  countByWindow(length: Duration, slide: Duration): DStream<number> {
    return this.make(addCountByWindow(this.site('countByWindow'), length, slide));
  }

  /**
   * `[value, how often]` for each value in a window. Exchange by value.
   * @throws ERR_MILLRACE_BAD_DURATION; at the start, ERR_MILLRACE_WINDOW_MULTIPLE
   */
  countByValueAndWindow(
    length: Duration,
    slide: Duration,
    numPartitions?: number,
  ): DStream<[T, number]> {
    const site = this.site('countByValueAndWindow');
    return this.make(addCountByValueAndWindow(site, length, slide, numPartitions));
  }

  /**
   * `[key, values]` for each key in a window, values of older batches first. Exchange by key.
   * @param slide how often @default as often as this stream has a batch
   * @throws ERR_MILLRACE_BAD_DURATION; at the start, ERR_MILLRACE_WINDOW_MULTIPLE
   */
  groupByKeyAndWindow<K, V>(
    this: DStream<readonly [K, V]>,
    length: Duration,
    slide?: Duration,
    numPartitions?: Partitions<K>,
  ): DStream<[K, V[]]> {
    const site = this.site('groupByKeyAndWindow');
    return this.make(addGroupByKeyAndWindow(site, length, slide, numPartitions));
  }

  /**
   * `[key, f(f(v1, v2), v3) …]` for each key in a window. Exchange by key; each batch is reduced once, before it. What a
   * window costs does not grow with its length.
   *
   * With `inverse` a key stays for ever once it came, with what is left after taking everything away (0, say), unless
   * `filter` refuses its pair: then it is forgotten, until it comes again. Without `inverse` a key goes with its last
   * value, and `filter` only leaves pairs out.
   *
   * @param f also the reducers `sum` and `count`
   * @throws ERR_MILLRACE_BAD_DURATION; at the start, ERR_MILLRACE_WINDOW_MULTIPLE; in a batch,
   *   ERR_MILLRACE_WINDOW_KEY_UNKNOWN when a key that `filter` refused had values in the window
   */
  reduceByKeyAndWindow<K, V>(
    this: DStream<readonly [K, V]>,
    f: (a: Widened<V>, b: Widened<V>) => Widened<V>,
    options: ReduceByKeyWindow<K, Widened<V>>,
  ): DStream<[K, Widened<V>]>;
  reduceByKeyAndWindow<K, V>(
    this: DStream<readonly [K, V]>,
    f: CountReducer,
    options: ReduceByKeyWindow<K, number>,
  ): DStream<[K, number]>;
  reduceByKeyAndWindow<K, V>(
    this: DStream<readonly [K, V]>,
    f: unknown,
    options: unknown,
  ): DStream<[K, never]> {
    return this.make(addReduceByKeyAndWindow(this.site('reduceByKeyAndWindow'), f, options));
  }

  // ── Event time and doubles ────────────────────────────────────────────────────────────────────

  /**
   * Gives records event time: `f(record)` is a record's timestamp, in ms since 1970 or a `Date`. The stream that this
   * gives has windows and joins by that time. By partition, at the end of the batch.
   * @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION; in a batch, ERR_MILLRACE_TIMESTAMP
   */
  withTimestamps(f: (record: T) => number | Date, options: TimestampOptions = {}): TimedStream<T> {
    const caller = this.caller('withTimestamps');
    const site = this.streamSite();
    return new TimedStream(site, addTimestamps(site, caller, this.id, f, options));
  }

  /**
   * Gives the first of the records of a key within a time: those that come less than `within` after it, by batch time,
   * are passed over. Exchange by key.
   * @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION
   */
  dedupeByKey(within: Duration, options: DedupeByKeyOptions<T> = {}): DStream<T> {
    const caller = this.caller('dedupeByKey');
    const given = options as DedupeByKeyOptions<unknown>;
    return this.make(addDedupe(this.streamSite(), caller, this.id, within, given, false));
  }
}
