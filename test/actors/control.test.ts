/** Control calls: every call settles, and errors arrive whole. */
import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { connect, expose, withTransfer, type Connection } from '../../src/actors/control.ts';
import { Slot } from '../../src/actors/slot.ts';
import { messagePort } from '../../src/env/message-port.ts';
import { realEnv } from '../../src/env/real.ts';
import { simEnv, type SimEnv } from '../../src/env/sim.ts';
import { millraceError, MillraceError, toWire } from '../../src/errors.ts';

/** Lets all promises run that can. */
const microtasks = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Delivers all that is on its way, one at a time, and lets promises run in between. */
async function settle(env: SimEnv): Promise<void> {
  await microtasks();
  for (let port = env.deliverable()[0]; port !== undefined; port = env.deliverable()[0]) {
    port.deliverOne();
    await microtasks();
  }
}

async function errorOf(promise: Promise<unknown>): Promise<MillraceError> {
  const error: unknown = await promise.then(
    (value) => expect.unreachable(`resolved with ${String(value)}`),
    (thrown: unknown) => thrown,
  );
  return error as MillraceError;
}

interface Adder {
  add(a: number, b: number): number;
  hang(): Promise<never>;
  fail(): never;
}

const adder: Adder = {
  add: (a, b) => a + b,
  hang: () => new Promise(() => {}),
  fail() {
    throw millraceError('ERR_MILLRACE_RING_GAP', 'sequence 7 was skipped', {
      context: { seq: 7 },
      cause: new TypeError('the cause', { cause: 'a string' }),
    });
  },
};

describe('a call, with virtual time', () => {
  const pair = (deadlineMs?: number) => {
    const env = simEnv(1);
    const [here, there] = env.channel<unknown, unknown>();
    const options = deadlineMs === undefined ? {} : { deadlineMs };
    const adding = connect<Adder>(here, {
      clock: env.clock,
      path: 'job/worker-1',
      incarnation: 3,
      ...options,
    });
    return { env, here, there, adding };
  };

  it('gives the answer, and leaves no timer behind', async () => {
    const { env, there, adding } = pair();
    expose(there, adder);
    const sum = adding.call.add(2, 3);
    expect(adding.pending).toBe(1);
    await settle(env);
    expect(await sum).toBe(5);
    expect({ pending: adding.pending, timers: env.clock.pending }).toEqual({
      pending: 0,
      timers: 0,
    });
  });

  it('I2: that was made before expose is answered after it', async () => {
    const { env, there, adding } = pair();
    const sum = adding.call.add(2, 3);
    await settle(env);
    expect(adding.pending).toBe(1);
    expose(there, adder);
    await settle(env);
    expect(await sum).toBe(5);
  });

  it('I1: of a hanging peer rejects at its deadline, by default after 5 s', async () => {
    const { env, there, adding } = pair();
    expose(there, adder);
    const hanging = errorOf(adding.call.hang());
    const short = errorOf(adding.within(100).hang());
    await settle(env);
    env.clock.advance(100);
    expect((await short).context).toMatchObject({ deadlineMs: 100 });
    env.clock.advance(4899);
    expect(adding.pending).toBe(1);
    env.clock.advance(1);
    const error = await hanging;
    expect(error).toMatchObject({
      code: 'ERR_MILLRACE_CALL_TIMEOUT',
      retryable: true,
      context: { actor: 'job/worker-1', incarnation: 3, method: 'hang', deadlineMs: 5000 },
    });
    expect(error.message).toContain('job/worker-1 did not answer hang() within 5000 ms');
  });

  it('I1: an answer after the deadline changes nothing', async () => {
    const { env, there, adding } = pair(10);
    const late = errorOf(adding.call.add(1, 1));
    env.clock.advance(10);
    expose(there, adder);
    await settle(env);
    expect((await late).code).toBe('ERR_MILLRACE_CALL_TIMEOUT');
  });

  it('I1: rejects at once when the peer dies, and so does every later one', async () => {
    const { env, there, adding } = pair();
    expose(there, adder);
    const pending = errorOf(adding.call.hang());
    await settle(env);
    there.sever();
    await settle(env);
    expect(await pending).toMatchObject({
      code: 'ERR_MILLRACE_PEER_DOWN',
      context: { actor: 'job/worker-1', incarnation: 3, method: 'hang' },
    });
    expect((await errorOf(adding.call.add(1, 2))).code).toBe('ERR_MILLRACE_PEER_DOWN');
    expect(env.clock.pending).toBe(0);
  });

  it('an answer that was posted before the death arrives', async () => {
    const { env, there, adding } = pair();
    expose(there, adder);
    const sum = adding.call.add(20, 22);
    there.deliverOne();
    await microtasks();
    there.sever();
    await settle(env);
    expect(await sum).toBe(42);
  });

  it('says why the peer is down, when it was told', async () => {
    const { adding } = pair();
    const pending = errorOf(adding.call.add(1, 2));
    adding.down({ kind: 'error', error: toWire(new RangeError('out of luck')) });
    const error = await pending;
    expect(error.message).toContain('job/worker-1 is gone (error: RangeError: out of luck)');
    expect(error.cause).toBeInstanceOf(RangeError);
    expect(error.context).toMatchObject({ reason: { kind: 'error' } });
  });

  it('I3: gets the error of the method whole', async () => {
    const { env, there, adding } = pair();
    expose(there, adder);
    const failing = errorOf(adding.call.fail());
    await settle(env);
    const error = await failing;
    expect(error).toBeInstanceOf(MillraceError);
    expect(error).toMatchObject({ code: 'ERR_MILLRACE_RING_GAP', context: { seq: 7 } });
    expect(error.cause).toMatchObject({
      name: 'TypeError',
      message: 'the cause',
      cause: 'a string',
    });
  });

  it('I4: reaches own methods only', async () => {
    const { env, there, adding } = pair();
    expose(there, adder);
    const call = adding.call as unknown as Record<string, () => Promise<unknown>>;
    for (const method of ['subtract', 'toString', 'constructor', '__proto__']) {
      const failing = errorOf(call[method]!());
      await settle(env);
      expect(await failing).toMatchObject({
        code: 'ERR_MILLRACE_UNSUPPORTED',
        context: { method },
      });
    }
    expect(call['then']).toBeUndefined();
  });

  it('rejects when an argument cannot be cloned, and the next one works', async () => {
    const { env, there, adding } = pair();
    expose(there, adder);
    const failing = errorOf(adding.call.add((() => 1) as never, 2));
    expect(await failing).toMatchObject({ name: 'DataCloneError' });
    const sum = adding.call.add(1, 2);
    await settle(env);
    expect(await sum).toBe(3);
  });

  it('rejects when the result cannot be cloned', async () => {
    const { env, there, here } = pair();
    expose(there, { secret: () => () => 1 });
    const keeper = connect<{ secret(): unknown }>(here, { clock: env.clock, path: 'keeper' });
    const failing = errorOf(keeper.call.secret());
    await settle(env);
    expect(await failing).toMatchObject({
      name: 'TypeError',
      message: 'Unserializable return value',
    });
  });

  it('must have a deadline', () => {
    for (const deadlineMs of [0, -1, Infinity, Number.NaN]) {
      expect(() => pair(deadlineMs)).toThrow(
        expect.objectContaining({ code: 'ERR_MILLRACE_BAD_OPTION' }),
      );
    }
  });

  it('can go both ways through one port', async () => {
    const { env, here, there, adding } = pair();
    expose(there, adder);
    expose(here, { ask: (question: string) => `${question}!` });
    const asking = connect<{ ask(question: string): string }>(there, {
      clock: env.clock,
      path: 'main',
    });
    const answers = Promise.all([adding.call.add(1, 2), asking.call.ask('well')]);
    await settle(env);
    expect(await answers).toEqual([3, 'well!']);
  });
});

interface Thread {
  add(a: number, b: number): number;
  bad(): Promise<never>;
  hang(): Promise<never>;
  exit(code: number): never;
  spin(): never;
  askMain(question: string): Promise<string>;
  stopLooping(): string;
}

describe('a call to a real thread', () => {
  const { clock } = realEnv();
  const filename = new URL('../fixtures/threads/calls.mjs', import.meta.url);
  let slot: Slot;
  let calls: Connection<Thread>;

  async function begin(task: object = {}): Promise<void> {
    slot = new Slot({ clock, name: 'calls', filename });
    const { port1, port2 } = new MessageChannel();
    const port = messagePort<unknown, unknown>(port1);
    calls = connect<Thread>(port, { clock, path: 'job/calls' });
    expose(port, { ask: (question: string) => `${question}? yes` });
    await slot.start({ ...task, port: port2 }, [port2]);
  }

  afterEach(async () => {
    await slot.kill();
    calls.close();
  });

  it('works both ways, and brings errors back whole', async () => {
    await begin();
    expect(await calls.call.add(2, 40)).toBe(42);
    expect(await calls.call.askMain('sure')).toBe('main says sure? yes');
    const error = await errorOf(calls.call.bad());
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({
      name: 'BadThing',
      code: 'E_BAD_THING',
      cause: { name: 'TypeError' },
    });
    expect(error.stack).toContain('calls.mjs');
  });

  it('rejects as peer down when the thread exits, all pending calls at once', async () => {
    await begin();
    const pending = [errorOf(calls.call.hang()), errorOf(calls.call.exit(4))];
    for (const error of await Promise.all(pending)) {
      expect(error.code).toBe('ERR_MILLRACE_PEER_DOWN');
    }
    expect(await slot.exited).toEqual({ kind: 'exit', code: 4 });
  });

  it('rejects at its deadline when the thread spins, and as peer down when that is killed', async () => {
    await begin();
    expect((await errorOf(calls.within(50).spin())).code).toBe('ERR_MILLRACE_CALL_TIMEOUT');
    const pending = errorOf(calls.call.add(1, 2));
    await slot.kill();
    expect((await pending).code).toBe('ERR_MILLRACE_PEER_DOWN');
  });

  it('is not given up because the caller stood still past its deadline', async () => {
    await begin();
    const sum = calls.within(60).add(1, 2);
    const until = clock.monotonic() + 150;
    while (clock.monotonic() < until);
    expect(await sum).toBe(3);
  });

  it('is answered by a thread that is in its own loop and polls', async () => {
    await begin({ loop: true });
    expect(await calls.call.add(1, 2)).toBe(3);
    expect(await calls.call.stopLooping()).toBe('stopped');
    expect(await calls.call.add(3, 4)).toBe(7);
  });
});

describe('what goes along with a call', () => {
  it('takes ports and buffers to the other thread and back', async () => {
    const { clock } = realEnv();
    const { port1, port2 } = new MessageChannel();
    const [here, there] = [
      messagePort<unknown, unknown>(port1),
      messagePort<unknown, unknown>(port2),
    ];
    expose(there, {
      back(buffer: ArrayBuffer) {
        return withTransfer(buffer, [buffer]);
      },
    });
    const api = connect<{ back(buffer: ArrayBuffer): ArrayBuffer }>(here, { clock, path: 'there' });
    const buffer = new ArrayBuffer(16);
    const returned = await api.call.back(withTransfer(buffer, [buffer]));
    expect([buffer.byteLength, returned.byteLength]).toEqual([0, 16]);
    api.close();
  });
});
