/**
 * Fifteen seconds in which any thread dies in any way, five times a second: more often than batches end, and often
 * before the one that died last has a successor. The seed decides who and how; CHAOS_SEED sets another.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { KillWay } from 'millrace';
import { describe, expect, it } from 'vitest';
import { randomIntegers } from '../../src/testing/zipf-text.ts';
import { type Form, WordCount } from './word-count.ts';

const MS = 15_000;
const PERIOD_MS = 200;
const SEED = Number(process.env['CHAOS_SEED'] ?? 1);

const ORDINARY: readonly KillWay[] = ['terminate', 'throw', 'exit'];
const RARE: readonly KillWay[] = ['oom', 'spin'];

function standStill(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

/** Gives what is wrong with the counts. */
async function chaos(forms: readonly Form[], seed: number): Promise<string[]> {
  const next = randomIntegers(seed);
  const pick = <T>(from: readonly T[]): T => from[next() % from.length]!;
  const count = await WordCount.start({
    forms,
    run: {
      maxHeapMb: 96,
      supervision: {
        maxRestarts: 1000,
        withinMs: 60_000,
        backoff: { maxMs: 50 },
        hangTimeoutMs: 2000,
      },
    },
  });
  const { watched } = count;
  try {
    let kills = 0;
    for (const end = performance.now() + MS; performance.now() < end; await wait(PERIOD_MS)) {
      const alive = watched.run
        .threads()
        .filter(({ state }) => state === 'up' || state === 'spare');
      if (alive.length === 0) continue;
      watched.run.kill(pick(alive).slot, next() % 10 === 0 ? pick(RARE) : pick(ORDINARY));
      kills++;
      // Now and then the thread that has to hear of all this stands still.
      if (next() % 8 === 0) standStill(next() % 400);
    }
    const faults = await count.finishHeld();
    const deaths = watched.ofType('actorExited').length;
    if (deaths < MS / PERIOD_MS / 4) faults.push(`only ${deaths} threads died`);
    console.log(
      `seed ${seed}: ${kills} kills, ${deaths} deaths, ${watched.run.metrics().restarts} recoveries, ` +
        `${watched.run.metrics().batches} batches, ${count.lines(forms[0]!)} lines`,
    );
    return faults;
  } finally {
    await count.close();
  }
}

describe.concurrent('random deaths change no count', () => {
  it(`of closures and declared operators side by side (seed ${SEED})`, async () => {
    expect(await chaos(['closures', 'declared'], SEED)).toEqual([]);
  }, 120_000);

  it(`of declared operators (seed ${SEED + 1})`, async () => {
    expect(await chaos(['declared'], SEED + 1)).toEqual([]);
  }, 120_000);
});
