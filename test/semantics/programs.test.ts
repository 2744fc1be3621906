/**
 * Random programs over random batches give what arrays give. The model is the table below: each operator beside what
 * it means for a list of partitions. Behind an exchange the order of records is nobody's promise, so from there on
 * the model has one bag of records, and results are compared sorted.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DStream } from '../../src/index.ts';
import { count, sum } from '../../src/index.ts';
import { splitRows } from '../../src/io/partitions.ts';
import { type BatchesResult, runProgram } from '../../src/testing/run-batches.ts';

type Stream = DStream<number>;
type Parts = readonly (readonly number[])[];

interface Operator {
  readonly stream: (s: Stream, other: Stream) => Stream;
  /** A partition at a time. */
  readonly narrow?: (part: readonly number[]) => readonly number[];
  /** All records at once. */
  readonly wide?: (all: readonly number[]) => readonly number[];
  /** Fails where the batch is missing; others then have none either. */
  readonly needs?: true;
}

const add = (a: number, b: number): number => a + b;
const key = (n: number): readonly [number, number] => [n % 5, n];
const flat = ([k, n]: readonly [number, number]): number => 10_000 * k + n;
/** Pairs by key, each made one number by `combine` and `flat`. */
const byKey = (all: readonly number[], combine: (values: readonly number[]) => number): number[] =>
  [...new Set(all.map((n) => n % 5))].map((k) =>
    flat([k, combine(all.filter((n) => n % 5 === k))]),
  );
const total = (values: readonly number[]): number => values.reduce(add, 0);

const OPERATORS: Readonly<Record<string, Operator>> = {
  map: {
    stream: (s) => s.map((n) => (3 * n + 1) % 997),
    narrow: (part) => part.map((n) => (3 * n + 1) % 997),
  },
  filter: {
    stream: (s) => s.filter((n) => n % 3 > 0),
    narrow: (part) => part.filter((n) => n % 3 > 0),
  },
  flatMap: {
    stream: (s) => s.flatMap((n) => (n % 4 > 0 ? [n, n + 1] : [])),
    narrow: (part) => part.flatMap((n) => (n % 4 > 0 ? [n, n + 1] : [])),
  },
  mapPartitions: {
    stream: (s) => s.mapPartitions((part) => [...part, total([...part]) % 997]),
    narrow: (part) => [...part, total(part) % 997],
  },
  glom: { stream: (s) => s.glom().map((part) => part.length), narrow: (part) => [part.length] },
  mapValues: {
    stream: (s) =>
      s
        .map(key)
        .mapValues((v) => v % 7)
        .map(flat),
    narrow: (part) => part.map((n) => flat([n % 5, n % 7])),
  },
  flatMapValues: {
    stream: (s) =>
      s
        .map(key)
        .flatMapValues((v) => [v, -v])
        .map(flat),
    narrow: (part) => part.flatMap((n) => [flat([n % 5, n]), flat([n % 5, -n])]),
  },
  union: { stream: (s, other) => s.union(other), needs: true },
  repartition: { stream: (s) => s.repartition(2), wide: (all) => all, needs: true },
  count: { stream: (s) => s.count(), wide: (all) => [all.length], needs: true },
  reduce: { stream: (s) => s.reduce(add), wide: (all) => (all.length > 0 ? [total(all)] : []) },
  countByValue: {
    stream: (s) => s.countByValue(2).map(flat),
    wide: (all) => [...new Set(all)].map((n) => flat([n, all.filter((m) => m === n).length])),
  },
  reduceByKey: {
    stream: (s) => s.map(key).reduceByKey(add).map(flat),
    wide: (all) => byKey(all, total),
  },
  sum: {
    stream: (s) => s.map(key).reduceByKey(sum, 1).map(flat),
    wide: (all) => byKey(all, total),
  },
  countByKey: {
    stream: (s) => s.map(key).reduceByKey(count).map(flat),
    wide: (all) => byKey(all, (values) => values.length),
  },
  groupByKey: {
    stream: (s) => s.map(key).groupByKey().mapValues(total).map(flat),
    wide: (all) => byKey(all, total),
  },
  combineByKey: {
    stream: (s) =>
      s
        .map(key)
        .combineByKey(
          (v) => -v,
          (c, v) => c - v,
          add,
          3,
          false,
        )
        .map(flat),
    wide: (all) => byKey(all, (values) => -total(values)),
  },
};

/** One batch: the partitions that come out, `missing`, or `fails`. */
function model(
  program: readonly string[],
  batch: Parts | null,
  other: Parts | null,
): Parts | 'missing' | 'fails' {
  let parts = batch;
  for (const name of program) {
    const { narrow, wide, needs } = OPERATORS[name]!;
    if (needs && (parts === null || (name === 'union' && other === null))) return 'fails';
    if (parts === null) continue;
    if (narrow !== undefined) parts = parts.map(narrow);
    else parts = wide === undefined ? [...parts, ...other!] : [wide(parts.flat())];
  }
  return parts ?? 'missing';
}

/** Operators that look at partitions mean nothing on the bag behind an exchange; those that add records stay few. */
function sensible(names: readonly string[]): string[] {
  const wide = names.findIndex((name) => OPERATORS[name]!.wide !== undefined);
  return names.filter(
    (name, at) => wide < 0 || at < wide || !['mapPartitions', 'glom'].includes(name),
  );
}

const batches = fc.array(fc.option(fc.array(fc.nat(50), { maxLength: 12 }), { freq: 5 }), {
  minLength: 1,
  maxLength: 4,
});
const program = fc
  .array(fc.constantFrom(...Object.keys(OPERATORS)), { maxLength: 6 })
  .map(sensible);
const ordered = (numbers: readonly number[]): readonly number[] =>
  numbers.toSorted((a, b) => a - b);

/** What the run gave at each time, in the model's words. */
function outcome(out: BatchesResult, times: number): (Parts | 'missing' | 'fails')[] {
  return Array.from({ length: times }, (_, n) => {
    const at = 1000 * (n + 1);
    if (out.errors.some(({ time }) => time === at)) return 'fails';
    return (
      (out.batches.find(({ time }) => time === at)?.partitions as Parts | undefined) ?? 'missing'
    );
  });
}

describe('a random program', () => {
  it.each(['compiled', 'closures'] as const)('%s, gives what arrays give', async (form) => {
    await fc.assert(
      fc.asyncProperty(
        program,
        batches,
        batches,
        fc.integer({ min: 1, max: 3 }),
        async (names, a, b, partitions) => {
          const times = Math.max(a.length, b.length);
          const build = (_ssc: unknown, ...[s, other]: readonly Stream[]): Stream =>
            names.reduce((stream, name) => OPERATORS[name]!.stream(stream, other!), s!);
          const out = await runProgram(
            { operator: 'test', callSite: 'here' },
            { inputs: [a, b], partitions },
            build as never,
            { form },
          );
          const split = (list: typeof a, n: number): Parts | null => {
            const batch = n < list.length ? list[n]! : [];
            return batch === null ? null : (splitRows(batch, partitions) as Parts);
          };
          const wanted = Array.from({ length: times }, (_, n) =>
            model(names, split(a, n), split(b, n)),
          );
          const exchanged = names.some((name) => OPERATORS[name]!.wide !== undefined);
          const shown = (parts: Parts | 'missing' | 'fails'): unknown =>
            typeof parts === 'string' || !exchanged ? parts : ordered(parts.flat());
          expect(outcome(out, times).map(shown)).toEqual(wanted.map(shown));
        },
      ),
      { numRuns: 120 },
    );
  });
});
