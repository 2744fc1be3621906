/** User functions that throw, reject, or end their thread: what the error says, and which batches are shown. */
import { MillraceError, type SupervisionOptions } from 'millrace';
import { afterEach, describe, expect, it } from 'vitest';
// @ts-expect-error plain JavaScript, as threads load it
import { THROW_IN_WORKER } from '../fixtures/jobs/counts.js';
import { fromWire } from '../../src/errors.ts';
import { WatchedRun } from './watched-run.ts';
import { WordCount } from './word-count.ts';

const OUTPUTS = ['all', 'doubled', 'sums'];
let close: (() => Promise<unknown>) | undefined;
afterEach(() => close?.());

async function faulty(args: object, supervision: SupervisionOptions = {}): Promise<WatchedRun> {
  const watched = await WatchedRun.start(
    'faulty.js',
    { threads: 2, supervision, args: args as never },
    OUTPUTS,
  );
  close = () => watched.run.stop({ graceful: false });
  return watched;
}

/** What an output has shown, batch by batch, without the empty ones. */
function shown(watched: WatchedRun, output: string): unknown[][] {
  const batches = watched.batches.get(output)!.map(({ values }) => [...values]);
  return batches.filter((values) => values.length > 0);
}

function numbersIn(watched: WatchedRun, output: string): number[] {
  return (shown(watched, output).flat() as number[]).sort((a, b) => a - b);
}

/** Pushes numbers, and waits until a batch shows them. */
async function push(watched: WatchedRun, numbers: readonly number[]): Promise<void> {
  await watched.run.input('numbers').push(numbers);
  const last = numbers.at(-1)!;
  await watched.until(
    `${last} is shown`,
    () =>
      numbersIn(watched, 'all').includes(last) && numbersIn(watched, 'doubled').includes(2 * last),
  );
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, n) => from + n);

const HERE = /test\/fixtures\/jobs\/faulty\.js:\d+:\d+/;

describe('a function that throws each time', () => {
  it('gets four attempts, then fails the job and is named; its batch is not shown, in no output', async () => {
    const watched = await faulty({ at13: 'throws' });
    await push(watched, range(0, 10));
    await watched.run.input('numbers').push(range(10, 20));
    const error = (await watched.failure()) as MillraceError;
    expect(error).toBeInstanceOf(MillraceError);
    expect(error).toMatchObject({
      code: 'ERR_MILLRACE_USER_FUNCTION',
      message: expect.stringContaining('its function threw: 13 is not welcome'),
      context: { operator: 'map#1', record: '13', callSite: expect.stringMatching(HERE) },
      cause: expect.objectContaining({ name: 'TypeError', message: '13 is not welcome' }),
    });
    await watched.ended();
    // Three times again, and the fourth throw was the last.
    expect(watched.ofType('recovering').map(({ cause }) => cause)).toEqual(
      Array(3).fill(expect.stringMatching(/threw$/)),
    );
    expect(watched.ofType('actorExited')).toEqual([]);
    expect(numbersIn(watched, 'all')).toEqual(range(0, 10));
    expect(numbersIn(watched, 'doubled')).toEqual(range(0, 10).map((n) => 2 * n));
    expect(watched.run.threads().filter(({ state }) => state !== 'down')).toEqual([]);
  });

  it('with onBatchError continue: the batch is given up and reported, those before and behind are whole', async () => {
    const watched = await faulty({ at13: 'throws' }, { onBatchError: 'continue' });
    await push(watched, range(0, 10));
    await watched.run.input('numbers').push(range(10, 20));
    await watched.until('the batch is given up', () => watched.ofType('batchFailed').length > 0);
    await push(watched, range(20, 30));
    await push(watched, range(30, 40));
    expect(await watched.run.stop()).toMatchObject({ drained: true });
    await watched.ended();

    const [failed, second] = watched.ofType('batchFailed');
    expect(second).toBeUndefined();
    expect(fromWire(failed!.error)).toMatchObject({
      code: 'ERR_MILLRACE_USER_FUNCTION',
      context: { record: '13' },
    });
    const wanted = [...range(0, 10), ...range(20, 40)];
    expect(numbersIn(watched, 'all')).toEqual(wanted);
    expect(numbersIn(watched, 'doubled')).toEqual(wanted.map((n) => 2 * n));
    const total = (shown(watched, 'sums').flat() as [number, number][]).reduce(
      (sum, [, n]) => sum + n,
      0,
    );
    expect(total).toBe(wanted.reduce((sum, n) => sum + 2 * n, 0));
    for (const output of OUTPUTS) {
      expect(watched.batches.get(output)!.map(({ time }) => time)).not.toContain(failed!.time);
    }
    expect(watched.run.metrics()).toMatchObject({ failedBatches: 1, restarts: 4 });
  });
});

describe('a function that throws once', () => {
  it('is called again, and the batch is whole', async () => {
    const watched = await faulty({ at13: 'throwsOnce' });
    await push(watched, range(0, 10));
    await push(watched, range(10, 20));
    expect(await watched.run.stop()).toMatchObject({ drained: true });
    await watched.ended();
    expect(numbersIn(watched, 'all')).toEqual(range(0, 20));
    expect(numbersIn(watched, 'doubled')).toEqual(range(0, 20).map((n) => 2 * n));
    expect(watched.run.metrics()).toMatchObject({ failedBatches: 0, restarts: 1 });
    expect(watched.ofType('actorExited')).toEqual([]);
  });

  it('in the middle of a stream over TCP: all counts are exact', async () => {
    const count = await WordCount.start({ forms: ['closures', 'declared'] });
    close = () => count.close();
    for (let throws = 1; throws <= 3; throws++) {
      await count.watched.batchesPass(1);
      Atomics.store(count.orders, THROW_IN_WORKER, 1);
      await count.watched.until('a recovery', () => count.watched.run.metrics().restarts >= throws);
    }
    await count.watched.batchesPass(1);
    expect(await count.finishHeld()).toEqual([]);
    expect(count.watched.run.metrics().restarts).toBe(3);
    expect(count.watched.ofType('actorExited')).toEqual([]);
  });
});

describe('a function of foreachBatch', () => {
  for (const sink of ['throws', 'rejects']) {
    it(`that ${sink} each time fails the job after four attempts; other outputs have shown the batch once`, async () => {
      const watched = await faulty({ sink });
      await push(watched, range(0, 10));
      await watched.run.input('numbers').push(range(10, 20));
      const error = await watched.failure();
      expect(error).toMatchObject({
        code: 'ERR_MILLRACE_USER_FUNCTION',
        context: { operator: 'foreachBatch#1', callSite: expect.stringMatching(HERE) },
        cause: expect.objectContaining({ name: 'RangeError', message: 'the sink is broken' }),
      });
      await watched.ended();
      expect(watched.ofType('recovering')).toHaveLength(3);
      expect(numbersIn(watched, 'all')).toEqual(range(0, 20));
    });
  }

  it('whose promise never settles fails as one that rejects, after asyncTimeoutMs', async () => {
    const watched = await faulty(
      { sink: 'neverSettles' },
      { asyncTimeoutMs: 200, maxBatchFailures: 2 },
    );
    await watched.run.input('numbers').push(range(10, 20));
    expect(await watched.failure()).toMatchObject({
      code: 'ERR_MILLRACE_USER_FUNCTION',
      message: expect.stringContaining('has not settled for 200 ms (asyncTimeoutMs)'),
      context: { operator: 'foreachBatch#1', callSite: expect.stringMatching(HERE) },
    });
    await watched.ended();
    expect(watched.ofType('recovering')).toHaveLength(1);
    expect(watched.ofType('actorExited')).toEqual([]);
  });
});

describe('a function that ends its thread at a record, each time', () => {
  const ends = [
    { at13: 'exits', cause: 'exit 7', supervision: { maxRestarts: 2 } },
    {
      at13: 'spins',
      cause: 'RUNNING without progress',
      supervision: { hangTimeoutMs: 500, maxRestarts: 2 },
    },
  ];
  for (const { at13, cause, supervision } of ends) {
    it(`(it ${at13}) fails the job when the restarts are used up, with what the thread died of`, async () => {
      const watched = await faulty({ at13 }, supervision);
      await push(watched, range(0, 10));
      await watched.run.input('numbers').push(range(10, 20));
      expect(await watched.failure()).toMatchObject({
        code: 'ERR_MILLRACE_REACHED_MAX_RESTARTS',
        message: expect.stringMatching(new RegExp(`${cause}.*record in hand: 13$`)),
      });
      await watched.ended();
      expect(numbersIn(watched, 'all')).toEqual(range(0, 10));
      expect(watched.run.threads().filter(({ state }) => state !== 'down')).toEqual([]);
    });
  }
});
