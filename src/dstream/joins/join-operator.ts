/**
 * `cogroup` and the joins: the batches of two streams, key by key. Used by its task's thread only, as the root of a task.
 *
 * The values of each side lie in one array, in order of arrival; those of a key are chained through it by index. So a
 * key costs four numbers, and no array of its own.
 *
 * I1  Keys come in order of first arrival, those of the first side first. A key's values keep their order; a join gives
 *     each of the first with each of the second, in that order.
 * I2  Nothing is held between batches. What arrives within one waits in the task (`operator-body.ts`).
 */
import { fires } from '../../plan/slides.ts';
import { KeyIndex } from '../keys/key-index.ts';
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import { missingBatch } from '../run/blame.ts';
import type { OperatorScene } from '../run/operators.ts';

const END = -1;

const FIRST_ROOM = 1024;
/** What had more room than that is let go at the end of its batch. */
const KEPT_ROOM = 1_048_576;

/** Numbers that are there for the next batch too, so that none of them are garbage. */
class Numbers {
  at: Int32Array = new Int32Array(FIRST_ROOM);

  /** Makes room for one at `index`. */
  grow(index: number): void {
    const more = new Int32Array(Math.max(2 * this.at.length, index + 1));
    more.set(this.at);
    this.at = more;
  }

  clear(): void {
    if (this.at.length > KEPT_ROOM) this.at = new Int32Array(FIRST_ROOM);
  }
}

/** The keys of both sides, by slot. */
class Keys extends KeyIndex {
  keys: unknown[] = [];

  add(key: unknown): number {
    const slot = this.keys.length;
    this.keys.push(this.index(key, slot));
    return slot;
  }

  /** The array that was there is the caller's from now on. */
  clear(): void {
    if (this.keys.length === 0) return;
    this.clearIndex();
    this.keys = [];
  }
}

/** The values of one side. */
class Values {
  values: unknown[] = [];
  /** By value: the next one of its key. */
  readonly next: Numbers = new Numbers();
  /** By slot of the key: its first value and its last. */
  readonly first: Numbers = new Numbers();
  readonly last: Numbers = new Numbers();

  /** A new key. */
  addSlot(slot: number): void {
    if (slot >= this.first.at.length) {
      this.first.grow(slot);
      this.last.grow(slot);
    }
    this.first.at[slot] = END;
    this.last.at[slot] = END;
  }

  add(slot: number, value: unknown): void {
    const at = this.values.push(value) - 1;
    if (at >= this.next.at.length) this.next.grow(at);
    this.next.at[at] = END;
    const last = this.last.at[slot]!;
    if (last === END) this.first.at[slot] = at;
    else this.next.at[last] = at;
    this.last.at[slot] = at;
  }

  clear(): void {
    this.values = [];
    this.next.clear();
    this.first.clear();
    this.last.clear();
  }
}

abstract class TwoSided implements BatchOperator {
  readonly takes = 'pairs';
  readonly cells: BatchOperator['cells'] = {};
  protected readonly scene: OperatorScene;
  /** Whether a key that only the second side has counts. */
  readonly #addsSecond: boolean;
  readonly #table: Keys = new Keys();
  readonly #sides: readonly [Values, Values] = [new Values(), new Values()];

  constructor(scene: OperatorScene, addsSecond: boolean) {
    this.scene = scene;
    this.#addsSecond = addsSecond;
  }

  pairs(side: number, keys: readonly unknown[], values: readonly unknown[]): void {
    const table = this.#table;
    const [a, b] = this.#sides;
    const own = side === 0 ? a : b;
    const adds = side === 0 || this.#addsSecond;
    let i = 0;
    try {
      for (; i < keys.length; i++) {
        let slot = table.find(keys[i]);
        if (slot < 0) {
          if (!adds) continue;
          slot = table.add(keys[i]);
          a.addSlot(slot);
          b.addSlot(slot);
        }
        own.add(slot, values[i]);
      }
    } catch (error) {
      this.scene.blame(error, { value: [keys[i], values[i]] });
    }
  }

  end(batch: BatchEnd): Given | undefined {
    const { node, slideMs } = this.scene;
    if (batch.missing.length === 0) {
      const given = this.joined(this.#table.keys, ...this.#sides);
      this.discard();
      return given;
    }
    this.discard();
    if (fires(slideMs, batch)) throw missingBatch(node, batch.time);
    return undefined;
  }

  discard(): void {
    // Keys that were given away are whoever got them's: clearing makes new arrays.
    this.#table.clear();
    for (const side of this.#sides) side.clear();
  }

  protected abstract joined(keys: readonly unknown[], a: Values, b: Values): Given;
}

export class CogroupOperator extends TwoSided {
  constructor(scene: OperatorScene) {
    super(scene, true);
  }

  protected joined(keys: readonly unknown[], a: Values, b: Values): Given {
    const values: unknown[] = [];
    for (let slot = 0; slot < keys.length; slot++) values.push([listed(a, slot), listed(b, slot)]);
    return { keys, values };
  }
}

export class JoinOperator extends TwoSided {
  constructor(scene: OperatorScene) {
    super(scene, scene.node.params['right'] === true);
  }

  protected joined(keys: readonly unknown[], a: Values, b: Values): Given {
    const { left, right } = this.scene.node.params;
    const given = { keys: [] as unknown[], values: [] as unknown[] };
    const [nextA, nextB] = [a.next.at, b.next.at];
    for (let slot = 0; slot < keys.length; slot++) {
      const key = keys[slot];
      const firstA = a.first.at[slot]!;
      const firstB = b.first.at[slot]!;
      if (firstB === END) {
        if (left !== true) continue;
        for (let i = firstA; i !== END; i = nextA[i]!) {
          given.keys.push(key);
          given.values.push([a.values[i], undefined]);
        }
      } else if (firstA === END) {
        if (right !== true) continue;
        for (let j = firstB; j !== END; j = nextB[j]!) {
          given.keys.push(key);
          given.values.push([undefined, b.values[j]]);
        }
      } else {
        for (let i = firstA; i !== END; i = nextA[i]!) {
          for (let j = firstB; j !== END; j = nextB[j]!) {
            given.keys.push(key);
            given.values.push([a.values[i], b.values[j]]);
          }
        }
      }
    }
    return given;
  }
}

/** The values of a key. */
function listed({ values, first, next }: Values, slot: number): unknown[] {
  const list: unknown[] = [];
  for (let at = first.at[slot]!; at !== END; at = next.at[at]!) list.push(values[at]);
  return list;
}
