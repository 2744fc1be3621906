/** What is shown of a directory, and state that goes out and in, of runs in the calling thread on a real disk. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { inspectCommand } from '../../../src/cli/inspect-command.ts';
import { job } from '../../../src/dstream/job.ts';
import { realEnv } from '../../../src/env/real.ts';
import * as programs from '../../../src/run/inspect/for-programs.ts';
import { inspect, isHealthy } from '../../../src/run/inspect/inspection.ts';
import { exportState, importState } from '../../../src/run/inspect/transfer-state.ts';
import type { RunOptions } from '../../../src/run/options.ts';
import { run } from '../../../src/run/run.ts';
import type { Run } from '../../../src/run/running.ts';

let root: string;
let runs: Run[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-inspect-'));
  runs = [];
});
afterEach(async () => {
  for (const running of runs) await running.stop({ graceful: false });
  rmSync(root, { recursive: true, force: true });
});

const at = (name: string): string => join(root, name);
const { disk, clock } = realEnv();

interface Visit {
  readonly count: number;
  readonly seen: ReadonlySet<string>;
}

const visits = job('visits', { batchInterval: 50 }, (ssc) => {
  const pairs = ssc.inputStream<readonly [string | bigint, string]>('in');
  pairs
    .updateStateByKey((pages, { count, seen }: Visit = { count: 0, seen: new Set() }) => ({
      count: count + pages.length,
      seen: new Set([...seen, ...pages]),
    }))
    .named('visits')
    .collectAs('visits');
  pairs
    .mapWithState(
      (key, page, state) => {
        if (!state.isTimingOut()) state.update(page!);
        return [key, page] as const;
      },
      { timeout: '1h' },
    )
    .named('latest')
    .collectAs('latest');
  pairs.window(200, 100).named('recent').collectAs('recent');
});

async function started(options: Partial<RunOptions<never>>): Promise<Run> {
  const running = await run(visits as never, { threads: 0, ...options } as never);
  runs.push(running);
  return running;
}

/** The state of `visits` in the first batch that shows these keys. */
async function shown(running: Run, keys: readonly unknown[]): Promise<Map<unknown, Visit>> {
  for await (const { values } of running.results<[unknown, Visit]>('visits')) {
    const state = new Map(values);
    if (keys.every((key) => state.has(key))) return state;
  }
  throw new Error('the run ended before');
}

/** A savepoint with four visits of three keys. */
async function saved(stateStore: 'memory' | 'disk' = 'memory'): Promise<void> {
  const running = await started({ checkpointDir: at('run'), stateStore });
  const given = shown(running, ['ada', 'bob', 7n]);
  await running.input('in').push([
    ['ada', '/a'],
    ['ada', '/b'],
    ['bob', '/a'],
    [7n, '/n'],
  ]);
  await given;
  const { savepoint } = await running.stop({ savepoint: at('saved') });
  expect(savepoint).toBeDefined();
}

async function command(...given: Parameters<typeof inspectCommand>[1][]): Promise<string> {
  let text = '';
  for (const flags of given) await inspectCommand(at('saved'), flags, (piece) => (text += piece));
  return text;
}

it('shows checkpoints, logs and state by operator, of a directory and of a savepoint', async () => {
  await saved();
  const directory = inspect(disk, at('run'));
  expect(isHealthy(directory)).toBe(true);
  expect(directory).toMatchObject({ job: 'visits', runs: 1, batchIntervalMs: 50, problems: [] });
  expect(directory.checkpoints.length).toBeGreaterThan(0);
  expect(directory.logs).toMatchObject([{ source: 'inputStream#1', problems: [] }]);
  const [log] = directory.logs;
  expect(log!.synced).toBe(log!.last);
  expect(directory.operators).toMatchObject([
    { uid: 'visits', kind: 'updateStateByKey', entries: 3 },
    { uid: 'latest', kind: 'mapWithState', entries: 3 },
    { uid: 'recent', kind: 'window' },
  ]);
  const savepoint = inspect(disk, at('saved'));
  expect(savepoint).toMatchObject({ runs: 0, operators: directory.operators });
  expect(savepoint.checkpoints).toEqual([directory.checkpoints[0]]);
  expect(savepoint.logs).toMatchObject([{ records: 1 }]);

  const text = await command({ json: false });
  expect(text).toMatch(/A savepoint of the job visits/);
  expect(text).toMatch(/\n {2}visits {2}3 entries, /);
  expect(text).toMatch(/good/);
  expect(JSON.parse(await command({ json: true }))).toMatchObject({ job: 'visits', runs: 0 });
});

it('names what is damaged, and says so by its exit code', async () => {
  await saved();
  const part = join(at('saved'), 'state', readdirSync(join(at('saved'), 'state'))[0]!);
  const bytes = readFileSync(part);
  bytes[bytes.length - 1]! ^= 1;
  rmSync(part);
  writeFileSync(part, bytes);
  const log = join(at('run'), 'log', 'inputStream%231');
  const segment = join(
    log,
    readdirSync(log).find((name) => name.startsWith('segment-'))!,
  );
  writeFileSync(segment, readFileSync(segment).subarray(0, 60));
  expect(inspect(disk, at('saved')).checkpoints[0]!.problems[0]).toContain(part);
  expect(inspect(disk, at('run')).logs[0]!.problems[0]).toContain(segment);
  let text = '';
  expect(await inspectCommand(at('saved'), { json: false }, (piece) => (text += piece))).toBe(70);
  expect(text).toMatch(/DAMAGED/);
  expect(() => inspect(disk, at('nowhere'))).toThrow(/has no checkpoint/);
});

it.each([
  ['memory', 'disk'],
  ['disk', 'memory'],
  ['disk', 'disk'],
] as const)(
  'state (in %s) goes out as JSON lines, and in again (to %s) with what somebody made of it',
  async (from, to) => {
    await saved(from);
    const lines = (await command({ json: false, export: 'visits' })).trim().split('\n');
    const entries = lines.map(
      (line) => JSON.parse(line) as { key: unknown; value: { count: number } },
    );
    expect(entries).toHaveLength(3);
    expect(entries).toContainEqual({
      operator: 'visits',
      partition: expect.any(Number),
      cell: 'keys',
      key: { $bigint: '7' },
      value: { count: 1, seen: { $set: ['/n'] } },
      version: 1,
    });
    const latest = [...exportState(disk, at('saved'), 'latest')].filter(
      ({ cell }) => cell === 'keys',
    );
    expect(latest.map(({ key, value }) => [key, value])).toContainEqual(['ada', '/b']);
    expect(latest.every(({ touchedAt }) => touchedAt! > 1e12)).toBe(true);

    const kept = entries.filter(({ key }) => key !== 'bob');
    for (const { value } of kept) value.count += 100;
    const file = at('new.jsonl');
    const eve = { key: 'eve', value: { count: 5, seen: { $set: [] } } };
    writeFileSync(file, [...kept, eve].map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    await command({ json: false, import: 'visits', file, out: at('changed') });
    expect(inspect(disk, at('changed')).operators).toMatchObject([
      { uid: 'visits', entries: 3 },
      { uid: 'latest', entries: 3 },
      { uid: 'recent' },
    ]);
    const running = await started({
      checkpointDir: at('second'),
      savepoint: at('changed'),
      stateStore: to,
    });
    const given = shown(running, ['new']);
    await running.input('in').push([
      ['ada', '/c'],
      ['new', '/a'],
    ]);
    const state = await given;
    expect(new Map([...state].map(([key, { count }]) => [key, count]))).toEqual(
      new Map<unknown, number>([
        ['ada', 103],
        [7n, 101],
        ['eve', 5],
        ['new', 1],
      ]),
    );
    expect(state.get('ada')!.seen).toEqual(new Set(['/a', '/b', '/c']));
  },
);

it('what can not be taken in is refused before anything is written', async () => {
  await saved();
  const into = (uid: string, entries: readonly object[]): Promise<number> =>
    importState({ disk, clock, from: at('saved'), to: at('out'), uid, entries: entries as never });
  const good = { key: 'a', value: 1 };
  for (const [uid, entries, code, text] of [
    ['visits', [good, good], 'ERR_MILLRACE_BAD_OPTION', /entry 2 .*was there before/],
    ['visits', [{ value: 1 }], 'ERR_MILLRACE_BAD_OPTION', /no key/],
    ['visits', [{ ...good, partition: 9 }], 'ERR_MILLRACE_BAD_OPTION', /partition 9/],
    ['visits', [{ key: () => 1, value: 1 }], 'ERR_MILLRACE_BAD_OPTION', /no operator takes/],
    ['visits', [good, { key: 'b', value: 1, version: 2 }], 'ERR_MILLRACE_BAD_OPTION', /version 2/],
    ['recent', [], 'ERR_MILLRACE_UNSUPPORTED', /is window/],
    ['nobody', [], 'ERR_MILLRACE_NO_SUCH_STATE', /there is visits, latest, recent/],
  ] as const) {
    const error = await into(uid, entries).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, message: expect.stringMatching(text) });
  }
  expect(readdirSync(root)).not.toContain('out');
  expect(await into('visits', [good])).toBe(1);
  await expect(into('visits', [good])).rejects.toThrow(/not empty/);
});

it('a program does the same with values as they are', async () => {
  await saved();
  const entries = [];
  for await (const entry of programs.exportState(at('saved'), 'visits'))
    if (entry.key !== 'bob') entries.push(entry);
  expect(entries.map(({ key }) => key)).toEqual(expect.arrayContaining(['ada', 7n]));
  const made = { from: at('saved'), to: at('mended'), operator: 'visits', entries };
  expect(await programs.importState(made)).toBe(2);
  const { operators, checkpoints } = await programs.inspectCheckpoint(at('mended'));
  expect(operators[0]).toMatchObject({ uid: 'visits', entries: 2 });
  expect(checkpoints[0]!.problems).toEqual([]);
});
