/**
 * A process dies at each step of what it does to its checkpoint directory: before a write, sync, rename or removal, behind
 * it, and in the middle of a write. Steps are found by a look at a process that lives; each life dies at the next one,
 * on the directory that those before have left. KILL9_STEPS=all takes every one; `npm test` those of the manifest, and of the
 * rest by the seed.
 */
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { Pcg32 } from '../../src/env/pcg32.ts';
import { DIE_AT_STEP, dyingAt, type Step, stepsOf, tracing } from './kill9/steps.ts';
import { Trial } from './kill9/trial.ts';

const ALL = process.env['KILL9_STEPS'] === 'all';
const SEED = Number(process.env['KILL9_SEED'] ?? 1);
/** Lives, besides those for the manifest. */
const SOME = 4;
const REACHED_MS = 20_000;

const trials: Trial[] = [];
afterEach(async () => {
  for (const trial of trials.splice(0)) await trial.close();
});

async function newTrial(): Promise<Trial> {
  const trial = new Trial();
  trials.push(trial);
  await trial.listen();
  return trial;
}

function chosen(steps: readonly Step[]): Step[] {
  if (ALL) return [...steps];
  const chance = new Pcg32(SEED);
  const others = steps.filter(({ step }) => !step.includes('manifest'));
  const some = new Set<Step>();
  while (some.size < Math.min(SOME, others.length)) some.add(others[chance.below(others.length)]!);
  return steps.filter((step) => some.has(step) || step.step.includes('manifest'));
}

it(`a process that dies at a step of a checkpoint loses nothing and doubles nothing (seed ${SEED})`, async () => {
  const watched = await newTrial();
  const trace = join(watched.room, 'trace');
  const imports = [DIE_AT_STEP];
  const alive = watched.start({ imports, env: tracing(watched.directory, trace) });
  await alive.until('checkpoints', () => alive.ofType('checkpointCompleted').length >= 6);
  await alive.kill();
  const steps = chosen(stepsOf(trace, 2));
  expect(steps.length).toBeGreaterThan(10);

  const trial = await newTrial();
  const { directory } = trial;

  const unreached: Step[] = [];
  for (const step of steps) {
    const life = trial.start({ imports, env: dyingAt(directory, step) });
    await Promise.race([life.exited, wait(REACHED_MS, undefined, { ref: false })]);
    if (life.exit === undefined) {
      unreached.push(step);
      await life.kill();
    } else if (life.exit.signal !== 'SIGKILL')
      trial.faults.push(`${JSON.stringify(step)}: ${life.story()}`);
    if (ALL) console.log(JSON.stringify(step), life.ofType('batchCompleted').length);
  }
  expect(await trial.finish()).toEqual([]);
  expect(unreached).toEqual([]);
}, 1_200_000);
