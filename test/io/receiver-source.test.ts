/** A custom receiver under supervision: what it stores arrives, in order, and its failures cost a delay and no record. */
import { describe, expect, it } from 'vitest';
import { Receiver } from '../../src/dstream/receiver.ts';
import { ReceiverSource, type ReceiverSourceOptions } from '../../src/io/receiver-source.ts';
import { testContext, type TestContextOptions } from './_context.ts';
import { ListEdge } from './_list-edge.ts';

class Scripted extends Receiver<unknown> {
  readonly calls: string[] = [];
  start: (receiver: Scripted, time: number) => void | Promise<void> = () => {};
  end: (receiver: Scripted) => void | Promise<void> = () => {};
  #starts = 0;

  onStart(): void | Promise<void> {
    this.calls.push(`start ${++this.#starts}`);
    return this.start(this, this.#starts);
  }

  override onStop(): void | Promise<void> {
    this.calls.push(`stop ${this.isStopped()}`);
    return this.end(this);
  }
}

function made(
  options: Partial<ReceiverSourceOptions> = {},
  contextOptions: TestContextOptions = {},
): ReturnType<typeof testContext> & {
  receiver: Scripted;
  source: ReceiverSource;
  open: () => void;
} {
  const receiver = new Scripted();
  const source = new ReceiverSource({
    make: () => receiver,
    streamId: 3,
    blockIntervalMs: 20,
    ...options,
  });
  const test = testContext({ name: 'receiverStream#1 at job.ts:1:1', ...contextOptions });
  return { ...test, receiver, source, open: () => source.open(test.context) };
}

const settled = async (): Promise<void> => {
  for (let n = 0; n < 20; n++) await Promise.resolve();
};

describe('what is stored', () => {
  it('leaves as one block, a block interval after the first, or before a barrier', () => {
    const { receiver, source, edge, env, open } = made();
    open();
    receiver.store('a');
    env.clock.advance(19);
    receiver.store('b');
    expect(edge.rows()).toEqual([]);
    env.clock.advance(1);
    expect(edge.frames).toMatchObject([{ rows: ['a', 'b'] }]);
    receiver.store('c');
    source.flush();
    expect(edge.rows()).toEqual(['a', 'b', 'c']);
  });

  it('I1: keeps its order, single records and arrays alike', async () => {
    const { receiver, source, edge, open } = made();
    open();
    receiver.store(1);
    const acks: string[] = [];
    const stored = receiver.store([2, 3], { ack: () => acks.push('2, 3') });
    receiver.store(4);
    source.flush();
    await stored;
    expect(edge.rows()).toEqual([1, 2, 3, 4]);
    expect(acks).toEqual(['2, 3']);
  });

  it('I3: an array waits for room, and is acknowledged no sooner', async () => {
    const edge = new ListEdge(40);
    const { receiver, source, open } = made({}, { edge });
    open();
    let isDone = false;
    await receiver.store([1, 2, 3], {});
    const waiting = receiver.store([4, 5, 6], {}).then(() => (isDone = true));
    await settled();
    expect(isDone).toBe(false);
    edge.release();
    source.resume();
    await waiting;
    expect(edge.rows()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('I4: says when it is too much, and drops and counts what comes beyond the bound', async () => {
    const edge = new ListEdge(100);
    const { receiver, source, gaps, counts, open } = made({ maxBuffered: 20_000 }, { edge });
    open();
    let said = 0;
    for (let n = 0; n < 20_010; n++) if (!receiver.store(n)) said++;
    expect(said).toBeGreaterThan(10);
    let isReady = false;
    void receiver.ready().then(() => (isReady = true));
    await settled();
    expect(isReady).toBe(false);
    Object.defineProperty(edge, 'size', { value: 1e9 });
    source.resume();
    source.flush();
    await settled();
    expect(isReady).toBe(true);
    expect(edge.rows()).toEqual(Array.from({ length: 20_000 }, (_, n) => n));
    expect(gaps).toHaveLength(1);
    expect(counts).toEqual({ recordsDropped: 10 });
  });

  it('is refused when nobody would take it', async () => {
    const { receiver, source, open } = made();
    expect(() => receiver.store(1)).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_NOT_STARTED' }),
    );
    open();
    await source.close();
    expect(() => receiver.store(1)).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_STOPPED' }),
    );
    await expect(receiver.store([1], {})).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_STOPPED' }),
    );
  });

  it('is bound by its array when that holds what no edge can carry', async () => {
    const { receiver, open, edge } = made();
    edge.sendRows = () => {
      throw new Error('too large');
    };
    open();
    await expect(receiver.store(['x'], {})).rejects.toThrow('too large');
  });
});

describe('a receiver', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('no route');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no route'))],
  ])(
    'whose onStart %s is started again, later each time, until records come',
    async (_, failing) => {
      const { receiver, env, told, states, source, open } = made({ restartDelayMs: 2000 });
      receiver.start = (_receiver, time) => (time < 4 ? failing() : undefined);
      open();
      await settled();
      expect(receiver.calls).toEqual(['start 1', 'stop true']);
      expect(states.at(-1)).toMatchObject({ state: 'disconnected', retryInMs: 2000 });
      for (const delay of [2000, 4000, 8000]) {
        env.clock.advance(delay - 1);
        await settled();
        const before = receiver.calls.length;
        env.clock.advance(1);
        await settled();
        expect(receiver.calls.length).toBeGreaterThan(before);
      }
      expect(receiver.calls.at(-1)).toBe('start 4');
      expect(told.map(({ type }) => type).slice(0, 4)).toEqual([
        'receiverStarted',
        'receiverError',
        'receiverStopped',
        'receiverStarted',
      ]);
      expect(told[2]).toMatchObject({
        streamId: 3,
        active: false,
        location: 'sources',
        lastErrorMessage: 'Restarting receiver with delay 2000 ms: onStart threw: no route',
        lastError: expect.stringContaining('no route'),
      });
      receiver.store('it works');
      source.flush();
      receiver.restart('once more');
      await settled();
      expect(states.at(-1)).toMatchObject({ retryInMs: 2000 });
    },
  );

  it('I2: loses nothing by a restart, which it asks for with a delay of its own', async () => {
    const { receiver, env, edge, open } = made();
    receiver.end = (r) => void r.store('last');
    open();
    receiver.store('first');
    receiver.restart('because', '50ms');
    receiver.restart('twice is once');
    await settled();
    expect([receiver.isStarted(), receiver.isStopped()]).toEqual([false, true]);
    expect(edge.rows()).toEqual(['first', 'last']);
    env.clock.advance(50);
    expect(receiver.calls).toEqual(['start 1', 'stop true', 'start 2']);
    expect([receiver.isStarted(), receiver.isStopped()]).toEqual([true, false]);
  });

  it('I2: is stopped before what it stored is sent, at a graceful stop, and may take its time', async () => {
    const { receiver, source, edge, env, states, open } = made();
    receiver.end = (r) =>
      new Promise((resolve) =>
        env.clock.after(500, () => {
          r.store('from onStop');
          resolve();
        }),
      );
    open();
    receiver.store('before');
    let isClosed = false;
    const closed = source.close().then(() => (isClosed = true));
    await settled();
    env.clock.advance(499);
    await settled();
    expect(isClosed).toBe(false);
    env.clock.advance(1);
    await closed;
    expect(edge.rows()).toEqual(['before', 'from onStop']);
    expect(states.at(-1)).toEqual({ state: 'ended' });
  });

  it('ends for good when it stops itself, and what it stored arrives', async () => {
    const { receiver, edge, env, told, states, open } = made();
    open();
    receiver.store(1);
    receiver.stop('that was all');
    await settled();
    env.clock.advance(1_000_000);
    expect(receiver.calls).toEqual(['start 1', 'stop true']);
    expect(edge.rows()).toEqual([1]);
    expect(told.at(-1)).toMatchObject({
      type: 'receiverStopped',
      lastErrorMessage: 'that was all',
    });
    expect(states.at(-1)).toEqual({ state: 'ended' });
  });

  it('reports an error and goes on', () => {
    const { receiver, told, open } = made();
    open();
    receiver.reportError('a bad packet', new Error('checksum'));
    expect(told.at(-1)).toMatchObject({
      type: 'receiverError',
      active: true,
      lastErrorMessage: 'a bad packet',
      lastError: expect.stringContaining('checksum'),
    });
    expect(receiver.isStarted()).toBe(true);
  });

  it('has what it stored refused when the run ends at once', async () => {
    const { receiver, source, open } = made({}, { edge: new ListEdge(10) });
    open();
    const waiting = receiver.store([1, 2, 3], {});
    source.abandon();
    await expect(waiting).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_STOPPED' }),
    );
    expect(receiver.calls).toEqual(['start 1', 'stop true']);
  });

  it('must be one', () => {
    const { failures, open } = made({ make: () => ({ onStart() {} }) as never });
    open();
    expect(failures).toMatchObject([{ code: 'ERR_MILLRACE_BAD_OPTION' }]);
  });
});
