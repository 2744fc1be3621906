/**
 * Supervisors, in virtual time. The groups are those of OTP's own suite; each rule of a supervisor has a test that is
 * named by it.
 */
import { describe as group, expect, it } from 'vitest';
import { MillraceError } from '../../src/errors.ts';
import type {
  AutoShutdown,
  ChildSpec,
  Strategy,
  SupervisorFlags,
  SupervisorSpec,
} from '../../src/supervision/child-spec.ts';
import { CRASH, NORMAL, SHUTDOWN, World, type Behaviour } from './children.ts';

type Spec = ChildSpec<Behaviour>;
const child = (id: string, more: Partial<Spec> = {}, behaviour: Behaviour = {}): Spec => ({
  id,
  start: behaviour,
  backoff: { minMs: 100, maxMs: 100, jitter: 0 },
  ...more,
});
const three = (more: Partial<Spec> = {}): Spec[] => ['a', 'b', 'c'].map((id) => child(id, more));
const spec = (
  children: readonly Spec[],
  flags: SupervisorFlags = {},
): SupervisorSpec<Behaviour> => ({ children, ...flags });

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

async function failure(promise: Promise<unknown>): Promise<MillraceError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(MillraceError);
  return error as MillraceError;
}

group('start', () => {
  it('without children it starts and stops', async () => {
    const world = new World();
    const supervisor = world.supervisor(spec([]));
    expect(world.startedTimes).toBe(1);
    await supervisor.stop();
    expect(world.ended).toMatchObject([{ reason: SHUTDOWN }]);
  });

  it('children start in order, each when the one before it is up', () => {
    const world = new World();
    world.supervisor(spec([child('a', {}, { startMs: 10 }), child('b'), child('c')]));
    expect(world.take()).toEqual(['start a']);
    expect(world.startedTimes).toBe(0);
    world.clock.advance(10);
    expect(world.take()).toEqual(['up a', 'start b', 'up b', 'start c', 'up c']);
    expect(world.startedTimes).toBe(1);
  });

  it('a start that fails stops those already started, in reverse, and fails the supervisor', () => {
    const world = new World();
    world.supervisor(
      spec([child('a'), child('b'), child('c', {}, { start: 'no disk' }), child('d')]),
    );
    expect(world.take()).toEqual([
      'start a',
      'up a',
      'start b',
      'up b',
      'start c',
      'end c: error',
      'stop b',
      'end b: shutdown',
      'stop a',
      'end a: shutdown',
    ]);
    expect(world.ended).toMatchObject([
      {
        reason: { kind: 'shutdown', detail: 'failed_to_start_child: c: error: Error: no disk' },
        blamed: { id: 'c' },
      },
    ]);
    expect(world.startedTimes).toBe(0);
  });

  it("with onStartFailure 'restart' a start that fails counts as a death, until the limit", () => {
    const world = new World();
    world.supervisor(spec([child('a', {}, { start: 'no disk' })], { onStartFailure: 'restart' }));
    world.clock.advance(10_000);
    expect(world.incarnation('a')).toBe(4);
    expect(world.ended).toMatchObject([
      { reason: { detail: 'reached_max_restarts: child a: 3 restarts in 30000 ms' } },
    ]);
  });

  it('a child that is not up by startTimeoutMs is killed, and its start has failed', () => {
    const world = new World();
    world.supervisor(spec([child('a', { startTimeoutMs: 500 }, { start: 'never' })]));
    world.clock.advance(499);
    expect(world.take()).toEqual(['start a']);
    world.clock.advance(1);
    expect(world.ended[0]).toMatchObject({ blamed: { reason: { kind: 'bootstrap' } } });
  });

  it('a child may be ignored: it is known, and not there', () => {
    const world = new World();
    const supervisor = world.supervisor(spec([child('a', {}, { start: 'ignore' }), child('b')]));
    expect(supervisor.children().map(({ id, state }) => [id, state])).toEqual([
      ['a', 'ignored'],
      ['b', 'up'],
    ]);
    expect(supervisor.count()).toEqual({ specs: 2, active: 1, supervisors: 0, workers: 2 });
  });

  it('a temporary child that is ignored is forgotten', async () => {
    const world = new World();
    const supervisor = world.supervisor(
      spec([child('a', { restart: 'temporary' }, { start: 'ignore' }), child('b')]),
    );
    await supervisor.startChild(child('c', { restart: 'temporary' }, { start: 'ignore' }));
    expect(supervisor.children().map(({ id }) => id)).toEqual(['b']);
  });

  it('a second start is refused', () => {
    const world = new World();
    const supervisor = world.supervisor(spec([]));
    expect(() => supervisor.start()).toThrow(
      expect.objectContaining({ code: 'ERR_MILLRACE_ALREADY_STARTED' }) as Error,
    );
  });

  it('what a spec leaves out has the defaults of OTP', () => {
    const world = new World();
    const supervisor = world.supervisor(
      spec([
        { id: 'a', start: {} },
        { id: 'b', supervisor: spec([]) },
      ]),
    );
    expect(supervisor.childSpec('a')).toMatchObject({
      restart: 'permanent',
      shutdownMs: 5000,
      type: 'worker',
      significant: false,
    });
    expect(supervisor.childSpec('b')).toMatchObject({
      restart: 'permanent',
      shutdownMs: 'infinity',
      type: 'supervisor',
    });
    expect(supervisor.childSpec('z')).toBeUndefined();
  });
});

group('faulty specs are found before anything starts', () => {
  const cyclic: { children: Spec[] } = { children: [] };
  cyclic.children.push({ id: 'again', supervisor: cyclic });
  const faults: [string, SupervisorSpec<Behaviour>, string][] = [
    [
      'an unknown strategy',
      spec([child('a')], { strategy: 'one_for_two' as Strategy }),
      'ERR_MILLRACE_UNKNOWN_STRATEGY',
    ],
    [
      'a temporary significant child',
      spec([child('a', { restart: 'temporary', significant: true })], {
        autoShutdown: 'any_significant',
      }),
      'ERR_MILLRACE_SIGNIFICANT_CHILD',
    ],
    [
      'a permanent significant child',
      spec([child('a', { significant: true })], { autoShutdown: 'any_significant' }),
      'ERR_MILLRACE_SIGNIFICANT_CHILD',
    ],
    [
      "a significant child under 'never'",
      spec([child('a', { restart: 'transient', significant: true })]),
      'ERR_MILLRACE_SIGNIFICANT_CHILD',
    ],
    [
      'a window shorter than the backoff',
      spec([child('a', { backoff: { minMs: 4000 } })], { withinMs: 5000 }),
      'ERR_MILLRACE_WINDOW_TOO_SHORT',
    ],
    ['a duplicate id', spec([child('a'), child('a')]), 'ERR_MILLRACE_DUPLICATE_ID'],
    ['a cycle', cyclic, 'ERR_MILLRACE_SPEC_CYCLE'],
    ['a child without id', spec([child('')]), 'ERR_MILLRACE_BAD_OPTION'],
    ['a child without start', spec([{ id: 'a' }]), 'ERR_MILLRACE_BAD_OPTION'],
    [
      'an unknown restart kind',
      spec([child('a', { restart: 'sometimes' as never })]),
      'ERR_MILLRACE_BAD_OPTION',
    ],
    ['a bad shutdown deadline', spec([child('a', { shutdownMs: -1 })]), 'ERR_MILLRACE_BAD_OPTION'],
    ['a bad limit', spec([], { maxRestarts: -1 }), 'ERR_MILLRACE_BAD_OPTION'],
    [
      'an unknown autoShutdown',
      spec([child('a')], { autoShutdown: 'some' as AutoShutdown }),
      'ERR_MILLRACE_BAD_OPTION',
    ],
    [
      'a simple_one_for_one without its one template',
      spec(three(), { strategy: 'simple_one_for_one' }),
      'ERR_MILLRACE_BAD_OPTION',
    ],
  ];
  it.each(faults)('%s', (_, bad, code) => {
    const world = new World();
    expect(() => world.supervisor(bad)).toThrow(
      expect.objectContaining({
        code: 'ERR_MILLRACE_BAD_SPEC',
        context: { actor: 'top', faults: [code] },
      }) as Error,
    );
    expect(world.log).toEqual([]);
  });

  it('all at once, in the whole tree, each with its code and call site', () => {
    const inner = {
      ...spec([child('x'), child('x', { callSite: 'app.ts:9:1' })], {
        strategy: 'sideways' as Strategy,
      }),
      callSite: 'app.ts:7:1',
    };
    const tree = spec([
      child('a', { significant: true, callSite: 'app.ts:3:1' }),
      { id: 'inner', supervisor: inner },
    ]);
    const error = thrownBy(() => new World().supervisor(tree));
    {
      const { errors } = (error as MillraceError).cause as AggregateError;
      expect(
        errors.map(({ code, context }: MillraceError) => [
          code,
          context.actor,
          context['callSite'],
        ]),
      ).toEqual([
        ['ERR_MILLRACE_SIGNIFICANT_CHILD', 'top/a', 'app.ts:3:1'],
        ['ERR_MILLRACE_SIGNIFICANT_CHILD', 'top/a', 'app.ts:3:1'],
        ['ERR_MILLRACE_UNKNOWN_STRATEGY', 'top/inner', 'app.ts:7:1'],
        ['ERR_MILLRACE_DUPLICATE_ID', 'top/inner/x', 'app.ts:9:1'],
      ]);
      expect((error as Error).message).toContain('app.ts:9:1');
    }
  });

  it('a spec object may occur in two places, only not below itself', () => {
    const shared = spec([child('x')]);
    const world = new World();
    world.supervisor(
      spec([
        { id: 'one', supervisor: shared },
        { id: 'two', supervisor: shared },
      ]),
    );
    expect([world.isUp('one/x'), world.isUp('two/x')]).toEqual([true, true]);
  });
});

group('stop', () => {
  it('children stop in reverse order, each when the one before it is gone', () => {
    const world = new World();
    const supervisor = world.supervisor(
      spec([child('a'), child('b', {}, { stopMs: 20 }), child('c')]),
    );
    world.take();
    void supervisor.stop();
    expect(world.take()).toEqual(['stop c', 'end c: shutdown', 'stop b']);
    world.clock.advance(20);
    expect(world.take()).toEqual(['end b: shutdown', 'stop a', 'end a: shutdown']);
    expect(world.ended).toHaveLength(1);
  });

  it('a child that has not stopped at its deadline is killed', () => {
    const world = new World();
    const supervisor = world.supervisor(
      spec([child('a', { shutdownMs: 1000 }, { stopMs: Infinity })]),
    );
    world.take();
    void supervisor.stop();
    world.clock.advance(999);
    expect(world.take()).toEqual(['stop a']);
    world.clock.advance(1);
    expect(world.take()).toEqual(['kill a', 'end a: killed']);
  });

  it("'brutal' doesn't ask", () => {
    const world = new World();
    const supervisor = world.supervisor(spec([child('a', { shutdownMs: 'brutal' })]));
    world.take();
    void supervisor.stop();
    expect(world.take()).toEqual(['kill a', 'end a: killed']);
  });

  it("'infinity' waits for as long as it takes", () => {
    const world = new World();
    const supervisor = world.supervisor(
      spec([child('a', { shutdownMs: 'infinity' }, { stopMs: 86_400_000 })]),
    );
    void supervisor.stop();
    world.clock.advance(86_399_999);
    expect(world.ended).toEqual([]);
    world.clock.advance(1);
    expect(world.ended).toMatchObject([{ reason: SHUTDOWN }]);
    expect(world.log).not.toContain('kill a');
  });

  it('a kill of the supervisor kills who is being stopped, and all others', () => {
    const world = new World();
    const supervisor = world.supervisor(
      spec([child('a'), child('b', { shutdownMs: 'infinity' }, { stopMs: Infinity })]),
    );
    world.take();
    void supervisor.stop();
    supervisor.kill();
    expect(world.take()).toEqual(['stop b', 'kill b', 'end b: killed', 'kill a', 'end a: killed']);
  });

  it('a second stop resolves with the first', async () => {
    const supervisor = new World().supervisor(spec(three()));
    await Promise.all([supervisor.stop(), supervisor.stop()]);
    await expect(supervisor.stop()).resolves.toBeUndefined();
  });
});

group('administration of children', () => {
  it('start, terminate, restart, delete', async () => {
    const world = new World();
    const supervisor = world.supervisor(spec([]));
    await supervisor.startChild(child('a'));
    expect((await failure(supervisor.startChild(child('a')))).code).toBe(
      'ERR_MILLRACE_DUPLICATE_ID',
    );
    expect((await failure(supervisor.restartChild('a'))).code).toBe('ERR_MILLRACE_BAD_TRANSITION');
    expect((await failure(supervisor.deleteChild('a'))).code).toBe('ERR_MILLRACE_BAD_TRANSITION');
    await supervisor.terminateChild('a');
    expect(supervisor.children()).toMatchObject([{ id: 'a', state: 'down' }]);
    await supervisor.restartChild('a');
    expect(supervisor.children()).toMatchObject([{ id: 'a', state: 'up', incarnation: 2 }]);
    await supervisor.terminateChild('a');
    await supervisor.deleteChild('a');
    expect(supervisor.children()).toEqual([]);
    for (const each of [
      supervisor.terminateChild('a'),
      supervisor.restartChild('a'),
      supervisor.deleteChild('a'),
    ]) {
      expect((await failure(each)).code).toBe('ERR_MILLRACE_NO_SUCH_CHILD');
    }
  });

  it('a child that cannot be started is not added, and the error is whole', async () => {
    const supervisor = new World().supervisor(spec([]));
    const error = await failure(supervisor.startChild(child('a', {}, { start: 'no disk' })));
    expect(error).toMatchObject({
      code: 'ERR_MILLRACE_CHILD_START',
      cause: { message: 'no disk' },
    });
    expect(supervisor.children()).toEqual([]);
  });

  it('a faulty spec is refused', async () => {
    const supervisor = new World().supervisor(spec([]));
    expect((await failure(supervisor.startChild(child('a', { significant: true })))).code).toBe(
      'ERR_MILLRACE_BAD_SPEC',
    );
  });

  it('a temporary child is forgotten when it is terminated', async () => {
    const supervisor = new World().supervisor(spec([child('a', { restart: 'temporary' })]));
    await supervisor.terminateChild('a');
    expect(supervisor.children()).toEqual([]);
  });

  it('children are counted by kind and state', () => {
    const world = new World();
    const supervisor = world.supervisor(
      spec([
        child('a'),
        { id: 's', supervisor: spec([child('x')]) },
        child('t', { restart: 'transient' }),
      ]),
    );
    world.die('t', NORMAL);
    expect(supervisor.count()).toEqual({ specs: 3, active: 2, supervisors: 1, workers: 2 });
  });

  it('a call to a supervisor that stops is refused', async () => {
    const supervisor = new World().supervisor(spec([child('a', {}, { stopMs: Infinity })]));
    const waiting = supervisor.terminateChild('a');
    const refused = failure(supervisor.startChild(child('b')));
    supervisor.kill();
    await waiting;
    expect((await refused).code).toBe('ERR_MILLRACE_STOPPED');
    expect((await failure(supervisor.startChild(child('b')))).code).toBe('ERR_MILLRACE_STOPPED');
  });
});

group('permanent, transient, temporary', () => {
  const ends = [
    ['normal', NORMAL],
    ['shutdown', SHUTDOWN],
    ['abnormal', CRASH],
    ['abnormal, by process.exit(0)', { kind: 'exit', code: 0 }],
  ] as const;
  const again: Record<string, readonly string[]> = {
    permanent: ['normal', 'shutdown', 'abnormal', 'abnormal, by process.exit(0)'],
    transient: ['abnormal', 'abnormal, by process.exit(0)'],
    temporary: [],
  };
  for (const restart of ['permanent', 'transient', 'temporary'] as const) {
    it.each(ends)(`${restart}, %s`, (name, reason) => {
      const world = new World();
      const supervisor = world.supervisor(spec([child('a', { restart })]));
      world.die('a', reason);
      world.clock.advance(100);
      expect(world.isUp('a')).toBe(again[restart]!.includes(name));
      expect(supervisor.children().map(({ id }) => id)).toEqual(
        restart === 'temporary' ? [] : ['a'],
      );
    });
  }

  it("a temporary bystander is stopped with its group, and doesn't come back through it", () => {
    for (const strategy of ['one_for_all', 'rest_for_one'] as const) {
      const world = new World();
      const supervisor = world.supervisor(
        spec([child('a'), child('b', { restart: 'temporary' })], { strategy }),
      );
      world.die('a');
      world.clock.advance(100);
      expect([world.isUp('a'), world.isUp('b')]).toEqual([true, false]);
      expect(supervisor.children().map(({ id }) => id)).toEqual(['a']);
    }
  });
});

group('one_for_one', () => {
  it('restarts the dead child alone', () => {
    const world = new World();
    world.supervisor(spec(three()));
    world.take();
    world.die('b');
    world.clock.advance(100);
    expect(world.take()).toEqual(['start b', 'up b']);
  });

  it('escalates: over the limit all others stop in reverse order, then it ends', () => {
    const world = new World();
    world.supervisor(spec(three(), { maxRestarts: 1 }));
    world.die('b');
    world.clock.advance(100);
    world.take();
    world.die('b');
    expect(world.take()).toEqual(['stop c', 'end c: shutdown', 'stop a', 'end a: shutdown']);
    expect(world.ended).toMatchObject([
      {
        reason: {
          kind: 'shutdown',
          detail: 'reached_max_restarts: child b: 1 restarts in 30000 ms',
        },
        blamed: { id: 'b', reason: CRASH },
      },
    ]);
  });

  it('children that wait for their backoff hold nobody back', () => {
    const world = new World();
    world.supervisor(
      spec([child('a', { backoff: { minMs: 1000, maxMs: 1000, jitter: 0 } }), child('b')]),
    );
    world.die('a');
    world.die('b');
    world.clock.advance(100);
    expect([world.isUp('a'), world.isUp('b')]).toEqual([false, true]);
    world.clock.advance(900);
    expect(world.isUp('a')).toBe(true);
  });
});

group('one_for_all', () => {
  it('stops the others in reverse order, and starts all in order', () => {
    const world = new World();
    world.supervisor(spec(three(), { strategy: 'one_for_all' }));
    world.take();
    world.die('b');
    expect(world.take()).toEqual(['stop c', 'end c: shutdown', 'stop a', 'end a: shutdown']);
    world.clock.advance(100);
    expect(world.take()).toEqual(['start a', 'up a', 'start b', 'up b', 'start c', 'up c']);
  });

  it('escalates', () => {
    const world = new World();
    world.supervisor(spec(three(), { strategy: 'one_for_all', maxRestarts: 0 }));
    world.die('a');
    expect(world.ended).toMatchObject([{ reason: { kind: 'shutdown' }, blamed: { id: 'a' } }]);
    expect([world.isUp('b'), world.isUp('c')]).toEqual([false, false]);
  });

  it('another child fails its restart: all are tried again', () => {
    const world = new World();
    const flaky: Behaviour = { start: (incarnation) => (incarnation === 2 ? 'not yet' : 'up') };
    world.supervisor(
      spec([child('a'), child('b', {}, flaky), child('c')], { strategy: 'one_for_all' }),
    );
    world.die('a');
    world.take();
    world.clock.advance(100);
    expect(world.take()).toEqual([
      'start a',
      'up a',
      'start b',
      'end b: error',
      'stop a',
      'end a: shutdown',
    ]);
    world.clock.advance(100);
    expect(world.take()).toEqual(['start a', 'up a', 'start b', 'up b', 'start c', 'up c']);
  });

  it('two that die together are one restart', () => {
    const world = new World();
    world.supervisor(
      spec([child('a'), child('b', {}, { stopMs: 10 })], {
        strategy: 'one_for_all',
        maxRestarts: 1,
      }),
    );
    world.die('a');
    world.die('b', { kind: 'oom' });
    world.clock.advance(200);
    expect([world.isUp('a'), world.isUp('b')]).toEqual([true, true]);
    expect(world.events.filter(({ type }) => type === 'restarting')).toHaveLength(1);
  });
});

group('rest_for_one', () => {
  it('restarts the dead child and those that were started after it', () => {
    const world = new World();
    world.supervisor(spec(three(), { strategy: 'rest_for_one' }));
    world.take();
    world.die('b');
    expect(world.take()).toEqual(['stop c', 'end c: shutdown']);
    world.clock.advance(100);
    expect(world.take()).toEqual(['start b', 'up b', 'start c', 'up c']);
  });

  it('escalates', () => {
    const world = new World();
    world.supervisor(spec(three(), { strategy: 'rest_for_one', maxRestarts: 0 }));
    world.take();
    world.die('b');
    expect(world.take()).toEqual(['stop c', 'end c: shutdown', 'stop a', 'end a: shutdown']);
    expect(world.ended).toHaveLength(1);
  });

  it('another child fails its restart: it and those after it are tried again', () => {
    const world = new World();
    const flaky: Behaviour = { start: (incarnation) => (incarnation === 2 ? 'not yet' : 'up') };
    world.supervisor(
      spec([child('a'), child('b', {}, flaky), child('c')], { strategy: 'rest_for_one' }),
    );
    world.die('a');
    world.take();
    world.clock.advance(100);
    expect(world.take()).toEqual(['start a', 'up a', 'start b', 'end b: error']);
    world.clock.advance(100);
    expect(world.take()).toEqual(['start b', 'up b', 'start c', 'up c']);
  });

  it('an earlier child that dies while a later one waits takes it along', () => {
    const world = new World();
    world.supervisor(spec(three(), { strategy: 'rest_for_one' }));
    world.die('c');
    world.clock.advance(50);
    world.die('a');
    world.take();
    world.clock.advance(99);
    expect(world.take()).toEqual([]);
    world.clock.advance(1);
    expect(world.take()).toEqual(['start a', 'up a', 'start b', 'up b', 'start c', 'up c']);
  });
});

group('simple_one_for_one', () => {
  const simple = (
    behaviour: Behaviour = {},
    more: Partial<Spec> = {},
    flags: SupervisorFlags = {},
  ): SupervisorSpec<Behaviour> =>
    spec([child('w', more, behaviour)], { strategy: 'simple_one_for_one', ...flags });

  it('starts none by itself, and as many as wanted from its template', async () => {
    const world = new World();
    const supervisor = world.supervisor(simple());
    expect(world.take()).toEqual([]);
    expect([await supervisor.startOneMore({}), await supervisor.startOneMore({})]).toEqual([
      'w-1',
      'w-2',
    ]);
    expect(supervisor.count()).toEqual({ specs: 1, active: 2, supervisors: 0, workers: 2 });
  });

  it('restarts the dead one alone, with what it was started with', async () => {
    const world = new World();
    const supervisor = world.supervisor(simple());
    const starts: number[] = [];
    await supervisor.startOneMore({ start: (n) => (starts.push(n), 'up') });
    await supervisor.startOneMore({});
    world.die('w-1');
    world.clock.advance(100);
    expect(starts).toEqual([1, 2]);
    expect(world.incarnation('w-2')).toBe(1);
  });

  it('all stop at the same time', async () => {
    const world = new World();
    const supervisor = world.supervisor(simple());
    await supervisor.startOneMore({ stopMs: 30 });
    await supervisor.startOneMore({ stopMs: 20 });
    world.take();
    void supervisor.stop();
    expect(world.take()).toEqual(['stop w-1', 'stop w-2']);
    world.clock.advance(30);
    expect(world.ended[0]).toMatchObject({ atMs: 30 });
  });

  it('one that ends for good, or is ignored, is forgotten', async () => {
    const world = new World();
    const supervisor = world.supervisor(simple({}, { restart: 'transient' }));
    await supervisor.startOneMore({});
    await supervisor.startOneMore({ start: 'ignore' });
    world.die('w-1', NORMAL);
    expect(supervisor.children()).toEqual([]);
  });

  it('escalates', async () => {
    const world = new World();
    const supervisor = world.supervisor(simple({}, {}, { maxRestarts: 0 }));
    await supervisor.startOneMore({});
    await supervisor.startOneMore({});
    world.die('w-2');
    expect(world.ended).toHaveLength(1);
    expect(world.isUp('w-1')).toBe(false);
  });

  it('keeps nothing of many temporary children that came and went', async () => {
    const world = new World();
    const supervisor = world.supervisor(simple({}, { restart: 'temporary' }));
    for (let n = 1; n <= 1000; n++) {
      await supervisor.startOneMore({});
      world.die(`w-${n}`, n % 2 === 0 ? CRASH : NORMAL);
    }
    expect(supervisor.children()).toEqual([]);
    expect(world.ended).toEqual([]);
  });

  it('only it starts from a template', async () => {
    expect((await failure(new World().supervisor(spec([])).startOneMore({}))).code).toBe(
      'ERR_MILLRACE_UNSUPPORTED',
    );
  });
});

group('intensity', () => {
  it('the limit is a sliding window: old deaths are forgotten', () => {
    const world = new World();
    world.supervisor(spec([child('a')], { maxRestarts: 1, withinMs: 1000 }));
    for (let n = 0; n < 5; n++) {
      world.die('a');
      world.clock.advance(1001);
    }
    expect(world.isUp('a')).toBe(true);
  });

  it("is counted for each child: unlucky siblings don't use up each other's restarts", () => {
    const world = new World();
    world.supervisor(spec(three(), { maxRestarts: 3 }));
    for (let n = 0; n < 3; n++) {
      for (const id of ['a', 'b', 'c']) world.die(id);
      world.clock.advance(100);
    }
    expect(world.ended).toEqual([]);
  });

  it("the whole supervisor has three times a child's", () => {
    const world = new World();
    world.supervisor(spec([...three(), child('d')], { maxRestarts: 1 }));
    for (const id of ['a', 'b', 'c', 'd']) world.die(id);
    expect(world.ended).toMatchObject([
      {
        reason: {
          detail:
            'reached_max_restarts: all children of top, d the last of them: 3 restarts in 30000 ms',
        },
      },
    ]);
  });

  it('the restart of a group counts once', () => {
    const world = new World();
    world.supervisor(spec([...three(), child('d')], { strategy: 'one_for_all', maxRestarts: 2 }));
    for (let n = 0; n < 2; n++) {
      world.die('a');
      world.clock.advance(100);
    }
    expect(world.ended).toEqual([]);
    expect(world.isUp('d')).toBe(true);
  });

  it('a death that is not its own is not counted', () => {
    const world = new World();
    world.supervisor(spec([child('a')], { maxRestarts: 1 }));
    for (let n = 0; n < 5; n++) {
      world.die('a', { kind: 'terminated' }, false);
      world.clock.advance(100);
    }
    expect(world.isUp('a')).toBe(true);
  });

  it('maxRestarts 0 restarts nobody', () => {
    const world = new World();
    world.supervisor(spec([child('a')], { maxRestarts: 0 }));
    world.die('a');
    expect(world.ended).toHaveLength(1);
  });
});

group('backoff', () => {
  const patient = (more: Partial<Spec> = {}): SupervisorSpec<Behaviour> =>
    spec([child('a', { backoff: { minMs: 100, maxMs: 800, jitter: 0 }, ...more })], {
      maxRestarts: 10,
    });
  const delays = (world: World): number[] =>
    world.events.flatMap((event) => (event.type === 'restarting' ? [event.delayMs] : []));

  it('each restart waits longer, up to the longest', () => {
    const world = new World();
    world.supervisor(patient());
    for (let n = 0; n < 5; n++) {
      world.die('a');
      world.clock.advance(800);
    }
    expect(delays(world)).toEqual([100, 200, 400, 800, 800]);
  });

  it('begins anew on progress, not by time', () => {
    const world = new World();
    world.supervisor(patient());
    world.die('a');
    world.clock.advance(20_000);
    world.die('a');
    world.clock.advance(20_000);
    world.progress('a');
    world.die('a');
    expect(delays(world)).toEqual([100, 200, 100]);
  });

  it('has jitter', () => {
    const world = new World();
    world.supervisor(patient({ backoff: { minMs: 1000, maxMs: 2000, jitter: 0.5 } }));
    world.die('a');
    expect(delays(world)[0]).toBeGreaterThan(500);
    expect(delays(world)[0]).not.toBe(1000);
  });

  it('with restartAtOnce the first restart since progress does not wait', () => {
    const world = new World();
    world.supervisor(patient({ restartAtOnce: true }));
    for (let n = 0; n < 3; n++) {
      world.die('a');
      world.clock.advance(800);
    }
    world.progress('a');
    world.die('a');
    expect(delays(world)).toEqual([0, 100, 200, 0]);
    expect(world.isUp('a')).toBe(true);
  });
});

group('significant children', () => {
  const significant = (id: string): Spec => child(id, { restart: 'transient', significant: true });

  it('any_significant: the first that ends for good ends the supervisor', () => {
    const world = new World();
    world.supervisor(
      spec([significant('a'), significant('b'), child('c')], { autoShutdown: 'any_significant' }),
    );
    world.die('a', NORMAL);
    expect(world.ended).toMatchObject([
      { reason: { kind: 'shutdown', detail: 'auto_shutdown: significant child a ended' } },
    ]);
    expect(world.isUp('c')).toBe(false);
  });

  it('all_significant: the last of them does', () => {
    const world = new World();
    world.supervisor(
      spec([significant('a'), significant('b'), child('c')], { autoShutdown: 'all_significant' }),
    );
    world.die('a', NORMAL);
    expect(world.ended).toEqual([]);
    world.die('b', NORMAL);
    expect(world.ended).toHaveLength(1);
  });

  it('one that is restarted ends nobody, and counts as alive while it waits', () => {
    const world = new World();
    world.supervisor(
      spec([significant('a'), significant('b')], { autoShutdown: 'all_significant' }),
    );
    world.die('a', CRASH);
    world.die('b', NORMAL);
    expect(world.ended).toEqual([]);
    world.clock.advance(100);
    expect(world.isUp('a')).toBe(true);
  });

  it("a bystander that ends is nobody's end", () => {
    const world = new World();
    world.supervisor(
      spec([significant('a'), child('b', { restart: 'transient' })], {
        autoShutdown: 'any_significant',
      }),
    );
    world.die('b', NORMAL);
    expect(world.ended).toEqual([]);
  });

  it('one that is terminated on purpose ends nobody', async () => {
    const world = new World();
    const supervisor = world.supervisor(
      spec([significant('a'), child('b')], { autoShutdown: 'any_significant' }),
    );
    await supervisor.terminateChild('a');
    expect(world.ended).toEqual([]);
  });

  it('the parent of a supervisor that ended so restarts it only if it is permanent', () => {
    for (const restart of ['permanent', 'transient'] as const) {
      const world = new World();
      const inner = spec([significant('x')], { autoShutdown: 'any_significant' });
      world.supervisor(
        spec([
          { id: 's', supervisor: inner, restart, backoff: { minMs: 100, maxMs: 100, jitter: 0 } },
        ]),
      );
      world.die('s/x', NORMAL);
      world.clock.advance(100);
      expect(world.isUp('s/x')).toBe(restart === 'permanent');
    }
  });
});

group('a start that is tried again', () => {
  it('goes on until the limit, and never hangs', () => {
    const world = new World();
    world.supervisor(spec([child('a', {}, { start: (n) => (n === 1 ? 'up' : 'gone') })]));
    world.die('a');
    world.clock.advance(10_000);
    expect(world.incarnation('a')).toBe(4);
    expect(world.ended).toHaveLength(1);
  });

  it('comes through the mailbox, so a stop overtakes it', () => {
    const world = new World();
    const supervisor = world.supervisor(
      spec(
        [
          child(
            'a',
            { backoff: { minMs: 0, maxMs: 0 } },
            { start: (n) => (n === 1 ? 'up' : 'gone'), startMs: 1 },
          ),
        ],
        { maxRestarts: 1_000_000 },
      ),
    );
    world.clock.advance(1);
    world.die('a');
    world.clock.advance(50);
    void supervisor.stop();
    world.take();
    world.clock.advance(50);
    expect(world.take()).toEqual([]);
    expect(world.ended).toMatchObject([{ reason: SHUTDOWN, atMs: 51 }]);
  });

  it('a stop ends a start in the middle', () => {
    const world = new World();
    const supervisor = world.supervisor(
      spec([child('a'), child('b', {}, { start: 'never' }), child('c')]),
    );
    world.take();
    void supervisor.stop();
    expect(world.take()).toEqual(['stop b', 'end b: shutdown', 'stop a', 'end a: shutdown']);
    expect(world.startedTimes).toBe(0);
  });

  it('a stop cancels what waits for its backoff', () => {
    const world = new World();
    const supervisor = world.supervisor(spec(three()));
    world.die('b');
    void supervisor.stop();
    world.clock.advance(10_000);
    expect(world.incarnation('b')).toBe(1);
    expect(world.clock.pending).toBe(0);
  });

  it('a child that is terminated while it waits is not restarted', async () => {
    const world = new World();
    const supervisor = world.supervisor(spec(three()));
    world.die('b');
    await supervisor.terminateChild('b');
    world.clock.advance(10_000);
    expect(world.incarnation('b')).toBe(1);
    await supervisor.restartChild('b');
    expect(world.incarnation('b')).toBe(2);
  });
});

group('trees', () => {
  const inner = (flags: SupervisorFlags = {}): Spec => ({
    id: 's',
    supervisor: spec([child('x'), child('y')], flags),
    backoff: { minMs: 100, maxMs: 100, jitter: 0 },
  });

  it('start in order and stop in reverse order, depth first', () => {
    const world = new World();
    const supervisor = world.supervisor(spec([child('a'), inner(), child('z')]));
    expect(world.take()).toEqual([
      'start a',
      'up a',
      'start s/x',
      'up s/x',
      'start s/y',
      'up s/y',
      'start z',
      'up z',
    ]);
    void supervisor.stop();
    expect(world.take().filter((line) => line.startsWith('stop'))).toEqual([
      'stop z',
      'stop s/y',
      'stop s/x',
      'stop a',
    ]);
  });

  it('a supervisor that gives up is restarted by its parent', () => {
    const world = new World();
    world.supervisor(spec([child('a'), inner({ maxRestarts: 0 })]));
    world.take();
    world.die('s/y');
    expect(world.take()).toEqual(['stop s/x', 'end s/x: shutdown']);
    world.clock.advance(100);
    expect(world.take()).toEqual(['start s/x', 'up s/x', 'start s/y', 'up s/y']);
    expect(world.isUp('a')).toBe(true);
  });

  it('escalation goes up to the root, which gives up last', () => {
    const world = new World();
    world.supervisor(spec([child('a'), inner({ maxRestarts: 0 })], { maxRestarts: 1 }));
    world.die('s/y');
    world.clock.advance(100);
    world.die('s/y');
    expect(world.ended).toMatchObject([
      {
        blamed: {
          id: 's',
          reason: {
            kind: 'shutdown',
            detail: 'reached_max_restarts: child y: 0 restarts in 30000 ms',
          },
        },
      },
    ]);
    expect(world.isUp('a')).toBe(false);
  });

  it('a start that fails deep in the tree fails the root, all else stopped', () => {
    const world = new World();
    world.supervisor(
      spec([
        child('a'),
        { id: 's', supervisor: spec([child('x'), child('y', {}, { start: 'no disk' })]) },
      ]),
    );
    expect(world.log.filter((line) => line.startsWith('stop'))).toEqual(['stop s/x', 'stop a']);
    expect(world.ended[0]!.reason).toMatchObject({
      detail: expect.stringContaining('no disk') as string,
    });
  });
});

it('what an old life says is ignored', () => {
  const world = new World();
  const lives: { exited(reason: typeof CRASH): void }[] = [];
  const start = world.start.bind(world);
  world.start = (started, life) => (lives.push(life), start(started, life));
  world.supervisor(spec([child('a')]));
  world.die('a');
  world.clock.advance(100);
  lives[0]!.exited(CRASH);
  world.clock.advance(1000);
  expect(world.incarnation('a')).toBe(2);
});

it('a host that throws is a start that failed', () => {
  const world = new World();
  world.start = () => {
    throw new TypeError('no host');
  };
  world.supervisor(spec([child('a')]));
  expect(world.ended[0]!.reason).toMatchObject({
    detail: expect.stringContaining('no host') as string,
  });
});
