/**
 * Whole jobs under deaths, refusals and stalls: nothing is lost, doubled or out of order, and all of them end. What is
 * looked at after every turn and at the end is said in src/testing/sim/simulation.ts (T1–T4, E1–E3) and ledger.ts
 * (C1–C4). A failing seed is run again by `npm run sim -- --seed N`.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  describeFailure,
  isFailure,
  shrink,
  tryScenario,
  trySeed,
  type SimFailure,
} from '../../src/testing/sim/explore.ts';
import {
  keptScenario,
  scenarioFrom,
  scenarioOf,
  type KeptScenario,
} from '../../src/testing/sim/scenario.ts';
import { MUTATIONS } from './_mutations.ts';

const SEEDS = 200;
const SEEDS_A_TEST = 50;

interface Regression {
  readonly what: string;
  readonly scenario: KeptScenario;
}

const regressions = JSON.parse(
  readFileSync(new URL('regressions.json', import.meta.url), 'utf8'),
) as readonly Regression[];

async function failuresOf(first: number, count: number): Promise<string[]> {
  const failures: string[] = [];
  for (let seed = first; seed < first + count && failures.length < 3; seed++) {
    const outcome = await trySeed(seed);
    if (isFailure(outcome)) failures.push(describeFailure(await shrink(outcome)));
  }
  return failures;
}

describe('simulated jobs lose nothing, double nothing and come to their end, and a seed names one run', () => {
  for (let first = 1; first <= SEEDS; first += SEEDS_A_TEST) {
    test(`seeds ${first} to ${first + SEEDS_A_TEST - 1}`, async () => {
      expect((await failuresOf(first, SEEDS_A_TEST)).join('\n\n')).toBe('');
    });
  }
});

describe('what once failed', () => {
  test.each(regressions)('$what', async ({ scenario }) => {
    const outcome = await tryScenario(scenarioFrom(scenario));
    expect(isFailure(outcome) ? describeFailure(outcome) : '').toBe('');
  });
});

describe('a failure', () => {
  async function failing(): Promise<SimFailure> {
    const hooks = MUTATIONS['a successor of the sources asks for everything again']!();
    for (let seed = 1; seed <= 500; seed++) {
      const outcome = await trySeed(seed, { hooks, twice: false });
      if (isFailure(outcome) && outcome.scenario.faults.length > 3) return shrink(outcome, hooks);
    }
    throw new Error('no seed fails');
  }

  test('is told with its seed, its faults and the last actions, and without the faults that it does not need', async () => {
    const failure = await failing();
    const { scenario, result } = failure;
    expect(scenario.faults.length).toBeLessThanOrEqual(2);
    expect(scenario.faults.some((fault) => fault.kind === 'kill' && fault.role === 'sources')).toBe(
      true,
    );
    expect(result.recent.length).toBeGreaterThan(0);
    expect(result.recent.length).toBeLessThanOrEqual(200);
    const text = describeFailure(failure);
    expect(text).toContain(`seed ${scenario.seed} failed`);
    expect(text).toContain('C1: ');
    expect(text).toContain(': kill {"role":"sources"');
    expect(text).toContain('last ');
  });

  test('can be kept and run again', async () => {
    const kept = JSON.parse(JSON.stringify(keptScenario(scenarioOf(7)))) as KeptScenario;
    expect(scenarioFrom(kept)).toEqual(scenarioOf(7));
    expect(() => scenarioFrom({ ...kept, job: 'none' })).toThrow(
      "no simulated job is called 'none'",
    );
  });
});
