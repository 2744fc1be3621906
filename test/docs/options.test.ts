/** docs/options.md says what the code takes: names, bounds and defaults of every table. */
import { describe, expect, it } from 'vitest';
import { runBatches } from 'millrace/testing';
import { ContextBuilder } from '../../src/dstream/context-builder.ts';
import type { DStream } from '../../src/dstream/dstream.ts';
import { job } from '../../src/dstream/job.ts';
import { resolveRunOptions, type RunOptions } from '../../src/run/options.ts';
import { StreamingContext } from '../../src/run/streaming-context.ts';
import { page, tableBelow } from './pages.ts';

const OPTIONS = page('docs/options.md');
const resolve = (options: object): ReturnType<typeof resolveRunOptions> =>
  resolveRunOptions(options as RunOptions<never>, 1000, 4);
const ssc = (): ContextBuilder => new ContextBuilder();
const pairs = (): DStream<readonly [string, number]> => ssc().inputStream('pairs');
/** No option is like it, so the error lists all that there are. */
const UNKNOWN = { zzzz: 1 };

function names(heading: string): string[] {
  return tableBelow(OPTIONS, heading).map(([name]) => name!);
}

/** The names that an error text lists. */
async function listed(act: () => unknown): Promise<string[]> {
  try {
    await act();
  } catch (error) {
    const list = /(?:there are|the options are) ([\w, ]+)$/.exec((error as Error).message)?.[1];
    if (list !== undefined) return list.split(', ');
    throw error;
  }
  throw new Error('an unknown option was taken');
}

describe('the names of each table are those of the code', () => {
  it.each([
    ['run', () => resolve(UNKNOWN)],
    ['supervision', () => resolve({ supervision: UNKNOWN })],
    ['job', () => job('a job', UNKNOWN as never, () => {})],
    ['socketTextStream', () => ssc().socketTextStream('h', 1, UNKNOWN as never)],
    ['textFileStream', () => ssc().textFileStream('d', UNKNOWN as never)],
    ['queueStream', () => ssc().queueStream([], UNKNOWN as never)],
    ['backpressure', () => resolve({ backpressure: UNKNOWN })],
    ['socketStream', () => ssc().socketStream('h', 1, (() => {}) as never, UNKNOWN as never)],
    ['receiverStream', () => ssc().receiverStream((() => {}) as never, UNKNOWN as never)],
    ['fromAsyncIterable', () => ssc().fromAsyncIterable(() => [], UNKNOWN as never)],
    [
      'parseCsv',
      () =>
        ssc()
          .textFileStream('d')
          .parseCsv(UNKNOWN as never),
    ],
    ['updateStateByKey', () => pairs().updateStateByKey(() => 1, UNKNOWN as never)],
    ['mapWithState', () => pairs().mapWithState(() => 1, UNKNOWN as never)],
    ['runBatches', () => runBatches(UNKNOWN as never, (() => {}) as never)],
  ])('%s', async (heading, act) => {
    expect(new Set(names(heading))).toEqual(new Set(await listed(act)));
  });

  it('StreamingContext takes those of run, but for args and threads, and two of its own', () => {
    const wanted = names('run').filter((name) => name !== 'args' && name !== 'threads');
    expect(new Set(names('StreamingContext'))).toEqual(
      new Set([...wanted, 'batchInterval', 'clock']),
    );
    expect(() => new StreamingContext({ threads: 2 } as never)).toThrow('calling thread');
  });
});

const defaults = resolve({});
const found: Readonly<Record<string, unknown>> = { ...defaults, ...defaults.policy };

describe.each(['run', 'supervision'])('%s', (heading) => {
  // Without delays between restarts any limit can be reached.
  const backoff = { minMs: 0, maxMs: 0 };
  const within = (name: string, value: unknown): object =>
    heading === 'run' ? { [name]: value } : { supervision: { backoff, [name]: value } };

  const bounded = tableBelow(OPTIONS, heading).flatMap(([name, takes]) => {
    const bounds = /^(\d+) to (\d+)$/.exec(takes!);
    return bounds === null ? [] : [[name!, Number(bounds[1]), Number(bounds[2])] as const];
  });

  it.each(bounded)('%s is %d to %d', (name, least, most) => {
    for (const good of [least, most]) expect(() => resolve(within(name, good))).not.toThrow();
    for (const bad of [least - 1, most + 1, Number.NaN, '1']) {
      expect(() => resolve(within(name, bad))).toThrow(name);
    }
  });

  it('has the defaults of the code', () => {
    const shown = tableBelow(OPTIONS, heading).filter(([, , text]) => /^\d+$/.test(text!));
    expect(shown.map(([name, , text]) => [name, Number(text)])).toEqual(
      shown.map(([name]) => [name, found[name!]]),
    );
    const [, , backoff] = tableBelow(OPTIONS, 'supervision').find(([name]) => name === 'backoff')!;
    expect(defaults.policy.backoff).toEqual(new Function(`return ${backoff!};`)());
    expect(defaults.policy.onBatchError).toBe('fail');
  });
});

it('sources have the defaults of the code', () => {
  const context = ssc();
  context.socketTextStream('h', 1).print();
  context.textFileStream('d').print();
  context.receiverStream((() => {}) as never).print();
  context.queueStream([]).print();
  const params = Object.assign({}, ...context.graph().nodes.map((node) => node.params)) as object;
  const shown = ['socketTextStream', 'textFileStream', 'receiverStream', 'queueStream'].flatMap(
    (heading) => tableBelow(OPTIONS, heading).map(([name, , text]) => [name!, text!] as const),
  );
  const wanted = shown.filter(([name]) => name in params && name !== 'name');
  expect(wanted.length).toBeGreaterThan(4);
  for (const [name, text] of wanted) expect(String(params[name as never]), name).toBe(text);
});
