/** Sources with a log: whoever dies, wherever, each record comes once, and a batch that was seen is the same again. */
import { describe, expect, it } from 'vitest';
import type { BlockLog } from '../../src/actors/block-log.ts';
import type { ReceiverEdgeWriter } from '../../src/actors/receiver-edge.ts';
import { Pcg32 } from '../../src/env/pcg32.ts';
import type { SourceLog } from '../../src/log/log-record.ts';
import { PlainFeed, QueueFeed, records, SeekableFeed } from './_logged-feeds.ts';
import { LoggedWorld, type DeathKind, type WorldFeed, type WorldOptions } from './_logged-world.ts';

type Deaths = readonly (readonly [moments: number, kind: DeathKind])[];
/** What is wrong with a world after these deaths. */
type Check = (seed: number, deaths: Deaths, options?: Partial<WorldOptions>) => Promise<string[]>;

const KINDS: readonly DeathKind[] = ['thread', 'process', 'power'];

async function run(
  feed: WorldFeed,
  seed: number,
  deaths: Deaths,
  options: Partial<WorldOptions> = {},
): Promise<{ readonly all: string[]; readonly wrong: string[] }> {
  const world = new LoggedWorld({ seed, feed, ...options });
  for (const [moments, kind] of deaths) await world.life(moments, kind);
  await world.drain();
  return { all: world.all, wrong: [...world.failures.map(String), ...world.wrong] };
}

function someDeaths(seed: number, kinds: readonly DeathKind[]): Deaths {
  const chance = new Pcg32(seed, 3);
  return Array.from({ length: 1 + chance.below(5) }, () => [
    chance.below(chance.below(2) === 0 ? 40 : 400),
    kinds[chance.below(kinds.length)]!,
  ]);
}

function difference(all: readonly string[], wanted: readonly string[]): string[] {
  const [got, want] = [all.toSorted(), wanted.toSorted()];
  const at = want.findIndex((each, n) => each !== got[n]);
  if (at < 0 && got.length === want.length) return [];
  return [`${got.length} records, not ${want.length}; ${got[at]} where ${want[at]} should be`];
}

const seekable =
  (form: 'text' | 'rows'): Check =>
  async (seed, deaths, options) => {
    const { all, wrong } = await run(new SeekableFeed(120, form), seed, deaths, options);
    return [...wrong, ...difference(all, records(120))];
  };

const plain =
  (form: 'text' | 'rows'): Check =>
  async (seed, deaths, options) => {
    const feed = new PlainFeed(120, form);
    const { all, wrong } = await run(feed, seed, deaths, options);
    const came = new Set(all);
    const isPower = deaths.some(([, kind]) => kind === 'power');
    const promised = isPower ? feed.acknowledged : feed.accepted;
    return [
      ...wrong,
      ...(came.size < all.length ? ['some came twice'] : []),
      ...[...promised].filter((each) => !came.has(each)).map((each) => `${each} is lost`),
      ...all.filter((each) => !feed.offered.has(each)).map((each) => `${each} never was`),
    ];
  };

const queue: Check = async (seed, deaths, options) => {
  const feed = new QueueFeed(20);
  const { all, wrong } = await run(feed, seed, deaths, options);
  return [...wrong, ...(all.join() === feed.all.join() ? [] : difference(all, feed.all))];
};

const CHECKS: Readonly<Record<string, Check>> = {
  'text by position': seekable('text'),
  'records by position': seekable('rows'),
  'text that comes once': plain('text'),
  'records that come once': plain('rows'),
  batches: queue,
};

describe.each(Object.entries(CHECKS))('%s', (_name, check) => {
  it('outlive one death at any moment, of the thread, the process or the machine', async () => {
    for (const kind of KINDS)
      for (let moment = 0; moment < 40; moment++)
        expect(await check(100 + moment, [[moment, kind]]), `${kind} at ${moment}`).toEqual([]);
  });

  it('outlive many deaths', async () => {
    for (let seed = 0; seed < 50; seed++)
      expect(await check(seed, someDeaths(seed, KINDS)), `seed ${seed}`).toEqual([]);
  });
});

describe('what these tests would find', () => {
  async function finds(check: Check, options: Partial<WorldOptions>): Promise<boolean> {
    for (let seed = 0; seed < 60; seed++) {
      const found = await check(seed, someDeaths(seed, KINDS), options);
      if (found.length > 0) return true;
    }
    return false;
  }

  it('an acknowledgement before the sync', async () => {
    const wrapLog = (log: SourceLog): SourceLog =>
      changed(log, { synced: () => Promise.resolve() });
    expect(await finds(CHECKS['text that comes once']!, { wrapLog })).toBe(true);
  });

  it('a barrier that is put before its cut is safe', async () => {
    const wrapLog = (log: SourceLog): SourceLog =>
      changed(log, { synced: () => Promise.resolve() });
    expect(await finds(CHECKS['records by position']!, { wrapLog })).toBe(true);
  });

  it.each(['text that comes once', 'records that come once'])(
    '%s: a block that is on its edge before it is in the log',
    async (name) => {
      const wrapEdge = (edge: ReceiverEdgeWriter): ReceiverEdgeWriter => {
        /** Gives what would be logged, after it is out. */
        const late = (log: BlockLog | undefined, send: (log?: BlockLog) => boolean): boolean => {
          const blocks: Parameters<BlockLog['block']>[] = [];
          const isSent = send({
            block: (form, head, tail, count, position) => {
              blocks.push([form, new Uint8Array(head), new Uint8Array(tail), count, position]);
              return 0;
            },
          });
          for (const block of blocks) log?.block(...block);
          return isSent;
        };
        return changed(edge, {
          sendText: (head: Uint8Array, tail: Uint8Array, position: number, log?: BlockLog) =>
            late(log, (each) => edge.sendText(head, tail, position, each)),
          sendRows: (rows: readonly unknown[], log?: BlockLog) =>
            late(log, (each) => edge.sendRows(rows, each)),
        });
      };
      expect(await finds(CHECKS[name]!, { wrapEdge })).toBe(true);
    },
  );

  it('runs that are not noted', async () => {
    const wrapLog = (log: SourceLog): SourceLog =>
      changed(log, {
        append: (record, tail) => (record.kind === 'block' ? log.last : log.append(record, tail)),
      });
    expect(await finds(CHECKS['records by position']!, { wrapLog })).toBe(true);
  });
});

/** The same, but for some members. */
function changed<T extends object>(whole: T, members: Partial<T>): T {
  return new Proxy(whole, {
    get: (_, name) => {
      const member = name in members ? members[name as keyof T] : whole[name as keyof T];
      return typeof member === 'function' && !(name in members) ? member.bind(whole) : member;
    },
  });
}
