/** Makes the operators of event time from nodes of the graph. Used on the thread of the task, at each start and recovery. */
import type { BatchOperator } from '../run/batch-operator.ts';
import type { OperatorScene } from '../run/operators.ts';
import { aggregateOf } from './aggregate.ts';
import { IntervalJoin } from './interval-join.ts';
import { PaneWindows, type WindowOperatorOptions } from './pane-windows.ts';
import { SessionWindows } from './session-windows.ts';
import { type OnAhead, Timestamps } from './timestamps.ts';
import type { EarlyParams, WindowParams } from './window.ts';

export function createTimestamps(scene: OperatorScene): BatchOperator {
  const { node, passOver, refuse, count } = scene;
  const { maxOutOfOrdernessMs, idleAfterMs, maxAheadMs, onAhead } = node.params;
  return new Timestamps({
    f: node.functions['f']!,
    maxOutOfOrdernessMs: maxOutOfOrdernessMs as number,
    idleAfterMs: (idleAfterMs as number | undefined) ?? Infinity,
    maxAheadMs: (maxAheadMs as number | undefined) ?? Infinity,
    onAhead: onAhead as OnAhead,
    refuse,
    passOver,
    count,
  });
}

export function createEventWindow(scene: OperatorScene): BatchOperator {
  const { node, blame, count } = scene;
  const window = node.params['window'] as WindowParams;
  const options = {
    aggregate: aggregateOf(node),
    allowedLatenessMs: node.params['latenessMs'] as number,
    early: node.params['early'] as EarlyParams,
    isKeyed: node.params['isKeyed'] === true,
    givesLate: node.params['givesLate'] === true,
    blame: (error, record) => blame(error, record === undefined ? undefined : { value: record }),
    count,
  } satisfies Omit<WindowOperatorOptions, 'window'>;
  return window.kind === 'session'
    ? new SessionWindows({ ...options, window })
    : new PaneWindows({ ...options, window });
}

export function createIntervalJoin({ node, blame, count }: OperatorScene): BatchOperator {
  return new IntervalJoin({
    lowerMs: node.params['lowerMs'] as number,
    upperMs: node.params['upperMs'] as number,
    blame: (error, record) => blame(error, { value: record }),
    count,
  });
}
