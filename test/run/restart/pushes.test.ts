/** Records that were pushed durably, in a job that is given up, and started again on its directory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { job, run, type Run } from '../../../src/index.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-pushes-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const sums = job('sums', { batchInterval: 500 }, (ssc) => {
  ssc
    .inputStream<number>('numbers')
    .map((n) => ['sum', n] as const)
    .updateStateByKey((values, before: number | undefined) =>
      values.reduce((a, b) => a + b, before ?? 0),
    )
    .collectAs('sums');
});

const begun = (): Promise<Run> => run(sums, { threads: 0, checkpointDir: directory });

/** Reads results until one is there. */
async function until(running: Run, wanted: number): Promise<void> {
  for await (const { values } of running.results<readonly [string, number]>('sums'))
    if (values.some(([, sum]) => sum === wanted)) return;
}

it('count once, and the log is as long as what is behind the newest checkpoint', async () => {
  const first = await begun();
  await first.input('numbers').push([1, 2], { durable: true });
  await until(first, 3);
  await first.input('numbers').push([4], { durable: true });
  await first.stop({ graceful: false });
  const second = await begun();
  await second.input('numbers').push([8]);
  await until(second, 15);
  await second.stop();
  const [[name, log] = []] = Object.entries(second.metrics().logs);
  expect(name).toMatch(/^inputStream#1/);
  expect(log!.bytes).toBeGreaterThan(0);
  expect(log!.behind).toBeLessThan(8);
});

it('says what is wrong with its options', async () => {
  const running = await begun();
  await expect(
    running.input('numbers').push([1], { durable: 'yes' as never }),
  ).rejects.toMatchObject({ code: 'ERR_MILLRACE_BAD_OPTION' });
  await running.stop();
});
