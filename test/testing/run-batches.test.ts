import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest';
import { type DStream, type Job, job } from '../../src/index.ts';
import { type BatchesResult, runBatches } from '../../src/testing/index.ts';

const rule = '-'.repeat(43);

describe('batches', () => {
  it('come with their times, the missing one left out, and past the end empty', async () => {
    const out = await runBatches(
      {
        inputs: [[['a b', 'b'], [], null, ['a']]],
        batchInterval: 1000,
        batches: 5,
        partitions: 2,
        threads: 0,
      },
      (_ssc, lines) => lines.flatMap((line) => line.split(' ')),
    );
    expect(out).toEqual({
      batches: [
        { time: 1000, values: ['a', 'b', 'b'], partitions: [['a', 'b'], ['b']] },
        { time: 2000, values: [], partitions: [[], []] },
        { time: 4000, values: ['a'], partitions: [[], ['a']] },
        { time: 5000, values: [], partitions: [[], []] },
      ],
      errors: [],
      collected: {},
      deadLetters: [],
      counted: {},
      printed: '',
    });
  });

  it('have element i of n in partition p where floor(p·n/P) <= i < floor((p+1)·n/P)', async () => {
    const { batches } = await runBatches(
      { inputs: [[[0, 1, 2, 3, 4, 5, 6], [0], [0, 1]]], partitions: 3 },
      (_ssc, numbers) => numbers,
    );
    expect(batches.map(({ partitions }) => partitions)).toEqual([
      [
        [0, 1],
        [2, 3],
        [4, 5, 6],
      ],
      [[], [], [0]],
      [[], [0], [1]],
    ]);
  });

  it('are as many as the longest input has, of the interval that is asked for', async () => {
    const { batches } = await runBatches(
      { inputs: [[[1]], [[1], [2], null]], batchInterval: '250ms' },
      (_ssc, a) => a.glom(),
    );
    expect(batches.map(({ time }) => time)).toEqual([250, 500, 750]);
  });

  it('may be none, and then the program is still built and checked', async () => {
    let built = 0;
    const out = await runBatches({ inputs: [[['a']]], batches: 0 }, (_ssc, lines) => {
      built++;
      return lines;
    });
    expect(out).toMatchObject({ batches: [], errors: [] });
    expect(built).toBe(1);
  });

  it('go on for long without growing slow or deep', async () => {
    const { batches } = await runBatches(
      { inputs: [Array.from({ length: 1000 }, (_, n) => [n])] },
      (_ssc, numbers) => numbers.map((n) => n + 1),
    );
    expect(batches).toHaveLength(1000);
    expect(batches.at(-1)).toMatchObject({ time: 1_000_000, values: [1000] });
  });

  it('leave the event loop of the caller alive', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await runBatches({ inputs: [Array.from({ length: 500 }, () => [1])] }, (_ssc, numbers) =>
      numbers.countByValue(),
    );
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });
});

describe('outputs', () => {
  it('run in the order in which they were made, each batch to its end before the next is asked for', async () => {
    const log: string[] = [];
    await runBatches({ inputs: [[['a'], ['b'], ['c']]] }, (ssc, letters) => {
      ssc
        .queueStream<string>(asked(log))
        .map(() => 'never')
        .foreachBatch(() => {});
      letters.foreachBatch(async (batch, time) => {
        log.push(`begin ${time}`);
        await new Promise((resolve) => setTimeout(resolve, 3));
        log.push(`end ${await batch.collect()}`);
      });
      letters.foreachBatch((_batch, time) => void log.push(`second ${time}`));
    });
    expect(log).toEqual(
      [1, 2, 3].flatMap((n) => [
        `asked ${n}`,
        `begin ${n}000`,
        `end ${'abc'[n - 1]}`,
        `second ${n}000`,
      ]),
    );
  });

  it('print byte for byte as Spark does', async () => {
    const told: string[] = [];
    const { printed, batches } = await runBatches(
      {
        inputs: [
          [
            [
              ['a', 1],
              ['b', null],
              ['c', 2],
            ],
            [],
            null,
            [['d', 1.5]],
          ],
        ],
        write: (text) => void told.push(text),
      },
      (_ssc, pairs) => {
        pairs.print(2);
        pairs.map(([key]) => key).print();
      },
    );
    const header = (time: number): string => `${rule}\nTime: ${time} ms\n${rule}\n`;
    expect(printed).toBe(
      `${header(1000)}(a,1)\n(b,null)\n...\n\n${header(1000)}a\nb\nc\n\n` +
        `${header(2000)}\n${header(2000)}\n` +
        `${header(4000)}(d,1.5)\n\n${header(4000)}d\n\n`,
    );
    expect(told.join('')).toBe(printed);
    expect(batches, 'the builder gave no stream').toEqual([]);
  });

  it('that collect by a name are given by it, beside what is returned', async () => {
    const out = await runBatches(
      {
        inputs: [
          [[1, 2], [3]],
          [null, ['x']],
        ],
      },
      (_ssc, numbers, texts) => {
        numbers.collectAs('numbers');
        texts.collectAs('texts');
        return numbers.count();
      },
    );
    expect(out.batches.map(({ values }) => values)).toEqual([[2], [1]]);
    expect(out.collected).toEqual({
      numbers: [
        { time: 1000, values: [1, 2], partitions: [[1, 2]] },
        { time: 2000, values: [3], partitions: [[3]] },
      ],
      texts: [{ time: 2000, values: ['x'], partitions: [['x']] }],
    });
  });

  it('of a stream without a batch do not run, others of that time do', async () => {
    const log: string[] = [];
    await runBatches(
      {
        inputs: [
          [[1], null, [3]],
          [[1], [2], [3]],
        ],
      },
      (_ssc, a, b) => {
        a.foreachBatch((_batch, time) => void log.push(`a${time}`));
        b.foreachBatch((_batch, time) => void log.push(`b${time}`));
      },
    );
    expect(log).toEqual(['a1000', 'b1000', 'b2000', 'a3000', 'b3000']);
  });
});

describe('a batch that fails', () => {
  it('is tried four times at once, then reported with its cause, and later batches run', async () => {
    let calls = 0;
    const began = performance.now();
    const out = await runBatches({ inputs: [[[1], [2], [3]]] }, (_ssc, numbers) =>
      numbers.map((n) => {
        if (n !== 2) return n;
        calls++;
        throw new RangeError('no two');
      }),
    );
    expect(performance.now() - began, 'no backoff').toBeLessThan(2000);
    expect(calls).toBe(4);
    expect(out.batches.map(({ time, values }) => [time, values])).toEqual([
      [1000, [1]],
      [3000, [3]],
    ]);
    expect(out.errors).toHaveLength(1);
    expect(out.errors[0]).toMatchObject({
      time: 2000,
      error: { code: 'ERR_MILLRACE_USER_FUNCTION', context: { batchId: 2000, operator: 'map#1' } },
    });
    expect(out.errors[0]!.error.message).toContain('no two');
    expect(out.errors[0]!.error.cause).toBeInstanceOf(RangeError);
  });

  it('is tried as often as the supervision says, and what succeeds later is no error', async () => {
    let calls = 0;
    const build = (_ssc: unknown, numbers: DStream<number>): DStream<number> =>
      numbers.map((n) => {
        if (n === 2 && ++calls % 3 !== 0) throw new Error('not yet');
        return n;
      });
    const inputs = [[[1], [2], [3]]];
    expect((await runBatches({ inputs }, build)).batches.map(({ values }) => values)).toEqual([
      [1],
      [2],
      [3],
    ]);
    calls = 0;
    const out = await runBatches({ inputs, supervision: { maxBatchFailures: 2 } }, build);
    expect(out.errors.map(({ time }) => time)).toEqual([2000]);
  });

  it('may be one after another, first and last ones too', async () => {
    const out = await runBatches(
      { inputs: [[[1], [2], [3], [4], [5]]], partitions: 2 },
      (_ssc, numbers) =>
        numbers
          .map((n) => {
            if (n !== 3) throw new Error(`bad ${n}`);
            return n;
          })
          .countByValue(),
    );
    expect(out.batches.map(({ time, values }) => [time, values])).toEqual([[3000, [[3, 1]]]]);
    expect(out.errors.map(({ time, error }) => [time, (error.cause as Error).message])).toEqual([
      [1000, 'bad 1'],
      [2000, 'bad 2'],
      [4000, 'bad 4'],
      [5000, 'bad 5'],
    ]);
  });

  it('by an output: what comes before it was given, what comes behind it is not', async () => {
    const log: string[] = [];
    const out = await runBatches(
      { inputs: [[['a'], ['b'], ['c']]], supervision: { maxBatchFailures: 1 } },
      (_ssc, letters) => {
        letters.print();
        letters.foreachBatch(async (batch, time) => {
          await Promise.resolve();
          if (time === 2000) throw new Error(`not ${await batch.first()}`);
        });
        letters.foreachBatch((_batch, time) => void log.push(`${time}`));
        return letters;
      },
    );
    expect(out.batches.map(({ time }) => time)).toEqual([1000, 3000]);
    expect(log).toEqual(['1000', '3000']);
    expect(out.printed.match(/Time: \d+ ms/g)).toEqual([
      'Time: 1000 ms',
      'Time: 2000 ms',
      'Time: 3000 ms',
    ]);
    expect(out.errors.map(({ time, error }) => [time, String(error.cause)])).toEqual([
      [2000, 'Error: not b'],
    ]);
  });

  it('ends the run when supervision says so', async () => {
    const running = runBatches(
      { inputs: [[[1], [2]]], supervision: { onBatchError: 'fail' } },
      (_ssc, numbers) =>
        numbers.map((n) => {
          if (n === 2) throw new Error('no two');
          return n;
        }),
    );
    await expect(running).rejects.toMatchObject({
      code: 'ERR_MILLRACE_USER_FUNCTION',
      context: { batchId: 2000 },
      cause: { message: 'no two' },
    });
  });
});

describe('a program that is wrong rejects, also without a batch', () => {
  it.each([0, 1])('batches: %i', async (batches) => {
    const inputs = [[['a']]];
    const fails = (
      build: (ssc: never, lines: DStream<string>) => unknown,
    ): Promise<BatchesResult> => runBatches({ inputs, batches }, build as never);
    await expect(
      fails(() => {
        throw new Error('broken');
      }),
    ).rejects.toMatchObject({ code: 'ERR_MILLRACE_BUILD', cause: { message: 'broken' } });
    await expect(fails(() => undefined)).rejects.toMatchObject({ code: 'ERR_MILLRACE_NO_OUTPUT' });
    await expect(fails((_ssc, lines) => lines.map(undefined as never))).rejects.toMatchObject({
      code: 'ERR_MILLRACE_BAD_OPTION',
    });
    await expect(fails(async (_ssc, lines) => lines)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_BUILD',
    });
    await expect(fails(() => 'a stream')).rejects.toMatchObject({
      code: 'ERR_MILLRACE_BUILD',
      message: expect.stringContaining('"a stream"'),
    });
    let other: DStream<string> | undefined;
    await runBatches({ inputs }, (_ssc, lines) => {
      other = lines;
      lines.print();
    });
    await expect(fails(() => other)).rejects.toMatchObject({
      code: expect.stringMatching(/BUILD|FROZEN/),
    });
  });

  it('and so does a wrong option', async () => {
    const build = (_ssc: unknown, s: DStream<unknown>): DStream<unknown> => s;
    for (const options of [
      { inputs: 5 },
      { inputs: [5] },
      { inputs: [[5]] },
      { partitions: 0 },
      { batches: -1 },
      { batches: 1.5 },
      { threads: -1 },
      { batchIntervall: 5 },
    ]) {
      await expect(
        runBatches({ inputs: [[[1]]], ...options } as never, build),
        JSON.stringify(options),
      ).rejects.toMatchObject({ code: 'ERR_MILLRACE_BAD_OPTION' });
    }
    await expect(runBatches({ batchInterval: 'soon' }, build)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_BAD_DURATION',
    });
    await expect(runBatches({}, 5 as never)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_BAD_OPTION',
      message: expect.stringMatching(/run-batches\.test\.ts:\d+/),
    });
    await expect(runBatches({ threads: 2 }, build)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_JOB_NOT_LOADABLE',
    });
  });

  it('and so does a record that no edge can carry', async () => {
    await expect(runBatches({ inputs: [[[() => 1]]] }, (_ssc, s) => s)).rejects.toMatchObject({
      code: 'ERR_MILLRACE_NOT_ENCODABLE',
    });
  });
});

describe('a job', () => {
  const repeat: Job<{ times: number }> = job(
    'repeat',
    { batchInterval: '2s' },
    (_ssc, args: { times: number }, ...[words]: DStream<string>[]) =>
      words!.flatMap((word) => Array.from({ length: args.times }, () => word)),
  );

  it('gets args before the streams, and has its own interval unless told otherwise', async () => {
    const out = await runBatches({ inputs: [[['a']]], args: { times: 2 } }, repeat);
    expect(out.batches).toEqual([{ time: 2000, values: ['a', 'a'], partitions: [['a', 'a']] }]);
    expect(
      (await runBatches({ inputs: [[['a']]], args: { times: 1 }, batchInterval: 10 }, repeat))
        .batches[0]!.time,
    ).toBe(10);
  });

  it('that other threads cannot load is refused by them', async () => {
    await expect(
      runBatches({ inputs: [[['a']]], args: { times: 2 }, threads: 1 }, repeat),
    ).rejects.toMatchObject({ code: 'ERR_MILLRACE_JOB_NOT_LOADABLE' });
  });
});

describe('what is there beside the inputs', () => {
  let directory: string | undefined;
  afterEach(() => {
    if (directory !== undefined) rmSync(directory, { recursive: true });
    directory = undefined;
  });

  it('real files are in the batch of their time on the clock of the run, through kernels and closures alike', async () => {
    directory = mkdtempSync(join(tmpdir(), 'millrace-files-'));
    const put = (name: string, text: string, seconds: number): void => {
      writeFileSync(join(directory!, name), text);
      utimesSync(join(directory!, name), seconds, seconds);
    };
    put('first', 'a b a\nb', 0.5);
    put('second', 'c\r\n', 1.5);
    put('on the dot', 'c a\n', 2);
    put('at the start', 'never', 0);
    put('too late', 'never', 3.5);
    const out = await runBatches({ batches: 3, partitions: 2 }, (ssc) => {
      const lines = ssc.textFileStream(directory!);
      lines.map((line) => line).collectAs('lines');
      ssc.textFileStream(directory!).words().countByValue(1).collectAs('words');
      return lines.count();
    });
    expect(out.errors).toEqual([]);
    expect(out.collected['lines']!.map(({ values }) => values)).toEqual([
      ['a b a', 'b'],
      ['c', 'c a'],
      [],
    ]);
    expect(out.collected['words']!.map(({ values }) => values.toSorted())).toEqual([
      [
        ['a', 2],
        ['b', 2],
      ],
      [
        ['a', 1],
        ['c', 2],
      ],
      [],
    ]);
    expect(out.batches.map(({ values }) => values)).toEqual([[2], [2], [0]]);
  });

  it('a queue may have missing batches, a default, and more than one at a time', async () => {
    const out = await runBatches({ batches: 4 }, (ssc) => {
      ssc.queueStream([[1], null, [3]], { default: [9] }).collectAs('one');
      ssc.queueStream([[1], null, [3]], { oneAtATime: false }).collectAs('all');
    });
    expect(out.collected['one']!.map(({ time, values }) => [time, values])).toEqual([
      [1000, [1]],
      [3000, [3]],
      [4000, [9]],
    ]);
    expect(out.collected['all']!.map(({ time, values }) => [time, values])).toEqual([
      [1000, [1, 3]],
      [2000, []],
      [3000, []],
      [4000, []],
    ]);
  });

  it('nothing is left behind on the disk', async () => {
    const left = (): string[] =>
      readdirSync(tmpdir()).filter((name) => name.startsWith(`millrace-${process.pid}-`));
    await runBatches({ inputs: [[[1], [2]]] }, (_ssc, s) =>
      s.map((n) => {
        if (n === 2) throw new Error('no');
        return n;
      }),
    );
    expect(left()).toEqual([]);
  });
});

describe('types', () => {
  it('streams have the type behind the records that are written down', async () => {
    const out = await runBatches(
      { inputs: [[[['a', 1]], null], [['x'], []], [[1n, true]]] },
      (_ssc, pairs, texts, others) => {
        expectTypeOf(pairs).toEqualTypeOf<DStream<[string, number]>>();
        expectTypeOf(texts).toEqualTypeOf<DStream<string>>();
        expectTypeOf(others).toEqualTypeOf<DStream<bigint | boolean>>();
        return pairs.reduceByKey((a, b) => a + b);
      },
    );
    expectTypeOf(out).toEqualTypeOf<BatchesResult<[string, number]>>();
    const given: ('up' | 'down')[][][] = [[['up']]];
    await runBatches({ inputs: given }, (_ssc, ...streams) => {
      expectTypeOf(streams).toEqualTypeOf<DStream<'up' | 'down'>[]>();
      return streams[0]!;
    });
  });
});

/** A queue that tells when it is asked for its next element. */
function asked(log: string[]): null[] {
  let times = 0;
  return new Proxy([null, null, null], {
    get: (target, key) => {
      if (key === 'slice') log.push(`asked ${++times}`);
      const value: unknown = Reflect.get(target, key);
      return value;
    },
  });
}
