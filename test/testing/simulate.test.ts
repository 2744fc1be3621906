/** `simulate`: sound jobs pass under every fault that seeds draw; what isn't sound is found, with the fault that shows it. */
import { describe, expect, it } from 'vitest';
import type { ContextBuilder } from '../../src/dstream/context-builder.ts';
import { job } from '../../src/dstream/job.ts';
import { files } from '../../src/io/file-sink.ts';
import { simulate } from '../../src/testing/simulate/simulate.ts';
import { collect } from '../../src/topology/sinks.ts';
import { numbers, socket } from '../../src/topology/sources.ts';
import type { StageContext, StageOutputs } from '../../src/topology/stage.ts';
import { topology } from '../../src/topology/topology.ts';

const LINES = Array.from({ length: 120 }, (_, n) => `${n} w${n % 5} w${(n * 3) % 7}`);

const counts = job('counts', (ssc, args: { port: number }) => {
  const lines = ssc.socketTextStream('localhost', args.port);
  lines
    .flatMap((line) => line.split(' ').slice(1))
    .map((word): [string, number] => [word, 1])
    .reduceByKey((a, b) => a + b)
    .collectAs('counts');
  lines.map((line) => Number(line.split(' ')[0])).collectAs('ids');
});

class Count {
  counts = new Map<number, number>();

  process(n: number, out: StageOutputs<unknown>, _ctx: StageContext): void {
    const key = n % 5;
    const count = (this.counts.get(key) ?? 0) + 1;
    this.counts.set(key, count);
    out.emit([key, count]);
  }

  snapshot(): unknown {
    return [...this.counts];
  }

  restore(state: unknown): void {
    this.counts = new Map(state as [number, number][]);
  }
}

const tally = (stage: typeof Count) =>
  topology('tally', (t) => {
    const given = t.source('numbers', numbers());
    const counted = t.stage('count', stage, { from: given.byKey((n) => n % 5), parallelism: 2 });
    t.sink('out', collect('out'), { from: counted.global() });
    t.sink('files', files('/lines'), { from: counted.global() });
  });

const tallied = ({ numbers: given }: Readonly<Record<string, readonly unknown[]>>) => {
  const seen = new Map<number, number>();
  return {
    out: given!.map((n) => {
      const key = (n as number) % 5;
      seen.set(key, (seen.get(key) ?? 0) + 1);
      return [key, seen.get(key)];
    }),
  };
};

describe('a sound job passes', () => {
  it('of streams, and its batches are those of a run without faults', async () => {
    const report = await simulate(counts, {
      seeds: 25,
      args: { port: 1 },
      inputs: [LINES],
      check: ({ results, records }) => {
        const ids = (results['ids'] ?? []).flatMap(({ values }) => values as number[]);
        expect(ids.toSorted((a, b) => a - b)).toEqual(
          Object.values(records)[0]!.map((line) => Number.parseInt(line as string, 10)),
        );
      },
    });
    expect(report.failed).toEqual([]);
    expect(report.runs).toHaveLength(25);
    expect(report.runs.reduce((sum, { deaths }) => sum + deaths, 0)).toBeGreaterThan(20);
    expect(report.runs.reduce((sum, { batches }) => sum + batches, 0)).toBeGreaterThan(25);
  });

  it('given as a builder, with batches for its input', async () => {
    const { failed } = await simulate(
      (ssc: ContextBuilder) =>
        ssc
          .inputStream<number>('in')
          .map((n) => n * 2)
          .collectAs('double'),
      { seeds: 10, inputs: [[[1, 2, 3], [], null, [4]]] },
    );
    expect(failed).toEqual([]);
  });

  it('a topology, against a model, with its files', async () => {
    const report = await simulate(tally(Count), {
      seeds: 20,
      records: 80,
      model: tallied,
      check: ({ files: written, results }) => {
        const lines = Object.values(written).flat();
        const rows = (results['out'] ?? []).flatMap(({ values }) => values);
        expect(lines.toSorted()).toEqual(rows.map((row) => JSON.stringify(row)).toSorted());
      },
    });
    expect(report.failed).toEqual([]);
  });

  it('the same seed is the same run', async () => {
    const options = { seed: 7, args: { port: 1 }, inputs: [LINES] };
    const [a, b] = [await simulate(counts, options), await simulate(counts, options)];
    expect(a.runs).toEqual(b.runs);
    expect(a.runs[0]!.traceHash).not.toBe(
      (await simulate(counts, { ...options, seed: 8 })).runs[0]!.traceHash,
    );
  });
});

describe('a job that is not is found out:', () => {
  it('a function that remembers what it has seen', async () => {
    const report = await simulate(
      (ssc: ContextBuilder) => {
        const seen = new Set<string>();
        ssc
          .socketTextStream('localhost', 1)
          .filter((line) => seen.size < seen.add(line).size)
          .collectAs('once');
      },
      { seeds: 50, inputs: [LINES] },
    );
    expect(report.ok).toBe(false);
    const [failure] = report.failures;
    expect(failure!.violations.join()).toMatch(/batch \d+ of 'once' is .* without faults/s);
    expect(failure!.faults.length).toBeLessThanOrEqual(2);
    expect(failure!.text).toContain('with these faults:');
  });

  it('a stage without a snapshot; its fault alone shows it again', async () => {
    class Forgetful extends Count {}
    Object.assign(Forgetful.prototype, { snapshot: undefined });
    const options = { records: 80, model: tallied };
    const { failures } = await simulate(tally(Forgetful), { ...options, seeds: 50 });
    expect(failures.length).toBeGreaterThan(0);
    const { seed, faults } = failures[0]!;
    expect(faults).toHaveLength(1);
    const again = await simulate(tally(Forgetful), { ...options, seed, faults });
    expect(again.failed.join()).toContain("model of 'out'");
    expect((await simulate(tally(Forgetful), { ...options, seed, faults: false })).failed).toEqual(
      [],
    );
  });

  it('a function that asks for chance', async () => {
    const { failed } = await simulate(
      (ssc: ContextBuilder) =>
        ssc
          .inputStream<number>('in')
          .map((n) => n + Math.random())
          .collectAs('out'),
      { seeds: 1, inputs: [[[1, 2, 3]]], faults: false },
    );
    expect(failed.join()).toMatch(/two runs of the seed differ|without faults/);
  });

  it('one whose function throws each time', async () => {
    const { failed } = await simulate(
      (ssc: ContextBuilder) =>
        ssc
          .inputStream<number>('in')
          .map((n) => {
            if (n === 2) throw new RangeError('no two');
            return n;
          })
          .collectAs('out'),
      { seeds: 1, inputs: [[[1, 2, 3]]] },
    );
    expect(failed.join()).toContain('no two');
  });

  it('what a check says', async () => {
    const options = { seeds: 1, args: { port: 1 }, inputs: [LINES] };
    expect((await simulate(counts, { ...options, check: () => 'not so' })).failed).toEqual([
      'seed 1: check: not so',
    ]);
  });
});

describe('simulate refuses', () => {
  it('a source that has nothing to give, inputs for nobody, and numbers that are none', async () => {
    const bad = { code: 'ERR_MILLRACE_BAD_OPTION' };
    const args = { port: 1 };
    await expect(simulate(counts, { args })).rejects.toMatchObject(bad);
    await expect(simulate(counts, { args, inputs: { lines: LINES } })).rejects.toMatchObject(bad);
    await expect(simulate(counts, { args, inputs: [LINES], seeds: 0 })).rejects.toMatchObject(bad);
    const lines = topology('lines', (t) =>
      t.sink('out', collect('out'), {
        from: t.source('lines', socket({ host: 'a', port: 1 })).global(),
      }),
    );
    await expect(simulate(lines)).rejects.toThrow(/it reads from outside of the job/);
  });
});
