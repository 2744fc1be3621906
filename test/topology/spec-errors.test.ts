/** Mistakes in a topology are found before anything starts, all at once, each with its code and the call. */
import { describe, expect, it } from 'vitest';
import { buildGraph } from '../../src/dstream/build-graph.ts';
import type { MillraceError } from '../../src/errors.ts';
import { plan } from '../../src/plan/planner.ts';
import { explain } from '../../src/plan/explain.ts';
import { collect, print } from '../../src/topology/sinks.ts';
import { numbers } from '../../src/topology/sources.ts';
import { topology, type TopologyBuild, type TopologyOptions } from '../../src/topology/topology.ts';

interface Problem {
  readonly code: string;
  readonly message: string;
  readonly callSite: string;
}

function problems(build: TopologyBuild<undefined>, options: TopologyOptions = {}): Problem[] {
  let thrown: unknown;
  try {
    buildGraph(topology('wrong', options, build), undefined);
  } catch (error) {
    thrown = error;
  }
  const { code, context, message: text } = thrown as MillraceError;
  expect(code).toBe('ERR_MILLRACE_BAD_TOPOLOGY');
  const found = context['problems'] as Problem[];
  for (const { code: each, message, callSite } of found) {
    expect(callSite).toMatch(/spec-errors\.test\.ts:\d+:\d+$/);
    expect(text).toContain(`${each} at ${callSite}: ${message}`);
  }
  return found;
}

const codes = (build: TopologyBuild<undefined>): string[] =>
  problems(build).map(({ code }) => code);
const pass = (record: unknown, out: { emit(record: unknown): void }): void => out.emit(record);

describe('one mistake', () => {
  it('a stage without input', () => {
    expect(
      codes((t) => {
        t.sink('out', print(), { from: t.stage('lonely', pass, { from: [] }).global() });
      }),
    ).toEqual(['ERR_MILLRACE_STAGE_NO_INPUT']);
  });

  it('a stage that reads what is not there', () => {
    expect(codes((t) => t.sink('out', print(), { from: t.stream('nowhere').global() }))).toEqual([
      'ERR_MILLRACE_STAGE_NO_INPUT',
    ]);
  });

  it('an input without a grouping', () => {
    const found = problems((t) =>
      t.sink('out', print(), { from: t.source('n', numbers()) as never }),
    );
    expect(found[0]?.message).toMatch(/from needs a grouping/);
  });

  it('an output that nobody reads', () => {
    expect(
      problems((t) => {
        const n = t.source('n', numbers());
        t.stage('idle', pass, { from: n.shuffle() });
        const two = t.stage('two', pass, { from: n.shuffle(), outputs: ['errors'] });
        t.sink('out', print(), { from: two.global() });
      }).map(({ code, message }) => `${code} ${message.slice(0, 45)}`),
    ).toEqual([
      "ERR_MILLRACE_OUTPUT_UNREAD stage 'idle': nobody reads what it gives. Rea",
      "ERR_MILLRACE_OUTPUT_UNREAD stage 'two': nobody reads its output 'errors'",
    ]);
  });

  it('two of one name', () => {
    expect(
      codes((t) => {
        const n = t.source('n', numbers());
        t.sink('n', print(), { from: n.global() });
        t.sink('out', print(), { from: n.global() });
      }),
    ).toEqual(['ERR_MILLRACE_DUPLICATE_NAME']);
  });

  it('a circle', () => {
    expect(
      codes((t) => {
        const n = t.source('n', numbers());
        const a = t.stage('a', pass, { from: [n.shuffle(), t.stream('b').shuffle()] });
        const b = t.stage('b', pass, { from: a.shuffle() });
        t.sink('out', print(), { from: b.global() });
      }),
    ).toEqual(['ERR_MILLRACE_CYCLE']);
  });

  it('an output that the stage does not have', () => {
    expect(
      codes((t) => {
        const n = t.source('n', numbers());
        t.sink('out', print(), { from: [n.global(), n.output('errors').global()] });
      }),
    ).toEqual(['ERR_MILLRACE_UNKNOWN_OUTPUT']);
  });

  it.each([0, -1, 1.5, '2', Number.NaN])('a parallelism of %s', (parallelism) => {
    const found = problems((t) => {
      const from = t.source('n', numbers()).shuffle();
      t.sink('out', print(), { from, parallelism: parallelism as number });
    });
    expect(found).toHaveLength(1);
    expect(found[0]!.message).toMatch(/parallelism must be a whole number of at least 1/);
  });

  it('byKey without a function', () => {
    const found = problems((t) => {
      t.sink('out', print(), {
        from: t.source('n', numbers()).byKey('id' as never),
        parallelism: 2,
      });
    });
    expect(found.map(({ message }) => message)).toEqual([
      "sink 'out': byKey needs a function that gives the key of a record",
    ]);
  });

  it('what is no source, stage or sink', () => {
    expect(
      codes((t) => {
        const n = t.source('n', 7 as never);
        const s = t.stage('s', 'f' as never, { from: n.shuffle() });
        t.sink('out', {} as never, { from: s.global() });
        t.sink('in two', collect('x'), { from: s.global(), parallelism: 2 });
      }),
    ).toEqual(Array(4).fill('ERR_MILLRACE_BAD_OPTION'));
  });
});

it('many mistakes come together', () => {
  expect(
    codes((t) => {
      const n = t.source('n', numbers());
      t.stage('idle', pass, { from: n.shuffle(), parallelism: 0 });
      t.sink('a', print(), { from: n.output('x').global() });
      t.sink('a', print(), { from: [] });
      t.toDStream(t.stream('nowhere')).print();
    }).toSorted(),
  ).toEqual([
    'ERR_MILLRACE_BAD_OPTION',
    'ERR_MILLRACE_DUPLICATE_NAME',
    'ERR_MILLRACE_OUTPUT_UNREAD',
    'ERR_MILLRACE_STAGE_NO_INPUT',
    'ERR_MILLRACE_STAGE_NO_INPUT',
    'ERR_MILLRACE_UNKNOWN_OUTPUT',
  ]);
});

it('who names no instance is not read by direct()', () => {
  const none = print();
  expect(
    problems((t) => {
      t.sink('of a source', none, { from: t.source('n', numbers()).direct(), parallelism: 2 });
      const stream = t.ssc.queueStream([[1]]).toTopology();
      t.sink('of a stream', none, { from: stream.direct(), parallelism: 2 });
    }).map(({ code, message }) => [code, message.split(': direct()')[0]]),
  ).toEqual([
    ['ERR_MILLRACE_BAD_OPTION', "sink 'of a source'"],
    ['ERR_MILLRACE_BAD_OPTION', "sink 'of a stream'"],
  ]);
});

it('a stream, whose records are not followed, leads to no topology that is at-least-once', () => {
  const found = problems(
    (t) => {
      t.sink('out', print(), {
        from: t.ssc
          .queueStream([[1]])
          .toTopology()
          .global(),
      });
      const behind = t.toDStream(t.source('n', numbers()));
      t.sink('behind', print(), { from: behind.toTopology().shuffle(), parallelism: 2 });
    },
    { guarantee: 'at-least-once' },
  );
  expect(found.map(({ code }) => code)).toEqual([
    'ERR_MILLRACE_UNSUPPORTED',
    'ERR_MILLRACE_UNSUPPORTED',
  ]);
  expect(found[0]!.message).toMatch(/^sink 'out' reads a DStream.*'exactly-once'/);
});

it('options of a topology are checked where it is defined', () => {
  const bad = (options: object): unknown => {
    try {
      topology('t', options as TopologyOptions, () => {});
    } catch (error) {
      return (error as MillraceError).code;
    }
    return undefined;
  };
  expect(bad({ guarantee: 'twice' })).toBe('ERR_MILLRACE_BAD_OPTION');
  expect(bad({ batchInterval: 5 })).toBe('ERR_MILLRACE_BAD_OPTION');
  expect(bad({ maxPending: 0 })).toBe('ERR_MILLRACE_BAD_OPTION');
  expect(bad({ lingerMs: -1 })).toBe('ERR_MILLRACE_BAD_OPTION');
  expect(bad({ checkpointInterval: 'soon' })).toBe('ERR_MILLRACE_BAD_DURATION');
});

it('a topology without a sink has nothing to do', () => {
  expect(() =>
    buildGraph(
      topology('empty', () => {}),
      undefined,
    ),
  ).toThrow(/no output/);
});

it('a plan shows the stages, and which of them share tasks', () => {
  const job = topology('shown', { guarantee: 'at-least-once' }, (t) => {
    const n = t.source('n', numbers());
    const odd = t.stage('odd', pass, { from: n.shuffle() });
    const count = t.stage('count', pass, { from: odd.byKey((x) => x), parallelism: 2 });
    t.sink('out', print(), { from: count.local(), parallelism: 2 });
  });
  const planned = plan(buildGraph(job, undefined), { workers: 2 });
  const text = explain(planned);
  expect(text).toMatch(/n > odd => count +1 task +record by record/);
  expect(text).toMatch(/count > out +2 tasks +record by record/);
  expect(text).toMatch(/acker#1 +1 task/);
  expect(planned.tasks.map(({ kind }) => kind)).toEqual(['source', 'stage', 'stage', 'acker']);
});
