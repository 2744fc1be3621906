/**
 * Where `stream.slice` finds batches: in the task of the outputs of the same job on the same thread.
 *
 * A stream that a user's function refers to belongs to the graph that this thread built, and so does the task. They find
 * each other by the nodes of that graph.
 *
 * I1  A graph has one task of outputs at work on a thread: a later one takes the place of an earlier one.
 */
import { millraceError } from '../../errors.ts';
import type { Graph, GraphNode } from '../../plan/graph.ts';
import type { Caller } from '../arguments.ts';
import type { Batch } from '../batch.ts';

export interface SliceReader {
  /** The batches of a stream with times from `from` to `to`, as far as they have been. */
  slice(caller: Caller, stream: GraphNode, from: number, to: number): Batch<unknown>[];
}

const readers: WeakMap<GraphNode, SliceReader> = new WeakMap();

export function openSlices(graph: Graph, reader: SliceReader): void {
  for (const node of graph.nodes) readers.set(node, reader);
}

export function closeSlices(graph: Graph, reader: SliceReader): void {
  for (const node of graph.nodes) if (readers.get(node) === reader) readers.delete(node);
}

/** @throws ERR_MILLRACE_NOT_STARTED where no outputs of that graph are at work */
export function readSlice(
  caller: Caller,
  stream: GraphNode,
  from: number,
  to: number,
): Batch<unknown>[] {
  const reader = readers.get(stream);
  if (reader !== undefined) return reader.slice(caller, stream, from, to);
  throw millraceError(
    'ERR_MILLRACE_NOT_STARTED',
    `slice at ${caller.callSite}: batches of ${stream.uid} can't be read here and now: its job has not been started, has ` +
      'ended, or runs its outputs on another thread. Call slice inside a function given to foreachBatch, or run with threads: 0',
    { context: { operator: 'slice', callSite: caller.callSite, stream: stream.uid } },
  );
}
