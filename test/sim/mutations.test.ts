/** Whether the simulator would notice: each planted fault is found within 500 seeds. */
import { describe, expect, test } from 'vitest';
import { isFailure, trySeed } from '../../src/testing/sim/explore.ts';
import { MUTATIONS } from './_mutations.ts';

const SEEDS = 500;

async function seedsUntilFound(name: string): Promise<number> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    if (isFailure(await trySeed(seed, { hooks: MUTATIONS[name]!(), twice: false }))) return seed;
  }
  return Infinity;
}

describe('a planted fault is found', () => {
  test.each(Object.keys(MUTATIONS))('%s', async (name) => {
    expect(await seedsUntilFound(name)).toBeLessThanOrEqual(SEEDS);
  });
});
