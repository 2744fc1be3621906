/** Whether the simulator would notice: each planted fault is found within 500 seeds. */
import { describe, expect, test } from 'vitest';
import { isFailure, trySeed } from '../../src/testing/sim/explore.ts';
import { scenarioOf } from '../../src/testing/sim/scenario.ts';
import type { SimHooks } from '../../src/testing/sim/simulation.ts';
import { DURABLE_MUTATIONS } from './_durable-mutations.ts';
import { MUTATIONS } from './_mutations.ts';

const SEEDS = 500;
/** Found a fault that is seldom met: tried first. */
const FIRST: readonly number[] = [658];

/** @param dies only seeds whose process may die */
async function isFound(hooks: () => SimHooks, dies = false): Promise<boolean> {
  const others = Array.from({ length: SEEDS }, (_, n) => n + 1);
  for (const seed of [...FIRST, ...others]) {
    if (dies && scenarioOf(seed).checkpoint === undefined) continue;
    if (isFailure(await trySeed(seed, { hooks: hooks(), twice: false }))) return true;
  }
  return false;
}

describe('a planted fault is found', () => {
  test.each(Object.keys(MUTATIONS))('%s', async (name) => {
    expect(await isFound(MUTATIONS[name]!)).toBe(true);
  });
});

describe('a planted fault in what outlives the process is found', () => {
  test.each(Object.keys(DURABLE_MUTATIONS))('%s', async (name) => {
    expect(await isFound(DURABLE_MUTATIONS[name]!, true)).toBe(true);
  });
});
