/** What windows must give, in a few lines each. Lengths are in batches. */
import type { Batches, Pair } from './drive.ts';

export interface Spans {
  readonly window: number;
  readonly slide: number;
}

type Reduce = (a: never, b: never) => unknown;

/** The records of the window that fires behind batch `b` (from 1), batch by batch. */
function windowAt<T>(batches: Batches<T>, b: number, { window }: Spans): (readonly T[])[] {
  return batches.slice(Math.max(0, b - window), b).map((batch) => batch ?? []);
}

function firing<T, R>(
  batches: Batches<T>,
  { slide }: Spans,
  result: (b: number) => R,
): (R | undefined)[] {
  return batches.map((_, i) => ((i + 1) % slide === 0 ? result(i + 1) : undefined));
}

export function rows<T>(batches: Batches<T>, of: Spans): (readonly T[] | undefined)[] {
  return firing(batches, of, (b) => windowAt(batches, b, of).flat());
}

export function byKey(pairs: readonly Pair[]): Map<unknown, unknown[]> {
  const lists = new Map<unknown, unknown[]>();
  for (const [key, value] of pairs) lists.set(key, [...(lists.get(key) ?? []), value]);
  return lists;
}

function inOrder(pairs: Iterable<Pair>): Pair[] {
  return [...pairs].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

export function grouped(batches: Batches<Pair>, of: Spans): (Pair[] | undefined)[] {
  return firing(batches, of, (b) => inOrder(byKey(windowAt(batches, b, of).flat())));
}

export function reduced(batches: Batches<Pair>, of: Spans, f: Reduce): (Pair[] | undefined)[] {
  return grouped(batches, of).map((window) =>
    window?.map(([key, values]): Pair => [key, (values as never[]).reduce(f as never)]),
  );
}

/** As Spark does it, but for windows that are shorter than their slide: what was not in the window before doesn't leave it. */
export function withInverse(
  batches: Batches<Pair>,
  of: Spans,
  f: Reduce,
  inverse: Reduce,
  keep: (pair: Pair) => boolean = () => true,
): (Pair[] | undefined)[] {
  let totals = new Map<unknown, unknown>();
  const reduceAll = (from: number, to: number): Map<unknown, unknown> =>
    new Map(
      [
        ...byKey(batches.slice(Math.max(0, from), Math.max(0, to)).flatMap((batch) => batch ?? [])),
      ].map(([key, values]) => [key, (values as never[]).reduce(f as never)]),
    );
  return firing(batches, of, (b) => {
    const before = b - of.slide;
    const leaving = reduceAll(before - of.window, Math.min(before, b - of.window));
    const entering = reduceAll(Math.max(before, b - of.window), b);
    for (const [key, value] of leaving) {
      if (totals.has(key)) totals.set(key, inverse(totals.get(key) as never, value as never));
      else if (!entering.has(key)) throw new Error('a key that nobody knows');
    }
    for (const [key, value] of entering)
      totals.set(key, totals.has(key) ? f(totals.get(key) as never, value as never) : value);
    totals = new Map([...totals].filter(keep));
    return inOrder(totals);
  });
}
