/**
 * The records of the open batch, as an operator gathers them: a list of blocks that grows, and is emptied at the batch's
 * end. A hand-over inside a batch costs what has come since the one before.
 *
 * Used by its task's thread only.
 *
 * I1  Blocks keep their order. A block that was added is not changed any more.
 * I2  As long as there are records, the parts that have them are needed: nothing is written twice.
 */
import { packColumns, packValue, unpackColumns, unpackValue } from '../../actors/codec.ts';
import type { StateCell } from './cell.ts';

/** Records of a side: rows, or pairs side by side. */
export type Gathered =
  | { readonly side: number; readonly rows: readonly unknown[] }
  | {
      readonly side: number;
      readonly keys: readonly unknown[];
      readonly values: readonly unknown[];
    };

/** Whether what was there before is gone, and the blocks that came. */
type Log = readonly [boolean, readonly (readonly [number, boolean, Uint8Array])[]];

export class GatherCell implements StateCell {
  /** Nothing is to be rewritten. */
  readonly size: number = 0;
  #blocks: Gathered[] = [];
  /** Records in all blocks. */
  #records = 0;
  /** Blocks that a log has. */
  #written = 0;
  /** Blocks that a log has, and that are gone. */
  #cleared = false;

  get records(): number {
    return this.#records;
  }

  rows(side: number, rows: readonly unknown[]): void {
    if (rows.length === 0) return;
    this.#blocks.push({ side, rows });
    this.#records += rows.length;
  }

  pairs(side: number, keys: readonly unknown[], values: readonly unknown[]): void {
    if (keys.length === 0) return;
    this.#blocks.push({ side, keys, values });
    this.#records += keys.length;
  }

  /** All that came, in order. The cell is empty then. */
  take(): readonly Gathered[] {
    const blocks = this.#blocks;
    this.clear();
    return blocks;
  }

  clear(): void {
    if (this.#written > 0) this.#cleared = true;
    this.#blocks = [];
    this.#records = 0;
    this.#written = 0;
  }

  changes(): Log | undefined {
    const fresh = this.#blocks.slice(this.#written);
    if (fresh.length === 0 && !this.#cleared) return undefined;
    const log: Log = [
      this.#cleared,
      fresh.map((block) => [
        block.side,
        'rows' in block,
        'rows' in block ? packValue(block.rows) : packColumns(block.keys, block.values),
      ]),
    ];
    this.#cleared = false;
    this.#written = this.#blocks.length;
    return log;
  }

  rewrite(): { readonly log: undefined; readonly round: boolean } {
    return { log: undefined, round: this.#blocks.length === 0 };
  }

  apply(log: unknown): void {
    const [cleared, blocks] = log as Log;
    if (cleared) this.clear();
    for (const [side, isRows, bytes] of blocks) {
      if (isRows) this.rows(side, unpackValue(bytes) as unknown[]);
      else {
        const { keys, values } = unpackColumns(bytes);
        this.pairs(side, keys, values);
      }
    }
    this.#written = this.#blocks.length;
    this.#cleared = false;
  }
}
