/** Makes deduplication and broadcast joins from nodes of the graph. Used on the thread of the task. */
import type { BatchOperator } from '../run/batch-operator.ts';
import type { OperatorScene } from '../run/operators.ts';
import { BroadcastJoin, WithBroadcast } from './broadcast.ts';
import { Dedupe } from './dedupe.ts';

export function createDedupe({ node, blame, count }: OperatorScene): BatchOperator {
  return new Dedupe({
    withinMs: node.params['withinMs'] as number,
    isTimed: node.params['isTimed'] === true,
    blame: (error, record) => blame(error, { value: record }),
    count,
  });
}

export function createBroadcastJoin({ node, refuse }: OperatorScene): BatchOperator {
  return new BroadcastJoin({ refuse }, node.params['outer'] === true);
}

export function createWithBroadcast({ node, refuse }: OperatorScene): BatchOperator {
  return new WithBroadcast({ refuse }, node.functions['f']!);
}
