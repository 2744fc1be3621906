import { describe, expect, test } from 'vitest';
import { AsyncMap } from '../../../src/dstream/run/async-map.ts';
import { runBatches } from '../../../src/testing/run-batches.ts';

/** Calls that settle when they are told to. */
function calls() {
  const open = new Map<unknown, { give: (value: unknown) => void; fail: (error: Error) => void }>();
  let most = 0;
  return {
    open,
    get most() {
      return most;
    },
    f: (record: unknown): Promise<unknown> =>
      new Promise((give, fail) => {
        open.set(record, {
          give: (value) => {
            open.delete(record);
            give(value);
          },
          fail: (error) => {
            open.delete(record);
            fail(error);
          },
        });
        most = Math.max(most, open.size);
      }),
  };
}

function mapOf(f: (record: unknown) => unknown, ordered: boolean, concurrency = 2) {
  const passed: unknown[] = [];
  const map = new AsyncMap({
    f,
    concurrency,
    ordered,
    within: () => (promise) => Promise.resolve(promise),
    refuse: (error, record) => {
      if ((error as Error).message !== 'skip') throw error;
      passed.push(record);
    },
  });
  return { map, passed };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('an async map', () => {
  test('has at most so many promises at work, and gives results in order', async () => {
    const made = calls();
    const { map } = mapOf(made.f, true);
    map.take([1, 2, 3, 4]);
    expect([...made.open.keys()]).toEqual([1, 2]);
    expect(map.isFull).toBe(true);
    made.open.get(2)!.give('b');
    await turn();
    expect(map.given()).toEqual([]);
    expect([...made.open.keys()]).toEqual([1, 3]);
    made.open.get(1)!.give('a');
    await turn();
    expect(map.given()).toEqual(['a', 'b']);
    expect(map.isFull).toBe(false);
    made.open.get(4)!.give('d');
    made.open.get(3)!.give('c');
    await map.settled();
    expect(map.given()).toEqual(['c', 'd']);
    expect(made.most).toBe(2);
  });

  test('that keeps no order gives each result when it is there', async () => {
    const made = calls();
    const { map } = mapOf(made.f, false);
    map.take([1, 2, 3]);
    made.open.get(2)!.give('b');
    await turn();
    expect(map.given()).toEqual(['b']);
  });

  test('I1: is settled only when all of its promises are; an error of one is thrown to who waits', async () => {
    const made = calls();
    const { map, passed } = mapOf(made.f, true);
    map.take([1, 2, 3]);
    const settled = map.settled();
    made.open.get(1)!.fail(new Error('skip'));
    await turn();
    made.open.get(2)!.give('b');
    await turn();
    made.open.get(3)!.fail(new Error('no'));
    await expect(settled).rejects.toThrow('no');
    expect(passed).toEqual([1]);
    expect(() => map.check()).toThrow('no');
  });

  test('I4: what settles after it was cleared is nobody’s', async () => {
    const made = calls();
    const { map } = mapOf(made.f, true);
    map.take([1]);
    const { give } = made.open.get(1)!;
    map.clear();
    map.take([2]);
    give('old');
    await turn();
    expect(map.given()).toEqual([]);
    made.open.get(2)!.give('new');
    await map.settled();
    expect(map.given()).toEqual(['new']);
  });
});

describe('mapAsync in a stream', () => {
  const after = <T>(turns: number, value: T): Promise<T> =>
    turns === 0 ? Promise.resolve(value) : turn().then(() => after(turns - 1, value));

  test('gives each batch all of its results, in order, through what follows', async () => {
    let atWork = 0;
    let most = 0;
    const out = await runBatches(
      { inputs: [[[5, 3, 8, 1], [], [2, 9]]], partitions: 1 },
      (_ssc, numbers) => {
        const looked = numbers.mapAsync(
          async (n) => {
            most = Math.max(most, ++atWork);
            await after(n, undefined);
            atWork--;
            return n * 10;
          },
          { concurrency: 3 },
        );
        looked
          .map((n) => [n % 20, n] as const)
          .reduceByKey((a, b) => a + b)
          .mapAsync(async ([key, n]) => `${key}:${n}`, { ordered: false })
          .collectAs('sums');
        return looked;
      },
    );
    expect(out.errors).toEqual([]);
    expect(out.batches.map(({ values }) => values)).toEqual([[50, 30, 80, 10], [], [20, 90]]);
    expect(out.collected['sums']!.map(({ values }) => [...values].sort())).toEqual([
      ['0:80', '10:90'],
      [],
      ['0:20', '10:90'],
    ]);
    expect(most).toBe(3);
  });

  test('a rejection fails its batch and names record and operator, or passes the record over', async () => {
    const f = async (n: number): Promise<number> => {
      await turn();
      if (n === 2) throw new RangeError('no two');
      return n;
    };
    const failed = await runBatches(
      { inputs: [[[1, 2, 3], [4]]], supervision: { maxBatchFailures: 1 } },
      (_ssc, s) => s.mapAsync(f),
    );
    expect(failed.errors).toMatchObject([
      {
        time: 1000,
        error: {
          code: 'ERR_MILLRACE_USER_FUNCTION',
          context: { operator: 'mapAsync#1', record: '2' },
        },
      },
    ]);
    expect(failed.batches.at(-1)!.values).toEqual([4]);
    const skipped = await runBatches({ inputs: [[[1, 2, 3]]] }, (_ssc, s) =>
      s.mapAsync(f, { onRecordError: 'skip' }),
    );
    expect(skipped.batches[0]!.values).toEqual([1, 3]);
    expect(skipped.deadLetters).toMatchObject([{ kind: 'mapAsync', record: '2' }]);
  });

  test('a promise that takes too long is an error of its own that names the record', async () => {
    const failed = await runBatches(
      { inputs: [[['slow']]], supervision: { maxBatchFailures: 1 } },
      (_ssc, s) => s.mapAsync(() => new Promise(() => {}), { timeout: 40 }),
    );
    expect(failed.errors).toMatchObject([
      {
        error: {
          code: 'ERR_MILLRACE_ASYNC_TIMEOUT',
          context: { operator: 'mapAsync#1', record: "'slow'" },
        },
      },
    ]);
  });

  test('options out of bounds are errors before the start', async () => {
    await expect(
      runBatches({ inputs: [[[1]]] }, (_ssc, s) => s.mapAsync(async (n) => n, { concurrency: 0 })),
    ).rejects.toMatchObject({ code: 'ERR_MILLRACE_BAD_OPTION' });
  });
});
