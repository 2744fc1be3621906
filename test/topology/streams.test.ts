/** Streams deal their records out to the instances of a stage as stages do, in one thread and on workers. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WatchedRun } from '../chaos/watched-run.ts';

type Seen = readonly [name: string, instance: number, record: unknown];

const COUNT = 300;
const INSTANCES = 3;
const NUMBERS = Array.from({ length: COUNT }, (_, n) => n);
/** `w1` once, `w2` twice … */
const WORDS = Array.from({ length: 30 }, (_, n) => `w${n + 1} `.repeat(n + 1)).join('\n');
/** Of the job: what is shuffled and dealt by key, local and global comes once, and to all three times. */
const RECORDS = 2 * (4 * COUNT + INSTANCES * COUNT) + 7 + 2 * 30 + COUNT / 2 + 2 * COUNT;

describe.each([0, 2])('a stream read by a stage of three instances, threads: %i', (threads) => {
  let watched: WatchedRun;
  let seen: Seen[] = [];
  const directory = mkdtempSync(join(tmpdir(), 'streams-'));

  beforeAll(async () => {
    writeFileSync(join(directory, 'words.txt'), `${WORDS}\n`);
    const options = { threads, args: { directory } };
    watched = await WatchedRun.start('dealt.js', options as never, ['out']);
    await watched.run.input('in').push(NUMBERS);
    const collected = (): Seen[] =>
      watched.batches.get('out')!.flatMap(({ values }) => values as Seen[]);
    await watched.until('all records', () => collected().length >= RECORDS);
    await watched.run.stop();
    await watched.ended();
    seen = collected();
  }, 60_000);

  afterAll(async () => {
    await watched.run.stop({ graceful: false });
    rmSync(directory, { recursive: true, force: true });
  });

  /** By instance. */
  const at = <T = number>(name: string): T[][] =>
    Array.from({ length: INSTANCES }, (_, instance) =>
      seen.filter((one) => one[0] === name && one[1] === instance).map((one) => one[2] as T),
    );
  const sorted = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b);
  /** Instances that have records of a key. */
  const owners = <T>(
    dealt: readonly T[][],
    key: (record: T) => unknown,
  ): Map<unknown, number[]> => {
    const found = new Map<unknown, number[]>();
    dealt.forEach((records, instance) => {
      for (const each of new Set(records.map(key)))
        found.set(each, [...(found.get(each) ?? []), instance]);
    });
    return found;
  };

  it('all records come, and nothing else', () => {
    expect(seen).toHaveLength(RECORDS);
  });

  describe.each([
    ['whole', NUMBERS],
    ['mapped', NUMBERS.map((n) => n + 1000)],
  ])('%s', (name, records) => {
    it('shuffle: each instance gets its share, and each record comes once', () => {
      const dealt = at(`${name} shuffle`);
      expect(sorted(dealt.flat())).toEqual(records);
      // Each sender deals in turn, from the first on.
      for (const share of dealt) expect(Math.abs(share.length - COUNT / INSTANCES)).toBeLessThan(5);
    });

    it('byKey: a key has one instance, and not all have the same', () => {
      const dealt = at(`${name} byKey`);
      expect(sorted(dealt.flat())).toEqual(records);
      const instances = [...owners(dealt, (n) => n % 7).values()];
      expect(instances.every((each) => each.length === 1)).toBe(true);
      expect(new Set(instances.flat()).size).toBeGreaterThan(1);
    });

    it('all: every instance gets every record', () => {
      for (const each of at(`${name} all`)) expect(sorted(each)).toEqual(records);
    });

    it('global: the first instance gets all', () => {
      const [first, ...others] = at(`${name} global`);
      expect(sorted(first!)).toEqual(records);
      expect(others).toEqual([[], []]);
    });

    it('local: partition n goes to instance n', () => {
      const dealt = at(`${name} local`);
      expect(sorted(dealt.flat())).toEqual(records);
      // Two partitions, of which each has half.
      expect(dealt.map(({ length }) => length)).toEqual([COUNT / 2, COUNT / 2, 0]);
    });
  });

  it('pairs of a wide operator go by their key', () => {
    const dealt = at<[key: number, values: number[]]>('pairs byKey');
    expect(sorted(dealt.flat().map(([key]) => key))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(sorted(dealt.flat().flatMap(([, values]) => values))).toEqual(NUMBERS);
    expect(dealt.filter(({ length }) => length > 0).length).toBeGreaterThan(1);
  });

  it('what a kernel counted over bytes is dealt out as pairs', () => {
    const want = Array.from({ length: 30 }, (_, n) => [`w${n + 1}`, n + 1]);
    for (const grouping of ['shuffle', 'byKey']) {
      const dealt = at<[word: string, count: number]>(`bytes ${grouping}`);
      expect(dealt.flat().toSorted((a, b) => a[1] - b[1])).toEqual(want);
      for (const share of dealt) expect(share.length).toBeGreaterThan(0);
    }
  });

  it('a stream in the task of a source deals out too', () => {
    const dealt = at('behind a source');
    expect(sorted(dealt.flat())).toEqual(NUMBERS.filter((n) => n % 2 === 0));
    expect(dealt.map(({ length }) => length)).toEqual([50, 50, 50]);
  });

  it('a key has one instance for all that a stage reads, streams and sources', () => {
    const dealt = at('both');
    expect(sorted(dealt.flat())).toEqual(NUMBERS.flatMap((n) => [n, n]));
    const instances = [...owners(dealt, (n) => n % 7).values()];
    expect(instances.every((each) => each.length === 1)).toBe(true);
  });
});
