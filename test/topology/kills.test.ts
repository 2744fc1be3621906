/**
 * Threads of a topology die in the middle of a numbered stream. A record carries its number and key, and what it was
 * counted as: so each loss, double and change of order shows.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KillWay } from 'millrace';
import { afterEach, describe, expect, it } from 'vitest';
import type { ThreadRole } from '../../src/run/engine.ts';
import { WatchedRun } from '../chaos/watched-run.ts';
// @ts-expect-error plain JavaScript, as threads load it
import { KEYS } from '../fixtures/jobs/ledger.js';

type Counted = readonly [key: number, n: number, count: number];

const SUPERVISION = {
  maxRestarts: 1000,
  withinMs: 60_000,
  backoff: { maxMs: 50 },
  hangTimeoutMs: 2000,
};
const KILLS = 6;
const runs: WatchedRun[] = [];
const directories: string[] = [];

afterEach(async () => {
  for (const { run } of runs.splice(0)) await run.stop({ graceful: false });
  for (const directory of directories.splice(0))
    rmSync(directory, { recursive: true, force: true });
});

async function start(
  guarantee: 'exactly' | 'at-least' | 'at-most' | 'streams',
  args: { count: number; rate: number; directory?: string; failEach?: number },
): Promise<WatchedRun> {
  const options = { threads: 2, supervision: SUPERVISION, args };
  const watched = await WatchedRun.start(`ledger-${guarantee}.js`, options as never, ['out']);
  runs.push(watched);
  return watched;
}

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'topology-'));
  directories.push(directory);
  return directory;
}

const collected = (watched: WatchedRun): Counted[] =>
  watched.batches.get('out')!.flatMap(({ values }) => values as Counted[]);

/** What is wrong with records of which each must be there once, counted in order. */
function faults(records: readonly Counted[], count: number): string[] {
  const wrong: string[] = [];
  const last = new Map<number, number>();
  for (const [key, n, counted] of records) {
    const before = last.get(key) ?? 0;
    if (counted !== before + 1 || n !== before * KEYS + key)
      wrong.push(`key ${key}: record ${n} is counted as ${counted}, behind ${before}`);
    last.set(key, counted);
  }
  if (records.length !== count) wrong.push(`${records.length} records instead of ${count}`);
  return wrong.slice(0, 10);
}

/** Kills a thread of one of these roles after another, each when the one before has been overcome. */
async function kill(
  watched: WatchedRun,
  roles: readonly ThreadRole[],
  isOver: () => boolean,
): Promise<void> {
  const ways: readonly KillWay[] = ['terminate', 'throw', 'exit'];
  for (let n = 0; n < KILLS && !isOver(); n++) {
    await watched.batchesPass(1);
    await watched.until('all threads are up', () => watched.isWhole);
    const role = roles[n % roles.length]!;
    const nth = Math.floor(n / roles.length) % 2;
    const victim = watched.thread(role, nth) ?? watched.thread(role)!;
    watched.run.kill(victim.slot, ways[n % ways.length]!);
  }
}

describe('exactly once', () => {
  it('a killed thread loses no record of a topology and doubles none, in state, results and files', async () => {
    const count = 40_000;
    const directory = temporary();
    const watched = await start('exactly', { count, rate: 10_000, directory });
    await watched.until('all threads are up', () => watched.isWhole);
    await kill(
      watched,
      ['worker', 'sources', 'coordinator'],
      () => collected(watched).length > count / 2,
    );
    await watched.until('all records', () => collected(watched).length >= count);
    await watched.run.stop();
    await watched.ended();
    expect(faults(collected(watched), count)).toEqual([]);
    expect(watched.run.metrics().restarts).toBeGreaterThan(0);
    const names = readdirSync(directory);
    expect(names.filter((name) => name.startsWith('.'))).toEqual([]);
    const point = (name: string): number => Number(name.split('-').at(-1));
    const lines = names
      .toSorted((a, b) => point(a) - point(b))
      .flatMap((name) => readFileSync(join(directory, name), 'utf8').trimEnd().split('\n'));
    expect(
      faults(
        lines.map((line) => JSON.parse(line) as Counted),
        count,
      ),
    ).toEqual([]);
  }, 120_000);
});

describe('exactly once, of streams that lead to a stage', () => {
  it('a killed worker loses no record and doubles none, whichever way the records come', async () => {
    const count = 30_000;
    const watched = await start('streams', { count, rate: 10_000 });
    await watched.until('all threads are up', () => watched.isWhole);
    const pushed = Array.from({ length: count }, (_, n) => n).filter((n) => (n % KEYS) % 3 === 2);
    const input = watched.run.input('in');
    const pushing = (async () => {
      for (let at = 0; at < pushed.length; at += 500) {
        await input.push(pushed.slice(at, at + 500));
        await watched.until('its turn', () => collected(watched).length >= at * 2);
      }
    })();
    await kill(watched, ['worker'], () => collected(watched).length > count / 2);
    await pushing;
    await watched.until('all records', () => collected(watched).length >= count);
    await watched.run.stop();
    await watched.ended();
    expect(watched.run.metrics().restarts).toBeGreaterThan(1);
    const records = collected(watched);
    expect(records.map(([, n]) => n).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: count }, (_, n) => n),
    );
    const last = new Map<number, number>();
    for (const [key, , counted] of records) {
      expect(counted).toBe((last.get(key) ?? 0) + 1);
      last.set(key, counted);
    }
  }, 120_000);
});

describe('at least once', () => {
  /** The task of the acker lives on one of the two workers: both die again and again. */
  it('no record is missing, whichever worker dies, the one with the acker too', async () => {
    const count = 20_000;
    const watched = await start('at-least', { count, rate: 8000, failEach: 97 });
    await watched.until('all threads are up', () => watched.isWhole);
    const seen = (): Set<number> => new Set(collected(watched).map(([, n]) => n));
    await kill(watched, ['worker'], () => seen().size > count / 2);
    await watched.until('all records', () => seen().size >= count);
    await watched.run.stop();
    expect(seen().size).toBe(count);
    const { counted } = watched.run.metrics();
    expect(counted['failed']).toBeGreaterThanOrEqual(Math.floor(count / 97));
    expect(watched.run.metrics().restarts).toBeGreaterThan(1);
    expect(counted['replayed']).toBeGreaterThanOrEqual(counted['failed']! / 2);
  });

  it('without deaths and failures each record comes once', async () => {
    const count = 5000;
    const watched = await start('at-least', { count, rate: 20_000 });
    await watched.until('all records', () => collected(watched).length >= count);
    const { drained } = await watched.run.stop();
    expect(drained).toBe(true);
    await watched.ended();
    expect(faults(collected(watched), count)).toEqual([]);
    expect(watched.run.metrics().counted).toEqual({});
  });
});

describe('at most once', () => {
  it('nothing is sent again, and what a recovery passed over is counted', async () => {
    const count = 20_000;
    const watched = await start('at-most', { count, rate: 8000 });
    await watched.until('all threads are up', () => watched.isWhole);
    await watched.until('some records', () => collected(watched).length > 1000);
    watched.run.kill(watched.thread('worker')!.slot);
    await watched.until('it goes on', () => watched.run.metrics().restarts === 1);
    const lost = (): number => watched.run.metrics().counted['lost'] ?? 0;
    await watched.until('all that is left', () => collected(watched).length + lost() >= count);
    await watched.run.stop();
    await watched.ended();
    const numbers = collected(watched).map(([, n]) => n);
    expect(new Set(numbers).size).toBe(numbers.length);
    // What the sink had given away right before the death is not in the state, and is counted too.
    expect(count - numbers.length).toBeLessThanOrEqual(lost());
  });
});
