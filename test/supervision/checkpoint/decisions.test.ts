/** What is to be passed over outlives the process, and is durable before anything is passed over. */
import { describe, expect, it } from 'vitest';
import { MemoryDisk } from '../../../src/env/memory-disk.ts';
import { Decisions } from '../../../src/supervision/checkpoint/decisions.ts';
import { type HeldPoint, startPoint } from '../../../src/supervision/held-index.ts';
import type { PoisonDecision } from '../../../src/supervision/poison.ts';
import { DIR, Job } from './_job.ts';

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

describe('a record that is poison', () => {
  const decision = (number: number, task: number): PoisonDecision => ({
    number,
    task,
    hash: `h${number}`,
    record: 'r',
    attempts: 3,
    lastError: 'e',
    until: 9,
  });
  const point = (barrier: number, ...open: PoisonDecision[]): HeldPoint => ({
    ...startPoint(2),
    barrier,
    batchStart: barrier,
    ...(open.length === 0 ? {} : { poison: { decided: open.at(-1)!.number, open } }),
  });
  const disk = (): MemoryDisk => {
    const made = new MemoryDisk();
    made.makeDirectory(DIR);
    return made;
  };
  const decisions = (of: MemoryDisk, ...tasks: string[]): Decisions =>
    new Decisions({ disk: of, directory: DIR, tasks });
  const openOf = ({ poison }: HeldPoint): unknown =>
    poison?.open.map(({ number, task }) => [number, task]);

  it('is passed over by the next process, wherever its task is now, if it lies behind the manifest', async () => {
    const on = disk();
    const first = decisions(on, 'a', 'b');
    expect(first.note(point(4, decision(1, 1)))).toBe(true);
    expect(first.note(point(6, decision(1, 1), decision(2, 0)))).toBe(true);
    expect(first.note(point(7, decision(2, 0)))).toBe(false);
    await first.write('1', () => {});
    const next = decisions(on, 'b', 'other', 'a');
    expect(openOf(next.with(point(4)))).toEqual([
      [1, 0],
      [2, 2],
    ]);
    // The one that the manifest has by itself, and one that was done with before it.
    expect(openOf(next.with(point(5, decision(1, 0))))).toEqual([
      [1, 0],
      [2, 2],
    ]);
    expect(openOf(next.with(point(6)))).toEqual([[2, 2]]);
    expect(next.with(point(8)).poison).toEqual({ decided: 2, open: [] });
    expect(openOf(decisions(on, 'other').with(point(4)))).toEqual([]);
  });

  it('I2: is forgotten when every manifest that is kept has it', () => {
    const on = decisions(disk(), 'a', 'b');
    on.note(point(4, decision(1, 1)));
    on.prune(4);
    expect(openOf(on.with(point(4)))).toEqual([[1, 1]]);
    on.prune(5);
    expect(openOf(on.with(point(4)))).toEqual([]);
  });

  it('a file that is damaged is an error, not nothing', async () => {
    const on = disk();
    const first = decisions(on, 'a', 'b');
    first.note(point(4, decision(1, 1)));
    await first.write('1', () => {});
    const path = `${DIR}/decisions.json`;
    const bytes = on.read(path);
    bytes[5]! ^= 1;
    on.write(path, bytes);
    expect(() => decisions(on, 'a')).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_CHECKPOINT_CORRUPT' }),
    );
  });
});
