/** What is to be passed over outlives the process, and is durable before anything is passed over. */
import { describe, expect, it } from 'vitest';
import { Job, DIR } from './_job.ts';

const policy = { onBatchError: 'continue', maxBatchFailures: 1 } as const;
const full = Object.assign(new Error('full'), { code: 'ENOSPC' });

async function failing(): Promise<Job> {
  const job = new Job({ policy, intervalMs: 200 });
  for (const path of ['/', DIR]) await job.disk.sync(path);
  job.start();
  await job.pass(250);
  job.lazy = true;
  await job.pass(100);
  return job;
}

describe('a batch that was given up', () => {
  it('is passed over by the next process, too, although no manifest says so', async () => {
    const job = await failing();
    job.fails();
    await job.pass(50);
    expect(job.newest).toMatchObject({ id: 1, skip: [] });
    job.kill(7);
    job.lazy = false;
    job.start();
    await job.pass(400);
    expect(job.ofType('batchFailed')).toMatchObject([{ barrier: 3, time: 300 }]);
    expect(job.newest!.id).toBeGreaterThan(3);
  });

  it('I1: no task begins before that is durable', async () => {
    const job = await failing();
    job.disk.fault = (operation, path) =>
      operation === 'write' && path.includes('decisions') ? full : undefined;
    job.fails();
    await job.pass(500);
    expect(job.ofType('started')).toHaveLength(1);
    expect(job.ofType('degraded')).toMatchObject([{ what: 'decisions' }]);
    job.disk.fault = undefined;
    await job.pass(1000);
    expect(job.ofType('started')).toHaveLength(2);
    expect(job.ofType('recovered')).toMatchObject([{ what: 'decisions' }]);
  });

  it('I1: nor before the index says so', async () => {
    const job = await failing();
    job.disk.fault = (operation, path) =>
      operation === 'write' && path.includes('held.') ? full : undefined;
    job.fails();
    await job.pass(500);
    expect(job.ofType('started')).toHaveLength(1);
    job.disk.fault = undefined;
    await job.pass(1000);
    expect(job.ofType('started')).toHaveLength(2);
  });

  it('I2: is forgotten when no manifest that is kept lies before it', async () => {
    const job = await failing();
    job.fails();
    await job.pass(50);
    const skipped = (): number[] =>
      (JSON.parse(job.text(`${DIR}/decisions.json`).split('\n')[0]!) as { skip: number[] }).skip;
    expect(skipped()).toEqual([2]);
    job.lazy = false;
    await job.pass(1500);
    job.lazy = true;
    await job.pass(150);
    const { heldBarrier } = job.coordinator!;
    job.fails();
    await job.pass(50);
    expect(skipped()).toEqual([heldBarrier]);
  });
});
