/** Where operators of event time put their nodes: the graph, and how a node becomes a stream. Used while a job is built. */
import type { GraphBuilder, NewNode } from '../../plan/graph-builder.ts';
import { badOption, type Caller } from '../arguments.ts';
import { callSiteText } from '../call-site.ts';
import type { DStream } from '../dstream.ts';
import { type Duration, durationMs } from '../duration.ts';

export interface StreamSite {
  readonly builder: GraphBuilder;
  /** The stream behind a node. */
  stream<U>(node: number): DStream<U>;
}

/** Takes down who calls; refuses it when the graph is frozen. */
export function callerAt({ builder }: StreamSite, operator: string): Caller {
  const caller = { operator, callSite: callSiteText() };
  builder.assertOpen(operator, caller.callSite);
  return caller;
}

/**
 * Adds a node for a call of the user.
 * @param part which one, where a call needs several; they speak of themselves by the user's word
 */
export function addNode(
  { builder }: StreamSite,
  caller: Caller,
  node: Omit<NewNode, 'operator' | 'callSite'>,
  part?: string,
): number {
  return builder.add({
    ...node,
    operator: part === undefined ? caller.operator : `${caller.operator}.${part}`,
    callSite: caller.callSite,
    params: { operator: caller.operator, ...node.params },
  });
}

/** A duration, or Infinity for never. */
export function durationOrNever(
  caller: Caller,
  option: string,
  given: Duration,
  atLeastMs = 0,
): number {
  return given === Infinity
    ? Infinity
    : durationMs(given, `${caller.operator}: ${option}`, atLeastMs, caller.callSite);
}

/** Milliseconds of a duration that may be before: a number, negative too, or text with or without a minus. */
export function offsetMs(caller: Caller, option: string, given: unknown): number {
  const isBefore =
    typeof given === 'number' ? given < 0 : typeof given === 'string' && given.startsWith('-');
  if (typeof given !== 'number' && typeof given !== 'string')
    throw badOption(caller, option, "a duration, such as '-5s', '0ms' or 500", given);
  const size = typeof given === 'number' ? Math.abs(given) : isBefore ? given.slice(1) : given;
  const ms = durationMs(size, `${caller.operator}: ${option}`, 0, caller.callSite);
  return isBefore ? -ms : ms;
}
