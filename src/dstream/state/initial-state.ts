/** The states that an operator begins with, in one of its partitions. */
import type { OperatorScene } from '../run/operators.ts';
import { placeAt } from '../run/placing.ts';
import { copied } from './copied.ts';

/** What lies in `GraphNode.live` of an operator with state. */
export interface StateSetup {
  readonly initialState?: readonly (readonly [unknown, unknown])[];
}

export function* initialPairs({
  node,
  partition,
  partitions,
  blame,
}: OperatorScene): Generator<readonly [key: unknown, state: unknown]> {
  const { initialState = [] } = (node.live ?? {}) as StateSetup;
  const place = placeAt(node, partitions);
  for (const [key, value] of initialState) {
    try {
      if (place(key) !== partition) continue;
    } catch (error) {
      blame(error, { value: [key, value] });
    }
    yield [key, copied(value)];
  }
}
