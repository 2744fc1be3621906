/** A batch that was given up runs empty: windows slide, state functions see no values, and no output runs. */
import { runBatches } from 'millrace/testing';
import { expect, it } from 'vitest';
import emptyRuns, { cases } from '../fixtures/jobs/empty-runs.ts';
import { byContent, timesOf } from '../semantics/compare.ts';
import { testCases } from './cases.ts';

testCases('a batch that was given up', emptyRuns, cases);

it('runs empty on worker threads too', async () => {
  const name = 'and where it lies by itself';
  const { inputs, gives, fails } = cases[name]!;
  const out = await runBatches(
    { inputs, batches: gives.length, partitions: 2, threads: 2, args: { names: [name] } },
    emptyRuns,
  );
  expect(out.errors.map(({ time }) => time)).toEqual(
    Object.keys(fails!).map((batch) => 1000 * Number(batch)),
  );
  expect(
    out.collected[name]!.map(({ time, values }) => ({ time, values: byContent(values) })),
  ).toEqual(timesOf(gives, byContent));
});
