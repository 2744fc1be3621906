/** Makes the operators of windows from nodes of the graph. Used on the thread of the task, at each start and recovery. */
import { millraceError } from '../../errors.ts';
import type { UserFunction } from '../../plan/graph.ts';
import type { BatchOperator } from '../run/batch-operator.ts';
import type { OperatorScene } from '../run/operators.ts';
import { WindowGrid } from './grid.ts';
import { GroupOperator } from './group-operator.ts';
import { ReduceOperator } from './reduce-operator.ts';
import { RowsOperator } from './rows-operator.ts';

export function createRowsWindow(scene: OperatorScene): BatchOperator {
  return new RowsOperator(gridOf(scene));
}

export function createGroupWindow(scene: OperatorScene): BatchOperator {
  return new GroupOperator(gridOf(scene), (error, key) => scene.blame(error, { value: key }));
}

export function createReduceWindow(scene: OperatorScene): BatchOperator {
  const { node, blame } = scene;
  const { f, inverse, filter } = node.functions;
  const keyed = node.kind === 'windowReduceByKey';
  return new ReduceOperator({
    grid: gridOf(scene),
    keyed,
    f: f!,
    inverse,
    keep: keeperOf(node.params['keeps'], filter),
    blame: (error, key) => blame(error, keyed ? { value: key } : undefined),
    unknown: (key) => {
      const operator = String(node.params['operator']);
      throw millraceError(
        'ERR_MILLRACE_WINDOW_KEY_UNKNOWN',
        `${operator} (${node.uid}) at ${node.callSite}: values of the key ${shownKey(key)} leave the window, but it has no ` +
          'result to take them from, and no new value: filter refused it while it had values in the window. Refuse a key ' +
          'only when none of its values is in the window (when its count is 0, say), or leave out inverse',
        { context: { operator: node.uid, callSite: node.callSite, key: shownKey(key) } },
      );
    },
  });
}

function gridOf({ node, slideMs }: OperatorScene): WindowGrid {
  return new WindowGrid(node.params['windowMs'] as number, slideMs);
}

function keeperOf(
  keeps: unknown,
  filter: UserFunction | undefined,
): ((key: unknown, value: unknown) => boolean) | undefined {
  if (keeps === 'nonZero') return (_key, value) => value !== 0;
  return filter === undefined ? undefined : (key, value) => Boolean(filter([key, value]));
}

const MAX_KEY_LENGTH = 200;

function shownKey(key: unknown): string {
  const text = typeof key === 'bigint' ? `${key}n` : (JSON.stringify(key) ?? String(key));
  return text.length <= MAX_KEY_LENGTH ? text : `${text.slice(0, MAX_KEY_LENGTH)}…`;
}
