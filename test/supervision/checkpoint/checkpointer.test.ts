/** Checkpoints of a job whose disk does what it should. */
import { describe, expect, it } from 'vitest';
import { JobMemory } from '../../../src/supervision/job-memory.ts';
import { DIR, Job, OUT, STATE } from './_job.ts';

describe('a held batch becomes a checkpoint', () => {
  it('when the one before is old enough; its manifest names all that it needs', async () => {
    const job = new Job({ intervalMs: 300 });
    job.start();
    await job.pass(1050);
    expect(job.told).toEqual([1, 4, 7, 10]);
    const { id, barrier, run, epoch, tasks } = job.newest!;
    expect({ id, barrier, run, epoch }).toMatchObject({
      id: 10,
      run: 1,
      epoch: 1,
      barrier: { number: 10, time: 1000, batch: true },
    });
    expect(tasks.map(({ name }) => name)).toEqual(['map#1[0]', 'outputs']);
    expect(job.stateOf(job.newest!)).toEqual([8, 9, 10]);
  });

  it('I3: the last three manifests are kept, with what they need and nothing else', async () => {
    const job = new Job();
    job.start();
    await job.pass(750);
    expect(job.files(DIR)).toEqual(['manifest-5.json', 'manifest-6.json', 'manifest-7.json']);
    expect(job.files(STATE).filter((name) => name.startsWith('handover'))).toEqual(
      [3, 4, 5, 6, 7].map((n) => `handover-1-${n}-0-w`),
    );
  });

  it('files of sinks get their names by it, not before', async () => {
    const job = new Job({ intervalMs: 300 });
    job.start();
    await job.pass(350);
    expect(job.files(OUT)).toEqual(['.tmp-1-2', '.tmp-1-3', 'part-1']);
    await job.pass(100);
    expect(job.files(OUT)).toEqual(['part-1', 'part-2', 'part-3', 'part-4']);
  });

  it('workers and sources hear of it, and how far back a start may go', async () => {
    const job = new Job();
    job.start();
    job.lazy = true;
    await job.pass(100);
    job.lazy = false;
    const heard: unknown[] = [];
    const { post } = job.sources;
    job.sources.post = (message) => {
      if (message.type === 'durable') heard.push([message.barrier, message.oldest]);
      post.call(job.sources, message);
    };
    await job.pass(500);
    expect(heard.slice(0, 5)).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 2],
      [5, 3],
    ]);
  });
});

describe('a drain', () => {
  it('is over when the last batch is durable and published', async () => {
    const job = new Job({ intervalMs: 10_000 });
    job.start();
    await job.pass(350);
    expect(job.told).toEqual([1]);
    job.coordinator!.drain();
    let told: readonly number[] = [];
    for (let n = 0; n < 20 && job.ofType('drained').length === 0; n++) {
      told = [...job.told];
      await job.pass(10);
    }
    expect(job.ofType('drained')).toHaveLength(1);
    expect(job.newest).toMatchObject({ id: 4, barrier: { last: true } });
    expect(job.told).toEqual([1, 4]);
    expect(told.length).toBeGreaterThan(0);
    expect(job.files(OUT)).toEqual(['part-1', 'part-2', 'part-3', 'part-4']);
  });

  it('waits for a disk that is full', async () => {
    const job = new Job({ intervalMs: 10_000 });
    job.start();
    await job.pass(250);
    job.disk.fault = (operation, path) =>
      operation === 'write' && path.includes('manifest')
        ? Object.assign(new Error('full'), { code: 'ENOSPC' })
        : undefined;
    job.coordinator!.drain();
    await job.pass(5000);
    expect(job.ofType('drained')).toEqual([]);
    expect(job.ofType('degraded')).toMatchObject([{ what: 'checkpoint' }]);
    job.disk.fault = undefined;
    await job.pass(2500);
    expect(job.ofType('recovered')).toMatchObject([{ what: 'checkpoint' }]);
    expect(job.ofType('drained')).toHaveLength(1);
  });

  it('of a coordinator that died behind the last batch is done by its successor', async () => {
    const job = new Job({ intervalMs: 10_000 });
    job.start();
    await job.pass(250);
    job.disk.slow = () => new Promise(() => {});
    job.coordinator!.drain();
    await job.pass(200);
    expect(job.ofType('drained')).toEqual([]);
    job.disk.slow = undefined;
    job.succeed();
    await job.pass(200);
    expect(job.ofType('drained')).toHaveLength(1);
    expect(job.newest!.barrier.last).toBe(true);
  });
});

describe('a start behind a checkpoint', () => {
  it('cuts again what stands in the logs, as it was, and goes on with the clock', async () => {
    const job = new Job({ intervalMs: 300 });
    job.start();
    await job.pass(650);
    const before = job.log.map(({ number, time }) => [number, time]);
    job.kill();
    job.start();
    const cuts: unknown[] = [];
    const { post } = job.sources;
    job.sources.post = (message) => {
      if (message.type === 'cut') cuts.push([message.barrier.number, message.barrier.time]);
      post.call(job.sources, message);
    };
    await job.pass(300);
    expect(job.newest!.id).toBeGreaterThan(4);
    expect(job.ofType('started').at(-1)).toMatchObject({ barrier: 4, epoch: 2 });
    expect(new Set(job.log.map(({ zeroTime }) => zeroTime))).toEqual(new Set([0]));
    expect(job.log.map(({ number, time }) => [number, time]).slice(0, 6)).toEqual(before);
    expect(job.log.map(({ time }) => time)).toEqual(job.log.map((_, n) => (n + 1) * 100));
  });

  it('I7: no barrier is cut before the sources have said what is in their logs', async () => {
    const job = new Job({ saysRecorded: false });
    job.start();
    await job.pass(300);
    expect(job.ofType('started')).toHaveLength(1);
    expect(job.log).toEqual([]);
    job.sayRecorded();
    await job.pass(100);
    expect(job.log.map(({ time }) => time)).toEqual([400]);
  });

  it('relief that is asked for while recorded cuts are left is not given', async () => {
    const job = new Job({ saysRecorded: false });
    job.start();
    const barrier = { batch: true, point: true, last: false, zeroTime: 0 };
    for (let number = 1; number <= 600; number++)
      job.log.push({ ...barrier, number, time: number * 100 });
    job.env.clock.advance(60_050);
    job.lazy = true;
    const ask = (): void => job.sources.say({ type: 'relief', source: 0 });
    ask();
    job.sayRecorded();
    ask();
    await job.pass(20);
    ask();
    await job.pass(10);
    expect(new JobMemory(job.buffer).lastCut).toBe(512);
    job.lazy = false;
    await job.pass(30);
    job.lazy = true;
    const { lastCut } = new JobMemory(job.buffer);
    expect(lastCut).toBe(600);
    ask();
    await job.pass(10);
    expect(job.log[600]).toMatchObject({ number: 601, batch: false, point: true });
  });

  it('the last barrier of a drain ends nothing in the next process, which has its state', async () => {
    const job = new Job();
    job.start();
    await job.pass(350);
    job.coordinator!.drain();
    await job.pass(50);
    expect(job.ofType('drained')).toHaveLength(1);
    job.kill();
    job.start();
    await job.pass(300);
    expect(job.ofType('drained')).toHaveLength(1);
    expect(job.ofType('started').at(-1)).toMatchObject({ barrier: 4 });
    const { id } = job.newest!;
    expect(job.stateOf(job.newest!)).toEqual([id - 2, id - 1, id]);
    expect(job.log.map(({ time }) => time)).toEqual([100, 200, 300, 400, 500, 600, 700]);
  });

  it('a last barrier that stands in a log only is cut again as a common one', async () => {
    const job = new Job();
    job.start();
    await job.pass(250);
    job.lazy = true;
    job.coordinator!.drain();
    await job.pass(20);
    expect(job.log.at(-1)).toMatchObject({ number: 3, last: true });
    job.kill();
    job.lazy = false;
    job.start();
    await job.pass(300);
    expect(job.ofType('drained')).toEqual([]);
    expect(job.newest!.barrier).toMatchObject({ last: false });
    expect(job.newest!.id).toBeGreaterThan(3);
  });

  it('at most a thousand missed batches follow; the others are told of', async () => {
    const job = new Job();
    job.start();
    await job.pass(250);
    job.kill();
    job.env.clock.advance(150_000);
    job.start();
    await job.pass(2000);
    expect(job.ofType('batchesSkipped')).toEqual([
      { type: 'batchesSkipped', count: 500, from: 300, to: 50_200 },
    ]);
    const times = job.log.map(({ time }) => time);
    expect(times.slice(0, 4)).toEqual([100, 200, 50_300, 50_400]);
    expect(times.length).toBeGreaterThan(1000);
  });

  it('more recorded cuts than may be open are cut as others become durable', async () => {
    const job = new Job();
    job.start();
    await job.pass(150);
    job.lazy = true;
    for (let n = job.log.length + 1; n <= 1500; n++)
      job.log.push({
        number: n,
        time: n * 100,
        batch: true,
        point: true,
        last: false,
        zeroTime: 0,
      });
    job.kill();
    job.env.clock.advance(150_000);
    job.start();
    await job.pass(50);
    const cut = new Set<number>();
    const { post } = job.sources;
    job.sources.post = (message) => {
      if (message.type === 'cut') cut.add(message.barrier.number);
      post.call(job.sources, message);
    };
    job.lazy = false;
    await job.pass(3000);
    expect(Math.min(...cut)).toBe(514);
    expect(job.newest!.id).toBeGreaterThanOrEqual(1500);
    expect(job.ofType('batchesSkipped')).toEqual([]);
  });
});

describe('a disk that stays full', () => {
  it('stops the batches in the end, and lets them go on when it is not any more', async () => {
    const job = new Job();
    job.start();
    await job.pass(150);
    job.disk.fault = (operation, path) =>
      operation === 'write' && path.includes('manifest')
        ? Object.assign(new Error('full'), { code: 'ENOSPC' })
        : undefined;
    await job.pass(80_000);
    const stopped = job.log.length;
    expect(stopped).toBeGreaterThan(512);
    expect(stopped).toBeLessThan(540);
    expect(job.told).toEqual([1]);
    // What no manifest needs and no point does is not left to fill it further.
    expect(job.files(STATE).length).toBeLessThan(10);
    job.disk.fault = undefined;
    await job.pass(3000);
    expect(job.log.length).toBeGreaterThan(stopped + 10);
    expect(job.told.at(-1)).toBeGreaterThan(stopped);
    expect(job.ofType('recovered')).toHaveLength(1);
  });
});
