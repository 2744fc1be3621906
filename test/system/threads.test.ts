/** Bare actors on real threads, and every way in which these end. */
import { afterEach, describe, expect, it } from 'vitest';
import { MillraceError } from 'millrace';
import {
  ActorRef,
  ActorSystem,
  type ActorSystemOptions,
  type BehaviourClass,
  type SupervisorEvent,
  type TopOptions,
} from 'millrace/actors';

const fixture = (name: string): URL => new URL(`../fixtures/actors/${name}`, import.meta.url);
const ECHO = fixture('actors.mjs#Echo');
const systems: ActorSystem[] = [];
const events: SupervisorEvent[] = [];

function make(options: ActorSystemOptions = {}): ActorSystem {
  const system = new ActorSystem({
    threads: 2,
    onEvent: (event) => void events.push(event),
    ...options,
  });
  systems.push(system);
  return system;
}

afterEach(async () => {
  for (const system of systems.splice(0)) await system.close();
  events.length = 0;
});

const echo = (system: ActorSystem, options: TopOptions<never> = {}): Promise<ActorRef> =>
  system.spawn<unknown, never>(ECHO, options);

async function failure(promise: Promise<unknown>): Promise<MillraceError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MillraceError);
  return error as MillraceError;
}

interface Who {
  readonly path: string;
  readonly incarnation: number;
  readonly node: number;
}
const who = (ref: ActorRef): Promise<Who> => ref.byName.ask<Who>('who', { timeoutMs: 20_000 });

describe('actors on threads', () => {
  it('several share a thread, and those on others are reached straight, with refs in messages', async () => {
    const system = make();
    const [a, b, c] = [
      await echo(system, { thread: 0 }),
      await echo(system, { thread: 1 }),
      await echo(system, { thread: 0 }),
    ];
    expect([(await who(a)).node, (await who(c)).node]).toEqual([a.node, a.node]);
    expect(b.node).not.toBe(a.node);
    expect(await a.ask({ do: 'askOther', ref: b, message: 'sender' })).toBe(a.path);
    const returned = await a.ask<{ refs: Map<string, ActorRef> }>({ refs: new Map([['b', b]]) });
    expect(returned.refs.get('b')).toBeInstanceOf(ActorRef);
    expect(await returned.refs.get('b')!.ask(7)).toBe(7);
    expect(await b.ask({ do: 'named', path: a.path, message: 8 })).toBe(8);
  });

  it('mail stays in order from one to another, the first included', async () => {
    const system = make();
    const [a, b] = [await echo(system, { thread: 0 }), await echo(system, { thread: 1 })];
    const asked: Promise<unknown>[] = [];
    for (let n = 0; n < 200; n++) asked.push(a.ask({ do: 'askOther', ref: b, message: n }));
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 200 }, (_, n) => n));
  });

  it('are a class that says which module it is in', async () => {
    const { Echo } = (await import(new URL('#', ECHO).href)) as {
      Echo: BehaviourClass<unknown, unknown>;
    };
    class Elsewhere extends Echo {
      static override readonly module: string = ECHO.href.replace(/#.*/, '');
    }
    Object.defineProperty(Elsewhere, 'name', { value: 'Echo' });
    const a = await make({ threads: 1 }).spawn(Elsewhere);
    expect(await a.ask(1)).toBe(1);
  });

  it('take args, and children of any class on their own thread', async () => {
    const system = make();
    const a = await system.spawn<unknown, unknown>(ECHO, { args: { self: new Map([[1, 2n]]) } });
    expect(await a.ask('who')).toMatchObject({ args: { self: new Map([[1, 2n]]) } });
    const child = await a.ask<ActorRef>({ do: 'spawn', options: { name: 'x' } });
    expect(await who(child)).toMatchObject({ path: `${a.path}/x`, node: a.node });
    const down = system.watch(child);
    await system.stop(a);
    expect(await down).toMatchObject({ path: `${a.path}/x`, reason: { kind: 'shutdown' } });
  });

  it("what can't be copied is refused where it is sent, and an answer that can't is a failure of its actor", async () => {
    const a = await echo(make());
    expect(() => a.tell(() => 1)).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_NOT_ENCODABLE' }) as Error,
    );
    expect((await failure(a.ask(() => 1))).code).toBe('ERR_MILLRACE_NOT_ENCODABLE');
    expect((await failure(a.ask('function'))).cause).toMatchObject({
      code: 'ERR_MILLRACE_NOT_ENCODABLE',
    });
  });

  it('a failure restarts in place: same thread, next incarnation, neighbours untouched', async () => {
    const system = make({ threads: 1 });
    const [a, b] = [await echo(system, { name: 'a' }), await echo(system, { name: 'b' })];
    const error = await failure(a.ask('throw'));
    expect(error.code).toBe('ERR_MILLRACE_PEER_DOWN');
    expect(error.cause).toMatchObject({
      name: 'RangeError',
      message: 'told to throw',
      cause: { message: 'deeper' },
    });
    expect(await who(a)).toMatchObject({ incarnation: 2, node: a.node });
    expect(await who(b)).toMatchObject({ incarnation: 1 });
  });

  it('mail that reaches nobody is a dead letter, wherever it was sent', async () => {
    const system = make();
    const [a, b] = [await echo(system, { thread: 0 }), await echo(system, { thread: 1 })];
    await system.stop(b);
    await a.ask({ do: 'tellOther', ref: b, message: 'from afar' });
    b.tell('from here');
    await expect
      .poll(() =>
        system.deadLetters
          .list()
          .map(({ message }) => message)
          .sort(),
      )
      .toEqual(['from afar', 'from here']);
  });
});

describe('the end of a thread', () => {
  const ways: [string, unknown, string, ActorSystemOptions][] = [
    ['process.exit(0)', { do: 'exit', code: 0 }, 'exit', {}],
    ['process.exit(3)', { do: 'exit', code: 3 }, 'exit', {}],
    ['a full heap', 'oom', 'oom', { maxHeapMb: 24 }],
    ['an endless loop', 'spin', 'hang', { hangTimeoutMs: 400 }],
    ['a rejection that nobody handles', 'unhandled', 'error', {}],
    ['an exception that nobody catches', 'uncaught', 'error', {}],
  ];
  it.each(ways)(
    '%s: asks reject, each watch gives one Down, all of its actors begin anew on a new thread',
    async (_, message, kind, options) => {
      const system = make({ threads: 2, ...options });
      const a = await echo(system, { name: 'a', thread: 0 });
      const b = await echo(system, { name: 'b', thread: 0 });
      const other = await echo(system, { name: 'other', thread: 1 });
      await other.ask({ do: 'watch', ref: a });
      const downs = [system.watch(a), system.watch(b)];
      const waiting = failure(b.ask({ do: 'later', ms: 60_000 }, { timeoutMs: 60_000 }));
      const fromAfar = failure(
        other.ask(
          {
            do: 'askOther',
            ref: b,
            message: { do: 'later', ms: 60_000 },
            options: { timeoutMs: 60_000 },
          },
          { timeoutMs: 60_000 },
        ),
      );
      const ends = a.ask(message, { timeoutMs: 20_000 }).catch(() => undefined);
      for (const down of await Promise.all(downs))
        expect(down).toMatchObject({ incarnation: 1, reason: { kind } });
      expect(await waiting).toMatchObject({
        code: 'ERR_MILLRACE_PEER_DOWN',
        context: { reason: { kind } },
      });
      // The asker on the other thread failed of it, which is what its own asker is told.
      expect((await fromAfar).cause).toMatchObject({
        code: 'ERR_MILLRACE_PEER_DOWN',
        context: { actor: '/b' },
      });
      await ends;
      for (const each of [a, b]) {
        const now = await who(each);
        expect(now.incarnation).toBe(2);
        expect(now.node).not.toBe(a.node);
      }
    },
  );

  it('terminate from outside', async () => {
    const system = make();
    const a = await echo(system, { thread: 1 });
    const down = system.watch(a);
    system.killThread(1);
    expect((await down).reason).toEqual({ kind: 'terminated' });
    expect(await who(a)).toMatchObject({ incarnation: 2 });
  });

  it('an actor gets exactly one Down for a thread that died, and noproc for one that is long gone', async () => {
    const system = make();
    const [a, b] = [await echo(system, { thread: 0 }), await echo(system, { thread: 1 })];
    await a.ask({ do: 'watch', ref: b });
    const down = system.watch(b);
    system.killThread(1);
    await down;
    await who(b);
    await a.ask({ do: 'watch', ref: b });
    await expect
      .poll(() => a.ask('downs'))
      .toEqual([
        { path: b.path, incarnation: 1, kind: 'terminated' },
        { path: b.path, incarnation: 1, kind: 'terminated' },
      ]);
  });

  it('counts against the actor whose code was running, which ends at its limit; the others go on', async () => {
    const system = make({ threads: 1 });
    const quick = { maxMs: 60, jitter: 0 };
    const bad = await echo(system, { name: 'bad', maxRestarts: 1, backoff: quick });
    const good = await echo(system, { name: 'good', maxRestarts: 0, backoff: quick });
    for (let n = 0; n < 2; n++)
      await failure(bad.byName.ask({ do: 'exit', code: n }, { timeoutMs: 20_000 }));
    expect(await who(good)).toMatchObject({ incarnation: 3 });
    expect(system.actors().map(({ path }) => path)).toEqual(['/good']);
    expect((await failure(bad.byName.ask(1))).context['reason']).toEqual({ kind: 'noproc' });
  });

  it('mail by name waits for the new thread', async () => {
    const system = make();
    const a = await echo(system, { thread: 0 });
    const down = system.watch(a);
    system.killThread(0);
    await down;
    const answers = [1, 2, 3].map((n) => a.byName.ask(n, { timeoutMs: 20_000 }));
    expect(await Promise.all(answers)).toEqual([1, 2, 3]);
  });
});

it('an actor that is stuck at its stop is killed with its thread, at no cost to the others', async () => {
  const system = make({ threads: 1 });
  const a = await echo(system, { shutdownMs: 50 });
  const b = await echo(system, { name: 'b', maxRestarts: 0 });
  const asked = failure(a.ask('spin'));
  await system.stop(a);
  expect((await asked).context['reason']).toEqual({ kind: 'killed' });
  expect(await who(b)).toMatchObject({ incarnation: 2 });
});

describe("a start that can't succeed ends at the limit, never in a pending promise", () => {
  const quick = { backoff: { maxMs: 60, jitter: 0 } };
  it.each([
    ['a module that throws at import', fixture('import-throws.mjs'), 'ERR_MILLRACE_JOB_FILE_THREW'],
    ["a module that isn't there", fixture('nowhere.mjs'), 'ERR_MILLRACE_JOB_FILE_MISSING'],
    ["an export that isn't there", fixture('actors.mjs#Nobody'), 'ERR_MILLRACE_BEHAVIOUR'],
    ['a class without receive', fixture('actors.mjs#NoReceive'), 'ERR_MILLRACE_BEHAVIOUR'],
  ])('%s', async (_, url, code) => {
    const system = make({ threads: 1 });
    expect(await failure(system.spawn(url, quick))).toMatchObject({
      code: 'ERR_MILLRACE_REACHED_MAX_RESTARTS',
      cause: { code },
    });
    expect(events.filter(({ type }) => type === 'exited')).toHaveLength(4);
    expect(system.actors()).toEqual([]);
    expect(await (await echo(system)).ask(1)).toBe(1);
  });

  it('an onStart that throws', async () => {
    const system = make({ threads: 1 });
    expect(
      await failure(system.spawn<unknown, unknown>(ECHO, { ...quick, args: { failStart: true } })),
    ).toMatchObject({
      code: 'ERR_MILLRACE_REACHED_MAX_RESTARTS',
      cause: { name: 'TypeError', message: 'no start' },
    });
  });
});

it('closing while an actor starts, works or restarts settles everything', async () => {
  const system = make({ threads: 1 });
  const a = await echo(system);
  const asked = failure(a.ask({ do: 'later', ms: 60_000 }, { timeoutMs: 60_000 }));
  const starting = echo(system).then(
    () => 'up',
    (error: MillraceError) => error.code,
  );
  system.killThread(0);
  await system.close();
  expect((await asked).code).toBe('ERR_MILLRACE_PEER_DOWN');
  expect(['up', 'ERR_MILLRACE_STOPPED']).toContain(await starting);
});
