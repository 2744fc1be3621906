/** Operators that bring two streams together by key. Of DStream; used by the thread that builds a job. */
import type { DStream } from '../dstream.ts';
import { joinNode, type JoinWord } from '../joins/build.ts';
import type { BroadcastTable } from '../lookup/broadcast.ts';
import { addBroadcastJoin, addWithBroadcast, type BroadcastJoinOptions } from '../lookup/build.ts';
import type { Partitions } from '../partitioner.ts';
import type { RecordOptions } from '../record-options.ts';
import type { StreamCore } from './core.ts';
import { PairOperators } from './pair-operators.ts';
import { checkStreams } from './several.ts';

/** And what it has with another stream of pairs. */
export abstract class JoinOperators<T> extends PairOperators<T> {
  // ── Two streams by key ────────────────────────────────────────────────────────────────────────
  // Batch by batch of the same time. Both may be the same stream. A side that lies by key already, in as many
  // partitions, isn't exchanged. Keys come in order of first arrival, those of this stream first. All fail on a missing
  // batch, and are refused before the start when the two have their batches at different times.

  /** Gives `[key, [these, others]]` for each key that either has: all its values here, and all there. */
  cogroup<K, V, W>(
    this: DStream<readonly [K, V]>,
    other: DStream<readonly [K, W]>,
    numPartitions?: Partitions<K>,
  ): DStream<[K, [V[], W[]]]> {
    return this.#join('cogroup', other, numPartitions);
  }

  /** Gives `[key, [a, b]]` for each value of a key here with each one there. */
  join<K, V, W>(
    this: DStream<readonly [K, V]>,
    other: DStream<readonly [K, W]>,
    numPartitions?: Partitions<K>,
  ): DStream<[K, [V, W]]> {
    return this.#join('join', other, numPartitions);
  }

  /** As {@link join}; a pair whose key isn't there comes with `undefined`. */
  leftOuterJoin<K, V, W>(
    this: DStream<readonly [K, V]>,
    other: DStream<readonly [K, W]>,
    numPartitions?: Partitions<K>,
  ): DStream<[K, [V, W | undefined]]> {
    return this.#join('leftOuterJoin', other, numPartitions);
  }

  /** As {@link join}; a pair of the other stream whose key isn't here comes with `undefined`. */
  rightOuterJoin<K, V, W>(
    this: DStream<readonly [K, V]>,
    other: DStream<readonly [K, W]>,
    numPartitions?: Partitions<K>,
  ): DStream<[K, [V | undefined, W]]> {
    return this.#join('rightOuterJoin', other, numPartitions);
  }

  /** As {@link join}; pairs of either side without one on the other come with `undefined`. */
  fullOuterJoin<K, V, W>(
    this: DStream<readonly [K, V]>,
    other: DStream<readonly [K, W]>,
    numPartitions?: Partitions<K>,
  ): DStream<[K, [V | undefined, W | undefined]]> {
    return this.#join('fullOuterJoin', other, numPartitions);
  }

  // ── Tables ────────────────────────────────────────────────────────────────────────────────────

  /**
   * Pairs each record with the newest value of its key in another stream, `[key, [value, other]]`: a table that changes
   * slowly, of which each partition has all. A batch meets the table with its own updates; `undefined` removes a key. The
   * stream itself is not exchanged, the other goes to every partition.
   */
  broadcastJoin<K, V, W>(
    this: DStream<readonly [K, V]>,
    table: DStream<readonly [K, W]>,
    options?: BroadcastJoinOptions & { readonly outer?: false },
  ): DStream<[K, [V, W]]>;
  broadcastJoin<K, V, W>(
    this: DStream<readonly [K, V]>,
    table: DStream<readonly [K, W]>,
    options: BroadcastJoinOptions,
  ): DStream<[K, [V, W | undefined]]>;
  broadcastJoin<K, V, W>(
    this: DStream<readonly [K, V]>,
    table: DStream<readonly [K, W]>,
    options: BroadcastJoinOptions = {},
  ): DStream<[K, [V, W]]> {
    const caller = this.caller('broadcastJoin');
    checkStreams(caller, this.builder, [table]);
    return this.make(addBroadcastJoin(this.streamSite(), caller, this.id, table.id, options));
  }

  /** Gives `f(record, table)`, the table being the newest values by key of another stream, as in `broadcastJoin`. */
  withBroadcast<K, W, U>(
    table: DStream<readonly [K, W]>,
    f: (record: T, table: BroadcastTable<K, W>) => U,
    options?: RecordOptions,
  ): DStream<U> {
    const caller = this.caller('withBroadcast');
    checkStreams(caller, this.builder, [table]);
    return this.make(addWithBroadcast(this.streamSite(), caller, this.id, table.id, f, options));
  }

  #join<U>(operator: JoinWord, other: StreamCore, partitions: unknown): DStream<U> {
    const caller = this.caller(operator);
    checkStreams(caller, this.builder, [other], 'other');
    return this.make(this.builder.add(joinNode(caller, [this.id, other.id], partitions)));
  }
}
