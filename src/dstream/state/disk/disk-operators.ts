/**
 * `updateStateByKey` and `mapWithState` with their state on disk. What they do is said in `update-state.ts` and
 * `map-with-state.ts`; the differences are these: keys come in the order of their bytes, a state is the operator's own
 * copy at each call (so one that is changed in place must be given back), and what a pass over all keys gives leaves
 * page by page. One instance a partition, used by its task's thread only.
 */
import { packValue } from '../../../actors/codec.ts';
import { fires } from '../../../plan/slides.ts';
import { canonicalKey } from '../../keys/canonical.ts';
import type { BatchEnd, BatchOperator, Given } from '../../run/batch-operator.ts';
import type { OperatorScene } from '../../run/operators.ts';
import type { StateCell } from '../cell.ts';
import { independent, isMutable, settled } from '../copied.ts';
import { GatherCell } from '../gather-cell.ts';
import { initialPairs } from '../initial-state.ts';
import { UNTIMED } from '../keyed-state.ts';
import { migrationOf } from '../migration.ts';
import { type State, StateHandle } from '../state-handle.ts';
import { DiskState, type Held } from './disk-state.ts';
import { ownTables } from './own-tables.ts';

type Pairs = { readonly keys: unknown[]; readonly values: unknown[] };

abstract class DiskOperator {
  readonly takes = 'pairs';
  readonly cells: Readonly<Record<string, StateCell>>;
  protected readonly state: DiskState<unknown>;
  protected readonly gathered: GatherCell = new GatherCell();
  protected readonly scene: OperatorScene;
  readonly #idleMs: number | undefined;
  readonly #close: () => void;

  constructor(scene: OperatorScene, idleMs: number | undefined) {
    const { node, blame } = scene;
    this.scene = scene;
    this.#idleMs = idleMs;
    const { tables, close } = ownTables(scene);
    this.#close = close;
    const migration = migrationOf(node, (error, value) => blame(error, { value }));
    this.state = new DiskState(tables, idleMs !== undefined, migration);
    this.cells = { keys: this.state, open: this.gathered };
  }

  pairs(side: number, keys: readonly unknown[], values: readonly unknown[]): void {
    this.gathered.pairs(side, keys, values);
  }

  discard(): void {
    this.gathered.clear();
  }

  query(key: unknown): unknown {
    return this.state.find(key).state;
  }

  close(): void {
    this.#close();
  }

  snapshot(): Given {
    const { state } = this;
    return {
      *pieces(): Generator<Pairs> {
        for (const page of state.pages())
          yield { keys: page.map(({ key }) => key), values: page.map(({ state: own }) => own) };
      },
    };
  }

  protected begin(time: number): void {
    const { state } = this;
    if (state.begun) return;
    state.begin();
    for (const [key, initial] of initialPairs(this.scene)) {
      state.set(state.find(key), initial, time);
      state.tidy();
    }
  }

  /** Calls `end` for keys that were last touched before the time they may be idle, and lets go of them. */
  protected expire(
    time: number,
    end: (held: Held<unknown>) => void,
    isBusy: (held: Held<unknown>) => boolean = () => false,
  ): void {
    const { state } = this;
    if (this.#idleMs === undefined) return;
    state.flush();
    for (;;) {
      const idle = state.idle(time - this.#idleMs);
      if (idle.length === 0) return;
      for (const held of idle) {
        // Keys from before there was a `ttl` or `timeout`: theirs begins now.
        if (held.time === UNTIMED || isBusy(held)) state.set(held, held.state, time);
        else {
          end(held);
          state.remove(held);
        }
      }
      state.store(idle);
    }
  }

  protected blame(error: unknown, record: unknown): never {
    return this.scene.blame(error, { value: record });
  }
}

type MapFunction = (
  key: unknown,
  value: unknown,
  state: State<unknown>,
  info: { readonly time: number },
) => unknown;

export class DiskMapWithState extends DiskOperator implements BatchOperator {
  readonly #f: MapFunction;
  readonly #dropsInSilence: boolean;
  readonly #keepsTimes: boolean;
  readonly #handle: StateHandle<unknown> = new StateHandle();

  constructor(scene: OperatorScene) {
    const { params, functions } = scene.node;
    const idleMs = (params['timeoutMs'] ?? params['ttlMs']) as number | undefined;
    super(scene, idleMs);
    this.#f = functions['f'] as MapFunction;
    this.#keepsTimes = idleMs !== undefined;
    this.#dropsInSilence = params['ttlMs'] !== undefined;
  }

  end(batch: BatchEnd): Given | undefined {
    if (!fires(this.scene.slideMs, batch)) return undefined;
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
          this.state.tidy();
        }
      }
      this.expire(time, (held) => {
        key = held.key;
        value = undefined;
        if (this.#dropsInSilence) return;
        this.#handle.open(key, held.state, true, true);
        const given = this.#f(key, undefined, this.#handle, info);
        this.#handle.close();
        if (given !== undefined) rows.push(independent(given));
      });
      this.state.flush();
    } catch (error) {
      this.blame(error, [key, value]);
    }
    return { rows };
  }

  #call(key: unknown, value: unknown, info: { readonly time: number }, rows: unknown[]): void {
    const { state } = this;
    const handle = this.#handle;
    const held = state.find(key);
    const exists = held.state !== undefined;
    handle.open(key, held.state, exists, false);
    const given = this.#f(key, value, handle, info);
    if (handle.isUpdated) state.set(held, handle.getOption(), info.time);
    else if (exists) {
      if (handle.isRemoved) state.remove(held);
      else if (this.#keepsTimes) state.set(held, held.state, info.time);
    }
    handle.close();
    if (given !== undefined) rows.push(independent(given));
  }
}

type Update = (
  values: unknown[],
  state: unknown,
  info: { key: unknown; readonly time: number },
) => unknown;

/** The values of the batch by key, those of a key in their order. */
type Lists = Map<string, { readonly key: unknown; readonly values: unknown[] }>;

export class DiskUpdateState extends DiskOperator implements BatchOperator {
  readonly #f: Update;
  readonly #isImmutable: boolean;

  constructor(scene: OperatorScene) {
    const { params, functions } = scene.node;
    super(scene, params['ttlMs'] as number | undefined);
    this.#f = functions['f'] as Update;
    this.#isImmutable = params['immutable'] === true;
  }

  end(batch: BatchEnd): Given | undefined {
    if (!fires(this.scene.slideMs, batch)) return undefined;
    if (batch.missing.length > 0 && !this.state.begun) return undefined;
    const { time } = batch;
    this.begin(time);
    const lists = this.#lists();
    this.expire(
      time,
      () => {},
      ({ key }) => lists.has(canonicalKey(key)),
    );
    return { pieces: () => this.#pass(lists, time) };
  }

  #lists(): Lists {
    const lists: Lists = new Map();
    let key: unknown;
    try {
      for (const block of this.gathered.take()) {
        if ('rows' in block) continue;
        const { keys, values } = block;
        for (let i = 0; i < keys.length; i++) {
          key = keys[i];
          const name = canonicalKey(key);
          const list = lists.get(name);
          if (list === undefined) lists.set(name, { key, values: [values[i]] });
          else list.values.push(values[i]);
        }
      }
    } catch (error) {
      this.blame(error, key);
    }
    return lists;
  }

  *#pass(lists: Lists, time: number): Generator<Pairs> {
    const { state } = this;
    const info = { key: undefined as unknown, time };
    for (const page of state.pages()) {
      const piece: Pairs = { keys: [], values: [] };
      for (const held of page) {
        const name = lists.size === 0 ? '' : canonicalKey(held.key);
        const list = lists.get(name);
        if (list !== undefined) lists.delete(name);
        this.#update(held, list?.values, info, piece);
      }
      yield piece;
    }
    let piece: Pairs = { keys: [], values: [] };
    for (const { key, values } of lists.values()) {
      this.#update(state.find(key), values, info, piece);
      state.tidy();
      if (piece.keys.length < 4096) continue;
      yield piece;
      piece = { keys: [], values: [] };
    }
    state.flush();
    yield piece;
  }

  #update(
    held: Held<unknown>,
    values: unknown[] | undefined,
    info: { key: unknown; readonly time: number },
    piece: Pairs,
  ): void {
    const { state } = this;
    const { key, state: before, stored } = held;
    info.key = key;
    try {
      const after = settled(this.#f(values ?? [], before, info));
      if (after === undefined) state.remove(held);
      else {
        const time = values === undefined ? held.time : info.time;
        const isSame =
          Object.is(after, before) &&
          (this.#isImmutable ||
            !isMutable(after) ||
            (stored !== undefined &&
              Buffer.compare(packValue([key, after, held.time]), stored) === 0));
        if (!isSame || time !== held.time) state.set(held, after, time);
        piece.keys.push(key);
        piece.values.push(after);
      }
    } catch (error) {
      this.blame(error, key);
    }
  }
}
