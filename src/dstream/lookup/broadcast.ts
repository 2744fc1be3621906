/**
 * Records met with the latest state of another stream, of which every partition has all: `broadcastJoin` and
 * `withBroadcast`. The other stream's pairs are updates of a table: the newest value of a key counts, undefined removes it.
 *
 * Used by one task, on its thread.
 *
 * I1  A batch meets the table as of the end of the same batch, its own updates included.
 */
import type { UserFunction } from '../../plan/graph.ts';
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import { notPair } from '../run/records.ts';
import { GatherCell } from '../state/gather-cell.ts';
import { KeyedState } from '../state/keyed-state.ts';

/** The latest state of a broadcast stream. Keys compare by value. */
export interface BroadcastTable<K, V> {
  readonly size: number;
  has(key: K): boolean;
  get(key: K): V | undefined;
}

const RECORDS = 0;
const UPDATES = 1;

interface Scene {
  /** Throws the error of a record, or passes it over. */
  readonly refuse: (error: unknown, record: unknown) => void;
}

abstract class Broadcast {
  readonly cells: BatchOperator['cells'];
  protected readonly open: GatherCell = new GatherCell();
  protected readonly table: KeyedState<unknown> = new KeyedState();
  protected readonly scene: Scene;

  constructor(scene: Scene) {
    this.scene = scene;
    this.cells = { open: this.open, table: this.table };
  }

  discard(): void {
    this.open.clear();
  }

  protected update(key: unknown, value: unknown): void {
    const { table, scene } = this;
    try {
      const slot = table.find(key);
      if (value === undefined) {
        if (slot >= 0) table.remove(slot);
      } else if (slot >= 0) table.set(slot, value);
      else table.add(key, value);
    } catch (error) {
      scene.refuse(error, [key, value]);
    }
  }
}

/** `[key, value]` becomes `[key, [value, other]]`. */
export class BroadcastJoin extends Broadcast implements BatchOperator {
  readonly takes = 'pairs';
  readonly #isOuter: boolean;

  /** @param isOuter whether records without an other are given, with undefined for it */
  constructor(scene: Scene, isOuter: boolean) {
    super(scene);
    this.#isOuter = isOuter;
  }

  pairs(side: number, keys: readonly unknown[], values: readonly unknown[]): void {
    this.open.pairs(side, keys, values);
  }

  end({ missing }: BatchEnd): Given | undefined {
    const blocks = this.open.take();
    for (const block of blocks)
      if (block.side === UPDATES && 'keys' in block)
        for (let i = 0; i < block.keys.length; i++) this.update(block.keys[i], block.values[i]);
    if (missing.includes(RECORDS)) return undefined;
    const { table, scene } = this;
    const keys: unknown[] = [];
    const values: unknown[] = [];
    for (const block of blocks) {
      if (block.side !== RECORDS || !('keys' in block)) continue;
      for (let i = 0; i < block.keys.length; i++) {
        const key = block.keys[i];
        let slot = -1;
        try {
          slot = table.find(key);
        } catch (error) {
          scene.refuse(error, [key, block.values[i]]);
          continue;
        }
        if (slot < 0 && !this.#isOuter) continue;
        keys.push(key);
        values.push([block.values[i], slot < 0 ? undefined : table.states[slot]]);
      }
    }
    return { keys, values };
  }
}

/** A record becomes what a function makes of it and the table. */
export class WithBroadcast extends Broadcast implements BatchOperator {
  readonly takes = 'rows';
  readonly #f: UserFunction;
  readonly #view: BroadcastTable<unknown, unknown>;

  constructor(scene: Scene, f: UserFunction) {
    super(scene);
    this.#f = f;
    const { table } = this;
    this.#view = {
      get size() {
        return table.size;
      },
      has: (key) => table.find(key) >= 0,
      get: (key) => {
        const slot = table.find(key);
        return slot < 0 ? undefined : table.states[slot];
      },
    };
  }

  rows(side: number, rows: readonly unknown[]): void {
    this.open.rows(side, rows);
  }

  end({ missing }: BatchEnd): Given | undefined {
    const blocks = this.open.take();
    for (const block of blocks)
      if (block.side === UPDATES && 'rows' in block)
        for (const row of block.rows) {
          if (!Array.isArray(row)) notPair(row);
          this.update((row as readonly unknown[])[0], (row as readonly unknown[])[1]);
        }
    if (missing.includes(RECORDS)) return undefined;
    const rows: unknown[] = [];
    for (const block of blocks) {
      if (block.side !== RECORDS || !('rows' in block)) continue;
      for (const row of block.rows) {
        try {
          rows.push(this.#f(row, this.#view));
        } catch (error) {
          this.scene.refuse(error, row);
        }
      }
    }
    return { rows };
  }
}
