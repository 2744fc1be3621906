/**
 * `stateSnapshots()`: every key with its state, at each batch. It hangs from the operator whose state it shows, in the
 * same task, and takes nothing from it but a look at the batch's end.
 */
import type { BatchOperator, Given } from '../run/batch-operator.ts';
import type { KeyedOperator } from './keyed-operator.ts';

export class StateSnapshotsOperator implements BatchOperator {
  readonly takes = 'rows';
  readonly cells = {};
  readonly #of: KeyedOperator<unknown>;

  constructor(of: KeyedOperator<unknown>) {
    this.#of = of;
  }

  rows(): void {}

  end(): Given {
    return this.#of.snapshot();
  }

  discard(): void {}
}
