/** Whether the simulator would notice: each planted fault is found within 500 seeds. */
import { describe, expect, test } from 'vitest';
import { isFailure, trySeed } from '../../src/testing/sim/explore.ts';
import { scenarioOf } from '../../src/testing/sim/scenario.ts';
import type { SimHooks } from '../../src/testing/sim/simulation.ts';
import { DURABLE_MUTATIONS } from './_durable-mutations.ts';
import { MUTATIONS } from './_mutations.ts';

const SEEDS = 500;

/** @param dies only seeds whose process may die */
async function seedsUntilFound(hooks: () => SimHooks, dies = false): Promise<number> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    if (dies && scenarioOf(seed).checkpoint === undefined) continue;
    if (isFailure(await trySeed(seed, { hooks: hooks(), twice: false }))) return seed;
  }
  return Infinity;
}

describe('a planted fault is found', () => {
  test.each(Object.keys(MUTATIONS))('%s', async (name) => {
    expect(await seedsUntilFound(MUTATIONS[name]!)).toBeLessThanOrEqual(SEEDS);
  });
});

describe('a planted fault in what outlives the process is found', () => {
  test.each(Object.keys(DURABLE_MUTATIONS))('%s', async (name) => {
    expect(await seedsUntilFound(DURABLE_MUTATIONS[name]!, true)).toBeLessThanOrEqual(SEEDS);
  });
});
