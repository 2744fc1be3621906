/**
 * The type behind a literal: `1` becomes `number`, `'a'` becomes `string`. `map((w) => [w, 1] as const)` makes the
 * value's type `1`, and no sum of ones has that type. Left as they are: unions of text such as `'up' | 'down'`, which
 * somebody meant, branded types, and all else.
 */
export type Widened<T, Whole = T> = T extends boolean
  ? boolean
  : T extends bigint
    ? bigint
    : T extends number
      ? IsLiteral<T> extends true
        ? number
        : T
      : T extends string
        ? [IsLiteral<T>, Extract<Whole, string>] extends [true, T]
          ? string
          : T
        : T;

/** Whether a text or number type is one value: a record of all its values then has a property that must be there. */
type IsLiteral<T extends string | number> =
  Record<never, never> extends Record<T, 1> ? false : true;
