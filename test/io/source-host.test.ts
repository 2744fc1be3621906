import { describe, expect, it } from 'vitest';
import { simEnv } from '../../src/env/sim.ts';
import { InputSource } from '../../src/io/input.ts';
import { BatchListSource, QueueSource } from '../../src/io/queue-stream.ts';
import { SourceHost } from '../../src/io/source-host.ts';
import type { PulledBatch, Source, SourceContext } from '../../src/io/source.ts';
import { barrier, TestEdge } from './_edges.ts';
import { ListEdge } from './_list-edge.ts';

const NOTHING = new Uint8Array(0);

/** A push source in the hands of the test. */
class Pushed implements Source {
  context!: SourceContext;
  opened = 0;
  resumed = 0;
  closed = 0;
  onOpen: () => void = () => {};
  onResume: () => void = () => {};
  #position = 0;

  open(context: SourceContext): void {
    this.context = context;
    this.opened++;
    this.onOpen();
  }

  send(text: string): boolean {
    const bytes = Buffer.from(text);
    const isSent = this.context.sendText(bytes, NOTHING, this.#position + bytes.length);
    if (isSent) this.#position += bytes.length;
    return isSent;
  }

  resume(): void {
    this.resumed++;
    this.onResume();
  }

  close(): void {
    this.closed++;
  }
}

/** A pull source whose batches come when the test gives them. */
class Slow implements Source {
  readonly asked: number[] = [];
  readonly waiting: { resolve: (batch: PulledBatch) => void; reject: (error: Error) => void }[] =
    [];
  open(): void {}
  pull(time: number): Promise<PulledBatch> {
    this.asked.push(time);
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }
  close(): void {}
}

function host(sources: readonly { source: Source; edges: readonly TestEdge[] }[], startMs = 0) {
  const env = simEnv(1, startMs);
  const log: string[] = [];
  const states: { source: number; state: string; error?: unknown; retryInMs?: number }[] = [];
  const failures: unknown[] = [];
  const started = new SourceHost(
    env,
    sources.map(({ source, edges }, id) => ({
      id,
      name: `source ${id} at job.ts:${id}:1`,
      source,
      edges: edges.map((edge) => edge.writer),
    })),
    {
      onPut: (source, number) => log.push(`put ${source} ${number}`),
      onRelief: (source) => log.push(`relief ${source}`),
      onState: (source, state, detail) => states.push({ source, state, ...detail }),
      onEvent: (source, event) => log.push(`${event.type} ${source}`),
      onFailure: (_, error) => failures.push(error),
    },
  );
  started.open();
  return { host: started, env, log, states, failures };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('barriers', () => {
  it('I1: lie behind what was sent before, on every edge', () => {
    const edges = [new TestEdge(), new TestEdge()];
    const source = new Pushed();
    const { host: started, log } = host([{ source, edges }]);
    source.send('a\n');
    started.cut(barrier(1));
    source.send('b\n');
    started.cut(barrier(2, { point: false }));
    expect(edges[0]!.read().seen).toEqual([
      { text: 'a\n' },
      { barrier: 1 },
      { text: 'b\n' },
      { barrier: 2 },
    ]);
    expect(edges[1]!.read().seen).toEqual([{ barrier: 1 }, { barrier: 2 }]);
    expect(log).toEqual(['put 0 1', 'put 0 2']);
  });

  it('I1: stay in order behind a slow pull, and other sources do not wait', async () => {
    const slowEdge = new TestEdge();
    const quickEdge = new TestEdge();
    const slow = new Slow();
    const { host: started, log } = host([
      { source: slow, edges: [slowEdge] },
      { source: new Pushed(), edges: [quickEdge] },
    ]);
    started.cut(barrier(1));
    started.cut(barrier(2, { batch: false }));
    started.cut(barrier(3));
    expect(log).toEqual(['put 1 1', 'put 1 2', 'put 1 3']);
    expect(slow.asked).toEqual([1000]);
    slow.waiting[0]!.resolve({ partitions: [['x']] });
    await turn();
    expect(slow.asked, 'asked at batch barriers only').toEqual([1000, 3000]);
    slow.waiting[1]!.resolve({ partitions: undefined });
    await turn();
    expect(slowEdge.read().seen).toEqual([
      { rows: ['x'] },
      { barrier: 1 },
      { barrier: 2 },
      { barrier: 3, absent: true },
    ]);
    expect(log.slice(3)).toEqual(['put 0 1', 'put 0 2', 'put 0 3']);
  });

  it('I2: that are cut again are not put again, and neither is their batch', () => {
    const edge = new TestEdge();
    const { host: started, log } = host([
      { source: new QueueSource([['a'], ['b']]), edges: [edge] },
    ]);
    started.cut(barrier(1));
    started.cut(barrier(1));
    started.cut(barrier(2));
    expect(edge.read().seen).toEqual([
      { rows: ['a'] },
      { barrier: 1 },
      { rows: ['b'] },
      { barrier: 2 },
    ]);
    expect(log, 'a new coordinator hears of it').toEqual(['put 0 1', 'put 0 1', 'put 0 2']);
  });

  it('wait for the sources to be opened', () => {
    const edge = new TestEdge();
    const started = new SourceHost(
      simEnv(1),
      [{ id: 0, name: 'q', source: new QueueSource([['a']]), edges: [edge.writer] }],
      { onPut() {}, onRelief() {}, onState() {}, onEvent() {}, onFailure() {} },
    );
    started.cut(barrier(1));
    expect(edge.read().seen).toEqual([]);
    started.open();
    expect(edge.read().seen).toEqual([{ rows: ['a'] }, { barrier: 1 }]);
  });
});

describe('partitions', () => {
  it('of a pulled batch go to the edge with their number; a missing batch is marked on each', () => {
    const edges = [new TestEdge(), new TestEdge()];
    const { host: started } = host([
      { source: new BatchListSource([[1, 2, 3], null], 1000), edges },
    ]);
    for (const number of [1, 2, 3]) started.cut(barrier(number));
    expect(edges[0]!.read().seen).toEqual([
      { rows: [1] },
      { barrier: 1 },
      { barrier: 2, absent: true },
      { barrier: 3 },
    ]);
    expect(edges[1]!.read().seen).toEqual([
      { rows: [2, 3] },
      { barrier: 1 },
      { barrier: 2, absent: true },
      { barrier: 3 },
    ]);
  });

  it('leave a load that one consumer keeps up with to that one', () => {
    const edges = [new TestEdge(1 << 22), new TestEdge(1 << 22)];
    const source = new Pushed();
    host([{ source, edges }]);
    const line = `${'x'.repeat(1023)}\n`;
    const lengths = (): number[] => edges.map((edge) => edge.read().text.length);
    for (let n = 0; n < 1024; n++) {
      source.send(line);
      if (n % 100 === 99) edges[0]!.read();
    }
    expect(lengths()).toEqual([1 << 20, 0]);
    // Now it reads nothing more: what it can't take in goes to the other.
    for (let n = 0; n < 300; n++) source.send(line);
    const [stayed, moved] = lengths();
    expect(stayed! + moved!).toBe((1 << 20) + 300 * 1024);
    expect(moved).toBeGreaterThan(40 * 1024);
    expect(moved).toBeLessThan(64 * 1024);
  });

  it('of a heavy load get blocks by how far their consumers are behind', () => {
    const edges = [new TestEdge(1 << 22), new TestEdge(1 << 22), new TestEdge(1 << 22)];
    const source = new Pushed();
    host([{ source, edges }]);
    const block = `${'x'.repeat(99_999)}\n`;
    // The first consumer reads nothing, the second everything, the third every other time.
    for (let n = 0; n < 60; n++) {
      source.send(block);
      edges[1]!.read();
      if (n % 6 === 0) edges[2]!.read();
    }
    const sent = edges.map((edge) => edge.read().text.length / block.length);
    expect(sent.reduce((a, b) => a + b)).toBe(60);
    expect(sent[0]).toBeLessThanOrEqual(3);
    expect(sent[1]).toBeGreaterThan(sent[2]!);
  });

  it('that are full leave their blocks to the others', () => {
    const edges = [new TestEdge(1 << 16), new TestEdge(1 << 16)];
    const source = new Pushed();
    host([{ source, edges }]);
    let sent = 0;
    while (source.send(`${'x'.repeat(4095)}\n`)) sent++;
    expect(edges.every((edge) => edge.writer.unreadBytes >= 12_288)).toBe(true);
    expect(edges.map((edge) => edge.read().text.length).reduce((a, b) => a + b)).toBe(sent * 4096);
  });
});

describe('a full edge', () => {
  it('stops its source, which goes on when there is room', () => {
    const edge = new TestEdge(1 << 16);
    const source = new Pushed();
    const { host: started } = host([{ source, edges: [edge] }]);
    let sent = 0;
    const send = (): void => {
      while (sent < 100 && source.send(`${sent} ${'x'.repeat(2000)}\n`)) sent++;
    };
    source.onResume = send;
    send();
    expect(sent).toBeLessThan(100);
    let barriers = 0;
    while (sent < 100) {
      started.cut(barrier(++barriers));
      edge.read().hold();
      started.onHeld(barriers);
    }
    const numbers = edge
      .read()
      .text.split('\n')
      .slice(0, -1)
      .map((line) => Number(line.split(' ')[0]));
    expect(numbers).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  it('takes barriers all the same', () => {
    const edge = new TestEdge(1 << 16);
    const source = new Pushed();
    const { host: started, log } = host([{ source, edges: [edge] }]);
    while (source.send(`${'x'.repeat(999)}\n`)) edge.read();
    started.cut(barrier(1));
    expect(log.at(-1)).toBe('put 0 1');
  });

  it('asks for relief at half, once until a recovery point is held', () => {
    const edge = new TestEdge(1 << 16);
    const source = new Pushed();
    const { host: started, log } = host([{ source, edges: [edge] }]);
    const fill = (blocks: number): void => {
      for (let n = 0; n < blocks; n++) {
        source.send(`${'x'.repeat(999)}\n`);
        edge.read();
      }
    };
    fill(30);
    expect(log).toEqual([]);
    fill(8);
    expect(log).toEqual(['relief 0']);
    started.cut(barrier(1));
    edge.read().hold();
    started.onHeld(1);
    expect(log).toEqual(['relief 0', 'put 0 1']);
    fill(38);
    expect(log.at(-1)).toBe('relief 0');
    // That point was cut before, and doesn't help.
    started.onHeld(1);
    expect(log.filter((each) => each === 'relief 0')).toHaveLength(3);
  });

  it('asks for relief when all that the source keeps is half full, or one edge nearly full', () => {
    const edges = [new TestEdge(1 << 16), new TestEdge(1 << 16)];
    const source = new Pushed();
    const { log } = host([{ source, edges }]);
    // The first edge's consumer is never behind, so all goes there.
    for (let n = 0; n < 45; n++) {
      source.send(`${'x'.repeat(999)}\n`);
      edges[0]!.read();
    }
    expect(log).toEqual([]);
    for (let n = 0; n < 6; n++) {
      source.send(`${'x'.repeat(999)}\n`);
      edges[0]!.read();
    }
    expect(log).toEqual(['relief 0']);
  });

  it('delays a pulled batch until earlier ones are held', async () => {
    const edge = new TestEdge(1 << 16);
    const rows = (batch: number): string[] =>
      Array.from({ length: 20 }, (_, n) => `${batch}-${n}-${'x'.repeat(1000)}`);
    const {
      host: started,
      log,
      failures,
    } = host([{ source: new QueueSource([rows(1), rows(2), rows(3)]), edges: [edge] }]);
    for (const number of [1, 2, 3]) started.cut(barrier(number));
    for (let held = 1; held <= 3; held++) {
      while (edge.barriers.at(-1) !== held) {
        edge.read(held);
        started.pump();
      }
      edge.hold();
      started.onHeld(held);
    }
    expect(failures).toEqual([]);
    expect(log.filter((each) => each.startsWith('put'))).toEqual(['put 0 1', 'put 0 2', 'put 0 3']);
    expect(edge.rows).toEqual([...rows(1), ...rows(2), ...rows(3)]);
  });

  it('I3: that a batch can never fit into is an error by name', () => {
    const edge = new TestEdge(1 << 16);
    const { host: started, failures } = host([
      {
        source: new QueueSource([Array.from({ length: 100 }, () => 'x'.repeat(1000))]),
        edges: [edge],
      },
    ]);
    started.cut(barrier(1));
    for (let n = 0; n < 50 && failures.length === 0; n++) {
      edge.read();
      started.pump();
    }
    expect(failures).toMatchObject([
      {
        code: 'ERR_MILLRACE_BATCH_TOO_LARGE',
        message: expect.stringMatching(/job\.ts:0:1.*retainBytes/),
      },
    ]);
  });
});

describe('a source that throws', () => {
  it('is closed and opened again after a while, and holds back no barrier', async () => {
    const edge = new TestEdge();
    const source = new Pushed();
    source.onOpen = () => {
      if (source.opened < 3) throw new Error(`no luck ${source.opened}`);
    };
    const { host: started, env, states, log } = host([{ source, edges: [edge] }]);
    for (const n of [1, 2]) {
      expect(states.at(-1)).toMatchObject({
        state: 'disconnected',
        error: { message: expect.stringContaining(`no luck ${n}`) },
      });
      started.cut(barrier(n));
      expect(log.at(-1)).toBe(`put 0 ${n}`);
      await turn();
      env.clock.advance(states.at(-1)!.retryInMs!);
    }
    expect([source.opened, source.closed]).toEqual([3, 2]);
    expect(source.send('a\n')).toBe(true);
  });

  it('I2: is not heard when it was closed', async () => {
    const edge = new TestEdge();
    const source = new Pushed();
    const { host: started, failures } = host([{ source, edges: [edge] }]);
    await started.stopIntake();
    expect(source.send('late\n')).toBe(false);
    source.context.fail(new Error('late'));
    expect(failures).toEqual([]);
  });

  it('while it pulls has an empty batch and is asked again', async () => {
    const edge = new TestEdge();
    const slow = new Slow();
    const { host: started, states } = host([{ source: slow, edges: [edge] }]);
    started.cut(barrier(1));
    started.cut(barrier(2));
    slow.waiting[0]!.reject(new Error('broken'));
    await turn();
    slow.waiting[1]!.resolve({ partitions: [['b']] });
    await turn();
    expect(edge.read().seen).toEqual([{ barrier: 1 }, { rows: ['b'] }, { barrier: 2 }]);
    expect(states).toMatchObject([
      { state: 'disconnected', error: { message: expect.stringContaining('broken') } },
    ]);
  });
});

describe('stopIntake', () => {
  it('takes in no more; barriers may still be cut', async () => {
    const edges = [new TestEdge(), new TestEdge()];
    const queue = new QueueSource([['a'], ['b']]);
    const source = new Pushed();
    const { host: started, log } = host([
      { source: queue, edges: [edges[0]!] },
      { source, edges: [edges[1]!] },
    ]);
    started.cut(barrier(1));
    await started.stopIntake();
    started.cut(barrier(2, { last: true }));
    expect(edges[0]!.read().seen).toEqual([{ rows: ['a'] }, { barrier: 1 }, { barrier: 2 }]);
    expect(log.slice(-2)).toEqual(['put 0 2', 'put 1 2']);
    expect(source.closed).toBe(1);
  });

  it('waits for what was taken in to lie on an edge', async () => {
    const edge = new TestEdge(1 << 16);
    const input = new InputSource();
    const { host: started } = host([{ source: input, edges: [edge] }]);
    const records = Array.from({ length: 200 }, (_, n) => `${n} ${'x'.repeat(200)}`);
    const accepted = input.push(records).then(() => 'accepted');
    let isStopped = false;
    const stopped = started.stopIntake().then(() => (isStopped = true));
    await turn();
    expect(isStopped).toBe(false);
    while (!isStopped) {
      edge.read();
      started.pump();
      await turn();
    }
    await stopped;
    expect(await accepted).toBe('accepted');
    expect(edge.read().rows).toEqual(records);
    await expect(input.push(['late'])).rejects.toMatchObject({ code: 'ERR_MILLRACE_STOPPED' });
  });
});

describe('abandon', () => {
  it('ends sources at once, and settles what waits', async () => {
    const edges = [new TestEdge(1 << 16), new TestEdge()];
    const input = new InputSource();
    const source = new Pushed();
    const { host: started } = host([
      { source: input, edges: [edges[0]!] },
      { source, edges: [edges[1]!] },
    ]);
    const push = input.push(Array.from({ length: 200 }, () => 'x'.repeat(1000)));
    const stopped = started.stopIntake();
    started.abandon();
    await expect(push).rejects.toMatchObject({ code: 'ERR_MILLRACE_STOPPED' });
    await stopped;
    expect(source.closed).toBeGreaterThan(0);
  });
});

describe('InputSource', () => {
  it('I2: a record that no edge can carry refuses its push and no other', async () => {
    const edge = new TestEdge(1 << 16);
    const input = new InputSource();
    host([{ source: input, edges: [edge] }]);
    const pushes = [
      input.push(['a']),
      input.push(['x'.repeat(1 << 17)]),
      input.push(['b', 'c']),
      input.push([]),
    ];
    const settled = await Promise.allSettled(pushes);
    expect(settled.map((each) => each.status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(edge.read().rows).toEqual(['a', 'b', 'c']);
  });

  it('resolves when accepted, in order', async () => {
    const edge = new TestEdge(1 << 16);
    const input = new InputSource();
    const { host: started } = host([{ source: input, edges: [edge] }]);
    const order: number[] = [];
    const big = (n: number): string[] =>
      Array.from({ length: 10 }, (_, i) => `${n}.${i} ${'x'.repeat(900)}`);
    const pushes = [1, 2, 3, 4, 5].map((n) => input.push(big(n)).then(() => order.push(n)));
    await turn();
    expect(order.length).toBeLessThan(5);
    let held = 0;
    while (order.length < 5) {
      started.cut(barrier(++held));
      edge.read().hold();
      started.onHeld(held);
      await turn();
    }
    await Promise.all(pushes);
    expect(order).toEqual([1, 2, 3, 4, 5]);
    expect(edge.read().rows).toEqual([1, 2, 3, 4, 5].flatMap(big));
  });
});

describe('a new host after the death of the thread', () => {
  it('I2: tells a resumable source where to go on', () => {
    const edges = [new TestEdge(), new TestEdge()];
    const first = new Pushed();
    host([{ source: first, edges }]);
    for (let n = 0; n < 3; n++) first.send(`${'x'.repeat(65_535)}\n`);
    edges.forEach((edge) => edge.replaceWriter());
    const second = new Pushed();
    host([{ source: second, edges }]);
    expect(second.context.position()).toEqual({ bytes: 3 * 65_536, lines: 3 });
    expect(first.send('zombie\n')).toBe(false);
  });

  it('I2: sends the rest of a batch of which a part was sent', () => {
    const edges = [new TestEdge(1 << 16), new TestEdge(1 << 16)];
    const batches = [1, 2].map((batch) =>
      Array.from({ length: 50 }, (_, n) => `${batch}-${n}-${'x'.repeat(1000)}`),
    );
    const first = host([{ source: new BatchListSource(batches, 1000), edges }]);
    first.host.cut(barrier(1));
    expect(first.log).toEqual([]);
    const before = edges[0]!.read().rows.length;
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(25);
    edges.forEach((edge) => edge.replaceWriter());
    const second = host([{ source: new BatchListSource(batches, 1000), edges }]);
    for (const number of [1, 2]) second.host.cut(barrier(number));
    for (const number of [1, 2]) {
      while (edges.some((edge) => edge.barriers.at(-1) !== number)) {
        edges.forEach((edge) => edge.read(number));
        second.host.pump();
      }
      edges.forEach((edge) => edge.hold());
      second.host.onHeld(number);
    }
    expect(second.log).toContain('put 0 2');
    expect(edges[0]!.rows).toEqual(batches.flatMap((batch) => batch.slice(0, 25)));
    expect(edges[1]!.rows).toEqual(batches.flatMap((batch) => batch.slice(25)));
  });

  it('I2: where one edge has the barrier, the others get it as it is, whatever the source would give now', () => {
    for (const missing of [false, true]) {
      const edges = [new TestEdge(1 << 16), new TestEdge(1 << 16)];
      const first = {
        open() {},
        pull: () => ({ partitions: missing ? undefined : [[], []] }),
        close() {},
      };
      // The thread dies between the two.
      edges[1]!.writer.putBarrier = () => {
        throw new Error('killed');
      };
      host([{ source: first, edges }]).host.cut(barrier(1));
      edges.forEach((edge) => edge.replaceWriter());
      const second = host([
        {
          source: new BatchListSource(
            [
              ['a', 'b'],
              ['c', 'd'],
            ],
            1000,
          ),
          edges,
        },
      ]);
      second.host.cut(barrier(1));
      second.host.cut(barrier(2));
      const closed = missing ? { barrier: 1, absent: true } : { barrier: 1 };
      expect(edges[0]!.read().seen).toEqual([closed, { rows: ['c'] }, { barrier: 2 }]);
      expect(edges[1]!.read().seen).toEqual([closed, { rows: ['d'] }, { barrier: 2 }]);
    }
  });
});

describe('an array that an edge has taken in part', () => {
  it('goes on there, however far behind its consumer is, so none of it is doubled', () => {
    const edges = [new TestEdge(4 << 20), new TestEdge(4 << 20)];
    const input = new InputSource();
    const { host: started } = host([{ source: input, edges }]);
    const rows = Array.from({ length: 60 }, (_, n) => `${n} ${'x'.repeat(60_000)}`);
    void input.push(rows);
    // The first edge is full of what nobody has read; the second has room for all of it.
    for (let n = 0; n < 10; n++) {
      started.pump();
      edges[0]!.read();
    }
    edges[1]!.read();
    const taken = edges.flatMap(({ seen }) =>
      seen.flatMap((each) => ('rows' in each ? each.rows : [])),
    );
    expect(taken.map((row) => parseInt(row as string, 10))).toEqual(rows.map((_, n) => n));
  });
});

it('a batch is not too large because its consumer read the last of the one before while it was refused', () => {
  class Racing extends ListEdge {
    override sendRows(rows: readonly unknown[]): boolean {
      if (this.unreadBytes === 0) return super.sendRows(rows);
      this.unreadBytes = 0;
      return false;
    }
  }
  const edge = new Racing();
  edge.unreadBytes = 10;
  const failures: unknown[] = [];
  const started = new SourceHost(
    simEnv(1),
    [{ id: 0, name: 's', source: new BatchListSource([[1, 2]], 1000), edges: [edge] }],
    {
      onPut() {},
      onRelief() {},
      onState() {},
      onEvent() {},
      onFailure: (_, error) => failures.push(error),
    },
  );
  started.open();
  started.cut(barrier(1, { batch: true, time: 1000 }));
  started.pump();
  expect(failures).toEqual([]);
  expect(edge.rows()).toEqual([1, 2]);
});
