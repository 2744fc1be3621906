/** Memory of inner rings under many deaths (T6 looks at each one that is handed on). */
import { expect, test } from 'vitest';
import type { Fault } from '../../src/testing/sim/faults.ts';
import { scenarioOf, type Scenario } from '../../src/testing/sim/scenario.ts';
import { Simulation } from '../../src/testing/sim/simulation.ts';

const DEATHS = 60;

/** A worker dies each 60 turns, while others recover from the death before. */
function manyDeaths(seed: number): Scenario {
  const faults = Array.from({ length: DEATHS }, (_, n): Fault => {
    return { kind: 'kill', turn: 200 + 60 * n, role: 'worker', pick: n, zombieTurns: 0 };
  });
  return { ...scenarioOf(seed), workers: 2, spares: 1, drainAt: undefined, poison: [], faults };
}

test.each([3, 5])(
  'rings of dead epochs are used again: sixty deaths take no more than five (seed %i)',
  async (seed) => {
    const scenario = manyDeaths(seed);
    const all = new Simulation(scenario);
    expect((await all.run()).wrong).toEqual([]);
    const few = new Simulation({ ...scenario, faults: scenario.faults.slice(0, 5) });
    expect((await few.run()).wrong).toEqual([]);
    expect(all.world.deaths).toBeGreaterThan(40);
    expect(all.rings.handedOn).toBeGreaterThan(2 * all.rings.made);
    expect(all.rings.made).toBeLessThanOrEqual(2 * few.rings.made);
  },
);
