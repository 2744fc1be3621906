/**
 * Nodes of several streams, which must all be of one context. Each function checks what the user gave, adds nodes and gives
 * the id of the last. Used by the thread that builds a job, by operators and by the context.
 */
import type { GraphBuilder } from '../../plan/graph-builder.ts';
import type { UserFunction } from '../../plan/graph.ts';
import { badOption, type Caller, checkFunction } from '../arguments.ts';
import { StreamCore } from './core.ts';

/** @param name of the option, where there is one stream alone */
export function checkStreams(
  caller: Caller,
  builder: GraphBuilder,
  streams: readonly StreamCore[],
  name?: string,
): void {
  streams.forEach((stream, index) => {
    const option = name ?? `stream ${index + 1}`;
    const theirs = StreamCore.builderOf(stream);
    if (theirs === undefined) throw badOption(caller, option, 'a stream', stream);
    if (theirs !== builder)
      throw badOption(
        caller,
        option,
        `a stream of ${builder.owner}`,
        `a stream of ${theirs.owner}`,
      );
  });
}

/** The partitions of all, one stream after another. */
export function addUnion(
  caller: Caller,
  builder: GraphBuilder,
  streams: readonly StreamCore[],
): number {
  checkStreams(caller, builder, streams);
  return builder.add({
    ...caller,
    kind: 'union',
    role: 'narrow',
    parents: streams.map((stream) => stream.id),
  });
}

/** What `f` makes of the batches of all. */
export function addTransform(
  caller: Caller,
  builder: GraphBuilder,
  streams: readonly StreamCore[],
  f: unknown,
  operator?: string,
): number {
  checkStreams(caller, builder, streams);
  checkFunction(caller, 'f', f);
  const transform = builder.add({
    ...caller,
    kind: 'transform',
    role: 'wide',
    parents: streams.map((stream) => stream.id),
    functions: { f: f as UserFunction },
    params: { operator, numPartitions: 1 },
  });
  return builder.add({
    operator: 'transformed',
    callSite: caller.callSite,
    kind: 'transformed',
    role: 'wide',
    parents: [transform],
  });
}
