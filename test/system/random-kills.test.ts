/**
 * Kills at random while everybody asks everybody: every ask settles, every watch gives exactly one Down, and afterwards
 * all actors work. Chance comes from a seed; which message meets which death does not.
 */
import { expect, it } from 'vitest';
import { MillraceError } from 'millrace';
import { ActorSystem, type ActorRef } from 'millrace/actors';
import { Pcg32 } from '../../src/env/pcg32.ts';

const ECHO = new URL('../fixtures/actors/actors.mjs#Echo', import.meta.url);
const KILLS = 15;
/** A thread's start takes seconds on a machine that is busy with much else: then there are fewer kills. */
const KILL_FOR_MS = 60_000;
const CODES = ['ERR_MILLRACE_PEER_DOWN', 'ERR_MILLRACE_CALL_TIMEOUT'];

it.each([1, 2])(
  'seed %d',
  async (seed) => {
    const chance = new Pcg32(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(chance.float() * list.length)]!;
    const system = new ActorSystem({ threads: 2, deadLetters: 100 });
    const options = { maxRestarts: 1000, withinMs: 600_000, backoff: { minMs: 1, maxMs: 20 } };
    const names = Array.from({ length: 8 }, (_, n) => `actor-${n}`);
    const exact: ActorRef[] = await Promise.all(
      names.map((name, n) =>
        system.spawn<unknown, never>(ECHO, { name, thread: n % 2, ...options }),
      ),
    );
    let asked = 0;
    let settled = 0;
    const outcomes = new Map<string, number>();
    const downs: number[] = [];
    let over = false;

    const ask = async (ref: ActorRef, message: unknown): Promise<void> => {
      asked++;
      const outcome = await ref.ask(message, { timeoutMs: 20_000 }).then(
        () => 'answered',
        (error: unknown) => (error instanceof MillraceError ? error.code : String(error)),
      );
      settled++;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    };
    const client = async (): Promise<void> => {
      while (!over) {
        // Upwards only: two that ask each other wait for each other.
        const n = Math.floor(chance.float() * names.length);
        const m = n + Math.floor(chance.float() * (names.length - n));
        const to = system.named(`/${names[n]!}`);
        const other = chance.float() < 0.5 ? exact[m]! : system.named(`/${names[m]!}`);
        await ask(
          to,
          n === m ? 1 : { do: 'askOther', ref: other, message: 2, options: { timeoutMs: 10_000 } },
        );
        if (chance.float() < 0.2) {
          const at = downs.push(0) - 1;
          void system.watch(chance.float() < 0.5 ? exact[n]! : to).then(() => void downs[at]!++);
        }
      }
    };
    const clients = Array.from({ length: 8 }, client);
    const endMs = performance.now() + KILL_FOR_MS;
    let kills = 0;
    for (let n = 0; n < KILLS && performance.now() < endMs; n++, kills++) {
      const victim = system.named<unknown>(`/${pick(names)}`);
      const way = pick(['throw', 'reject', 'exit', 'terminate', 'uncaught', 'throw']);
      if (way === 'terminate') system.killThread(n % 2);
      else await ask(victim, way === 'exit' ? { do: 'exit', code: 3 } : way);
      // A death is over when somebody answers again.
      await ask(system.named(`/${pick(names)}`), 1);
    }
    over = true;
    await Promise.all(clients);
    expect(settled).toBe(asked);
    expect(
      [...outcomes.keys()].filter((code) => code !== 'answered' && !CODES.includes(code)),
    ).toEqual([]);
    // A reply that was lost with its thread would have shown here as a deadline.
    expect(outcomes.get('ERR_MILLRACE_CALL_TIMEOUT') ?? 0).toBe(0);
    expect(kills).toBeGreaterThan(2);
    expect(outcomes.get('answered')).toBeGreaterThan(kills);
    for (const name of names)
      expect(await system.named(`/${name}`).ask(3, { timeoutMs: 20_000 })).toBe(3);
    await system.close();
    await expect.poll(() => downs.every((count) => count === 1)).toBe(true);
    expect(system.deadLetters.list().length).toBeLessThanOrEqual(100);
  },
  180_000,
);
