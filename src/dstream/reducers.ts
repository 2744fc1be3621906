/**
 * Reducers that the planner knows by name, so that it may count in place of calling a function.
 * The mark is a registered symbol: another copy of this package sees it too.
 */
export type ReducerName = 'sum' | 'count';

const REDUCER: unique symbol = Symbol.for('millrace.reducer') as never;

/** What `reduceByKey(count)` takes: it is no function of two values, since the values need not be numbers. */
export interface CountReducer {
  readonly [REDUCER]: 'count';
}

/** Adds numbers: `pairs.reduceByKey(sum)`, `numbers.reduce(sum)`. */
export const sum: (a: number, b: number) => number = Object.defineProperty(
  (a: number, b: number): number => a + b,
  REDUCER,
  { value: 'sum' },
);

/** Counts the values of each key, whatever they are: `pairs.reduceByKey(count)`. */
export const count: CountReducer = Object.freeze({ [REDUCER]: 'count' as const });

/** The name of a marked reducer, or undefined for any other function or value. */
export function reducerName(reducer: unknown): ReducerName | undefined {
  if ((typeof reducer !== 'object' && typeof reducer !== 'function') || reducer === null)
    return undefined;
  const name = (reducer as { readonly [REDUCER]?: unknown })[REDUCER];
  return name === 'sum' || name === 'count' ? name : undefined;
}
