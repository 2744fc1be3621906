/** What a source with a log promises to those who hand records over, and what it does while the disk refuses. */
import { describe, expect, it } from 'vitest';
import { Receiver } from '../../src/dstream/receiver.ts';
import type { MemoryDisk } from '../../src/env/memory-disk.ts';
import { simEnv, type SimEnv } from '../../src/env/sim.ts';
import { InputSource } from '../../src/io/input.ts';
import { ReceiverSource } from '../../src/io/receiver-source.ts';
import { RecordsSource } from '../../src/io/records-source.ts';
import { SourceHost } from '../../src/io/source-host.ts';
import type { Source } from '../../src/io/source.ts';
import { openSourceLog } from '../../src/log/source-log.ts';
import { barrier, TestEdge } from './_edges.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Hosted {
  readonly host: SourceHost;
  readonly edges: readonly TestEdge[];
  readonly told: string[];
  readonly states: string[];
}

function hosted(
  env: SimEnv,
  source: Source,
  {
    start = 0,
    edges = [new TestEdge(1 << 16)],
    isWrittenAhead = true,
    isOnce = false,
    maxRate = Infinity,
  }: {
    start?: number;
    edges?: readonly TestEdge[];
    isWrittenAhead?: boolean;
    isOnce?: boolean;
    maxRate?: number;
  } = {},
): Hosted {
  const told: string[] = [];
  const states: string[] = [];
  env.disk.makeDirectory('/log');
  const host = new SourceHost(
    env,
    [
      {
        id: 0,
        name: 'source at job.ts:1:1',
        source,
        edges: edges.map((edge) => edge.writer),
        notePath: '/log/source.begun',
        maxRate,
        log: {
          start,
          isWrittenAhead,
          isOnce,
          open: (events) =>
            openSourceLog({
              disk: env.disk,
              clock: env.clock,
              directory: '/log/source',
              start,
              ...events,
            }),
        },
      },
    ],
    {
      onPut: (_, number) => told.push(`put ${number}`),
      onRelief: () => told.push('relief'),
      onState: (_, state, { error }) =>
        states.push(error === undefined ? state : `${state}: ${(error as Error).message}`),
      onEvent: (_, event) =>
        told.push(event.type === 'possibleGap' ? `gap: ${event.detail}` : event.type),
      onFailure: (_, error) => {
        throw error;
      },
    },
  );
  host.open();
  return { host, edges, told, states };
}

/** Syncs of the disk end when the test says so. */
function slowSyncs(disk: MemoryDisk): { end(): void; readonly waiting: number } {
  let waiting: (() => void)[] = [];
  disk.slow = () => new Promise((resolve) => waiting.push(() => resolve(undefined)));
  return {
    end: () => {
      for (const resolve of waiting.splice(0)) resolve();
    },
    get waiting() {
      return waiting.length;
    },
  };
}

async function settle(env: SimEnv, ms = 50): Promise<void> {
  for (let n = 0; n < 10; n++) {
    env.clock.advance(ms / 10);
    await turn();
  }
}

class Manual extends Receiver<string> {
  override onStart(): void {}
}

describe('records are acknowledged', () => {
  it('when they are synced, and wait for no barrier', async () => {
    const env = simEnv(1);
    const syncs = slowSyncs(env.disk);
    const receiver = new Manual();
    hosted(env, new ReceiverSource({ make: () => receiver, streamId: 0, blockIntervalMs: 200 }));
    const order: string[] = [];
    void receiver
      .store(['a', 'b'], { ack: () => order.push('ack') })
      .then(() => order.push('settled'));
    await settle(env);
    expect(order, 'on the edge, not synced').toEqual([]);
    while (syncs.waiting > 0) {
      syncs.end();
      await settle(env);
    }
    expect(order).toEqual(['ack', 'settled']);
  });

  it('as pushed ones when asked to; else as soon as they are on an edge', async () => {
    const env = simEnv(1);
    const syncs = slowSyncs(env.disk);
    const input = new InputSource();
    const { edges } = hosted(env, input);
    const order: string[] = [];
    void input.push(['durable'], true).then(() => order.push('durable'));
    void input.push(['quick']).then(() => order.push('quick'));
    await settle(env);
    expect(order).toEqual(['quick']);
    expect(edges[0]!.read().rows).toEqual(['durable', 'quick']);
    while (syncs.waiting > 0) {
      syncs.end();
      await settle(env);
    }
    expect(order).toEqual(['quick', 'durable']);
  });

  it('on an edge, without a log', async () => {
    const env = simEnv(1);
    const input = new InputSource();
    const edge = new TestEdge();
    const host = new SourceHost(env, [{ id: 0, name: 's', source: input, edges: [edge.writer] }], {
      onPut() {},
      onRelief() {},
      onState() {},
      onEvent() {},
      onFailure() {},
    });
    host.open();
    await input.push(['a'], true);
    expect(edge.read().rows).toEqual(['a']);
  });

  it('or refused when the run ends before', async () => {
    const env = simEnv(1);
    slowSyncs(env.disk);
    const input = new InputSource();
    const { host } = hosted(env, input);
    const push = input.push(['a'], true);
    host.abandon();
    await expect(push).rejects.toMatchObject({ code: 'ERR_MILLRACE_STOPPED' });
  });

  it('before a graceful stop is over', async () => {
    const env = simEnv(1);
    const syncs = slowSyncs(env.disk);
    const input = new InputSource();
    const { host } = hosted(env, input);
    const order: string[] = [];
    void input.push(['a'], true).then(() => order.push('pushed'));
    void host.stopIntake().then(() => order.push('stopped'));
    for (let n = 0; n < 5; n++) {
      await settle(env);
      syncs.end();
    }
    await settle(env);
    expect(order).toEqual(['pushed', 'stopped']);
  });
});

describe('a barrier', () => {
  it('is put when its cut is synced; what is offered meanwhile lies behind it', async () => {
    const env = simEnv(1);
    const syncs = slowSyncs(env.disk);
    const input = new InputSource();
    const { host, edges, told } = hosted(env, input);
    void input.push(['a']);
    host.cut(barrier(1));
    void input.push(['b']);
    await settle(env);
    expect(told).toEqual([]);
    expect(edges[0]!.read().seen).toEqual([{ rows: ['a'] }]);
    while (syncs.waiting > 0) {
      syncs.end();
      await settle(env);
    }
    expect(told).toEqual(['put 1']);
    expect(edges[0]!.read().seen.slice(1)).toEqual([{ barrier: 1 }, { rows: ['b'] }]);
  });

  it('that nobody sees waits for no sync', async () => {
    const env = simEnv(1);
    slowSyncs(env.disk);
    const { host, told } = hosted(env, new InputSource());
    host.cut(barrier(1, { batch: false, point: false }));
    expect(told).toEqual(['put 1']);
  });

  it('that a process before has recorded is told, as an ordinary one is cut again', async () => {
    const env = simEnv(1);
    const input = new InputSource();
    const { host } = hosted(env, input);
    void input.push(['a']);
    host.cut(barrier(1));
    void input.push(['b']);
    await settle(env);
    host.cut(barrier(2, { last: true }));
    await settle(env);
    const again = hosted(env, new InputSource());
    expect(again.host.recorded()).toEqual([barrier(1), barrier(2, { last: true })]);
    again.host.cut(barrier(1));
    again.host.cut(barrier(2));
    again.host.cut(barrier(3));
    await settle(env);
    expect(again.edges[0]!.read().seen).toEqual([
      { rows: ['a'] },
      { barrier: 1 },
      { rows: ['b'] },
      { barrier: 2 },
      { barrier: 3 },
    ]);
    expect(again.told).toEqual(['put 1', 'put 2', 'put 3']);
  });
});

describe('a disk that refuses', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });

  it.each(['append', 'sync'] as const)(
    'every %s for a while: nothing is taken in nor acknowledged, and it goes on by itself',
    async (operation) => {
      const env = simEnv(1);
      const input = new InputSource();
      const { host, edges, states, told } = hosted(env, input);
      await input.push(['before'], true);
      let isFull = true;
      env.disk.fault = (each) => (isFull && each === operation ? full : undefined);
      const order: string[] = [];
      void input.push(['durable'], true).then(() => order.push('durable'));
      host.cut(barrier(1));
      void input.push(['behind']).then(() => order.push('behind'));
      await settle(env, 5000);
      expect(order).toEqual([]);
      expect(told, 'no barrier').toEqual([]);
      expect(states.at(-1)).toBe('degraded: ENOSPC: no space left on device');
      isFull = false;
      await settle(env, 5000);
      expect(states.at(-1)).toBe('connected');
      expect(states.filter((state) => state.startsWith('degraded'))).toHaveLength(1);
      expect(order.toSorted()).toEqual(['behind', 'durable']);
      expect(edges[0]!.read().rows.toSorted()).toEqual(['before', 'behind', 'durable']);
      expect(told).toEqual(['put 1']);
      // And all of it is in the log.
      const again = hosted(env, new InputSource());
      again.host.cut(barrier(1));
      await settle(env);
      expect(again.edges[0]!.read().rows.toSorted()).toEqual(['before', 'behind', 'durable']);
    },
  );
});

describe('after a restart of the process', () => {
  it('a possible gap is told of once, where single records may have been on their way', async () => {
    const env = simEnv(1);
    const source = (receiver: Manual): ReceiverSource =>
      new ReceiverSource({ make: () => receiver, streamId: 0, blockIntervalMs: 10 });
    const first = new Manual();
    const { told } = hosted(env, source(first));
    first.store('a');
    await settle(env);
    const second = new Manual();
    const again = hosted(env, source(second));
    second.store('b');
    second.store('c');
    await settle(env);
    const gaps = (all: string[]): string[] => all.filter((each) => each.startsWith('gap'));
    expect(gaps(told)).toEqual([]);
    expect(gaps(again.told)).toEqual([
      expect.stringContaining('single records that had been stored shortly before may be lost'),
    ]);
    expect(again.edges[0]!.read().rows).toEqual(['a', 'b', 'c']);
  });

  it('without a write-ahead log what came behind the checkpoint is lost, and told; cuts are the same', async () => {
    const env = simEnv(1);
    const input = new InputSource();
    const { host } = hosted(env, input, { isWrittenAhead: false });
    void input.push(['a']);
    host.cut(barrier(1));
    await settle(env);
    void input.push(['b']);
    host.cut(barrier(2));
    await settle(env);
    const next = new InputSource();
    const again = hosted(env, next, { start: 1, isWrittenAhead: false });
    again.host.cut(barrier(2));
    await settle(env);
    void next.push(['c']);
    await settle(env);
    expect(again.edges[0]!.read().seen).toEqual([{ barrier: 2 }, { rows: ['c'] }]);
    expect(again.told.toSorted()).toEqual([
      expect.stringContaining('gap: the process was started again; what came after the newest'),
      'put 2',
    ]);
  });

  it('nothing is sent twice of a source that may not, whatever is lost by that', async () => {
    const env = simEnv(1);
    const edges = (): TestEdge[] => [new TestEdge(1 << 16), new TestEdge(1 << 16)];
    const at = (n: number): number => n;
    const source = (count: number): RecordsSource => new RecordsSource({ at, count });
    const first = hosted(env, source(100), { edges: edges(), isOnce: true });
    await settle(env);
    first.host.cut(barrier(1));
    await settle(env);
    const second = hosted(env, source(150), { edges: edges(), isOnce: true });
    second.host.cut(barrier(1));
    await settle(env);
    // It dies before its first cut.
    const third = hosted(env, source(160), { edges: edges(), isOnce: true });
    await settle(env);
    const rows = (life: Hosted): unknown[] => life.edges.flatMap((edge) => edge.read().rows);
    expect([first, second, third].map((life) => rows(life).length)).toEqual([100, 50, 10]);
    expect(rows(third)).toEqual(Array.from({ length: 10 }, (_, n) => 150 + n));
    expect(second.edges[0]!.barriers).toEqual([1]);
  });

  it('a rate does not hold for what is sent again', async () => {
    const env = simEnv(1);
    const at = (n: number): number => n;
    const source = (): RecordsSource => new RecordsSource({ at, count: 1000, rate: 500 });
    const first = hosted(env, source(), { maxRate: 400 });
    for (let n = 0; n < 40; n++) await settle(env, 50);
    first.host.cut(barrier(1));
    await settle(env);
    const sent = first.edges[0]!.read().rows.length;
    expect(sent).toBeGreaterThan(500);
    const again = hosted(env, source(), { maxRate: 400 });
    again.host.cut(barrier(1));
    await settle(env, 20);
    expect(again.edges[0]!.read().rows.length).toBeGreaterThanOrEqual(sent);
    expect(again.edges[0]!.rows.length).toBeLessThan(sent + 20);
    expect(again.edges[0]!.barriers).toEqual([1]);
    for (let n = 0; n < 20; n++) await settle(env, 50);
    const all = again.edges[0]!.read().rows.length;
    expect(all - sent, 'in a second').toBeLessThanOrEqual(450);
    expect(all - sent).toBeGreaterThan(200);
  });

  it('a source that is new in the job begins behind the start', async () => {
    const env = simEnv(1);
    const input = new InputSource();
    const { host } = hosted(env, input, { start: 7 });
    void input.push(['a']);
    host.cut(barrier(8));
    await settle(env);
    const again = hosted(env, new InputSource(), { start: 7 });
    expect(again.host.recorded()).toEqual([barrier(8)]);
    again.host.cut(barrier(8));
    await settle(env);
    expect(again.edges[0]!.read().seen).toEqual([{ rows: ['a'] }, { barrier: 8 }]);
  });

  it('nothing is kept that no checkpoint needs', async () => {
    const env = simEnv(1);
    const input = new InputSource();
    const { host } = hosted(env, input);
    for (let n = 1; n <= 3; n++) {
      void input.push([n]);
      host.cut(barrier(n));
      await settle(env);
    }
    host.trim(2);
    await settle(env);
    const again = hosted(env, new InputSource(), { start: 2 });
    again.host.cut(barrier(3));
    await settle(env);
    expect(again.edges[0]!.read().rows).toEqual([3]);
  });
});
