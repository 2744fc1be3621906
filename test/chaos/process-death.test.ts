/** Single deaths of the process, and what its directory is worth afterwards. Numbers are those of docs/chaos.md. */
import { readdirSync, readFileSync, truncateSync, writeFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DIE_AT_STEP, dyingAt } from './kill9/steps.ts';
import { type Life, Trial } from './kill9/trial.ts';

let trial: Trial;
beforeEach(async () => {
  trial = new Trial();
  await trial.listen();
});
afterEach(() => trial.close());

const LONG_MS = 120_000;

const checkpoints = (life: Life, count: number): Promise<void> =>
  life.until(`${count} checkpoints`, () => life.ofType('checkpointCompleted').length >= count);

/** Newest last. */
function manifests(): { readonly path: string; readonly id: number }[] {
  return readdirSync(trial.directory)
    .flatMap((name) => {
      const match = /^manifest-(\d+)\.json$/.exec(name);
      return match === null ? [] : [{ path: join(trial.directory, name), id: Number(match[1]) }];
    })
    .sort((a, b) => a.id - b.id);
}

const runNumber = (): number =>
  (
    JSON.parse(readFileSync(join(trial.directory, 'run.json'), 'utf8').split('\n')[0]!) as {
      run: number;
    }
  ).run;

it(
  '13: the thread of the coordinator dies in the rename of a manifest: that one is there or not, the next has a higher id',
  async () => {
    const step = { step: 'rename manifest-#.json.#-#.tmp', nth: 3, when: 'before' } as const;
    const life = trial.start({
      imports: [DIE_AT_STEP],
      env: dyingAt(trial.directory, step, 'exit'),
    });
    await life.until('the coordinator dies', () =>
      life.ofType('actorExited').some(({ role }) => role === 'coordinator'),
    );
    const before = manifests().at(-1)!.id;
    const told = life.ofType('checkpointCompleted').length;
    await checkpoints(life, told + 2);
    expect(manifests().at(-1)!.id).toBeGreaterThan(before);
    expect(readdirSync(trial.directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(await trial.finish(life)).toEqual([]);
  },
  LONG_MS,
);

it(
  '15: the newest manifest is a byte short after a kill: the one before counts, with a warning',
  async () => {
    const life = trial.start();
    await checkpoints(life, 4);
    await life.kill();
    const newest = manifests().at(-1)!;
    truncateSync(newest.path, readFileSync(newest.path).length - 1);
    const next = trial.start();
    await checkpoints(next, 1);
    expect(JSON.stringify(next.words)).toContain(`manifest-${newest.id}.json`);
    expect(await trial.finish(next)).toEqual([]);
  },
  LONG_MS,
);

it(
  '16: killed twice more while it recovers: the run after that has number 4',
  async () => {
    const life = trial.start();
    await checkpoints(life, 2);
    await life.kill();
    for (let n = 0; n < 2; n++) {
      const next = trial.start();
      await next.up();
      await wait(10 + 40 * n);
      await next.kill();
    }
    expect(await trial.finish()).toEqual([]);
    expect(runNumber()).toBe(4);
  },
  LONG_MS,
);

it(
  '17: killed in the first ms of the first run: no record is passed over',
  async () => {
    for (const ms of [0, 2, 5, 10]) {
      const life = trial.start();
      await life.until('it starts', () => life.words.length > 0);
      await wait(ms);
      await life.kill();
    }
    expect(await trial.finish()).toEqual([]);
  },
  LONG_MS,
);

it(
  '20: a second start while the owner is stopped (SIGSTOP) is refused, and the owner goes on',
  async () => {
    const life = trial.start();
    await checkpoints(life, 1);
    life.signal('SIGSTOP');
    const second = trial.start();
    second.mayFail = true;
    expect((await second.exited).code).toBe(70);
    expect(second.ofType('error')).toEqual([
      expect.objectContaining({
        code: 'ERR_MILLRACE_DIR_IN_USE',
        message: expect.stringContaining(String(life.pid)) as string,
      }),
    ]);
    life.signal('SIGCONT');
    await checkpoints(life, life.ofType('checkpointCompleted').length + 1);
    expect(await trial.finish(life)).toEqual([]);
  },
  LONG_MS,
);

it(
  '22: SIGTERM under load leaves nothing to be done again',
  async () => {
    const life = trial.start();
    await checkpoints(life, 2);
    life.signal('SIGTERM');
    expect(await life.exited).toEqual({ code: 0, signal: null });
    trial.hold();
    const completed = (of: Life): number =>
      of.ofType('batchCompleted').reduce((sum, { numRecords }) => sum + Number(numRecords), 0);
    const last = life.ofType('batchCompleted').at(-1)!;
    const next = trial.start();
    await next.until('batches', () => next.ofType('batchCompleted').length >= 3);
    const [first] = next.ofType('batchCompleted');
    expect(Number(first!['time'])).toBeGreaterThan(Number(last['time']));
    // Only what the servers had not given out yet.
    expect(completed(next)).toBeLessThan(completed(life));
    expect(await trial.finish(next)).toEqual([]);
  },
  LONG_MS,
);

it(
  '23: SIGTERM while a stage hangs ends with 75 at the deadline, and the next start loses nothing',
  async () => {
    const hang = join(trial.room, 'hang');
    const life = trial.start({ args: { hang }, deadlineMs: 1500 });
    await checkpoints(life, 2);
    writeFileSync(hang, '');
    await wait(300);
    life.signal('SIGTERM');
    await life.until('it gives up', () => life.ofType('ended').length > 0);
    expect(life.ofType('ended')).toEqual([expect.objectContaining({ drained: false })]);
    const { code } = await life.exited;
    // A thread that hangs is ended with the process.
    expect([75, null]).toContain(code);
    rmSync(hang);
    expect(await trial.finish()).toEqual([]);
  },
  LONG_MS,
);

it(
  '28: a job without an operator that has state is refused with what is missing, and started when that is allowed',
  async () => {
    const life = trial.start();
    await checkpoints(life, 2);
    await life.kill();
    const second = trial.start({ args: { without: 'totals' } });
    second.mayFail = true;
    expect((await second.exited).code).toBe(70);
    expect(second.ofType('error')).toEqual([
      expect.objectContaining({
        code: 'ERR_MILLRACE_STATE_DROPPED',
        message: expect.stringContaining('updateStateByKey') as string,
      }),
    ]);
    const third = trial.start({ args: { without: 'totals' }, run: { allowDroppedState: true } });
    await checkpoints(third, 1);
    const faults = await trial.finish(third);
    expect(faults.filter((each) => !each.startsWith('totals'))).toEqual([]);
  },
  LONG_MS,
);
