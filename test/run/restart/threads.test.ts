/** A job on threads that goes on from its directory, on as many threads as there are then. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runBatches } from 'millrace/testing';
import restarted from '../../fixtures/jobs/restarted.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-threads-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const INPUTS = [[['a', 'b'], ['a'], ['a'], ['b'], ['a', 'c'], ['d']]];
const TOTALS = [
  '1000 a1 b1',
  '2000 a2 b1',
  '3000 a3 b1',
  '4000 a3 b2',
  '5000 a4 b2 c1',
  '6000 a4 b2 c1 d1',
];
const WINDOWED = [
  '1000 a1 b1',
  '2000 a2 b1',
  '3000 a3 b1',
  '4000 a2 b1',
  '5000 a2 b1 c1',
  '6000 a1 b1 c1 d1',
];

async function run(batches: number, threads: number): Promise<unknown> {
  const { collected } = await runBatches(
    {
      inputs: INPUTS,
      batches,
      threads,
      checkpointDir: directory,
      partitions: Math.max(1, threads),
    },
    restarted,
  );
  const lines = (name: string): string[] =>
    collected[name]!.map(({ time, values }) =>
      [time, ...(values as [string, number][]).map(([word, n]) => word + n).sort()].join(' '),
    );
  return { totals: lines('totals'), windowed: lines('windowed') };
}

describe('a job on threads', () => {
  it.each([
    [2, 2],
    [1, 3],
    [2, 0],
  ])('goes on from its directory, on %d threads and then on %d', async (before, after) => {
    expect(await run(2, before)).toEqual({
      totals: TOTALS.slice(0, 2),
      windowed: WINDOWED.slice(0, 2),
    });
    expect(await run(4, after)).toEqual({
      totals: TOTALS.slice(2, 4),
      windowed: WINDOWED.slice(2, 4),
    });
    expect(await run(6, before)).toEqual({
      totals: TOTALS.slice(4),
      windowed: WINDOWED.slice(4),
    });
  });

  it('is refused when it has lost the checkpoints that it had', async () => {
    await run(3, 2);
    for (const name of readdirSync(directory))
      if (name.startsWith('manifest-')) rmSync(join(directory, name));
    await expect(run(4, 2)).rejects.toMatchObject({ code: 'ERR_MILLRACE_CHECKPOINT_CORRUPT' });
  });
});
