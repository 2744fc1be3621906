/** Kills threads of the demo's run: on a key, or by a plan. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KillWay, ThreadRole } from '../../run/engine.ts';
import type { Run } from '../../run/running.ts';
import type { DemoModel } from './demo-model.ts';
import type { PlannedKill } from './kill-plan.ts';

/** A thread that has just been replaced may not be up again: it is tried so often, in ms. */
const RETRY_MS = 50;

export class Killer {
  readonly #run: Run;
  readonly #model: DemoModel;
  readonly #tell: (line: string) => void;
  #ended = false;

  constructor(run: Run, model: DemoModel, tell: (line: string) => void) {
    this.#run = run;
    this.#model = model;
    this.#tell = tell;
  }

  /** Kills any thread of that role that works and isn't dying already. False when there is none just now. */
  kill(role: ThreadRole, way: KillWay): boolean {
    if (this.#ended) return false;
    const victims = this.#run
      .threads()
      .filter(
        (each) => each.role === role && each.state === 'up' && !this.#model.isDoomed(each.slot),
      );
    const victim = victims[Math.floor(Math.random() * victims.length)];
    if (victim === undefined) return false;
    this.#tell(this.#model.doom(victim, way, Date.now()));
    this.#run.kill(victim.slot, way);
    return true;
  }

  /** @param startedAt where the plan's times begin, as `performance.now()` counts */
  async byPlan(plan: readonly PlannedKill[], startedAt: number): Promise<void> {
    for (const { atMs, role, way } of plan) {
      await sleep(Math.max(0, startedAt + atMs - performance.now()), undefined, { ref: false });
      while (!this.#ended && !this.kill(role, way))
        await sleep(RETRY_MS, undefined, { ref: false });
      if (this.#ended) return;
    }
  }

  /** No more deaths: what is left is counted in peace. */
  end(): void {
    this.#ended = true;
  }
}
