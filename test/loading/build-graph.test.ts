import { describe, expect, it } from 'vitest';
import { buildGraph, checkShape } from '../../src/dstream/build-graph.ts';
import { job } from '../../src/dstream/job.ts';
import { shape } from '../../src/plan/compare.ts';
import { thrownBy } from './thrown.ts';

describe('buildGraph', () => {
  it('gives the frozen graph of a job, with its args', () => {
    const made = job('a', (ssc, args: { readonly port: number }) => {
      ssc.socketTextStream('h', args.port).words().print();
    });
    const { nodes } = buildGraph(made, { port: 7 });
    expect(nodes.map((node) => node.kind)).toEqual(['socket', 'words', 'print']);
    expect(nodes[0]?.params).toMatchObject({ port: 7 });
  });

  it('I2: an error of the builder names job and file, and keeps its cause', () => {
    const cause = new RangeError('no such table');
    const made = job('a', () => {
      throw cause;
    });
    const error = thrownBy(() => buildGraph(made, undefined));
    expect(error).toMatchObject({ code: 'ERR_MILLRACE_BUILD', cause, context: { job: 'a' } });
    expect(error.message).toMatch(
      /^the builder of job "a" \(.*build-graph\.test\.ts:\d+:\d+\) threw RangeError: no such table$/,
    );
  });

  it('says so when the builder reads args that were not given', () => {
    const made = job('a', (ssc, args: { readonly port: number }) => {
      ssc.socketTextStream('h', args.port).print();
    });
    const error = thrownBy(() => buildGraph(made, undefined as never));
    expect(error.code).toBe('ERR_MILLRACE_BUILD');
    expect(error.message).toContain(
      'It takes args, and none were given: run(job, { args }), or --args JSON',
    );
  });

  it('I2: an error of an operator passes as it is', () => {
    const made = job('a', (ssc) => ssc.socketTextStream('h', 0).print());
    const error = thrownBy(() => buildGraph(made, undefined));
    expect(error.code).toBe('ERR_MILLRACE_BAD_OPTION');
    expect(error.message).toMatch(
      /^socketTextStream at .*build-graph\.test\.ts:\d+:\d+: port must be/,
    );
  });

  it('I1: an async builder is refused, and what it does later is an error at that place', async () => {
    let later: unknown;
    const made = job('a', (async (ssc: { inputStream(name: string): unknown }) => {
      await Promise.resolve();
      try {
        ssc.inputStream('late');
      } catch (error) {
        later = error;
      }
    }) as never);
    const error = thrownBy(() => buildGraph(made, undefined));
    expect(error.code).toBe('ERR_MILLRACE_BUILD');
    expect(error.message).toContain('is async or gives a promise');
    await Promise.resolve();
    expect(later).toMatchObject({ code: 'ERR_MILLRACE_GRAPH_FROZEN' });
  });

  it('refuses a graph without output', () => {
    const error = thrownBy(() =>
      buildGraph(
        job('a', (ssc) => void ssc.inputStream<string>('x').words()),
        undefined,
      ),
    );
    expect(error.code).toBe('ERR_MILLRACE_NO_OUTPUT');
    expect(error.message).toContain('job "a"');
  });
});

describe('checkShape', () => {
  it('I3: takes graphs that differ in functions and lines only', () => {
    const one = job('a', (ssc) =>
      ssc
        .inputStream<string>('x')
        .map((s) => s)
        .print(),
    );
    const two = job('a', (ssc) =>
      ssc
        .inputStream<string>('x')
        .map((s) => `${s}!`)
        .print(),
    );
    expect(() =>
      checkShape(one, shape(buildGraph(one, undefined)), buildGraph(two, undefined)),
    ).not.toThrow();
  });

  it('names the first operator that differs, and the usual causes', () => {
    let calls = 0;
    const made = job('a', (ssc) => {
      calls += 1;
      const lines = ssc.inputStream<string>('x');
      (calls === 1 ? lines.words() : lines.split(',')).print();
    });
    const expected = shape(buildGraph(made, undefined));
    const error = thrownBy(() =>
      checkShape(made, expected, buildGraph(made, undefined), 'worker 2'),
    );
    expect(error).toMatchObject({ code: 'ERR_MILLRACE_GRAPH_MISMATCH', context: { job: 'a' } });
    expect(error.message).toMatch(
      /^job "a" \(.*\) builds another graph in worker 2: operator 2 is words#1 at .* split#1/,
    );
    expect(error.message).toContain('pass such values in args');
  });
});
