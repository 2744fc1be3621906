/**
 * How the partitions of streams come to be: what lies by key already need not be exchanged again. Pure functions.
 *
 * I1  Two streams with equal partitionings have the records of a key in partitions of the same number.
 */
import type { Exchange, Graph, GraphNode, UserFunction } from './graph.ts';

export interface Partitioning {
  /** `hash`: `keys/partitioner.ts` says where a key lies. Else the user's function does. */
  readonly by: 'hash' | UserFunction;
  readonly count: number;
}

/** Wide operators without `exchange` whose result lies by key. */
const BY_KEY: ReadonlySet<string> = new Set(['combineByKey', 'countByValue', 'groupByKey']);

/** Narrow operators that leave each record's key as it is. Others say so with the parameter `keepsKeys`. */
const KEEPS_KEYS: ReadonlySet<string> = new Set([
  'mapValues',
  'flatMapValues',
  'filter',
  'grep',
  'peek',
  'window',
]);

/** By node id; undefined where nothing is known. `counts` are the numbers of partitions. */
export function partitionings(
  graph: Graph,
  counts: readonly number[],
): readonly (Partitioning | undefined)[] {
  const found: (Partitioning | undefined)[] = [];
  for (const node of graph.nodes) found.push(partitioningOf(node, counts[node.id] ?? 0, found));
  return found;
}

function partitioningOf(
  node: GraphNode,
  count: number,
  before: readonly (Partitioning | undefined)[],
): Partitioning | undefined {
  if (node.role === 'wide') {
    if (node.params['keepsKeys'] === false) return undefined;
    const isByKey = node.exchange?.includes('key') ?? BY_KEY.has(node.kind);
    if (isByKey) return wantedBy(node, count);
    return node.exchange?.[0] === 'same' ? before[node.parents[0]!] : undefined;
  }
  if (node.role !== 'narrow' || node.parents.length !== 1) return undefined;
  const keepsKeys =
    KEEPS_KEYS.has(node.kind) || node.kind === 'union' || node.params['keepsKeys'] === true;
  return keepsKeys ? before[node.parents[0]!] : undefined;
}

/** The partitioning that a keyed operator wants its parents to have. */
function wantedBy(node: GraphNode, count: number): Partitioning {
  return { by: node.functions['partition'] ?? 'hash', count };
}

/** How the records of parent `side` really go: `same` where they lie as wanted. */
export function exchangeAt(
  node: GraphNode,
  side: number,
  counts: readonly number[],
  known: readonly (Partitioning | undefined)[],
): Exchange | undefined {
  const exchange = node.exchange?.[side];
  if (exchange !== 'key') return exchange;
  const has = known[node.parents[side]!];
  const wanted = wantedBy(node, counts[node.id] ?? 0);
  return has?.by === wanted.by && has.count === wanted.count ? 'same' : 'key';
}
