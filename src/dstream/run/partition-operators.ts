/** `mapPartitions`, `mapPartitionsWithIndex`, `glom` and `partitionBy`: a partition as a whole. Used by its task's thread only. */
import { GatherCell } from '../state/gather-cell.ts';
import { fires } from '../../plan/slides.ts';
import type { BatchEnd, BatchOperator, Given } from './batch-operator.ts';
import { missingBatch } from './blame.ts';
import type { OperatorScene } from './operators.ts';
import { itemsOf } from './records.ts';

/** Gathers the batch, and gives what `finish` makes of it. A missing batch stays missing. */
abstract class WholePartition implements BatchOperator {
  readonly takes = 'rows';
  readonly #gathered: GatherCell = new GatherCell();
  readonly cells: BatchOperator['cells'] = { gathered: this.#gathered };

  rows(side: number, rows: readonly unknown[]): void {
    this.#gathered.rows(side, rows);
  }

  end({ missing }: BatchEnd): Given | undefined {
    const blocks = this.#gathered.take();
    if (missing.length > 0) return undefined;
    const rows = blocks.flatMap((block) => ('rows' in block ? block.rows : []));
    return { rows: this.finish(rows) };
  }

  discard(): void {
    this.#gathered.clear();
  }

  protected abstract finish(rows: readonly unknown[]): readonly unknown[];
}

export class MapPartitionsOperator extends WholePartition {
  readonly #scene: OperatorScene;

  constructor(scene: OperatorScene) {
    super();
    this.#scene = scene;
  }

  protected finish(rows: readonly unknown[]): readonly unknown[] {
    const { node, partition, blame } = this.#scene;
    const f = node.functions['f']!;
    try {
      return itemsOf(node.kind === 'mapPartitionsWithIndex' ? f(partition, rows) : f(rows));
    } catch (error) {
      return blame(error);
    }
  }
}

export class GlomOperator extends WholePartition {
  protected finish(rows: readonly unknown[]): readonly unknown[] {
    return [rows];
  }
}

/** The exchange has done all; where there was none, the records lie as they should. */
export class PartitionByOperator implements BatchOperator {
  readonly takes = 'pairs';
  readonly #scene: OperatorScene;
  readonly #gathered: GatherCell = new GatherCell();
  readonly cells: BatchOperator['cells'] = { gathered: this.#gathered };

  constructor(scene: OperatorScene) {
    this.#scene = scene;
  }

  pairs(side: number, keys: readonly unknown[], values: readonly unknown[]): void {
    this.#gathered.pairs(side, keys, values);
  }

  end(batch: BatchEnd): Given | undefined {
    const blocks = this.#gathered.take();
    if (batch.missing.length > 0) {
      const { node, slideMs } = this.#scene;
      if (fires(slideMs, batch)) throw missingBatch(node, batch.time);
      return undefined;
    }
    const pairs = blocks.filter((block) => 'keys' in block);
    const [only] = pairs;
    return pairs.length === 1
      ? only!
      : {
          keys: pairs.flatMap(({ keys }) => keys),
          values: pairs.flatMap(({ values }) => values),
        };
  }

  discard(): void {
    this.#gathered.clear();
  }
}
