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
import { KeyTable } from '../keys/key-table.ts';
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import { missingBatch } from '../run/blame.ts';
import type { OperatorScene } from '../run/operators.ts';

const END = -1;

/** The values of one side. */
class Values {
  readonly values: unknown[] = [];
  /** By value: the next one of its key. */
  readonly next: number[] = [];
  /** By slot of the key. */
  readonly first: number[] = [];
  readonly last: number[] = [];

  add(slot: number, value: unknown): void {
    const at = this.values.push(value) - 1;
    this.next.push(END);
    const last = this.last[slot]!;
    if (last === END) this.first[slot] = at;
    else this.next[last] = at;
    this.last[slot] = at;
  }

  /** Those of a key. */
  of(slot: number): unknown[] {
    const list: unknown[] = [];
    for (let at = this.first[slot]!; at !== END; at = this.next[at]!) list.push(this.values[at]);
    return list;
  }
}

abstract class TwoSided implements BatchOperator {
  readonly takes = 'pairs';
  readonly cells: BatchOperator['cells'] = {};
  protected readonly scene: OperatorScene;
  /** Whether a key that only the second side has counts. */
  readonly #addsSecond: boolean;
  #table: KeyTable<undefined> = new KeyTable();
  #sides: readonly [Values, Values] = [new Values(), new Values()];

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
          slot = table.size;
          table.add(keys[i], undefined);
          a.first.push(END);
          a.last.push(END);
          b.first.push(END);
          b.last.push(END);
        }
        own.add(slot, values[i]);
      }
    } catch (error) {
      this.scene.blame(error, { value: [keys[i], values[i]] });
    }
  }

  end(batch: BatchEnd): Given | undefined {
    const { keys } = this.#table;
    const [a, b] = this.#sides;
    this.discard();
    if (batch.missing.length === 0) return this.joined(keys, a, b);
    const { node, slideMs } = this.scene;
    if (fires(slideMs, batch)) throw missingBatch(node, batch.time);
    return undefined;
  }

  discard(): void {
    this.#table = new KeyTable();
    this.#sides = [new Values(), new Values()];
  }

  protected abstract joined(keys: readonly unknown[], a: Values, b: Values): Given;
}

export class CogroupOperator extends TwoSided {
  constructor(scene: OperatorScene) {
    super(scene, true);
  }

  protected joined(keys: readonly unknown[], a: Values, b: Values): Given {
    return { keys, values: keys.map((_, slot) => [a.of(slot), b.of(slot)]) };
  }
}

export class JoinOperator extends TwoSided {
  constructor(scene: OperatorScene) {
    super(scene, scene.node.params['right'] === true);
  }

  protected joined(keys: readonly unknown[], a: Values, b: Values): Given {
    const { left, right } = this.scene.node.params;
    const given = { keys: [] as unknown[], values: [] as unknown[] };
    for (let slot = 0; slot < keys.length; slot++) {
      const key = keys[slot];
      const [firstA, firstB] = [a.first[slot]!, b.first[slot]!];
      if (firstB === END) {
        if (left !== true) continue;
        for (let i = firstA; i !== END; i = a.next[i]!) {
          given.keys.push(key);
          given.values.push([a.values[i], undefined]);
        }
      } else if (firstA === END) {
        if (right !== true) continue;
        for (let j = firstB; j !== END; j = b.next[j]!) {
          given.keys.push(key);
          given.values.push([undefined, b.values[j]]);
        }
      } else {
        for (let i = firstA; i !== END; i = a.next[i]!) {
          for (let j = firstB; j !== END; j = b.next[j]!) {
            given.keys.push(key);
            given.values.push([a.values[i], b.values[j]]);
          }
        }
      }
    }
    return given;
  }
}
