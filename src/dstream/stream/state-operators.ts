/** Operators that keep a state for each key. Of DStream; used by the thread that builds a job. */
import type { DStream, MapWithStateStream } from '../dstream.ts';
import {
  addMapWithState,
  addUpdateStateByKey,
  type MapWithStateOptions,
  type UpdateStateOptions,
} from '../state/build.ts';
import type { State } from '../state/state-handle.ts';
import type { UpdateInfo } from '../state/update-state.ts';
import { JoinOperators } from './join-operators.ts';

/** And what it remembers of its keys. */
export abstract class StateOperators<T> extends JoinOperators<T> {
  // ── State by key ──────────────────────────────────────────────────────────────────────────────
  // A state is a plain value, `undefined` is none. It outlives failures: a batch that runs again finds it as it was. Its
  // name in `run.query(name, key)` is what `named(name)` says.

  /**
   * Keeps a state for each key, and gives all keys with their states at each batch. `f` gets the values that came for the
   * key, in order, and its state, and gives the new one: `undefined` drops the key. It is called for every known key at
   * every batch, with no values where none came, and when the batch is missing. Exchange by key. Prefer `mapWithState`
   * where few of many keys get values.
   * @param options or the number of partitions
   * @example pairs.updateStateByKey((values, count: number = 0) => count + values.length)
   */
  updateStateByKey<K, V, S>(
    this: DStream<readonly [K, V]>,
    f: (values: V[], state: S | undefined, info: UpdateInfo<K>) => S | undefined,
    options?: number | (UpdateStateOptions<K, S> & { readonly iterator?: false }),
  ): DStream<[K, S]>;
  /**
   * With `iterator: true`, `f` is called once a partition and batch. It gets something to iterate, `[key, values, state?]`
   * for each key, and gives `[key, state]` for each that is to be kept. Keys may be other ones than before; they stay in
   * their partition, and of two that are equal the first counts.
   */
  updateStateByKey<K, V, S, J = K>(
    this: DStream<readonly [K, V]>,
    f: (
      entries: Iterable<readonly [K, V[], S?]>,
      info: { readonly time: number },
    ) => Iterable<readonly [J, S]>,
    options: UpdateStateOptions<K, S> & { readonly iterator: true },
  ): DStream<[J, S]>;
  updateStateByKey(f: unknown, options?: unknown): DStream<[never, never]> {
    return this.make(addUpdateStateByKey(this.site('updateStateByKey'), f, options));
  }

  /**
   * Keeps a state for each key, and gives what `f` gives: `undefined` gives no record. It is called for each record, in
   * order, and once more, without a value, for a key that was idle for longer than `timeout`; the key is then dropped. What
   * a batch costs grows with its records, not with the keys. Exchange by key.
   *
   * A call of any kind touches its key, so it is not idle. Records of a batch come before its timeouts. A state that is
   * changed in place must be given to `update` all the same.
   * @param options or the number of partitions
   * @throws in a batch, ERR_MILLRACE_STATE_USE
   * @example
   * pairs.mapWithState((word, one, state: State<number>) => {
   *   state.update((state.getOption() ?? 0) + (one ?? 0));
   *   return [word, state.get()];
   * })
   */
  mapWithState<K, V, S, const U>(
    this: DStream<readonly [K, V]>,
    f: (key: K, value: V | undefined, state: State<S>, info: { readonly time: number }) => U,
    options?: number | MapWithStateOptions<K, S>,
  ): MapWithStateStream<K, S, Exclude<U, undefined | void>> {
    return this.makeWithState(addMapWithState(this.site('mapWithState'), f, options));
  }

  /** @internal As `make`, for `mapWithState`. */
  protected abstract makeWithState<K, S, U>(id: number): MapWithStateStream<K, S, U>;
}
