/** Runs seeds: each twice, since both runs must be the same, and what fails once more with fewer faults. */
import { describeFault, type Fault } from './faults.ts';
import { keptScenario, scenarioOf, type Scenario } from './scenario.ts';
import { Simulation, type SimHooks, type SimResult } from './simulation.ts';

export interface SimFailure {
  readonly scenario: Scenario;
  readonly result: SimResult;
}

export interface TryOptions {
  readonly hooks?: SimHooks;
  /** Run it twice and compare. @default true */
  readonly twice?: boolean;
}

export function trySeed(seed: number, options?: TryOptions): Promise<SimFailure | SimResult> {
  return tryScenario(scenarioOf(seed), options);
}

export async function tryScenario(
  scenario: Scenario,
  { hooks, twice = true }: TryOptions = {},
): Promise<SimFailure | SimResult> {
  const result = await new Simulation(scenario, hooks).run();
  if (result.wrong.length > 0) return { scenario, result };
  if (twice) {
    const again = await new Simulation(scenario, hooks).run();
    if (again.hash !== result.hash)
      return {
        scenario,
        result: {
          ...again,
          wrong: [
            `two runs of one seed differ: ${result.hash} and ${again.hash}, in ${result.turns} and ${again.turns} turns`,
          ],
        },
      };
  }
  return result;
}

export function isFailure(outcome: SimFailure | SimResult): outcome is SimFailure {
  return 'scenario' in outcome;
}

/** Leaves faults out as long as the run still fails. */
export async function shrink(failure: SimFailure, hooks?: SimHooks): Promise<SimFailure> {
  let best = failure;
  for (let at = 0; at < best.scenario.faults.length;) {
    const faults = best.scenario.faults.filter((_: Fault, n: number) => n !== at);
    const scenario = { ...best.scenario, faults };
    const result = await new Simulation(scenario, hooks).run();
    if (result.wrong.length > 0) best = { scenario, result };
    else at++;
  }
  return best;
}

export function describeFailure({ scenario, result }: SimFailure, last = 200): string {
  return [
    `seed ${scenario.seed} failed:`,
    ...result.wrong.slice(0, 8).map((wrong) => `  ${wrong.slice(0, 2000)}`),
    `scenario ${JSON.stringify(keptScenario(scenario))}`,
    'faults',
    ...scenario.faults.map((fault) => `  ${describeFault(fault)}`),
    'state',
    ...result.state.map((line) => `  ${line}`),
    `last ${Math.min(last, result.recent.length)} actions`,
    ...result.recent.slice(-last).map((line) => `  ${line.slice(0, 400)}`),
  ].join('\n');
}
