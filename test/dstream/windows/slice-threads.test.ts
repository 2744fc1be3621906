/** `slice` inside an async `foreachBatch` on a worker, which dies in between. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runBatches } from 'millrace/testing';
import { expect, it } from 'vitest';
import slices from '../../fixtures/jobs/slices.ts';

const inputs = [[[1, 2], [3], null, [], [13, 5], [6]]];

async function notes(threads: number): Promise<{ lines: Set<string>; died: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-slices-'));
  try {
    const out = await runBatches(
      { inputs, partitions: 2, threads, args: { directory }, supervision: { maxRestarts: 10 } },
      slices,
    );
    expect(out.errors).toEqual([]);
    const lines = readFileSync(join(directory, 'notes'), 'utf8').trimEnd().split('\n');
    return {
      lines: new Set(lines),
      died: readdirSync(directory).filter((name) => name !== 'notes'),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

it('gives the same batches on any thread, in any life of it', async () => {
  const here = await notes(0);
  expect([...here.lines].map((line) => JSON.parse(line) as unknown)).toEqual([
    [1000, [[1000, [10, 20]]], [30]],
    [
      2000,
      [
        [1000, [10, 20]],
        [2000, [30]],
      ],
      [60],
    ],
    [
      3000,
      [
        [1000, [10, 20]],
        [2000, [30]],
      ],
      [30],
    ],
    [
      4000,
      [
        [1000, [10, 20]],
        [2000, [30]],
        [4000, []],
      ],
      [],
    ],
    [
      5000,
      [
        [2000, [30]],
        [4000, []],
        [5000, [50, 130]],
      ],
      [180],
    ],
    [
      6000,
      [
        [4000, []],
        [5000, [50, 130]],
        [6000, [60]],
      ],
      [240],
    ],
  ]);
  const there = await notes(2);
  expect(there.died).toHaveLength(2);
  expect(there.lines).toEqual(here.lines);
});
