/** Outputs that write, and what becomes of them when batches fail, run again or are empty. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { files, forEach } from '../../src/index.ts';
import { unpackValue } from '../../src/actors/codec.ts';
import { runBatches } from '../../src/testing/index.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-outputs-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const read = (...path: string[]): string => readFileSync(join(directory, ...path), 'utf8');
const pairs = [['a', 1] as const, ['b', null] as const, ['c', 3] as const];

describe('saveAsTextFiles', () => {
  it('writes a directory a batch, a file a partition, empty ones too', async () => {
    await runBatches({ inputs: [[pairs, [], null, [['d', 4]]]], partitions: 2 }, (_ssc, stream) =>
      stream.saveAsTextFiles(join(directory, 'out'), 'txt'),
    );
    expect(readdirSync(directory).sort()).toEqual(['out-1000.txt', 'out-2000.txt', 'out-4000.txt']);
    expect(readdirSync(join(directory, 'out-1000.txt')).sort()).toEqual([
      '_SUCCESS',
      'part-00000',
      'part-00001',
    ]);
    expect(read('out-1000.txt', 'part-00000')).toBe('(a,1)\n');
    expect(read('out-1000.txt', 'part-00001')).toBe('(b,null)\n(c,3)\n');
    expect(read('out-2000.txt', 'part-00000')).toBe('');
    expect(read('out-1000.txt', '_SUCCESS')).toBe('');
  });

  it('leaves out an empty suffix with its mark', async () => {
    await runBatches({ inputs: [[[1]]] }, (_ssc, stream) =>
      stream.saveAsTextFiles(join(directory, 'out')),
    );
    expect(readdirSync(directory)).toEqual(['out-1000']);
  });

  it('replaces what an earlier run of the batch wrote, and leaves nothing beside it', async () => {
    let attempts = 0;
    for (const partitions of [3, 1]) {
      attempts = 0;
      const { errors } = await runBatches({ inputs: [[[1, 2, 3]]], partitions }, (_ssc, stream) => {
        stream.map((n) => n * partitions).saveAsTextFiles(join(directory, 'out'));
        stream.foreachBatch(() => {
          if (++attempts < 3) throw new Error('not yet');
        });
      });
      expect([errors, attempts]).toEqual([[], 3]);
    }
    expect(readdirSync(directory)).toEqual(['out-1000']);
    expect(readdirSync(join(directory, 'out-1000')).sort()).toEqual(['_SUCCESS', 'part-00000']);
    expect(read('out-1000', 'part-00000')).toBe('1\n2\n3\n');
  });

  it('fails the batch when it cannot write', async () => {
    writeFileSync(join(directory, 'file'), '');
    const { errors } = await runBatches({ inputs: [[[1]]] }, (_ssc, stream) =>
      stream.saveAsTextFiles(join(directory, 'file', 'out')),
    );
    expect(errors[0]!.error).toMatchObject({
      code: 'ERR_MILLRACE_USER_FUNCTION',
      context: { operator: 'saveAsTextFiles#1' },
    });
  });
});

it('saveAsObjectFiles writes msgpack values that come back as they were', async () => {
  await runBatches({ inputs: [[[{ a: [1, -0], b: new Date(5) }]]] }, (_ssc, stream) =>
    stream.saveAsObjectFiles(join(directory, 'out')),
  );
  const bytes = readFileSync(join(directory, 'out-1000', 'part-00000'));
  expect(unpackValue(bytes)).toEqual({ a: [1, -0], b: new Date(5) });
});

it('a batch saves itself', async () => {
  const target = join(directory, 'one');
  await runBatches({ inputs: [[[2, 1]]] }, (_ssc, stream) =>
    stream.foreachBatch(async (batch) => batch.sortBy((n) => n).saveAsTextFile(target)),
  );
  expect(read('one', 'part-00000')).toBe('1\n2\n');
});

describe('to', () => {
  it('gives batches to a sink: files hold each record once, whatever failed', async () => {
    let attempts = 0;
    const { errors } = await runBatches({ inputs: [[['a', 'b'], [], ['c']]] }, (_ssc, stream) => {
      stream.to(files(directory));
      stream.foreachBatch(() => {
        if (++attempts === 2) throw new Error('once');
      });
    });
    expect(errors).toEqual([]);
    const lines = readdirSync(directory).map((name) => [name, read(name)]);
    expect(lines.map(([, text]) => text).join('')).toBe('a\nb\nc\n');
    expect(lines.every(([name]) => /^part-0-\d+$/.test(name!))).toBe(true);
  });

  it('waits for the promises of a sink, and fails the batch with what they are rejected with', async () => {
    const seen: number[] = [];
    const { errors } = await runBatches({ inputs: [[[1, 2], [3]]] }, (_ssc, stream) => {
      stream.to(
        forEach(async (n) => {
          await Promise.resolve();
          if (n === 3) throw new Error('three');
          seen.push(n);
        }),
      );
    });
    expect(seen).toEqual([1, 2]);
    expect(errors.map(({ time, error }) => [time, error.message])).toEqual([
      [2000, expect.stringContaining('three')],
    ]);
  });

  it('refuses what is no sink', async () => {
    await expect(
      runBatches({ inputs: [[[1]]] }, (_ssc, stream) => stream.to((() => {}) as never)),
    ).rejects.toMatchObject({ code: 'ERR_MILLRACE_BAD_OPTION' });
  });
});

describe('skipEmptyBatches', () => {
  it('runs no output for a batch that is empty, and all for others', async () => {
    const { printed } = await runBatches(
      { inputs: [[['a'], [], ['b']]], skipEmptyBatches: true },
      (_ssc, stream) => {
        stream.print();
        stream.saveAsTextFiles(join(directory, 'out'));
      },
    );
    expect(printed.match(/Time: \d+/g)).toEqual(['Time: 1000', 'Time: 3000']);
    expect(readdirSync(directory).sort()).toEqual(['out-1000', 'out-3000']);
  });

  it('leaves the operators alone: a count of nothing is a record', async () => {
    const { batches } = await runBatches(
      { inputs: [[['a'], []]], skipEmptyBatches: true },
      (_ssc, stream) => stream.count(),
    );
    expect(batches.map(({ values }) => values)).toEqual([[1], [0]]);
  });
});

describe('a batch that fails', () => {
  const program =
    (failing: (time: number, attempt: number) => boolean, seen: number[]) =>
    (
      _ssc: unknown,
      stream: { foreachBatch(f: (b: unknown, time: number) => void): void },
    ): void => {
      let attempt = 0;
      stream.foreachBatch((_batch, time) => {
        seen.push(time);
        if (failing(time, ++attempt)) throw new Error(`no to ${time}`);
      });
    };

  it('gets four attempts in all, then it is given up and later ones run', async () => {
    const seen: number[] = [];
    const { errors } = await runBatches(
      { inputs: [[[1], [2], [3]]] },
      program((time) => time === 2000, seen),
    );
    expect(seen).toEqual([1000, 2000, 2000, 2000, 2000, 3000]);
    expect(errors.map(({ time, error }) => [time, error.message])).toEqual([
      [2000, expect.stringContaining('no to 2000')],
    ]);
  });

  it('gets as many as maxBatchFailures says', async () => {
    const seen: number[] = [];
    const { errors } = await runBatches(
      { inputs: [[[1], [2]]], supervision: { maxBatchFailures: 2 } },
      program((time) => time === 1000, seen),
    );
    expect(seen).toEqual([1000, 1000, 2000]);
    expect(errors).toHaveLength(1);
  });

  it('fails the job when onBatchError says so', async () => {
    const seen: number[] = [];
    await expect(
      runBatches(
        { inputs: [[[1], [2]]], supervision: { onBatchError: 'fail', maxBatchFailures: 1 } },
        program((time) => time === 1000, seen),
      ),
    ).rejects.toMatchObject({ code: 'ERR_MILLRACE_USER_FUNCTION' });
    expect(seen).toEqual([1000]);
  });

  it('leaves no file of a sink and no trace in counts of later batches', async () => {
    const out = await runBatches({ inputs: [[['a'], ['bad'], ['b']]] }, (_ssc, stream) => {
      stream.to(files(directory));
      stream.foreachBatch((batch) => {
        if (batch.toArray().includes('bad')) throw new Error('bad');
      });
      return stream.countByValue();
    });
    expect(out.errors.map(({ time }) => time)).toEqual([2000]);
    expect(out.batches.map(({ values }) => values)).toEqual([[['a', 1]], [['b', 1]]]);
    expect(
      readdirSync(directory)
        .map((name) => read(name))
        .join(''),
    ).toBe('a\nb\n');
    expect(existsSync(join(directory, '.part'))).toBe(false);
  });
});
