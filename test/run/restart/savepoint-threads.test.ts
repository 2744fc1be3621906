/** A savepoint of a run on threads. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CollectedBatch, inspectCheckpoint, run } from 'millrace';
import { afterEach, beforeEach, expect, it } from 'vitest';

const JOB = new URL('../../fixtures/jobs/visits.js', import.meta.url);
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-savepoint-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function shows(
  batches: AsyncIterable<CollectedBatch<readonly [string, number]>>,
  key: string,
  total: number,
): Promise<void> {
  for await (const { values } of batches)
    if (values.some(([each, sum]) => each === key && sum === total)) return;
  throw new Error(`the run ended without ${key}`);
}

it('is made although the coordinator dies as it is asked, and a run begins from it', async () => {
  const saved = join(root, 'saved');
  await using first = await run(JOB, { threads: 2, checkpointDir: join(root, 'first') });
  const seen = shows(first.results('visits'), 'ada', 3);
  await first.input('in').push([
    ['ada', 1],
    ['ada', 2],
    ['bob', 7],
  ]);
  await seen;
  const coordinator = first.threads().find(({ role }) => role === 'coordinator')!;
  first.kill(coordinator.slot);
  const { barrier, path } = await first.savepoint(saved);
  expect(path).toBe(saved);
  const { checkpoints, operators } = await inspectCheckpoint(saved);
  expect(checkpoints).toMatchObject([{ id: barrier, problems: [] }]);
  expect(operators.find(({ uid }) => uid === 'visits')).toMatchObject({ entries: 2 });
  await first.stop();

  await using second = await run(JOB, {
    threads: 1,
    checkpointDir: join(root, 'second'),
    savepoint: saved,
  });
  const more = shows(second.results('visits'), 'ada', 103);
  await second.input('in').push([['ada', 100]]);
  await more;
});
