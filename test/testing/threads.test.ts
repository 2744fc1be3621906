import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BatchesResult, runBatches } from 'millrace/testing';
import { expect, it } from 'vitest';
import inbox from '../fixtures/jobs/inbox.ts';

const SECONDS = 10;

it('on worker threads a job has the same time, files, prints, outputs and errors as in the calling thread', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-inbox-'));
  const put = (name: string, text: string, seconds: number): void => {
    writeFileSync(join(directory, name), text);
    utimesSync(join(directory, name), seconds, seconds);
  };
  put('first', 'a b a', SECONDS / 2);
  put('third', 'c', 2.5 * SECONDS);
  put('much later', 'never', 1e9);
  const options = { inputs: [[['a', 'b', 'a'], ['bad'], null, ['c']]], args: { directory } };
  const here = await runBatches({ ...options, threads: 0 }, inbox);
  const there = await runBatches({ ...options, threads: 1 }, inbox);
  rmSync(directory, { recursive: true });

  expect(here.batches.map(({ time, values }) => [time, values])).toEqual([
    [
      10_000,
      [
        ['a', 2],
        ['b', 1],
      ],
    ],
    [40_000, [['c', 1]]],
  ]);
  expect(here.collected['files']!.map(({ time, values }) => [time, values.toSorted()])).toEqual([
    [
      10_000,
      [
        ['a', 2],
        ['b', 1],
      ],
    ],
    [20_000, []],
    [30_000, [['c', 1]]],
    [40_000, []],
  ]);
  expect(here.printed.match(/Time: \d+ ms|\(.*\)|^bad$/gm)).toEqual([
    'Time: 10000 ms',
    'Time: 20000 ms',
    'bad',
    'Time: 40000 ms',
  ]);
  expect(here.errors).toMatchObject([
    {
      time: 20_000,
      error: {
        code: 'ERR_MILLRACE_USER_FUNCTION',
        context: { batchId: 20_000 },
        cause: { name: 'RangeError', message: 'a bad word at 20000' },
      },
    },
  ]);
  expect(plain(there)).toEqual(plain(here));
  expect(
    readdirSync(tmpdir()).filter((name) => name.startsWith(`millrace-${process.pid}-`)),
    'nothing is left on the disk',
  ).toEqual([]);
});

/** Without stacks and columns of call sites, which differ from thread to thread. */
function plain(out: BatchesResult): unknown {
  return {
    ...out,
    errors: out.errors.map(({ time, error }) => [
      time,
      error.message.replaceAll(/\.ts:\d+:\d+/g, '.ts'),
      String(error.cause),
    ]),
  };
}
