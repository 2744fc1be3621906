/**
 * Which streams are remembered, for `slice`: those that say so, all when the context says so, and those that have an
 * output and a window over them, for as long as the window is. Each gets an output of kind `remember`.
 *
 * Used by the thread that builds a job. I1  A stream has at most one such output.
 */
import type { GraphBuilder } from '../plan/graph-builder.ts';
import type { Graph, GraphNode } from '../plan/graph.ts';
import type { Caller } from './arguments.ts';

/** Batches of the stream are kept for at least so long. */
export function rememberStream(
  builder: GraphBuilder,
  stream: number,
  ms: number,
  caller: Caller,
): void {
  const known = builder
    .graph()
    .nodes.find(({ kind, parents }) => kind === 'remember' && parents[0] === stream);
  if (known === undefined)
    builder.add({
      ...caller,
      kind: 'remember',
      role: 'output',
      parents: [stream],
      params: { rememberMs: ms },
    });
  else if ((known.params['rememberMs'] as number) < ms) builder.amend(known.id, { rememberMs: ms });
}

/**
 * What follows from the whole graph, once it is complete.
 * @param all what the context said
 */
export function rememberAll(
  builder: GraphBuilder,
  all: { readonly ms: number; readonly caller: Caller } | undefined,
): void {
  const graph = builder.graph();
  for (const node of graph.nodes) {
    if (!builder.streams.has(node.id)) continue;
    if (all !== undefined) rememberStream(builder, node.id, all.ms, all.caller);
    const window = longestWindow(graph, node);
    if (window === undefined || !mayBeSliced(graph, node)) continue;
    const { callSite, params } = window;
    rememberStream(builder, node.id, params['windowMs'] as number, {
      operator: 'remember',
      callSite,
    });
  }
}

function longestWindow(graph: Graph, stream: GraphNode): GraphNode | undefined {
  let longest: GraphNode | undefined;
  for (const node of graph.nodes) {
    if (node.kind !== 'window' || node.parents[0] !== stream.id) continue;
    const ms = node.params['windowMs'] as number;
    if (longest === undefined || (longest.params['windowMs'] as number) < ms) longest = node;
  }
  return longest;
}

/** The stream's batches come together anyway, where a function of the user sees them. */
function mayBeSliced(graph: Graph, stream: GraphNode): boolean {
  return graph.nodes.some(
    ({ kind, parents }) => kind === 'foreachBatch' && parents[0] === stream.id,
  );
}
