/** Which partition of an operator a key goes to: by hash, or as the user's partitioner says. Pure functions. */
import type { GraphNode } from '../../plan/graph.ts';
import { partitionOf } from '../keys/partitioner.ts';
import { BadRecord } from './blame.ts';

/** What a user's partitioner gave, if there is such a partition. */
export function placed(partition: unknown, partitions: number): number {
  if (
    Number.isInteger(partition) &&
    (partition as number) >= 0 &&
    (partition as number) < partitions
  )
    return partition as number;
  throw new BadRecord(
    `needs a partitioner that gives whole numbers from 0 to ${partitions - 1}; it gave ${String(partition)}`,
  );
}

/** The partition of a key at an operator, of `partitions`. */
export function placeAt(node: GraphNode, partitions: number): (key: unknown) => number {
  const custom = node.functions['partition'];
  if (custom !== undefined) return (key) => placed(custom(key), partitions);
  return partitions === 1 ? () => 0 : (key) => partitionOf(key, partitions);
}
