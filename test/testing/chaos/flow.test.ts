/** Claims about how things went over time: what is flat, what paused, who was held back. */
import { describe, expect, it } from 'vitest';
import { heldBack, memoryFlat, neverPauses, threadsFlat } from '../../../src/testing/chaos/flow.ts';
import { NumberedServer } from '../../../src/testing/chaos/numbered-server.ts';
import type { Observed, Sample } from '../../../src/testing/chaos/observed.ts';
import { Output } from '../../../src/testing/chaos/output.ts';

const MIB = 1 << 20;
const RUN_MS = 60_000;

/** A sample each 100 ms of a minute. */
function observed(
  sampleAt: (atMs: number) => Partial<Sample>,
  more: Partial<Observed> = {},
): Observed {
  const samples = Array.from({ length: RUN_MS / 100 }, (_, n) => {
    const { bytes = 0, threads = 0 } = sampleAt(n * 100);
    return { atMs: n * 100, bytes, threads };
  });
  return {
    samples,
    durationMs: RUN_MS,
    quietMs: RUN_MS,
    faults: [],
    ...more,
  } as unknown as Observed;
}

const flat = { withinPercent: 20, fromMs: undefined, untilMs: undefined };
const restarts = (n: number): Partial<Observed> => ({ metrics: { restarts: n } as never });

describe('memory is flat', () => {
  it('although it rises in the first third, and goes up and down with collections', () => {
    const judged = memoryFlat(
      flat,
      observed((atMs) => ({
        bytes: (Math.min(atMs, 15_000) / 100 + 200 + ((atMs / 100) % 40)) * MIB,
      })),
    );
    expect(judged).toMatchObject({ ok: true });
  });

  it('not with a ring of 2 MiB that stays behind at each of 300 deaths', () => {
    const judged = memoryFlat(
      flat,
      observed((atMs) => ({ bytes: (300 + (2 * atMs) / 200) * MIB }), restarts(300)),
    );
    expect(judged).toMatchObject({ ok: false });
    expect(judged.found).toMatch(/2\.00 MiB a recovery$/);
  });

  it('not when it rises in one step that stays', () => {
    const judged = memoryFlat(
      flat,
      observed((atMs) => ({ bytes: (atMs < 40_000 ? 300 : 400) * MIB })),
    );
    expect(judged).toMatchObject({ ok: false });
  });

  it('not when medians hide a rise at the end', () => {
    const judged = memoryFlat(
      flat,
      observed((atMs) => ({ bytes: (atMs < 52_000 ? 300 : 300 + (atMs - 52_000) / 20) * MIB })),
    );
    expect(judged.found).toMatch(/\(0\.0 %\)/);
    expect(judged).toMatchObject({ ok: false });
  });

  it('whatever the end takes, when faults are over', () => {
    const judged = memoryFlat(
      flat,
      observed((atMs) => ({ bytes: (atMs < 55_000 ? 300 : 700) * MIB }), { quietMs: 55_000 }),
    );
    expect(judged).toMatchObject({ ok: true });
  });

  it('in the window that is given', () => {
    const rising = observed((atMs) => ({ bytes: (atMs < 40_000 ? 300 : 600) * MIB }));
    expect(memoryFlat({ ...flat, fromMs: 5000, untilMs: 35_000 }, rising)).toMatchObject({
      ok: true,
    });
    expect(memoryFlat({ ...flat, fromMs: 5000, untilMs: 5100 }, rising)).toMatchObject({
      ok: false,
      found: 'too few samples',
    });
  });
});

describe('threads are flat', () => {
  const faults = [{ doneMs: 10_000 }] as never;
  it('when as many are there in the end as before the first fault, whatever was between', () => {
    const judged = threadsFlat(
      observed((atMs) => ({ threads: atMs > 10_000 && atMs < 50_000 ? 25 : 20 }), { faults }),
    );
    expect(judged).toEqual(expect.objectContaining({ ok: true, found: '20, in the end 20' }));
  });

  it('not when one is left', () => {
    const judged = threadsFlat(
      observed((atMs) => ({ threads: atMs > 10_000 ? 21 : 20 }), { faults }),
    );
    expect(judged).toMatchObject({ ok: false });
  });
});

describe('a server never pauses', () => {
  const server = new NumberedServer({ keys: 2 });
  const judge = (batches: readonly number[]): { readonly ok: boolean; readonly found: string } => {
    const output = new Output('records', [server]);
    let n = 0;
    for (const count of batches)
      output.add(Array.from({ length: count }, () => server.record(n++)));
    return neverPauses(server, 'records', {
      outputs: new Map([['records', output]]),
      served: new Map([[server, n]]),
    } as unknown as Observed);
  };

  it('when each whole batch has some of its records', () => {
    expect(judge([0, 3, 100, 90, 110, 40, 100, 2, 0])).toMatchObject({ ok: true });
  });

  it('but not when one has none, or next to none', () => {
    expect(judge([3, 100, 100, 0, 200, 2])).toMatchObject({ ok: false });
    expect(judge([3, 100, 100, 20, 180, 2])).toMatchObject({
      ok: false,
      found: '4 batches of usually 100 records, at least 20',
    });
  });
});

it('a server is held back when it came to be behind its rate', () => {
  const [slow, other] = [new NumberedServer(), new NumberedServer({ name: 'b:' })];
  const seen = {
    behind: [
      [0, 5],
      [1200, 30],
      [80, 10],
    ],
    served: new Map([
      [slow, 1],
      [other, 1],
    ]),
  } as unknown as Observed;
  expect(heldBack({ atLeastMs: 1000, server: slow }, seen)).toMatchObject({
    ok: true,
    found: '1200 ms',
  });
  expect(heldBack({ atLeastMs: 1000, server: other }, seen)).toMatchObject({ ok: false });
  expect(heldBack({ atLeastMs: 1000, server: undefined }, seen)).toMatchObject({ ok: true });
});
