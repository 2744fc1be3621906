/**
 * `mapWithState`: one call a record, in order, then one for each key that has been idle for too long.
 *
 * Keys without records cost nothing, and those that time out are found without a look at the others (idle-timers.ts).
 *
 * I1  Records of a batch come before its timeouts, so they revive their keys.
 * I2  A key times out when it was last touched strictly before the batch's time minus `timeout`. Every call touches its
 *     key, also one that only reads.
 * I3  What leaves is not changed any more: a result that holds objects is copied, since it may hold states.
 */
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import type { OperatorScene } from '../run/operators.ts';
import { copyAll, independent, owned } from './copied.ts';
import { KeyedOperator } from './keyed-operator.ts';
import { type State, StateHandle } from './state-handle.ts';

type MapFunction = (
  key: unknown,
  value: unknown,
  state: State<unknown>,
  info: { readonly time: number },
) => unknown;

export class MapWithStateOperator extends KeyedOperator<unknown> implements BatchOperator {
  readonly #f: MapFunction;
  /** Idle keys go without a call. */
  readonly #dropsInSilence: boolean;
  readonly #handle: StateHandle<unknown> = new StateHandle();

  constructor(scene: OperatorScene) {
    const { params, functions } = scene.node;
    super(scene, (params['timeoutMs'] ?? params['ttlMs']) as number | undefined);
    this.#f = functions['f'] as MapFunction;
    this.#dropsInSilence = params['ttlMs'] !== undefined;
  }

  end(batch: BatchEnd): Given | undefined {
    if (!this.fires(batch)) return undefined;
    const { time } = batch;
    this.begin(time);
    const rows: unknown[] = [];
    const info = { time };
    let key: unknown;
    let value: unknown;
    try {
      for (const block of this.gathered.take()) {
        if ('rows' in block) continue;
        const { keys, values } = block;
        for (let i = 0; i < keys.length; i++) {
          key = keys[i];
          value = values[i];
          this.#call(key, value, info, rows);
        }
      }
      for (const slot of this.expired(time)) {
        key = this.state.keys[slot];
        value = undefined;
        if (!this.#dropsInSilence) this.#timeOut(slot, info, rows);
        this.removed(slot);
      }
    } catch (error) {
      this.blame(error, [key, value]);
    }
    return { rows };
  }

  snapshot(): { readonly keys: unknown[]; readonly values: unknown[] } {
    const columns = this.state.columns();
    copyAll(columns.values);
    return columns;
  }

  #call(key: unknown, value: unknown, info: { readonly time: number }, rows: unknown[]): void {
    const { state } = this;
    const handle = this.#handle;
    const slot = state.find(key);
    handle.open(key, slot < 0 ? undefined : state.states[slot], slot >= 0, false);
    const given = this.#f(key, value, handle, info);
    if (handle.isUpdated) {
      const next = owned(handle.getOption());
      if (slot < 0) this.touched(state.add(key, next), info.time);
      else {
        state.set(slot, next);
        this.touched(slot, info.time);
      }
    } else if (slot >= 0) {
      if (handle.isRemoved) this.removed(slot);
      else this.touched(slot, info.time);
    }
    handle.close();
    if (given !== undefined) rows.push(independent(given));
  }

  #timeOut(slot: number, info: { readonly time: number }, rows: unknown[]): void {
    const { keys, states } = this.state;
    this.#handle.open(keys[slot], states[slot], true, true);
    const given = this.#f(keys[slot], undefined, this.#handle, info);
    this.#handle.close();
    if (given !== undefined) rows.push(independent(given));
  }
}
