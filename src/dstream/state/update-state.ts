/**
 * `updateStateByKey`: one pass over all keys at the end of each batch.
 *
 * The values of the batch are listed by slot first. Then the pass goes through the slots in order: a loop over arrays,
 * with no look-up in it.
 *
 * I1  The function is called for every known key at every batch from the first on, also when a later one is missing.
 * I2  A state is written again (`touch`) when it is another value than before, or one that may have been changed in place.
 */
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import type { OperatorScene } from '../run/operators.ts';
import { itemsOf } from '../run/records.ts';
import { BadRecord } from '../run/blame.ts';
import { copyAll, isMutable, owned, settled } from './copied.ts';
import { KeyedOperator } from './keyed-operator.ts';
import { LIVE } from './keyed-state.ts';

/** About the call. One object serves all calls of a batch. */
export interface UpdateInfo<K> {
  readonly key: K;
  /** Batch time in ms. */
  readonly time: number;
}

type Update = (
  values: unknown[],
  state: unknown,
  info: { key: unknown; readonly time: number },
) => unknown;
type UpdateAll = (
  entries: Iterable<readonly [unknown, unknown[], unknown?]>,
  info: { readonly time: number },
) => Iterable<readonly [unknown, unknown]>;

export class UpdateStateOperator extends KeyedOperator<unknown> implements BatchOperator {
  readonly #f: Update | UpdateAll;
  readonly #iterates: boolean;
  readonly #isImmutable: boolean;
  /** The values of the batch by slot; the pass takes them out again. */
  readonly #lists: (unknown[] | undefined)[] = [];

  constructor(scene: OperatorScene) {
    const { params, functions } = scene.node;
    super(scene, params['ttlMs'] as number | undefined);
    this.#f = functions['f'] as Update | UpdateAll;
    this.#iterates = params['iterator'] === true;
    this.#isImmutable = params['immutable'] === true;
  }

  end(batch: BatchEnd): Given | undefined {
    if (!this.fires(batch)) return undefined;
    // Before the first batch there is no state that could go on without one.
    if (batch.missing.length > 0 && !this.state.begun) return undefined;
    const { time } = batch;
    this.begin(time);
    this.#list(time);
    for (const slot of this.expired(time)) this.removed(slot);
    if (this.#iterates) return this.#passWhole(this.#f as UpdateAll, time);
    this.#pass(this.#f as Update, time);
    return this.snapshot();
  }

  snapshot(): { readonly keys: unknown[]; readonly values: unknown[] } {
    const columns = this.state.columns();
    if (!this.#isImmutable) copyAll(columns.values);
    return columns;
  }

  /** Lists the values of the batch by slot; keys that are new get slots. */
  #list(time: number): void {
    const { state } = this;
    const lists = this.#lists;
    let key: unknown;
    try {
      for (const block of this.gathered.take()) {
        if ('rows' in block) continue;
        const { keys, values } = block;
        for (let i = 0; i < keys.length; i++) {
          key = keys[i];
          let slot = state.find(key);
          if (slot < 0) slot = state.add(key, undefined);
          const list = lists[slot];
          if (list !== undefined) {
            list.push(values[i]);
            continue;
          }
          while (lists.length < slot) lists.push(undefined);
          lists[slot] = [values[i]];
          this.touched(slot, time);
        }
      }
    } catch (error) {
      this.blame(error, key);
    }
  }

  #pass(f: Update, time: number): void {
    const { state } = this;
    const { keys, states, flags } = state;
    const lists = this.#lists;
    const info = { key: undefined as unknown, time };
    const isImmutable = this.#isImmutable;
    const count = keys.length;
    let slot = 0;
    try {
      for (; slot < count; slot++) {
        if ((flags[slot]! & LIVE) === 0) continue;
        let values = slot < lists.length ? lists[slot] : undefined;
        if (values === undefined) values = [];
        else lists[slot] = undefined;
        const before = states[slot];
        info.key = keys[slot];
        const after = f(values, before, info);
        if (after === undefined) this.removed(slot);
        else if (!Object.is(after, before)) state.set(slot, owned(settled(after)));
        else if (!isImmutable && isMutable(after)) state.touch(slot);
      }
    } catch (error) {
      this.blame(error, keys[slot]);
    }
  }

  /** What the function gives is the state from now on, in place of all that was. */
  #passWhole(f: UpdateAll, time: number): Given {
    const { state } = this;
    const count = state.keys.length;
    const given: Given & { keys: unknown[]; values: unknown[] } = { keys: [], values: [] };
    let record: unknown;
    try {
      for (const pair of itemsOf(f(this.#entries(), { time }))) {
        record = pair;
        if (!Array.isArray(pair))
          throw new BadRecord('needs a function that gives [key, state] pairs', { value: pair });
        const [key, after] = pair as [unknown, unknown];
        if (after === undefined) continue;
        given.keys.push(key);
        given.values.push(owned(settled(after)));
      }
      const kept = new Uint8Array(count + given.keys.length);
      given.keys.forEach((key, i) => {
        record = key;
        const after = given.values[i];
        let slot = state.find(key);
        if (slot < 0) {
          slot = state.add(key, after);
          this.touched(slot, time);
        }
        // Of a key that is given twice the first counts.
        else if (kept[slot] === 0 && (!Object.is(after, state.states[slot]) || isMutable(after)))
          state.set(slot, after);
        kept[slot] = 1;
      });
      for (let slot = 0; slot < count; slot++)
        if (kept[slot] === 0 && (state.flags[slot]! & LIVE) !== 0) this.removed(slot);
    } catch (error) {
      this.blame(error, record);
    }
    this.#lists.length = 0;
    copyAll(given.values);
    return given;
  }

  /** Keys with a state first: of two that become one, it is the older that goes on. */
  *#entries(): Generator<readonly [unknown, unknown[], unknown?]> {
    const { keys, states, flags } = this.state;
    const lists = this.#lists;
    for (const isNew of [false, true]) {
      for (let slot = 0; slot < keys.length; slot++) {
        const state = states[slot];
        if ((flags[slot]! & LIVE) === 0 || (state === undefined) !== isNew) continue;
        const values = (slot < lists.length ? lists[slot] : undefined) ?? [];
        yield isNew ? [keys[slot], values] : [keys[slot], values, state];
      }
    }
  }
}
