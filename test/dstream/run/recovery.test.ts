/**
 * That all bodies are thrown away at a relief barrier and built anew from their hand-overs changes no result. Nor does the
 * order in which the blocks of several senders happen to arrive. The barrier itself cuts what is combined: it shows in
 * functions that mind how they are grouped, and in nothing else.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ContextBuilder } from '../../../src/dstream/context-builder.ts';
import type { State } from '../../../src/dstream/state/state-handle.ts';
import { type Blocks, drive, planOf, type SourceBatch } from './drive.ts';

const word = fc.constantFrom('a', 'b', 'c', 'dd', 'a long word of many letters', 'é');
const pair = fc.tuple(word, fc.integer({ min: 0, max: 9 }));
const blocks: fc.Arbitrary<Blocks> = fc.array(fc.array(pair, { maxLength: 5 }), { maxLength: 4 });
const batches: fc.Arbitrary<SourceBatch[]> = fc.array(fc.tuple(blocks, blocks, blocks), {
  minLength: 1,
  maxLength: 3,
});

/** A program with every operator that holds something, several of them behind one another. */
function everything(ssc: ContextBuilder): void {
  const pairs = ssc.inputStream<readonly [string, number]>('in');
  const words = pairs.map(([text]) => text);
  pairs.reduceByKey((a, b) => a + b).collectAs('reduceByKey');
  // Not commutative: order of senders, and order within each, must hold.
  pairs
    .combineByKey(
      (n) => `(${n}`,
      (text, n) => `${text} ${n}`,
      (a, b) => `${a}) ${b}`,
    )
    .collectAs('combineByKey');
  pairs
    .combineByKey(
      (n) => [n],
      (list, n) => [...list, n],
      (a, b) => [...a, ...b],
      2,
      false,
    )
    .collectAs('uncombined');
  pairs
    .groupByKey()
    .mapValues((values: readonly number[]) => values.join())
    .collectAs('groupByKey');
  words.countByValue().collectAs('countByValue');
  words.reduce((a, b) => a + b).collectAs('reduce');
  words.count().collectAs('count');
  words
    .repartition(2)
    .mapPartitions((all) => [[...all].join()])
    .collectAs('repartition');
  words
    .glom()
    .map((all: readonly string[]) => all.length)
    .collectAs('glom');
  words
    .union(pairs.map(([, n]) => String(n)))
    .countByValue()
    .map(([, n]) => n)
    .countByValue()
    .collectAs('deep');
  words.collectAs('words');
}

/** One with operators that work a batch at a time: in trees, behind one another, as roots, with two parents. */
function batchByBatch(ssc: ContextBuilder): void {
  const pairs = ssc.inputStream<readonly [string, number]>('in');
  const sums = pairs.reduceByKey((a, b) => a + b);
  const joined = (values: readonly number[], state = ''): string => `${state}${values.join()};`;
  sums.updateStateByKey(joined).collectAs('state in the task of its parent');
  pairs.updateStateByKey(joined).collectAs('state in a task of its own');
  pairs
    .mapWithState((key, value, state: State<string>) => {
      state.update(`${state.getOption() ?? ''}${value}`);
      return `${key}${state.get()}`;
    })
    .collectAs('mapWithState');
  pairs
    .window(2000)
    .mapPartitionsWithIndex((n, all) => [`${n}: ${[...all].join()}`])
    .window(3000, 2000)
    .glom()
    .collectAs('windows behind one another');
  pairs.groupByKeyAndWindow(2000).collectAs('groupByKeyAndWindow');
  sums.join(pairs).collectAs('join of one that lies by key');
  pairs
    .union(sums)
    .cogroup(pairs)
    .mapValues(([these, others]: readonly [readonly number[], readonly number[]]) =>
      [these.join(), others.join()].join('|'),
    )
    .partitionBy(2)
    .fullOuterJoin(sums)
    .collectAs('joins behind one another');
}

const planned = planOf(everything, { partitions: 2, sourcePartitions: 3 });
const lasting = planOf(batchByBatch, { partitions: 2, sourcePartitions: 3 });

describe.each([
  ['compiled', 'all operators', planned],
  ['closures', 'all operators', planned],
  ['compiled', 'operators that work a batch at a time', lasting],
  ['closures', 'operators that work a batch at a time', lasting],
] as const)('%s loops: %s', (form, _, planned) => {
  test('give the same when they are recovered at every block', async () => {
    await fc.assert(
      fc.asyncProperty(batches, fc.integer({ min: 1, max: 3 }), async (input, recoverEvery) => {
        const want = await drive(planned, [input], { form, pointEvery: recoverEvery });
        const got = await drive(planned, [input], { form, recoverEvery });
        expect(want.batches.some(({ error }) => error !== undefined)).toBe(false);
        expect(got.batches).toEqual(want.batches);
      }),
      { numRuns: 20 },
    );
  });

  test('I1: give the same however the blocks of their senders interleave', async () => {
    await fc.assert(
      fc.asyncProperty(batches, fc.infiniteStream(fc.nat()), async (input, choices) => {
        const want = await drive(planned, [input], { form, pointEvery: 2 });
        const pick = (n: number): number => (choices.next().value as number) % n;
        expect((await drive(planned, [input], { form, pick, recoverEvery: 2 })).batches).toEqual(
          want.batches,
        );
      }),
      { numRuns: 20 },
    );
  });
});

const sortedResults = (
  results: Readonly<Record<string, readonly (readonly unknown[])[]>>,
): unknown =>
  Object.fromEntries(
    Object.entries(results)
      // Its functions mind how they are grouped.
      .filter(([name]) => name !== 'combineByKey' && name !== 'reduce')
      .map(([name, partitions]) => [
        name,
        partitions.map((rows) => rows.map((row) => JSON.stringify(row)).sort()),
      ]),
  );

test('barriers inside a batch change no result, and no order of grouped values', async () => {
  await fc.assert(
    fc.asyncProperty(batches, fc.integer({ min: 1, max: 3 }), async (input, pointEvery) => {
      const want = await drive(planned, [input]);
      const got = await drive(planned, [input], { pointEvery });
      expect(got.batches.map(({ results }) => sortedResults(results))).toEqual(
        want.batches.map(({ results }) => sortedResults(results)),
      );
    }),
    { numRuns: 20 },
  );
});

test('both forms give the same, order included', async () => {
  await fc.assert(
    fc.asyncProperty(batches, async (input) => {
      const [compiled, closures] = [
        await drive(planned, [input], { form: 'compiled' }),
        await drive(planned, [input], { form: 'closures' }),
      ];
      expect(compiled.batches).toEqual(closures.batches);
    }),
    { numRuns: 20 },
  );
});

/** What must hold of the program above, said in plain JavaScript. */
test('both forms give what plain JavaScript gives', async () => {
  await fc.assert(
    fc.asyncProperty(batches, async (input) => {
      const { batches: out } = await drive(planned, [input]);
      input.forEach((batch, n) => {
        const parts = (batch ?? []).map((part) => part.flat() as [string, number][]);
        const all = parts.flat();
        const results = out[n]!.results;
        const grouped = new Map<string, number[]>();
        for (const [text, value] of all) grouped.set(text, [...(grouped.get(text) ?? []), value]);
        const entries = (name: string): Map<unknown, unknown> =>
          new Map(results[name]!.flat() as [unknown, unknown][]);
        expect(entries('groupByKey')).toEqual(
          new Map([...grouped].map(([text, values]) => [text, values.join()])),
        );
        expect(entries('uncombined')).toEqual(grouped);
        expect(entries('reduceByKey')).toEqual(
          new Map([...grouped].map(([text, values]) => [text, values.reduce((a, b) => a + b)])),
        );
        expect(entries('countByValue')).toEqual(
          new Map([...grouped].map(([text, values]) => [text, values.length])),
        );
        expect(results['count']).toEqual([[all.length]]);
        expect(results['reduce']).toEqual([
          all.length === 0 ? [] : [all.map(([text]) => text).join('')],
        ]);
        expect(results['glom']).toEqual(parts.map((part) => [part.length]));
        expect(results['words']).toEqual(parts.map((part) => part.map(([text]) => text)));
      });
    }),
    { numRuns: 20 },
  );
});
