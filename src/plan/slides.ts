/**
 * How often each stream has a batch: its slide. Sources have one each batch interval, a window each slide of its own,
 * everything else when its parents do. Pure functions.
 *
 * I1  All parents of a node have one slide, and windows and slides are multiples of their parent's: the rest is refused
 *     here, before anything runs.
 */
import { type MillraceError, millraceError } from '../errors.ts';
import type { Barrier } from '../actors/block.ts';
import type { Graph, GraphNode } from './graph.ts';

/**
 * The slide of each node in ms, by node id. A node's own is in its parameter `slideMs`, the length of its window in
 * `windowMs`.
 * @throws ERR_MILLRACE_SLIDES_DIFFER, ERR_MILLRACE_WINDOW_MULTIPLE
 */
export function slidesOf(graph: Graph, batchIntervalMs: number): readonly number[] {
  const slides: number[] = [];
  for (const node of graph.nodes) slides.push(slideOf(graph, node, slides, batchIntervalMs));
  return slides;
}

/** Whether a stream with that slide has a batch at the time of the barrier. */
export function fires(
  slideMs: number,
  { time, zeroTime }: Pick<Barrier, 'time' | 'zeroTime'>,
): boolean {
  return time > zeroTime && (time - zeroTime) % slideMs === 0;
}

function slideOf(
  graph: Graph,
  node: GraphNode,
  before: readonly number[],
  batchIntervalMs: number,
): number {
  // Stages of topologies know no batches.
  if (
    node.parents.length === 0 ||
    node.role === 'stage' ||
    node.role === 'sink' ||
    node.role === 'acker'
  ) {
    checkInterval(node, batchIntervalMs);
    return batchIntervalMs;
  }
  const [first = 0] = node.parents;
  const parentMs = before[first] ?? batchIntervalMs;
  const other = node.parents.find((parent) => before[parent] !== parentMs);
  if (other !== undefined)
    throw differ(node, graph.nodes[first]!, parentMs, graph.nodes[other]!, before[other] ?? 0);
  for (const param of ['windowMs', 'slideMs'] as const) {
    const ms = node.params[param];
    if (typeof ms === 'number' && ms % parentMs !== 0)
      throw notMultiple(node, param, ms, graph.nodes[first]!, parentMs);
  }
  const own = node.params['slideMs'];
  const slideMs = typeof own === 'number' ? own : parentMs;
  checkInterval(node, slideMs);
  return slideMs;
}

/** What `checkpoint(interval)` said. */
function checkInterval(node: GraphNode, slideMs: number): void {
  const ms = node.params['checkpointMs'];
  if (typeof ms !== 'number' || ms % slideMs === 0) return;
  throw millraceError(
    'ERR_MILLRACE_WINDOW_MULTIPLE',
    `${named(node)}: its checkpoint interval of ${ms} ms is no multiple of ${slideMs} ms, which is how often it has a batch`,
    { context: { operator: node.uid, callSite: node.callSite, checkpointMs: ms, slideMs } },
  );
}

function differ(
  node: GraphNode,
  a: GraphNode,
  aMs: number,
  b: GraphNode,
  bMs: number,
): MillraceError {
  return millraceError(
    'ERR_MILLRACE_SLIDES_DIFFER',
    `${named(node)} takes streams that have a batch at different times: ${named(a)} every ${aMs} ms, ${named(b)} every ` +
      `${bMs} ms. Give both the same slide`,
    { context: { operator: node.uid, callSite: node.callSite, slides: [aMs, bMs] } },
  );
}

function notMultiple(
  node: GraphNode,
  param: 'windowMs' | 'slideMs',
  ms: number,
  parent: GraphNode,
  parentMs: number,
): MillraceError {
  const what = param === 'windowMs' ? 'window' : 'slide';
  return millraceError(
    'ERR_MILLRACE_WINDOW_MULTIPLE',
    `${named(node)}: its ${what} of ${ms} ms is no multiple of ${parentMs} ms, which is how often ${named(parent)} has a batch`,
    { context: { operator: node.uid, callSite: node.callSite, [param]: ms, parentMs } },
  );
}

function named(node: GraphNode): string {
  return `${node.uid} at ${node.callSite}`;
}
