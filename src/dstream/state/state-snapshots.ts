/**
 * `stateSnapshots()`: every key with its state, at each batch. It hangs from the operator whose state it shows, in the
 * same task, and takes nothing from it but a look at the batch's end.
 */
import { fires } from '../../plan/slides.ts';
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import type { OperatorScene } from '../run/operators.ts';

/** Operators with state by key, wherever that lies. */
interface Snapshots {
  snapshot(): Given;
}

export class StateSnapshotsOperator implements BatchOperator {
  readonly takes = 'rows';
  readonly cells: BatchOperator['cells'] = {};
  readonly #scene: OperatorScene;

  constructor(scene: OperatorScene) {
    this.#scene = scene;
  }

  rows(): void {}

  end(batch: BatchEnd): Given | undefined {
    const { node, slideMs, neighbour } = this.#scene;
    if (!fires(slideMs, batch)) return undefined;
    return (neighbour(node.parents[0]!) as unknown as Snapshots).snapshot();
  }

  discard(): void {}
}
