/** When outputs are committed, in which order, and what becomes of commits that fail or take long. */
import { describe, expect, it } from 'vitest';
import type { TaskEvent } from '../../../src/actors/task.ts';
import { Outbox } from '../../../src/dstream/run/outbox.ts';
import { Patience } from '../../../src/dstream/run/patience.ts';
import { SinkCommits } from '../../../src/dstream/run/sink-commits.ts';
import { withinTimeOf } from '../../../src/dstream/run/user-promise.ts';
import { MemoryDisk } from '../../../src/env/memory-disk.ts';
import { VirtualClock } from '../../../src/env/virtual-clock.ts';
import type { Sink } from '../../../src/plan/sink.ts';

const TIMEOUT_MS = 1000;

class Bench {
  readonly clock = new VirtualClock();
  readonly outbox = new Outbox();
  readonly told: TaskEvent[] = [];
  /** What was asked of the sink. */
  readonly calls: string[] = [];
  readonly commits: SinkCommits;

  constructor(
    sink: Pick<Sink<unknown>, 'holds' | 'commit'>,
    options: { maxPendingBytes?: number; retryForMs?: number } = {},
  ) {
    const env = {
      clock: this.clock,
      disk: new MemoryDisk(),
      random: () => 0,
      defer: (run: () => void) => void this.clock.after(0, run),
    };
    this.commits = new SinkCommits({
      sink: {
        holds: () => {
          this.calls.push('holds');
          return sink.holds?.();
        },
        commit: (id, output) => {
          this.calls.push(`commit ${id}`);
          return sink.commit!(id, output);
        },
      },
      outbox: this.outbox,
      clock: this.clock,
      within: withinTimeOf({ env, asyncTimeoutMs: TIMEOUT_MS }),
      patience: new Patience({
        clock: this.clock,
        what: 'commits of out',
        report: (event) => void this.told.push(event),
      }),
      maxPendingBytes: options.maxPendingBytes ?? 1000,
      retryForMs: options.retryForMs ?? 60_000,
    });
  }

  /** Time passes, and what waits goes on. */
  async pass(ms: number): Promise<void> {
    for (let n = 0; n < 10; n++) {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      this.clock.advance(ms / 10);
    }
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
}

describe('what counts is committed', () => {
  it('I1: oldest first, and nothing that does not count', async () => {
    const outputs: unknown[] = [];
    const bench = new Bench({
      commit: (_, output) => void outputs.push(output),
    });
    for (const id of [3, 5, 8]) bench.outbox.add(id, [`rows of ${id}`], []);
    await bench.commits.durable(5);
    expect(bench.calls).toEqual(['holds', 'commit 3', 'commit 5']);
    expect(outputs).toEqual([['rows of 3'], ['rows of 5']]);
    expect(bench.commits.durable(7)).toBeUndefined();
    await bench.commits.durable(9);
    expect(bench.calls).toEqual(['holds', 'commit 3', 'commit 5', 'commit 8']);
  });

  it('I2: what the target holds is passed over, and the target is asked once a life', async () => {
    const bench = new Bench({ holds: () => 5, commit: () => {} });
    for (const id of [3, 5, 8]) bench.outbox.add(id, [id], []);
    await bench.commits.durable(8);
    expect(bench.calls).toEqual(['holds', 'commit 8']);
    expect(bench.outbox.kept).toEqual([]);
  });

  it('a sink that gave nothing is asked nothing', () => {
    const bench = new Bench({ commit: () => {} });
    expect(bench.commits.durable(8)).toBeUndefined();
    expect(bench.calls).toEqual([]);
  });

  it('files that have their names are let go', () => {
    const clock = new VirtualClock();
    const outbox = new Outbox();
    outbox.add(4, undefined, [{ from: 'a', to: 'b' }]);
    const commits = new SinkCommits({
      sink: {},
      outbox,
      clock,
      within: (promise) => Promise.resolve(promise),
      patience: new Patience({ clock, what: '', report: () => {} }),
      maxPendingBytes: 1,
      retryForMs: 1,
    });
    commits.durable(3);
    expect(outbox.kept).toHaveLength(1);
    commits.durable(4);
    expect(outbox.kept).toEqual([]);
  });
});

describe('a commit that fails', () => {
  it('I2: is tried again behind a look at the target, with longer and longer waits, and told of once', async () => {
    let failures = 4;
    const bench = new Bench({
      commit: () => {
        if (failures-- > 0) throw new Error('connection refused');
      },
    });
    bench.outbox.add(1, ['a'], []);
    bench.outbox.add(2, ['b'], []);
    const done = bench.commits.durable(2);
    await bench.pass(3000);
    await done;
    expect(bench.calls).toEqual([
      ...Array.from({ length: 5 }, () => ['holds', 'commit 1']).flat(),
      'commit 2',
    ]);
    expect(bench.told).toMatchObject([
      { type: 'degraded', what: 'commits of out', error: { message: 'connection refused' } },
      { type: 'recovered', what: 'commits of out' },
    ]);
  });

  it('I2: and took place all the same is not made again', async () => {
    let held: number | undefined;
    const bench = new Bench({
      holds: () => held,
      commit: (id) => {
        held = id;
        throw new Error('the connection was lost');
      },
    });
    bench.outbox.add(1, ['a'], []);
    const done = bench.commits.durable(1);
    await bench.pass(300);
    await done;
    expect(bench.calls).toEqual(['holds', 'commit 1', 'holds']);
  });

  it('that takes longer than asyncTimeoutMs is uncertain, so the target is asked', async () => {
    let held: number | undefined;
    let late: (() => void) | undefined;
    const bench = new Bench({
      holds: () => held,
      commit: (id) =>
        new Promise<void>((resolve) => {
          late = () => {
            held = id;
            resolve();
          };
        }),
    });
    bench.outbox.add(1, ['a'], []);
    const done = bench.commits.durable(1);
    await bench.pass(TIMEOUT_MS + 10);
    late!();
    await bench.pass(200);
    await done;
    expect(bench.calls).toEqual(['holds', 'commit 1', 'holds']);
  });

  it('for as long as retryForMs fails the task, and what is kept stays kept', async () => {
    const bench = new Bench(
      {
        commit: () => {
          throw new Error('no such table');
        },
      },
      { retryForMs: 2000 },
    );
    bench.outbox.add(1, ['a'], []);
    const failed = bench.commits.durable(1)!.catch((error: unknown) => error);
    await bench.pass(6000);
    expect(await failed).toMatchObject({ message: 'no such table' });
    expect(bench.outbox.kept).toHaveLength(1);
  });

  it('is left to the successor when the life ends', async () => {
    const bench = new Bench({
      commit: () => {
        throw new Error('connection refused');
      },
    });
    bench.outbox.add(1, ['a'], []);
    void bench.commits.durable(1);
    await bench.pass(50);
    bench.commits.close();
    const { length } = bench.calls;
    await bench.pass(10_000);
    expect(bench.calls).toHaveLength(length);
  });
});

describe('the stream is held back', () => {
  it('I3: while more than maxPendingBytes wait for commits, and no longer', async () => {
    let go!: () => void;
    const bench = new Bench(
      { commit: () => new Promise<void>((resolve) => (go = resolve)) },
      { maxPendingBytes: 1500 },
    );
    bench.outbox.add(1, ['x'.repeat(1000)], []);
    void bench.commits.durable(1);
    expect(bench.commits.waiting()).toBeUndefined();
    bench.outbox.add(2, ['x'.repeat(1000)], []);
    const waiting = bench.commits.waiting();
    let isOpen = false;
    void waiting!.then(() => (isOpen = true));
    await bench.pass(100);
    expect(isOpen).toBe(false);
    go();
    await bench.pass(100);
    expect(isOpen).toBe(true);
    expect(bench.commits.waiting()).toBeUndefined();
  });

  it('I3: but not by what does not count yet, which may need another barrier of this task', () => {
    const bench = new Bench({ commit: () => {} });
    bench.outbox.add(1, ['x'.repeat(5000)], []);
    expect(bench.commits.waiting()).toBeUndefined();
  });
});
