/** Savepoints of runs in the calling thread, on a real disk. */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { transactional } from '../../../src/topology/transactional.ts';
import { job } from '../../../src/dstream/job.ts';
import { run } from '../../../src/run/run.ts';
import type { RunOptions } from '../../../src/run/options.ts';
import type { Run } from '../../../src/run/running.ts';
import { FileStore } from '../../fixtures/stores/file-store.ts';

let root: string;
let runs: Run[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-savepoint-'));
  runs = [];
  mkdirSync(at('in'));
});
afterEach(async () => {
  for (const running of runs) await running.stop({ graceful: false });
  rmSync(root, { recursive: true, force: true });
});

const at = (name: string): string => join(root, name);

/** Counts words of files, and what is pushed. */
const words = job('words', { batchInterval: 100 }, (ssc) => {
  const count = (values: readonly number[], before = 0): number => before + values.length;
  const pushed = ssc.inputStream<string>('pushed').map((word) => [word, 1] as const);
  pushed.updateStateByKey(count).named('pushed-counts').collectAs('pushed');
  ssc
    .textFileStream(at('in'), { newFilesOnly: false })
    .map((line) => [line, 1] as const)
    .updateStateByKey(count)
    .named('file-counts')
    .collectAs('files');
});

async function started(options: Partial<RunOptions<never>>): Promise<Run> {
  const running = await run(words as never, { threads: 0, ...options } as never);
  runs.push(running);
  return running;
}

/** Waits until a batch of that stream shows it. */
async function shows(running: Run, name: string, wanted: Record<string, number>): Promise<void> {
  const text = JSON.stringify(Object.entries(wanted).toSorted());
  for await (const { values } of running.results<[string, number]>(name))
    if (JSON.stringify(values.toSorted()) === text) return;
  throw new Error(`the run ended without ${text}`);
}

function file(name: string, ...lines: string[]): void {
  writeFileSync(at(`.${name}`), lines.map((line) => `${line}\n`).join(''));
  renameSync(at(`.${name}`), join(at('in'), name));
}

it('a stop makes one, and a run in a new directory goes on from it', async () => {
  const first = await started({ checkpointDir: at('first') });
  file('1', 'a', 'b');
  await first.input('pushed').push(['x', 'x']);
  await shows(first, 'files', { a: 1, b: 1 });
  const { drained, savepoint } = await first.stop({ savepoint: at('saved') });
  expect(drained).toBe(true);
  expect(savepoint).toMatchObject({ path: at('saved') });
  expect(savepoint!.bytes).toBeGreaterThan(500);
  rmSync(at('first'), { recursive: true });

  const second = await started({ checkpointDir: at('second'), savepoint: at('saved') });
  expect(second.recovered).toMatchObject({ barrier: savepoint!.barrier, time: savepoint!.time });
  file('2', 'a');
  await second.input('pushed').push(['x', 'y']);
  // The first file isn't read again.
  await shows(second, 'files', { a: 2, b: 1 });
  await shows(second, 'pushed', { x: 3, y: 1 });
  await second.stop();

  // The same options again: it goes on in its directory.
  const third = await started({ checkpointDir: at('second'), savepoint: at('saved') });
  file('3', 'b');
  await shows(third, 'files', { a: 2, b: 2 });
  await third.stop();

  // And any number of runs may begin from it.
  const fork = await started({ checkpointDir: at('fork'), savepoint: at('saved') });
  await shows(fork, 'files', { a: 2, b: 2 });
  await fork.stop();
});

it('one is made of a run that goes on, and stays when its checkpoints have gone', async () => {
  const first = await started({ checkpointDir: at('first'), checkpointInterval: '500ms' });
  file('1', 'a');
  await shows(first, 'files', { a: 1 });
  const made = await first.savepoint(at('saved'));
  expect(readdirSync(at('saved')).toSorted()).toEqual([
    'log',
    `manifest-${made.barrier}.json`,
    'state',
  ]);
  file('2', 'a');
  await shows(first, 'files', { a: 2 });
  for (let n = 0; n < 5; n++) {
    await first.savepoint(at(`later-${n}`));
    await first.input('pushed').push(['z']);
  }
  await first.stop();
  rmSync(at('first'), { recursive: true });
  const second = await started({ checkpointDir: at('second'), savepoint: at('saved') });
  await shows(second, 'files', { a: 2 });
  await second.stop();
});

it('where something lies, or nothing is kept, there is none', async () => {
  const without = await started({});
  await expect(without.savepoint(at('saved'))).rejects.toMatchObject({
    code: 'ERR_MILLRACE_UNSUPPORTED',
  });
  await expect(without.stop({ savepoint: at('saved') })).rejects.toMatchObject({
    code: 'ERR_MILLRACE_UNSUPPORTED',
  });
  expect(without.state).toBe('active');
  await without.stop();
  const running = await started({ checkpointDir: at('first') });
  await expect(running.savepoint(at('in'))).resolves.toBeDefined();
  await expect(running.savepoint(at('in'))).rejects.toMatchObject({
    code: 'ERR_MILLRACE_BAD_OPTION',
  });
  await running.stop();
  await expect(running.savepoint(at('late'))).rejects.toMatchObject({
    code: 'ERR_MILLRACE_STOPPED',
  });
  for (const [savepoint, checkpointDir, code] of [
    ['in', 'first', 'ERR_MILLRACE_BAD_OPTION'],
    ['nowhere', 'new', 'ERR_MILLRACE_CHECKPOINT_CORRUPT'],
  ] as const)
    await expect(
      started({ checkpointDir: at(checkpointDir), savepoint: at(savepoint) }),
    ).rejects.toMatchObject({ code });
});

/** Keeps what is pushed in a store that is there, or isn't. */
let isStoreThere = true;
const stored = job('stored', { batchInterval: 100 }, (ssc) => {
  ssc.inputStream<string>('pushed').to(
    transactional((ctx) => {
      const store = new FileStore<string>(at('store'), ctx);
      return {
        holds: () => store.holds(),
        commit: (id: number, rows: readonly string[]) => {
          if (!isStoreThere) throw new Error('the store is not there');
          store.commit(id, rows);
        },
      };
    }),
  );
});

async function storing(options: Partial<RunOptions<never>>): Promise<Run> {
  const running = await run(stored as never, { threads: 0, ...options } as never);
  runs.push(running);
  return running;
}

it('what was prepared is committed once: by the run that made the savepoint', async () => {
  const first = await storing({ checkpointDir: at('first') });
  await first.input('pushed').push(['a']);
  await first.stop({ savepoint: at('end') });
  expect(FileStore.rows(at('store'))).toEqual(['a']);

  const second = await storing({ checkpointDir: at('second'), savepoint: at('end') });
  isStoreThere = false;
  await second.input('pushed').push(['b']);
  await second.savepoint(at('between'));
  await second.stop({ graceful: false });
  isStoreThere = true;

  const fork = await storing({ checkpointDir: at('fork'), savepoint: at('between') });
  await fork.input('pushed').push(['c']);
  await fork.stop();
  expect(FileStore.rows(at('store'))).toEqual(['a', 'c']);
  const third = await storing({ checkpointDir: at('second') });
  await third.stop();
  expect(FileStore.rows(at('store')).toSorted()).toEqual(['a', 'b', 'c']);
});
