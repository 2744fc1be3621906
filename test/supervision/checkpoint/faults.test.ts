/**
 * The coordinator dies, the process, or the power goes, or the disk refuses, at every operation of the disk in the life of
 * a job with checkpoints: whatever it is, in the end everything is there once, and nothing else.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  readManifests,
  verifyManifest,
} from '../../../src/supervision/checkpoint/manifest-file.ts';
import type { Fault } from './_lane.ts';
import { DIR, Job, OUT, STATE } from './_job.ts';

/** Batches before the drain. */
const RUN_MS = 450;

async function newJob(): Promise<Job> {
  const job = new Job();
  for (const path of ['/', DIR]) await job.disk.sync(path);
  return job;
}

/** Goes on until the job is drained; whoever dies has a successor. */
async function drained(job: Job, again: () => void): Promise<void> {
  await job.pass(RUN_MS);
  for (let n = 0; n < 300 && job.ofType('drained').length === 0; n++) {
    if (job.lane.dead) again();
    if (job.coordinator === undefined) continue;
    job.lane.run(() => job.coordinator!.drain());
    await job.pass(100);
  }
}

/** Everything is there once, and nothing else. */
function check(job: Job, { mayRepeat = false } = {}): void {
  expect(job.ofType('failed')).toEqual([]);
  expect(job.ofType('drained')).toHaveLength(1);
  const last = job.log.at(-1)!.number;
  const batches = job.log.filter(({ batch }) => batch).map(({ number }) => number);
  const { manifests, problems } = readManifests(job.disk, DIR);
  expect(problems).toEqual([]);
  expect(manifests[0]).toMatchObject({ id: last, barrier: { last: true } });
  expect(manifests.length).toBeLessThanOrEqual(3);
  for (const each of manifests) expect(verifyManifest(job.disk, DIR, each)).toEqual([]);
  expect(job.stateOf(manifests[0]!)).toEqual(batches.slice(-3));
  const published = batches.map((n) => `part-${n}`).toSorted();
  expect(job.files(OUT).filter((name) => !name.startsWith('.'))).toEqual(published);
  for (const n of batches) expect(job.text(`${OUT}/part-${n}`)).toBe(`batch ${n}`);
  const renamed = [...job.renamed, ...job.lane.renamed].filter((path) => path.startsWith(OUT));
  const once = mayRepeat ? [...new Set(renamed)] : renamed;
  expect(once.toSorted()).toEqual(published.map((name) => `${OUT}/${name}`));
  expect(job.told).toEqual([...new Set(job.told)].toSorted((a, b) => a - b));
  const needed = new Set(manifests.flatMap(({ tasks }) => tasks.flatMap(({ parts }) => parts)));
  expect(job.files(STATE).filter((name) => name.startsWith('handover'))).toEqual(
    [...needed].toSorted(),
  );
  expect(job.files(DIR).filter((name) => name.includes('tmp'))).toEqual([]);
}

let operations = 0;
let atStart = 0;

beforeAll(async () => {
  const job = await newJob();
  job.start();
  atStart = job.lane.operations;
  await drained(job, () => {});
  check(job);
  operations = job.lane.operations;
});

/** One job for each operation. Gives what is wrong. */
async function sweep(first: number, one: (at: number) => Promise<void>): Promise<string[]> {
  const wrong: string[] = [];
  for (let at = first; at < operations; at++) {
    try {
      await one(at);
    } catch (error) {
      wrong.push(`at operation ${at} of ${operations}: ${(error as Error).stack}`);
    }
  }
  return wrong;
}

it('an undisturbed job has enough operations to be disturbed at', () => {
  expect(operations).toBeGreaterThan(60);
});

describe.each(['diesBefore', 'diesAfter'] as const)('%s any operation', (how) => {
  it('a coordinator has a successor that does what is left of it', async () => {
    const wrong = await sweep(0, async (at) => {
      const job = await newJob();
      job.start({ at, how });
      await drained(job, () => job.succeed());
      check(job);
    });
    expect(wrong).toEqual([]);
  });

  it('a process that is killed goes on from the newest manifest', async () => {
    const wrong = await sweep(0, async (at) => {
      const job = await newJob();
      job.start({ at, how });
      await drained(job, () => {
        job.kill();
        job.start();
      });
      check(job);
    });
    expect(wrong).toEqual([]);
  });

  it('I2: when the power goes, each manifest that is left is good, and none that was told of is missing', async () => {
    const wrong = await sweep(0, async (at) => {
      for (const power of [1, 2, 3]) {
        const job = await newJob();
        job.start({ at, how });
        await drained(job, () => {
          job.kill(at * 10 + power);
          const { manifests, problems } = readManifests(job.disk, DIR);
          expect(problems).toEqual([]);
          for (const each of manifests) expect(verifyManifest(job.disk, DIR, each)).toEqual([]);
          expect(manifests[0]?.id ?? 0).toBeGreaterThanOrEqual(job.told.at(-1) ?? 0);
          job.start();
        });
        check(job, { mayRepeat: true });
      }
    });
    expect(wrong).toEqual([]);
  });
});

describe('I4: a coordinator that was given up, and goes on in the middle of any operation', () => {
  it.each([0, 100, 200, 500])('does no harm %d ms later', async (ms) => {
    const wrong = await sweep(0, async (at) => {
      const job = await newJob();
      job.start({ at, how: 'late' });
      await job.pass(RUN_MS);
      const stale = job.lane;
      if (!stale.dead) return;
      job.succeed();
      await job.pass(ms);
      // It may come to nothing: what it was about to change is gone.
      try {
        stale.late?.();
      } catch {}
      job.renamed.push(...stale.renamed);
      const { manifests } = readManifests(job.disk, DIR);
      const newest = manifests.find((each) => verifyManifest(job.disk, DIR, each).length === 0);
      expect(newest).toBe(manifests[0]);
      expect(newest?.id ?? 0).toBeGreaterThanOrEqual(job.told.at(-1) ?? 0);
      // A third one begins by what the second has written, and then the process.
      if (at % 2 === 0) job.succeed();
      await job.pass(50);
      job.kill();
      job.start();
      await drained(job, () => job.succeed());
      check(job, { mayRepeat: true });
    });
    expect(wrong).toEqual([]);
  });
});

describe('a disk that refuses any operation', () => {
  const faults: Omit<Fault, 'at'>[] = [
    { how: 'ENOSPC' },
    { how: 'EIO' },
    { how: 'EDQUOT', times: 8 },
  ];
  it.each(faults)('with $how makes the job wait, and costs nothing', async (fault) => {
    let degraded = 0;
    const wrong = await sweep(atStart, async (at) => {
      const job = await newJob();
      job.start();
      job.lane.fault = { ...fault, at };
      await drained(job, () => {});
      check(job);
      expect(job.ofType('degraded').length).toBe(job.ofType('recovered').length);
      expect(job.ofType('recovering')).toEqual([]);
      degraded += job.ofType('degraded').length;
    });
    expect(wrong).toEqual([]);
    expect(degraded).toBeGreaterThan(20);
  });
});
