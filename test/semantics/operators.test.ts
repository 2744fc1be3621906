/**
 * What every operator gives, by spark-semantics: the cases of test/fixtures/jobs/semantics.ts, in the calling thread
 * with one to three partitions, and on worker threads.
 */
import { runBatches } from 'millrace/testing';
import type { BatchesResult } from 'millrace/testing';
import { describe, expect, it } from 'vitest';
import semantics, { cases, failures } from '../fixtures/jobs/semantics.ts';
import { byContent, timesOf } from './compare.ts';

const PARTITIONS = [1, 2, 3] as const;

describe('an operator in the calling thread', () => {
  for (const [name, each] of Object.entries(cases)) {
    it.each(PARTITIONS)(`${name}, partitions: %i`, async (partitions) => {
      const { inputs, gives, anyOrder } = each;
      const out = await runBatches(
        { inputs, batches: gives.length, partitions, args: { names: [name] } },
        semantics,
      );
      expect(out.errors).toEqual([]);
      const got = out.collected[name]!.map(({ time, values }) => ({
        time,
        values: anyOrder ? byContent(values) : values,
      }));
      expect(got).toEqual(timesOf(gives, (values) => (anyOrder ? byContent(values) : values)));
      for (const { values, partitions: parts } of out.collected[name]!)
        expect(parts.flat(), 'values are the partitions, joined').toEqual(values);
    });
  }
});

describe('a batch that fails', () => {
  for (const [name, failure] of Object.entries(failures)) {
    it.each([1, 2])(
      `${name}: it is reported and others run, partitions: %i`,
      async (partitions) => {
        const { inputs, gives, batch, code, says } = failure;
        const out = await runBatches(
          { inputs, batches: gives.length, partitions, args: { names: [name] } },
          semantics,
        );
        expect(out.collected[name]!.map(({ time, values }) => ({ time, values }))).toEqual(
          timesOf(gives),
        );
        const [{ time, error } = { time: 0, error: undefined }] = out.errors;
        expect(out.errors).toHaveLength(1);
        expect(time).toBe(batch * 1000);
        expect(error).toMatchObject({ code, context: { batchId: time } });
        let from = 0;
        for (const part of says) {
          const at = error!.message.indexOf(part, from);
          expect(at, `${part} in ${error!.message}`).toBeGreaterThanOrEqual(from);
          from = at;
        }
        const cause =
          code === 'ERR_MILLRACE_USER_FUNCTION' ? 'RangeError: no such thing' : 'undefined';
        expect(String(error!.cause)).toBe(cause);
      },
    );
  }
});

describe('worker threads', () => {
  it('give what the calling thread gives, partition by partition', async () => {
    const names = Object.keys(cases);
    const inputs = names.flatMap((name) => cases[name]!.inputs);
    const options = { inputs, batches: 4, partitions: 2, args: { names } };
    const here = await runBatches({ ...options, threads: 0 }, semantics);
    const there = await runBatches({ ...options, threads: 2 }, semantics);
    expect(here.errors).toEqual([]);
    expect(there).toEqual(here);
  });

  it('report what the calling thread reports, and go on as it does', async () => {
    const names = Object.keys(failures);
    // One after another: a batch that fails is given up as a whole.
    const inputs = names.flatMap((name, n) =>
      failures[name]!.inputs.map((batches) => [
        ...Array.from({ length: 3 * n }, () => []),
        ...batches,
      ]),
    );
    const options = { inputs, batches: 3 * names.length, partitions: 2, args: { names } };
    const here = await runBatches({ ...options, threads: 0 }, semantics);
    const there = await runBatches({ ...options, threads: 2 }, semantics);
    expect(here.errors.map(({ time }) => time)).toEqual(
      names.map((name, n) => 1000 * (3 * n + failures[name]!.batch)),
    );
    expect(told(there)).toEqual(told(here));
  });
});

/** Errors by what they say: their stacks differ from thread to thread. */
function told(out: BatchesResult): unknown {
  return {
    ...out,
    errors: out.errors.map(({ time, error }) => ({
      time,
      code: (error as { code?: unknown }).code,
      message: lineFree(error.message),
      cause: String(error.cause),
    })),
  };
}

/** A test runner's copy of a job has other columns than Node's own. */
function lineFree(message: string): string {
  return message.replaceAll(/\.ts:\d+:\d+/g, '.ts');
}
