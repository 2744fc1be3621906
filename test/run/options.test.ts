import { describe, expect, it } from 'vitest';
import { resolveRunOptions, type RunOptions } from '../../src/run/options.ts';

const resolve = (options: unknown): ReturnType<typeof resolveRunOptions> =>
  resolveRunOptions(options as RunOptions<never>, 1000, 2);

describe('options of run', () => {
  it('have their defaults', () => {
    expect(resolve({})).toEqual({
      threads: 2,
      retainBytes: 64 << 20,
      maxGatherBytes: 256 << 20,
      onRecordError: 'fail',
      rates: { blockIntervalMs: 20 },
      checkpoint: undefined,
      skipEmptyBatches: false,
      stateStore: 'memory',
      listeners: [],
      maxHeapMb: undefined,
      maxRssMb: undefined,
      maxQuarantined: 2,
      asyncTimeoutMs: 30_000,
      hangTimeoutMs: 30_000,
      killTimeoutMs: 5_000,
      policy: {
        batchIntervalMs: 1000,
        reliefIntervalMs: 500,
        maxBatchFailures: 4,
        onBatchError: 'fail',
        maxRestarts: 3,
        withinMs: 30_000,
        onPoison: 'fail',
        maxPoisonPerMin: 10,
        backoff: { minMs: 50, maxMs: 5_000, factor: 2, jitter: 0.2 },
      },
    });
  });

  it('are taken where given, the rest of a group by default', () => {
    const { threads, retainBytes, policy } = resolve({
      threads: 0,
      retainBytes: 3 << 20,
      supervision: { maxRestarts: 0, backoff: { maxMs: 60 } },
    });
    expect({ threads, retainBytes }).toEqual({ threads: 0, retainBytes: 4 << 20 });
    expect(policy).toMatchObject({
      maxRestarts: 0,
      withinMs: 30_000,
      backoff: { minMs: 50, maxMs: 60 },
    });
  });

  it.each([
    [{ threads: -1 }, 'threads is -1; it must be >=0'],
    [{ threads: 1.5 }, 'threads is 1.5; it must be'],
    [{ threads: '2' }, 'threads is "2"; it must be number'],
    [{ thread: 2 }, 'there is no option thread; did you mean threads?'],
    [{ nonsense: 2 }, 'there is no option nonsense; there are args, threads'],
    [
      { supervision: { onBatchError: 'stop' } },
      'supervision.onBatchError is "stop"; it must be ("fail" | "continue")',
    ],
    [
      { supervision: { maxRestart: 1 } },
      'there is no option supervision.maxRestart; did you mean supervision.maxRestarts?',
    ],
    [
      { supervision: { backoff: { jitter: 2 } } },
      'supervision.backoff.jitter is 2; it must be <=1',
    ],
    [{ write: 'stdout' }, 'write is "stdout"; it must be Function'],
  ])('%j is refused by name', (options, message) => {
    expect(() => resolve(options)).toThrow(
      expect.objectContaining({
        code: 'ERR_MILLRACE_BAD_OPTION',
        message: expect.stringContaining(message) as string,
      }),
    );
  });

  it('all that is wrong is told at once', () => {
    const bad = { thread: 1, retainBytes: 'much', supervision: { hangTimeoutMs: -1 } };
    expect(() => resolve(bad as never)).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(
          /^3 options are wrong:\n(?=[^]*there is no option thread; did you mean threads\?)(?=[^]*retainBytes is "much")(?=[^]*supervision\.hangTimeoutMs is -1)/,
        ) as string,
      }),
    );
  });

  it('a limit of restarts that the backoff keeps from ever being reached is refused, with what would do', () => {
    const supervision = { maxRestarts: 100, withinMs: 30_000, backoff: { maxMs: 1000 } };
    expect(() => resolve({ supervision })).toThrow(
      expect.objectContaining({
        code: 'ERR_MILLRACE_BAD_OPTION',
        message: expect.stringMatching(
          /^withinMs is 30000: the delays before 100 restarts are up to \d+ ms together, so the limit could never be reached\. Set withinMs above \d+, or lower/,
        ) as string,
      }),
    );
    expect(() =>
      resolve({ supervision: { maxRestarts: 1000, withinMs: 60_000, backoff: { maxMs: 50 } } }),
    ).not.toThrow();
  });
});
