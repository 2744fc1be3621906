/**
 * A process is killed (SIGKILL) again and again, at random: while it starts, while it recovers, at work, in checkpoints.
 * Each record counts once in state and is once in the output. The seed decides when; KILL9_SEED sets another, KILL9_RUNS
 * how often: `KILL9_RUNS=200 npx vitest run test/chaos/kill9.test.ts`.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { Pcg32 } from '../../src/env/pcg32.ts';
import { Trial } from './kill9/trial.ts';

const KILLS = Number(process.env['KILL9_RUNS'] ?? 8);
const SEED = Number(process.env['KILL9_SEED'] ?? 1);

let trial: Trial | undefined;
afterEach(() => trial?.close());

it(
  `a process that is killed ${KILLS} times loses nothing and doubles nothing (seed ${SEED})`,
  async () => {
    const chance = new Pcg32(SEED);
    trial = new Trial();
    await trial.listen();
    for (let n = 0; n < KILLS; n++) {
      const life = trial.start();
      await life.until('it starts', () => life.words.length > 0);
      // The first ones find a directory in which nothing was completed yet.
      const when = chance.below(n < 2 ? 2 : 4);
      if (when === 0) await wait(chance.below(11));
      else {
        await life.up();
        if (when === 1) await wait(chance.below(150));
        if (when >= 2) await wait(200 + chance.below(900));
        if (when === 3) {
          await trial.change(1000);
          await wait(chance.below(4));
        }
      }
      // More than a thousand batches that were missed are not made up for (`batchesSkipped`).
      if (n % 10 === 9) await life.until('it has made up for the kills', () => life.isUpToDate);
      await life.kill();
      if (KILLS > 20 && n % 10 === 9) console.log(`${n + 1} of ${KILLS}`);
    }
    expect(await trial.finish()).toEqual([]);
  },
  60_000 + KILLS * 15_000,
);
