/**
 * Where a key lives: the partition that all threads, and both forms of the text kernels, agree on.
 *
 * I1  A string goes by the hash of its UTF-8 bytes, which is the hash that the kernels use.
 * I2  Keys that are equal by value go to the same partition.
 */
import { hashString } from '../kernel/hash.ts';
import { canonicalKey } from './canonical.ts';

/** The partition of a key, of `partitions`. Throws `BadKey` for what is no key. */
export function partitionOf(key: unknown, partitions: number): number {
  return (typeof key === 'string' ? hashString(key) : hashString(canonicalKey(key))) % partitions;
}
