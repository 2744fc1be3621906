/** The life of contexts: how they are got, where they keep what they need, how they end, and that there may be many. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StreamingContext } from '../../src/index.ts';
import { VirtualClock } from '../../src/testing/index.ts';

function context(options: { checkpointDir?: string } = {}): {
  ssc: StreamingContext;
  clock: VirtualClock;
} {
  const clock = new VirtualClock({ startMs: 10_500 });
  return { ssc: new StreamingContext({ clock, write: () => {}, ...options }), clock };
}

const made = (): StreamingContext => {
  const { ssc } = context();
  ssc.queueStream([[1]]).print();
  return ssc;
};

async function within<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-life-'));
  try {
    return await use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

describe('getOrCreate', () => {
  it('calls create when there is no checkpoint, whose directory it then is', async () => {
    await within(async (directory) => {
      for (const path of [directory, join(directory, 'not', 'there')]) {
        const ssc = StreamingContext.getOrCreate(path, made);
        expect([ssc.recovered, ssc.state]).toEqual([undefined, 'initialized']);
        await ssc.start();
        expect(readdirSync(path)).toContain('run.json');
        await ssc.stop();
        expect(ssc.recovered).toBe(undefined);
      }
    });
  });

  it('leaves a directory alone that create has named', async () => {
    await within(async (directory) => {
      const own = join(directory, 'own');
      const ssc = StreamingContext.getOrCreate(join(directory, 'other'), () => {
        const mine = made();
        mine.checkpoint(own);
        return mine;
      });
      await ssc.start();
      expect([existsSync(own), existsSync(join(directory, 'other'))]).toEqual([true, false]);
      await ssc.stop();
    });
  });

  it('takes createOnError, and refuses a create that gives no context', () => {
    expect(StreamingContext.getOrCreate('/nowhere', made, { createOnError: true }).state).toBe(
      'initialized',
    );
    for (const create of [() => undefined, 'create'])
      expect(() => StreamingContext.getOrCreate('/nowhere', create as never)).toThrow(
        expect.objectContaining({ code: 'ERR_MILLRACE_BAD_OPTION' }),
      );
  });

  it('passes on what create throws', () => {
    const boom = new Error('boom');
    expect(() =>
      StreamingContext.getOrCreate('/nowhere', () => {
        throw boom;
      }),
    ).toThrow(boom);
  });

  it('is what getActiveOrCreate does with a directory, unless a context is active', async () => {
    await within(async (directory) => {
      const first = StreamingContext.getActiveOrCreate(directory, made);
      await first.start();
      expect(StreamingContext.getActiveOrCreate(directory, made)).toBe(first);
      expect(readdirSync(directory)).toContain('run.json');
      await first.stop();
    });
  });
});

describe('checkpoint(directory)', () => {
  it('is the option checkpointDir, and null is none', async () => {
    await within(async (directory) => {
      const { ssc } = context({ checkpointDir: join(directory, 'option') });
      ssc.queueStream([[1]]).print();
      ssc.checkpoint(null);
      ssc.checkpoint(join(directory, 'call'));
      await ssc.start();
      expect(readdirSync(directory)).toEqual(['call']);
      expect(() => ssc.checkpoint(directory)).toThrow(
        expect.objectContaining({ code: 'ERR_MILLRACE_ALREADY_STARTED' }),
      );
      await ssc.stop();
    });
  });

  it('refuses what is no text', () => {
    expect(() => context().ssc.checkpoint(7 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_BAD_OPTION' }),
    );
  });
});

describe('stop', () => {
  it('that an output awaits does not wait for that output, graceful or not', async () => {
    const saw = [
      [true, { drained: false, stuckThreads: [] }],
      [false, expect.anything()],
    ] as const;
    for (const [graceful, report] of saw) {
      const { ssc, clock } = context();
      const seen: unknown[] = [];
      ssc.queueStream([[1], [2]]).foreachBatch(async (batch) => {
        await Promise.resolve();
        seen.push(...batch.toArray(), await ssc.stop({ graceful }));
      });
      await ssc.start();
      clock.advance(500);
      await ssc.awaitTermination();
      expect(ssc.state).toBe('stopped');
      expect(seen[0]).toBe(1);
      expect(seen[1] ?? 'ended before').toEqual(report);
    }
  });

  it('of another context is waited for in an output as anywhere else', async () => {
    const [one, two] = [context(), context()];
    two.ssc.queueStream([[1]]).print();
    one.ssc.queueStream([[1]]).foreachBatch(async () => {
      expect(await two.ssc.stop({ graceful: true })).toMatchObject({ drained: true });
      void one.ssc.stop();
    });
    await two.ssc.start();
    await one.ssc.start();
    one.clock.advance(500);
    await one.ssc.awaitTermination();
    expect([one.ssc.state, two.ssc.state]).toEqual(['stopped', 'stopped']);
  });

  it('may be called again and again, and gives the same report', async () => {
    const { ssc } = context();
    ssc.queueStream([[1]]).print();
    await ssc.start();
    const reports = await Promise.all([ssc.stop({ graceful: true }), ssc.stop({ graceful: true })]);
    expect(reports[0]).toEqual(reports[1]);
    expect(await ssc.stop()).toEqual(reports[0]);
  });
});

it('ten contexts run side by side, each on its own clock', async () => {
  const all = Array.from({ length: 10 }, (_, n) => {
    const { ssc, clock } = context();
    ssc
      .queueStream([[n]])
      .transform((batch) => batch.map((each) => each * 10))
      .collectAs('out');
    return { ssc, clock };
  });
  for (const { ssc } of all) await ssc.start();
  const values = await Promise.all(
    all.map(async ({ ssc, clock }) => {
      const results = ssc.results<number>('out');
      clock.advance(500);
      const { value } = await results.next();
      return value.values[0];
    }),
  );
  expect(values).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
  for (const { ssc } of all) await ssc.stop();
  expect(StreamingContext.getActive()).toBeUndefined();
});
