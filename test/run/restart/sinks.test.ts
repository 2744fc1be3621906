/** What sinks have when a run ends, or is broken off and goes on: each record once. On a real disk, in the calling thread. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { files, job, type Job, type RunEvent, transactional } from '../../../src/index.ts';
import type { RunOptions } from '../../../src/run/options.ts';
import { run } from '../../../src/run/run.ts';
import type { Run } from '../../../src/run/running.ts';
import { FileStore } from '../../fixtures/stores/file-store.ts';

let root: string;
let runs: Run[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-sinks-'));
  runs = [];
});
afterEach(async () => {
  for (const running of runs) await running.stop({ graceful: false });
  rmSync(root, { recursive: true, force: true });
});

const at = (name: string): string => join(root, name);
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const stored = (): readonly number[] =>
  FileStore.rows<number>(at('store')).toSorted((a, b) => a - b);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

function published(): number[] {
  if (!existsSync(at('out'))) return [];
  return readdirSync(at('out'))
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      readFileSync(join(at('out'), name), 'utf8')
        .trim()
        .split('\n'),
    )
    .map(Number)
    .toSorted((a, b) => a - b);
}

/** What commits wait for. */
let mayCommit: () => Promise<void> = turn;

const numbers: Job = job('numbers', { batchInterval: 20 }, (ssc) => {
  const pushed = ssc.inputStream<number>('numbers');
  pushed.to(
    transactional<number>((ctx) => {
      const store = new FileStore<number>(at('store'), ctx);
      return {
        holds: () => store.holds(),
        commit: async (id, rows) => {
          await mayCommit();
          store.commit(id, rows);
        },
      };
    }),
  );
  pushed.to(files(at('out')));
});

async function started(options: Partial<RunOptions<never>> = {}): Promise<Run> {
  const running = await run(numbers as never, { threads: 0, ...options } as never);
  runs.push(running);
  return running;
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  const endMs = performance.now() + 20_000;
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => void setTimeout(resolve, 5));
  }
}

describe.each([['with a directory'], ['without']])('a drain, %s', (how) => {
  const options = (): Partial<RunOptions<never>> =>
    how === 'without' ? {} : { checkpointDir: at('state'), checkpointInterval: '5s' };

  it('waits for the last commit, and leaves nothing out', async () => {
    let commits = 0;
    mayCommit = async () => {
      commits++;
      for (let n = 0; n < 200; n++) await turn();
    };
    const running = await started(options());
    await running.input('numbers').push(upTo(10));
    await until('a batch is over', () => running.metrics().batches > 0);
    await running.input('numbers').push([10, 11]);
    await running.stop();
    expect(commits).toBeGreaterThan(0);
    expect(stored()).toEqual(upTo(12));
    expect(published()).toEqual(upTo(12));
  });

  it('goes on when a commit fails meanwhile', async () => {
    let failures = 3;
    mayCommit = async () => {
      await turn();
      if (failures-- > 0) throw new Error('connection refused');
    };
    const events: RunEvent[] = [];
    const running = await started(options());
    void (async () => {
      for await (const event of running.events()) events.push(event);
    })();
    await running.input('numbers').push(upTo(10));
    await running.stop();
    expect(stored()).toEqual(upTo(10));
    expect(events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['degraded', 'recovered', 'drained']),
    );
  });
});

describe('a run that is broken off', () => {
  const state = (): Partial<RunOptions<never>> => ({
    checkpointDir: at('state'),
    checkpointInterval: 500,
  });

  it('is gone on with: what counted and was not committed is committed by the next, once', async () => {
    let isOpen = false;
    mayCommit = async () => {
      while (!isOpen) await turn();
    };
    const first = await started(state());
    await first.input('numbers').push(upTo(10), { durable: true } as never);
    await until('files have their names', () => published().length === 10);
    expect(stored()).toEqual([]);
    await first.stop({ graceful: false });
    isOpen = true;
    mayCommit = turn;
    const second = await started(state());
    await until('it is committed', () => stored().length === 10);
    await second.input('numbers').push([10]);
    await second.stop();
    expect(stored()).toEqual(upTo(11));
    expect(published()).toEqual(upTo(11));
    expect(readdirSync(at('out')).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('goes back behind a damaged checkpoint: files that the run makes again are there once', async () => {
    mayCommit = turn;
    const first = await started(state());
    for (let n = 0; n < 4; n++) {
      await first.input('numbers').push([n], { durable: true } as never);
      await until('it is published', () => published().length === n + 1);
    }
    await first.stop({ graceful: false });
    const newest = readdirSync(at('state'))
      .filter((name) => name.startsWith('manifest-'))
      .toSorted((a, b) => Number(/\d+/.exec(b)![0]) - Number(/\d+/.exec(a)![0]))[0]!;
    writeFileSync(join(at('state'), newest), 'damaged');
    const second = await started(state());
    await second.input('numbers').push([4]);
    await second.stop();
    expect(published()).toEqual(upTo(5));
    expect(stored()).toEqual(upTo(5));
  });
});
