/**
 * What `updateStateByKey` and `mapWithState` have in common: their cells, the initial state, times of keys, queries.
 * One instance a partition, used by its task's thread only.
 *
 * I1  Records change nothing before the batch's end. So a batch that is given up leaves no trace, and a query between two
 *     steps of the task sees the state as of the end of a batch.
 * I2  The initial state is loaded at the end of the first batch; that it was is part of the state.
 */
import { packValue, unpackValue } from '../../actors/codec.ts';
import { fires } from '../../plan/slides.ts';
import type { BatchEnd } from '../run/batch-operator.ts';
import type { OperatorScene } from '../run/operators.ts';
import type { StateCell } from './cell.ts';
import { GatherCell } from './gather-cell.ts';
import { initialPairs } from './initial-state.ts';
import { IdleTimers } from './idle-timers.ts';
import { KeyedState, LIVE, UNTIMED } from './keyed-state.ts';
import { migrationOf } from './migration.ts';

export abstract class KeyedOperator<S> {
  readonly takes = 'pairs';
  readonly cells: Readonly<Record<string, StateCell>>;
  protected readonly state: KeyedState<S>;
  protected readonly gathered: GatherCell = new GatherCell();
  /** Undefined when keys may be idle for ever. */
  protected readonly idleMs: number | undefined;
  readonly #scene: OperatorScene;
  /** Undefined until it is needed: after a restore it follows from the keys' times. */
  #timers: IdleTimers | undefined;

  constructor(scene: OperatorScene, idleMs: number | undefined) {
    this.#scene = scene;
    this.idleMs = idleMs;
    const { node, blame } = scene;
    const migration = migrationOf(node, (error, value) => blame(error, { value }));
    this.state = new KeyedState<S>(idleMs !== undefined, migration);
    this.cells = { keys: this.state, open: this.gathered };
  }

  pairs(side: number, keys: readonly unknown[], values: readonly unknown[]): void {
    this.gathered.pairs(side, keys, values);
  }

  discard(): void {
    this.gathered.clear();
  }

  /** A copy of the key's state, undefined when it has none. */
  query(key: unknown): unknown {
    const slot = this.state.find(key);
    return slot < 0 ? undefined : unpackValue(packValue(this.state.states[slot]));
  }

  /** Keys and states now, as they may be given away. */
  abstract snapshot(): { readonly keys: unknown[]; readonly values: unknown[] };

  /** Whether the stream has a batch at that time, be it a missing one of the parent's. */
  protected fires(batch: BatchEnd): boolean {
    return fires(this.#scene.slideMs, batch);
  }

  /** Loads the initial state, the first time. */
  protected begin(time: number): void {
    const { state } = this;
    if (state.begun) return;
    state.begin();
    for (const [key, value] of initialPairs(this.#scene))
      this.touched(state.add(key, value as S), time);
  }

  /** The key in that slot was touched at the time of this batch. */
  protected touched(slot: number, time: number): void {
    const { times } = this.state;
    if (times === undefined) return;
    times[slot] = time;
    this.state.touch(slot);
    this.#timersNow(time).touch(slot, time);
  }

  protected removed(slot: number): void {
    this.state.remove(slot);
    this.#timers?.forget(slot);
  }

  /** Takes the slots of the keys that were last touched strictly before `time` - `idleMs`. */
  protected expired(time: number): Iterable<number> {
    const { times } = this.state;
    if (this.idleMs === undefined || times === undefined) return [];
    return this.#timersNow(time).expire(time - this.idleMs, times);
  }

  protected blame(error: unknown, record: unknown): never {
    return this.#scene.blame(error, { value: record });
  }

  #timersNow(now: number): IdleTimers {
    if (this.#timers !== undefined) return this.#timers;
    const timers = new IdleTimers();
    const { flags, keys } = this.state;
    const times = this.state.times!;
    for (let slot = 0; slot < keys.length; slot++) {
      if ((flags[slot]! & LIVE) === 0) continue;
      // Keys from before there was a `ttl` or `timeout`: theirs begins now.
      if (times[slot] === UNTIMED) {
        times[slot] = now;
        this.state.touch(slot);
      }
      timers.touch(slot, times[slot]!);
    }
    this.#timers = timers;
    return timers;
  }
}
