/**
 * Supervisors under random trees, deaths, slow and failing starts and stops, and calls, from a seed: no child ever has
 * two lives at once, every call settles, and a stop at any moment leaves nobody and nothing behind.
 */
import { expect, it } from 'vitest';
import { Pcg32 } from '../../src/env/pcg32.ts';
import type { ChildSpec, Strategy, SupervisorSpec } from '../../src/supervision/child-spec.ts';
import type { Life, StartedChild } from '../../src/supervision/supervisor.ts';
import { CRASH, NORMAL, World, type Behaviour } from './children.ts';

const SEEDS = 300;
const STEPS = 60;

/** Notes who lives. */
class Census extends World {
  readonly alive = new Set<string>();
  readonly faults: string[] = [];

  override start(child: StartedChild<Behaviour>, life: Life): { stop(): void; kill(): void } {
    const { path } = child;
    const name = path.replace(/^top\//, '');
    if (this.alive.has(name)) this.faults.push(`${name} has two lives`);
    this.alive.add(name);
    return super.start(child, {
      ...life,
      exited: (reason, counted) => (this.alive.delete(name), life.exited(reason, counted)),
    });
  }
}

function randomTree(chance: Pcg32, depth: number): SupervisorSpec<Behaviour> {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(chance.float() * list.length)]!;
  const children = Array.from(
    { length: 1 + Math.floor(chance.float() * 4) },
    (_, n): ChildSpec<Behaviour> => {
      const id = `c${n}`;
      const backoff = { minMs: 5, maxMs: 40 };
      if (depth > 0 && chance.float() < 0.3)
        return { id, supervisor: randomTree(chance, depth - 1), backoff };
      const flaky = chance.float();
      const start: Behaviour = {
        start: (life) => (life > 1 && flaky < 0.2 && life % 2 === 0 ? 'not yet' : 'up'),
        startMs: pick([0, 0, 3]),
        stopMs: pick([0, 0, 4, Infinity]),
      };
      return {
        id,
        start,
        backoff,
        restart: pick(['permanent', 'permanent', 'transient', 'temporary'] as const),
        shutdownMs: pick([10, 100, 'brutal'] as const),
        restartAtOnce: chance.float() < 0.5,
      };
    },
  );
  return {
    strategy: pick<Strategy>(['one_for_one', 'one_for_all', 'rest_for_one']),
    children,
    maxRestarts: pick([1, 5, 50]),
    withinMs: 5000,
  };
}

function run(seed: number): string[] {
  const chance = new Pcg32(seed);
  const world = new Census();
  const supervisor = world.supervisor(randomTree(chance, 2));
  let open = 0;
  for (let step = 0; step < STEPS && world.ended.length === 0; step++) {
    const lives = [...world.alive];
    const luck = chance.float();
    const victim = lives[Math.floor(chance.float() * lives.length)];
    if (luck < 0.4 && victim !== undefined && world.isUp(victim))
      world.die(victim, chance.float() < 0.7 ? CRASH : NORMAL);
    else if (luck < 0.5) world.clock.advance(chance.float() * 50);
    else if (luck < 0.6) {
      open++;
      const [id, call] = [`c${Math.floor(chance.float() * 4)}`, chance.float()];
      const promise =
        call < 0.4
          ? supervisor.terminateChild(id)
          : call < 0.7
            ? supervisor.restartChild(id)
            : call < 0.8
              ? supervisor.deleteChild(id)
              : supervisor.startChild({ id, start: {} });
      promise.then(
        () => void calls.settled++,
        () => void calls.settled++,
      );
    } else world.clock.advance(chance.float() * 5);
  }
  calls.made += open;
  void supervisor.stop();
  world.clock.advance(60_000);
  const left = [...world.alive].map((name) => `${name} is left`);
  const times = world.ended.length === 1 ? [] : [`it ended ${world.ended.length} times`];
  const timers = world.clock.pending === 0 ? [] : [`${world.clock.pending} timers are left`];
  return [...world.faults, ...left, ...times, ...timers].map((fault) => `seed ${seed}: ${fault}`);
}

const calls = { made: 0, settled: 0 };

it(`${SEEDS} random trees`, async () => {
  const faults: string[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) faults.push(...run(seed));
  expect(faults).toEqual([]);
  await new Promise((resolve) => void setImmediate(resolve));
  expect(calls.made).toBeGreaterThan(SEEDS);
  expect(calls.settled).toBe(calls.made);
});
