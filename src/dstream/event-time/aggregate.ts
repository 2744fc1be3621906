/** How the values of a window become one. Functions of the user, or made from them. */
import type { GraphNode, UserFunction } from '../../plan/graph.ts';

export interface Aggregate {
  /** From the first value. */
  readonly create: UserFunction;
  readonly mergeValue: UserFunction;
  readonly mergeCombiners: UserFunction;
  /** What is given to the user of an accumulator that may grow on; none where it may be given as it is. */
  readonly copy: UserFunction | undefined;
}

export function aggregateOf({ functions, params }: GraphNode): Aggregate {
  return {
    create: functions['create']!,
    mergeValue: functions['mergeValue']!,
    mergeCombiners: functions['mergeCombiners']!,
    copy: params['lists'] === true ? (list: unknown[]) => list.slice() : undefined,
  };
}

export const LISTS: Readonly<Record<'create' | 'mergeValue' | 'mergeCombiners', UserFunction>> = {
  create: (value: unknown): unknown[] => [value],
  mergeValue: (list: unknown[], value: unknown): unknown[] => {
    list.push(value);
    return list;
  },
  mergeCombiners: (a: unknown[], b: unknown[]): unknown[] => a.concat(b),
};

export const COUNTS: Readonly<Record<'create' | 'mergeValue' | 'mergeCombiners', UserFunction>> = {
  create: (): number => 1,
  mergeValue: (count: number): number => count + 1,
  mergeCombiners: (a: number, b: number): number => a + b,
};
