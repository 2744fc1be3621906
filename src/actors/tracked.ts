/**
 * How records are followed from a source to the last stage ('at-least-once').
 *
 * A source's record has a number, its *root*. Each copy of a record that one stage gives to another has an id: 64 random
 * bits, in two halves of 32 (no BigInt). Who gives a copy and who has worked it off both tell the acker (root, id), which
 * keeps no more than the XOR of all ids of a root: it is 0 when each id came twice, so when nothing of the root is left.
 * An accident needs two equal sets of ids, one chance in 2^64.
 *
 * A list of copies is flat, three numbers each: root, upper half, lower half. Records and their copies travel as one
 * block of columns with a single pair, so nobody cuts them apart. Used by bodies of topologies, on their threads.
 */
import type { Block, ColumnsBlock } from './block.ts';

/** Roots of one source begin here times its number. */
export const ROOTS_PER_SOURCE: number = 2 ** 40;
/** In place of a root: what a timer or an untracked record gave is not followed. */
export const NO_ROOT = -1;
export const STRIDE = 3;

export interface Tracked {
  readonly rows: readonly unknown[];
  /** Copies, three numbers a row. */
  readonly copies: ArrayLike<number>;
}

export function trackedBlock(
  port: number,
  rows: readonly unknown[],
  copies: readonly number[],
): ColumnsBlock {
  return { kind: 'columns', port, count: 1, keys: [rows], values: [Float64Array.from(copies)] };
}

export function trackedOf(block: Block): Tracked {
  if (block.kind !== 'columns') throw new TypeError(`a tracked sender sends no ${block.kind}`);
  return {
    rows: (block.keys as readonly unknown[])[0] as readonly unknown[],
    copies: block.values[0] as Float64Array,
  };
}

/** What a task has to tell the acker, or the acker a source. */
export class Tidings {
  /** To the acker: copies; to a source: roots. */
  #done: number[] = [];
  /** Roots. */
  #failed: number[] = [];

  get isEmpty(): boolean {
    return this.#done.length === 0 && this.#failed.length === 0;
  }

  copy(root: number, high: number, low: number): void {
    this.#done.push(root, high, low);
  }

  acked(root: number): void {
    this.#done.push(root);
  }

  failed(root: number): void {
    this.#failed.push(root);
  }

  /** As a block; nothing is left. */
  take(): ColumnsBlock {
    const block: ColumnsBlock = {
      kind: 'columns',
      port: 0,
      count: 1,
      keys: [Float64Array.from(this.#done)],
      values: [Float64Array.from(this.#failed)],
    };
    this.#done = [];
    this.#failed = [];
    return block;
  }
}

export function tidingsOf(block: Block): {
  readonly done: Float64Array;
  readonly failed: Float64Array;
} {
  if (block.kind !== 'columns') throw new TypeError(`no ${block.kind} is news`);
  return {
    done: (block.keys as readonly unknown[])[0] as Float64Array,
    failed: block.values[0] as Float64Array,
  };
}
