/** Records that kill whoever takes them: named, or passed over one by one, and nothing else is lost or doubled. */
import type { RunOptions } from 'millrace';
import { afterEach, describe, expect, it } from 'vitest';
import { TextLedger } from '../../src/testing/text-ledger.ts';
import { TextServer } from '../../src/testing/text-server.ts';
import { WatchedRun } from './watched-run.ts';

type Way = 'throws' | 'exits' | 'spins' | 'oom';

let close: (() => Promise<unknown>) | undefined;
afterEach(() => close?.());

async function poisoned(
  deaths: Readonly<Record<number, Way>>,
  options: RunOptions<never>,
): Promise<WatchedRun> {
  const watched = await WatchedRun.start(
    'poison.js',
    { threads: 2, maxHeapMb: 96, ...options, args: { deaths } as never },
    ['doubled', 'digits'],
  );
  close = () => watched.run.stop({ graceful: false });
  return watched;
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, n) => from + n);

function doubled(watched: WatchedRun): number[] {
  const values = watched.batches.get('doubled')!.flatMap((batch) => batch.values as number[]);
  return values.sort((a, b) => a - b);
}

/** What is counted, without the numbers that were passed over. */
function expectExact(
  watched: WatchedRun,
  pushed: readonly number[],
  dead: readonly number[],
): void {
  const left = [...pushed];
  for (const n of dead) left.splice(left.indexOf(n), 1);
  const wanted = left.map((n) => 2 * n).sort((a, b) => a - b);
  expect(doubled(watched)).toEqual(wanted);
  const digits = new Map<number, number>();
  for (const { values } of watched.batches.get('digits')!) {
    for (const [digit, count] of values as [number, number][]) {
      digits.set(digit, (digits.get(digit) ?? 0) + count);
    }
  }
  for (const digit of [0, 2, 4, 6, 8]) {
    expect(digits.get(digit) ?? 0).toBe(wanted.filter((n) => n % 10 === digit).length);
  }
}

/** Pushes lists one after another, each once the one before is through, and drains. */
async function passes(watched: WatchedRun, lists: readonly (readonly number[])[]): Promise<void> {
  for (const numbers of lists) {
    await watched.run.input('numbers').push(numbers);
    const last = 2 * numbers.at(-1)!;
    await watched.until(`${last} is there`, () => doubled(watched).includes(last));
  }
  expect(await watched.run.stop()).toMatchObject({ drained: true });
  await watched.ended();
}

const REASONS: Readonly<Record<Way, string>> = {
  throws: 'its function threw: 13 is not welcome',
  exits: 'exit 0',
  spins: 'hang: RUNNING',
  oom: 'oom',
};

/** No function takes that long on a machine that is busy with other tests. */
const HANG = { hangTimeoutMs: 1000 };

describe('with onPoison quarantine', () => {
  for (const way of ['throws', 'exits', 'spins', 'oom'] as const) {
    it(`a record at which a function ${way} is passed over after three times; all else is exact`, async () => {
      const watched = await poisoned(
        { 13: way },
        { supervision: { ...HANG, onPoison: 'quarantine', maxBatchFailures: 2 } },
      );
      const lists = [range(0, 10), range(10, 3000), range(3000, 3010)];
      await passes(watched, lists);
      expectExact(watched, lists.flat(), [13]);
      const letter = {
        type: 'deadLetter',
        reason: 'poison',
        number: 1,
        record: '13',
        attempts: 3,
        lastError: expect.stringContaining(REASONS[way]),
      };
      expect(watched.ofType('deadLetter')).toEqual([expect.objectContaining(letter)]);
      expect(watched.run.deadLetters()).toEqual([expect.objectContaining(letter)]);
      // Nobody knows the record at the first time; three times it is known.
      expect(watched.run.metrics()).toMatchObject({
        deadLetters: 1,
        restarts: 4,
        failedBatches: 0,
      });
    }, 60_000);
  }

  it('two records of one batch that end their threads are both passed over, and one of a later batch', async () => {
    const watched = await poisoned(
      { 13: 'exits', 17: 'exits', 3005: 'throws' },
      { supervision: { onPoison: 'quarantine' } },
    );
    const lists = [range(0, 10), range(10, 3000), range(3000, 3010)];
    await passes(watched, lists);
    expectExact(watched, lists.flat(), [13, 17, 3005]);
    const records = watched.ofType('deadLetter').map(({ record }) => record);
    expect(records.sort()).toEqual(['13', '17', '3005']);
  }, 60_000);

  it('a record that is there twice is passed over once for each three times', async () => {
    const watched = await poisoned({ 13: 'throws' }, { supervision: { onPoison: 'quarantine' } });
    const lists = [[1, 13, 2, 13, 3], range(20, 30)];
    await passes(watched, lists);
    expectExact(watched, lists.flat(), [13, 13]);
    expect(
      watched
        .ofType('deadLetter')
        .map((letter) => [letter.reason === 'poison' && letter.number, letter.record]),
    ).toEqual([
      [1, '13'],
      [2, '13'],
    ]);
  }, 60_000);

  it('a line of a text over TCP that ends its thread is passed over alone: the count of each word is exact', async () => {
    const lines = 12_000;
    const text = { vocabulary: 2000, loopBytes: 1 << 20 };
    const server = new TextServer({ ...text, resumable: true, rate: 10_000, limitLines: lines });
    const ledger = new TextLedger(text);
    const at = (line: number): number => server.bytesOf(line);
    const poison = ledger.text.toString('utf8', at(5000), at(5001) - 1);
    const port = await server.listen();
    const watched = await WatchedRun.start(
      'poison-text.js',
      {
        threads: 2,
        supervision: { onPoison: 'quarantine' },
        args: { port, poison } as never,
      },
      ['words'],
    );
    close = async () => {
      await watched.run.stop({ graceful: false });
      await server.stop();
    };
    const wanted = server.ledgerAt(at(lines));
    for (const word of poison.split(' ')) wanted.set(word, wanted.get(word)! - 1);
    const sum = (counts: Iterable<[string, number]>): number =>
      [...counts].reduce((total, [, count]) => total + count, 0);
    const counted = (): [string, number][] =>
      watched.batches.get('words')!.flatMap(({ values }) => values as [string, number][]);
    await watched.until('all is counted', () => sum(counted()) >= sum(wanted));
    await watched.run.stop();
    await watched.ended();
    const found = new Map<string, number>();
    for (const [word, count] of counted()) found.set(word, (found.get(word) ?? 0) + count);
    const exact = new Map([...wanted].filter(([, count]) => count > 0));
    expect(new Map([...found].sort())).toEqual(new Map([...exact].sort()));
    expect(watched.run.deadLetters()).toEqual([
      expect.objectContaining({ record: poison, lastError: expect.stringContaining('exit 0') }),
    ]);
  }, 60_000);

  it('more records than maxPoisonPerMin fail the job', async () => {
    const watched = await poisoned(
      { 13: 'throws', 14: 'throws' },
      { supervision: { onPoison: 'quarantine', maxPoisonPerMin: 1 } },
    );
    await watched.run.input('numbers').push(range(10, 20));
    expect(await watched.failure()).toMatchObject({
      code: 'ERR_MILLRACE_POISON',
      message: expect.stringContaining('maxPoisonPerMin'),
    });
    expect(watched.run.metrics().deadLetters).toBe(1);
  }, 60_000);

  it('threads that are killed from outside make no task careful and no record guilty', async () => {
    const watched = await poisoned({}, { supervision: { onPoison: 'quarantine', maxRestarts: 9 } });
    await watched.run.input('numbers').push(range(0, 1000));
    await watched.until('all are up', () => watched.isWhole);
    watched.run.kill(watched.thread('worker')!.slot, 'terminate');
    await watched.until('a recovery', () => watched.ofType('recovering').length === 1);
    await passes(watched, [range(1000, 2000)]);
    expectExact(watched, range(0, 2000), []);
    expect(watched.ofType('deadLetter')).toEqual([]);
  }, 60_000);
});

describe('with onPoison fail, the default', () => {
  it('a record that ends its thread each time fails the job, which names record, task and end', async () => {
    const watched = await poisoned({ 13: 'exits' }, {});
    await watched.run.input('numbers').push(range(0, 1000));
    expect(await watched.failure()).toMatchObject({
      code: 'ERR_MILLRACE_POISON',
      context: { record: '13', cause: expect.stringContaining('exit 0'), attempts: 3 },
    });
    await watched.ended();
    expect(watched.ofType('deadLetter')).toEqual([]);
    expect(watched.run.metrics()).toMatchObject({ restarts: 3, deadLetters: 0 });
  }, 60_000);
});
