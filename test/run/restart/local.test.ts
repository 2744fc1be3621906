/** A job that is stopped or forgotten, and started again on its directory, in the calling thread. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runBatches } from '../../../src/testing/run-batches.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-restart-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const INPUTS = [[['a'], ['b', 'a'], ['a'], ['c'], ['a']]] as const;

function counts(batches: number): Promise<readonly unknown[]> {
  return runBatches({ inputs: INPUTS, batches, checkpointDir: directory }, (_, words) =>
    words
      .map((word) => [word, 1] as const)
      .updateStateByKey((values, before: number | undefined) => (before ?? 0) + values.length)
      .map(([word, count]) => `${word}${count}`),
  ).then(({ batches: given }) => given.map(({ time, values }) => [time, ...values].join(' ')));
}

describe('runBatches with a directory', () => {
  it('goes on after the last complete batch, and gives what it ran', async () => {
    expect(await counts(2)).toEqual(['1000 a1', '2000 a2 b1']);
    expect(readdirSync(directory)).toContain('run.json');
    expect(await counts(5)).toEqual(['3000 a3 b1', '4000 a3 b1 c1', '5000 a4 b1 c1']);
  });
});
