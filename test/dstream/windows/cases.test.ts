/** What every window gives, by spark-semantics, in the calling thread, on workers, and on workers that die. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BatchesResult, runBatches } from 'millrace/testing';
import { describe, expect, it } from 'vitest';
import windows, { cases } from '../../fixtures/jobs/windows.ts';
import { byContent, timesOf } from '../../semantics/compare.ts';

const NAMES = Object.keys(cases);
const inputs = NAMES.flatMap((name) => cases[name]!.inputs);
const batches = Math.max(...NAMES.map((name) => cases[name]!.gives.length));

/** By case, as far as the case says what comes; lists of values too are in an order of their own where none is promised. */
function told(out: BatchesResult): unknown {
  return NAMES.map((name) => {
    const { gives, anyOrder } = cases[name]!;
    return [
      name,
      out.collected[name]!.filter(({ time }) => time <= 1000 * gives.length).map(
        ({ time, values }) => ({ time, values: anyOrder ? byContent(values) : values }),
      ),
    ];
  });
}

const expected = NAMES.map((name) => {
  const { gives, anyOrder } = cases[name]!;
  return [name, timesOf(gives, (values) => (anyOrder ? byContent(values) : values))];
});

describe('windows', () => {
  for (const [name, each] of Object.entries(cases)) {
    it.each([1, 2, 3])(`${name}, partitions: %i`, async (partitions) => {
      const { gives, anyOrder } = each;
      const out = await runBatches(
        { inputs: each.inputs, batches: gives.length, partitions, args: { names: [name] } },
        windows,
      );
      expect(out.errors).toEqual([]);
      const got = out.collected[name]!.map(({ time, values }) => ({
        time,
        values: anyOrder || partitions > 1 ? byContent(values) : values,
      }));
      expect(got).toEqual(
        timesOf(gives, (values) => (anyOrder || partitions > 1 ? byContent(values) : values)),
      );
    });
  }

  it('are the same on worker threads, partition by partition', async () => {
    const options = { inputs, batches, partitions: 2, args: { names: NAMES } };
    const here = await runBatches({ ...options, threads: 0 }, windows);
    const there = await runBatches({ ...options, threads: 2 }, windows);
    expect(here.errors).toEqual([]);
    expect(there).toEqual(here);
  });

  it('are the same when workers die in the middle of what they do', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-windows-'));
    const at = [5, 23, 61, 90, 120];
    const out = await runBatches(
      {
        inputs,
        batches,
        threads: 2,
        args: { names: NAMES, deaths: { directory, at } },
        supervision: { maxRestarts: 20, backoff: { maxMs: 50 } },
      },
      windows,
    );
    const died = readdirSync(directory).length;
    rmSync(directory, { recursive: true });
    expect(out.errors).toEqual([]);
    expect(died).toBeGreaterThan(2);
    expect(told(out)).toEqual(expected);
  });
});
