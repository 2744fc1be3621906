/** The nodes of joins. Used by the thread that builds a job. */
import type { NewNode } from '../../plan/graph-builder.ts';
import type { Caller } from '../arguments.ts';
import { partitionsOf } from '../partitioner.ts';

export type JoinWord = 'cogroup' | 'join' | 'leftOuterJoin' | 'rightOuterJoin' | 'fullOuterJoin';

/** A node that joins two streams, which may be the same one. */
export function joinNode(
  caller: Caller,
  parents: readonly [number, number],
  partitions: unknown,
): NewNode {
  const { functions, params } = partitionsOf(caller, partitions);
  const operator = caller.operator as JoinWord;
  const kind = operator === 'cogroup' ? 'cogroup' : 'join';
  const left = operator === 'leftOuterJoin' || operator === 'fullOuterJoin';
  const right = operator === 'rightOuterJoin' || operator === 'fullOuterJoin';
  return {
    ...caller,
    kind,
    role: 'wide',
    parents,
    exchange: ['key', 'key'],
    functions,
    params: { ...params, ...(kind === 'join' ? { operator, left, right } : {}) },
  };
}
