/** Bare actors in the calling thread, in virtual time. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Down, type ActorContext } from '../../src/actors/behaviour.ts';
import type { ActorRef } from '../../src/actors/ref.ts';
import { simEnv, type SimEnv } from '../../src/env/sim.ts';
import { MillraceError } from '../../src/errors.ts';
import { ActorSystem, type ActorSystemOptions } from '../../src/system/actor-system.ts';

let env: SimEnv;
let system: ActorSystem;
const make = (options: ActorSystemOptions = {}): ActorSystem =>
  new ActorSystem({ threads: 0, env, ...options });

beforeEach(() => {
  env = simEnv(1);
  system = make();
});
afterEach(() => system.close());

/** Lets everything happen that needs no time. */
async function settle(): Promise<void> {
  for (let n = 0; n < 50; n++) await Promise.resolve();
}

async function pass(ms: number): Promise<void> {
  for (const end = env.clock.monotonic() + ms; env.clock.monotonic() < end;) {
    await settle();
    env.clock.runUntil(Math.min(end, env.clock.nextAt() ?? end));
  }
  await settle();
}

async function failure(promise: Promise<unknown>): Promise<MillraceError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MillraceError);
  return error as MillraceError;
}

/** Does what the message says; what it saw is in `seen`. */
const seen: unknown[] = [];
beforeEach(() => void (seen.length = 0));

class Doer {
  onStart(ctx: ActorContext, args: { start?: () => void } | undefined): void {
    seen.push(`start ${ctx.self.toString()}`);
    args?.start?.();
  }

  receive(message: unknown, ctx: ActorContext): unknown {
    return typeof message === 'function'
      ? (message as (ctx: ActorContext) => unknown)(ctx)
      : (seen.push(message), message);
  }

  onStop(reason: { kind: string }, ctx: ActorContext): void {
    seen.push(`stop ${ctx.self.toString()} ${reason.kind}`);
  }
}

type Do = (ctx: ActorContext) => unknown;
const crash: Do = () => {
  throw new RangeError('crash', { cause: new Error('deeper') });
};

describe('messages', () => {
  it('come in order, one at a time, and never inside a tell', async () => {
    const ref = await system.spawn<unknown, never>(Doer);
    seen.length = 0;
    for (let n = 0; n < 1000; n++) ref.tell(n);
    expect(seen).toEqual([]);
    await pass(1);
    expect(seen).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  });

  it('the next one waits while receive awaits', async () => {
    const ref = await system.spawn<unknown, never>(Doer);
    seen.length = 0;
    ref.tell((async () => {
      await new Promise<void>((resolve) => void env.clock.after(100, resolve));
      seen.push('first');
    }) as Do);
    ref.tell('second');
    await pass(99);
    expect(seen).toEqual([]);
    await pass(1);
    expect(seen).toEqual(['first', 'second']);
  });

  it('an ask is answered by what receive returns, or resolves to, or by reply', async () => {
    const ref = await system.spawn<unknown, never>(Doer);
    expect(await ref.ask(7)).toBe(7);
    expect(await ref.ask((async () => 8) as Do)).toBe(8);
    expect(await ref.ask(((ctx) => (ctx.reply(9), 10)) as Do)).toBe(9);
    expect(await ref.ask((() => undefined) as Do)).toBeUndefined();
  });

  it('say who sent them, when an actor did', async () => {
    const one = await system.spawn<unknown, never>(Doer, { name: 'one' });
    const two = await system.spawn<unknown, never>(Doer, { name: 'two' });
    const whoAsks: Do = (ctx) => ctx.sender?.path;
    expect(await one.ask((() => two.ask(whoAsks)) as Do)).toBe('/one');
    expect(await one.ask(whoAsks)).toBeUndefined();
  });

  it("a full mailbox makes dead letters, and asks don't wait", async () => {
    const ref = await system.spawn<unknown, never>(Doer, { mailboxSize: 2 });
    for (const n of [1, 2, 3]) ref.tell(n);
    expect((await failure(ref.ask(4))).message).toContain('mailbox is full');
    expect(system.deadLetters.list().map(({ message }) => message)).toEqual([3, 4]);
  });

  it('an ask without an answer is given up at its deadline, and a late answer changes nothing', async () => {
    const ref = await system.spawn<unknown, never>(Doer);
    const asked = failure(
      ref.ask((() => new Promise((resolve) => void env.clock.after(9000, () => resolve(1)))) as Do),
    );
    await pass(5300);
    expect(await asked).toMatchObject({
      code: 'ERR_MILLRACE_CALL_TIMEOUT',
      context: { deadlineMs: 5000 },
    });
    await pass(5000);
    expect((await failure(ref.ask(1, { timeoutMs: 0 }))).code).toBe('ERR_MILLRACE_BAD_OPTION');
  });
});

describe('a failure', () => {
  it('rejects the ask in hand and those that wait, with the whole error, and restarts in place', async () => {
    const ref = await system.spawn<unknown, never>(Doer, { name: 'a' });
    const asked = [failure(ref.ask(crash)), failure(ref.ask(2))];
    for (const error of await Promise.all(asked)) {
      expect(error).toMatchObject({
        code: 'ERR_MILLRACE_PEER_DOWN',
        context: { actor: '/a', incarnation: 1, reason: { kind: 'error' } },
      });
      expect(error.cause).toMatchObject({
        name: 'RangeError',
        message: 'crash',
        cause: { message: 'deeper' },
      });
    }
    expect(await ref.byName.ask(1)).toBe(1);
    expect(seen).toEqual(['start /a#1', 'stop /a#1 error', 'start /a#2', 1]);
    // No time was needed for it.
    expect(env.clock.monotonic()).toBe(0);
  });

  it('a rejected promise is one too, and so is one that is never settled', async () => {
    const ref = await system.spawn<unknown, never>(Doer, { name: 'a', asyncTimeoutMs: 500 });
    expect(
      (await failure(ref.ask((async () => crash(undefined as never)) as Do))).cause,
    ).toMatchObject({ message: 'crash' });
    const stuck = failure(ref.byName.ask((() => new Promise(() => undefined)) as Do));
    await pass(500);
    expect((await stuck).cause).toMatchObject({ code: 'ERR_MILLRACE_HANG' });
  });

  it('mail to the old incarnation is dead, by name it reaches the new one', async () => {
    const ref = await system.spawn<unknown, never>(Doer, { name: 'a' });
    await failure(ref.ask(crash));
    ref.tell('old');
    ref.byName.tell('new');
    await settle();
    expect(seen.at(-1)).toBe('new');
    expect(system.deadLetters.list()).toEqual([
      { path: '/a', incarnation: 1, message: 'old', reason: 'there is no such actor' },
    ]);
  });

  it('mail by name during a restart is kept, 1000 of it, in order; the rest is dead', async () => {
    const ref = await system.spawn<unknown, never>(Doer, {
      name: 'a',
      backoff: { minMs: 100, jitter: 0 },
    });
    await failure(ref.ask(crash));
    await failure(ref.byName.ask(crash));
    seen.length = 0;
    for (let n = 0; n < 1003; n++) ref.byName.tell(n);
    await pass(99);
    expect(seen).toEqual([]);
    await pass(2);
    expect(seen).toEqual(['start /a#3', ...Array.from({ length: 1000 }, (_, n) => n)]);
    expect(system.deadLetters.list().map(({ message, reason }) => [message, reason])).toEqual(
      [1000, 1001, 1002].map((n) => [n, 'its mailbox is full']),
    );
  });

  it('over the limit it ends for good, alone, and what was kept for it is dead', async () => {
    const ref = await system.spawn<unknown, never>(Doer, { name: 'a', maxRestarts: 1 });
    const other = await system.spawn<unknown, never>(Doer, { name: 'b' });
    await failure(ref.ask(crash));
    const last = ref.byName.ask(crash).catch(() => undefined);
    ref.byName.tell('too late');
    await last;
    await settle();
    expect(system.actors().map(({ path }) => path)).toEqual(['/b']);
    expect(system.deadLetters.list()).toMatchObject([{ path: '/a', message: 'too late' }]);
    expect(await other.ask(1)).toBe(1);
    const again = await system.spawn<unknown, never>(Doer, { name: 'a' });
    expect(again.incarnation).toBe(3);
  });

  it('a start that fails is tried again until the limit, and spawn rejects with the error', async () => {
    let starts = 0;
    const start = (): void => {
      starts++;
      throw new TypeError('no disk');
    };
    const spawned = failure(system.spawn(Doer, { name: 'a', args: { start } }));
    await pass(1000);
    expect(await spawned).toMatchObject({
      code: 'ERR_MILLRACE_REACHED_MAX_RESTARTS',
      cause: { message: 'no disk' },
    });
    expect(starts).toBe(4);
    expect(system.actors()).toEqual([]);
  });
});

describe('watch', () => {
  it('gives one Down with path, incarnation and reason', async () => {
    const ref = await system.spawn<unknown, never>(Doer, { name: 'a' });
    const downs = Promise.all([system.watch(ref), system.watch(ref)]);
    ref.tell(crash);
    for (const down of await downs)
      expect(down).toMatchObject({ path: '/a', incarnation: 1, reason: { kind: 'error' } });
  });

  it('is noproc when it is dead already, or never was', async () => {
    const ref = await system.spawn<unknown, never>(Doer, { name: 'a' });
    await failure(ref.ask(crash));
    expect(await system.watch(ref)).toEqual(new Down('/a', 1, { kind: 'noproc' }));
    expect(await system.watch(system.named('/nobody'))).toEqual(
      new Down('/nobody', 0, { kind: 'noproc' }),
    );
  });

  it('an actor gets the Down as a message, once, and none after unwatch', async () => {
    const one = await system.spawn<unknown, never>(Doer, { name: 'one' });
    const two = await system.spawn<unknown, never>(Doer, { name: 'two' });
    const three = await system.spawn<unknown, never>(Doer, { name: 'three' });
    await one.ask(((ctx) => {
      ctx.watch(two);
      ctx.watch(two);
      ctx.watch(three);
      ctx.unwatch(three);
    }) as Do);
    seen.length = 0;
    await system.stop(two);
    await system.stop(three);
    await settle();
    const down = new Down('/two', 1, { kind: 'shutdown' });
    expect(seen.filter((each) => each instanceof Down)).toEqual([down, down]);
    await one.ask(((ctx) => ctx.watch(two)) as Do);
    await settle();
    expect(seen.at(-1)).toEqual(new Down('/two', 1, { kind: 'noproc' }));
  });
});

describe('stop', () => {
  it('finishes the message in hand, says onStop, and never comes back', async () => {
    const ref = await system.spawn<unknown, never>(Doer, { name: 'a', restart: 'permanent' });
    const last = ref.ask(
      (() => new Promise((resolve) => void env.clock.after(100, () => resolve('done')))) as Do,
    );
    const after = failure(ref.ask('after'));
    await settle();
    const stopped = system.stop(ref);
    await pass(100);
    await stopped;
    expect(await last).toBe('done');
    expect((await after).context['reason']).toMatchObject({ kind: 'shutdown' });
    expect(seen).toEqual(['start /a#1', 'stop /a#1 shutdown']);
    await pass(10_000);
    expect(system.actors()).toEqual([]);
  });

  it("what doesn't stop by its deadline is killed", async () => {
    const ref = await system.spawn<unknown, never>(Doer, { shutdownMs: 1000 });
    const asked = failure(ref.ask((() => new Promise(() => undefined)) as Do));
    await settle();
    const stopped = system.stop(ref);
    await pass(1000);
    await stopped;
    expect((await asked).context['reason']).toEqual({ kind: 'killed' });
  });

  it('of itself is a normal end: a transient actor is gone, a permanent one is there again', async () => {
    for (const restart of ['transient', 'permanent'] as const) {
      const ref = await system.spawn<unknown, never>(Doer, { name: restart, restart });
      const down = system.watch(ref);
      expect(await ref.ask(((ctx) => (ctx.stop(), 'bye')) as Do)).toBe('bye');
      expect((await down).reason).toEqual({ kind: 'normal' });
      await settle();
      expect(system.actors().some(({ path }) => path === `/${restart}`)).toBe(
        restart === 'permanent',
      );
    }
  });

  it('of the system stops the newest first, and refuses what comes after', async () => {
    for (const name of ['a', 'b']) await system.spawn(Doer, { name });
    seen.length = 0;
    await system.close();
    expect(seen).toEqual(['stop /b#1 shutdown', 'stop /a#1 shutdown']);
    expect((await failure(system.spawn(Doer))).code).toBe('ERR_MILLRACE_STOPPED');
    expect(env.clock.pending).toBe(0);
  });
});

describe('children', () => {
  const spawnTwo: Do = async (ctx) => [
    await ctx.spawn(Doer, { name: 'x' }),
    await ctx.spawn(Doer, { name: 'y' }),
  ];
  const parent = async (
    flags?: Parameters<ActorContext['supervise']>[0],
  ): Promise<{ top: ActorRef; x: ActorRef; y: ActorRef }> => {
    const top = await system.spawn<unknown, never>(Doer, { name: 'top' });
    if (flags !== undefined) await top.ask(((ctx) => ctx.supervise(flags)) as Do);
    const [x, y] = (await top.ask(spawnTwo)) as [ActorRef, ActorRef];
    return { top, x, y };
  };

  it('restart in place by the strategy of their parent', async () => {
    const alone = await parent();
    await failure(alone.x.ask(crash));
    await settle();
    expect(await alone.y.ask(1)).toBe(1);
    expect(seen).toContain('start /top/x#2');
    await system.stop(alone.top);
    const { x, y } = await parent({ strategy: 'one_for_all' });
    const down = system.watch(y);
    await failure(x.ask(crash));
    expect((await down).reason).toEqual({ kind: 'shutdown' });
    await pass(1);
    expect(await x.byName.ask((ctx: ActorContext) => ctx.self.incarnation)).toBe(x.incarnation + 1);
    expect(await y.byName.ask((ctx: ActorContext) => ctx.self.incarnation)).toBe(y.incarnation + 1);
  });

  it('stop with their parent, in reverse order, before it', async () => {
    const { top } = await parent();
    seen.length = 0;
    await system.stop(top);
    expect(seen).toEqual([
      'stop /top/y#1 shutdown',
      'stop /top/x#1 shutdown',
      'stop /top#1 shutdown',
    ]);
  });

  it('that fail too often fail their parent, whose supervisor restarts it', async () => {
    const { top, x } = await parent({ maxRestarts: 0 });
    const down = system.watch(top);
    await failure(x.ask(crash));
    expect(await down).toMatchObject({
      reason: { kind: 'error', error: { code: 'ERR_MILLRACE_REACHED_MAX_RESTARTS' } },
    });
    expect(await top.byName.ask((ctx: ActorContext) => ctx.self.incarnation)).toBe(2);
  });

  it('mail by name to a child that restarts is kept; to one that is gone it is dead', async () => {
    const { top, x } = await parent();
    const asked = x.ask(crash).catch(() => undefined);
    x.byName.tell('kept');
    await asked;
    await settle();
    expect(seen.at(-1)).toBe('kept');
    await system.stop(x.byName);
    x.byName.tell('lost');
    await settle();
    expect(system.deadLetters.list()).toMatchObject([{ path: '/top/x', message: 'lost' }]);
    expect(await top.ask(1)).toBe(1);
  });

  it('a significant child that is done ends its parent', async () => {
    const top = await system.spawn<unknown, never>(Doer, { name: 'top' });
    await top.ask(((ctx) => ctx.supervise({ autoShutdown: 'any_significant' })) as Do);
    const x = (await top.ask((async (ctx) =>
      ctx.spawn(Doer, { name: 'x', significant: true })) as Do)) as ActorRef;
    const down = system.watch(top);
    x.tell((ctx: ActorContext) => ctx.stop());
    expect((await down).reason).toMatchObject({ kind: 'shutdown' });
  });

  it('a faulty spec is refused', async () => {
    const { top } = await parent();
    expect(
      (
        await failure(
          top.ask((async (ctx) =>
            ctx
              .spawn(Doer, { significant: true })
              .catch((error: unknown) => Promise.reject(error as Error))) as Do),
        )
      ).cause,
    ).toMatchObject({ code: 'ERR_MILLRACE_BAD_SPEC' });
    const other = await system.spawn<unknown, never>(Doer);
    expect(
      (await failure(other.ask(((ctx) => ctx.supervise({ strategy: 'sideways' as never })) as Do)))
        .cause,
    ).toMatchObject({ code: 'ERR_MILLRACE_BAD_SPEC' });
  });
});

describe('faulty use', () => {
  const cases: [string, () => Promise<unknown>, string][] = [
    [
      'a name that is taken',
      async () => (await system.spawn(Doer, { name: 'a' }), system.spawn(Doer, { name: 'a' })),
      'ERR_MILLRACE_DUPLICATE_ID',
    ],
    ['a name with a slash', () => system.spawn(Doer, { name: 'a/b' }), 'ERR_MILLRACE_BAD_SPEC'],
    [
      'a window shorter than the backoff',
      () => system.spawn(Doer, { backoff: { minMs: 4000 }, withinMs: 5000 }),
      'ERR_MILLRACE_BAD_SPEC',
    ],
    [
      'an unknown option',
      () => system.spawn(Doer, { colour: 'red' } as never),
      'ERR_MILLRACE_BAD_OPTION',
    ],
    ['a text that is no URL', () => system.spawn('./counter.js'), 'ERR_MILLRACE_BEHAVIOUR'],
    [
      'a class for other threads that has no module',
      () => make({ threads: 1 }).spawn(Doer),
      'ERR_MILLRACE_BEHAVIOUR',
    ],
    [
      "args for other threads that can't be copied",
      () => make({ threads: 1 }).spawn(new URL('file:///a.js'), { args: () => 1 }),
      'ERR_MILLRACE_BAD_ARGS',
    ],
  ];
  it.each(cases)('%s', async (_, act, code) => {
    expect((await failure(act())).code).toBe(code);
  });

  it('options of the system', () => {
    expect(() => make({ threads: -1 })).toThrow('threads');
    expect(() => make({ thread: 1 } as never)).toThrow('there is no option thread');
    expect(() => make({ hangTimeoutMs: 0 })).toThrow('hangTimeoutMs');
  });
});

it('dead letters are bounded and counted', async () => {
  await system.close();
  system = make({ deadLetters: 3 });
  for (let n = 0; n < 10; n++) system.named('/nobody').tell(n);
  expect(system.deadLetters.total).toBe(10);
  expect(system.deadLetters.list().map(({ message }) => message)).toEqual([7, 8, 9]);
});
