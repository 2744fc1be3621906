/** Lets the faults of a plan strike when their turns come, and ends zombies. Between turns of the simulation. */
import { describeFault, type Fault, type SimRole } from './faults.ts';
import type { Life } from './life.ts';
import type { SimThread } from './sim-thread.ts';
import type { Supervisor } from './supervisor.ts';
import type { World } from './world.ts';

/** How the process died, and what its next lives will die of. */
export type ProcessDeath = Extract<Fault, { kind: 'process' }>;

export class Striker {
  readonly #world: World;
  /** Undefined while the process is down, or starts. */
  readonly #life: () => Life | undefined;
  readonly #die: (death: ProcessDeath, why: string) => void;
  /** Still to come, by turn. */
  #faults: Fault[];

  constructor(
    world: World,
    life: () => Life | undefined,
    die: (death: ProcessDeath, why: string) => void,
  ) {
    this.#world = world;
    this.#life = life;
    this.#die = die;
    this.#faults = [...world.scenario.faults];
  }

  get #supervisor(): Supervisor | undefined {
    return this.#life()?.supervisor;
  }

  strike(): void {
    const { turn } = this.#world;
    for (const thread of this.#supervisor?.threads ?? []) {
      const { zombieUntil = Infinity, hungUntil = Infinity } = thread;
      if (zombieUntil <= turn) thread.kill('the end of a zombie');
      if (hungUntil <= turn) thread.kill('it hung');
    }
    while (this.#faults.length > 0 && this.#faults[0]!.turn <= turn)
      this.#fault(this.#faults.shift()!);
  }

  /** Nothing more goes wrong, but for the zombies that there are. */
  calm(): void {
    this.#world.note('quiet');
    this.#world.mainStalledUntil = 0;
    for (const thread of this.#supervisor?.threads ?? []) thread.calm();
    this.#world.weather?.calm();
    for (const feed of this.#world.feeds) feed.calm();
    this.#world.throws.left = 0;
    if (this.#supervisor !== undefined) this.#supervisor.failingStarts = 0;
  }

  #fault(fault: Fault): void {
    const world = this.#world;
    world.note(`fault ${describeFault(fault)}`);
    switch (fault.kind) {
      case 'kill': {
        const thread = this.#pick(fault.role, fault.pick);
        if (thread === undefined) return;
        if (fault.death !== undefined) thread.dieAt(fault.death);
        else if (fault.zombieTurns > 0) {
          thread.zombieUntil = world.turn + fault.zombieTurns;
          this.#supervisor!.lost(thread);
        } else thread.kill('fault');
        return;
      }
      case 'hang': {
        const thread = this.#pick('worker', fault.pick);
        const coordinator = this.#pick('coordinator', fault.pick);
        if (thread === undefined || coordinator === undefined || thread.hungUntil !== undefined)
          return;
        thread.hungUntil = world.turn + fault.zombieTurns;
        coordinator.run(() =>
          this.#life()
            ?.population.coordinators.get(coordinator)
            ?.workerDown(thread.number, 'it hung'),
        );
        return;
      }
      case 'throw':
        world.throws = { after: fault.after, left: fault.times };
        return;
      case 'disk': {
        const thread = this.#pick(fault.role, fault.pick);
        if (thread !== undefined) thread.diskFaults = fault.times;
        return;
      }
      case 'disconnect':
        world.feeds[fault.source % world.feeds.length]!.disconnect(fault.how);
        return;
      case 'start':
        if (this.#supervisor !== undefined) this.#supervisor.failingStarts = fault.times;
        return;
      case 'process': {
        if (world.weather === undefined) return;
        if (fault.operation === undefined) this.#die(fault, 'fault');
        else world.weather.dieAt(fault.operation, fault);
        return;
      }
      case 'full':
        world.weather?.full(fault.ms);
        return;
      case 'slow':
        world.weather?.slow(fault.ms);
        return;
      case 'sync':
        world.weather?.failSyncs(fault.times);
        return;
      case 'clock': {
        const { clock } = world.env;
        clock.setWall(Math.max(1, clock.now() + fault.byMs));
        return;
      }
      case 'stall': {
        if (fault.role === 'main') {
          world.mainStalledUntil = world.turn + fault.turns;
          return;
        }
        const thread = this.#pick(fault.role, fault.pick);
        if (thread !== undefined) thread.stalledUntil = world.turn + fault.turns;
        return;
      }
      default:
        fault satisfies never;
    }
  }

  #pick(role: SimRole, pick: number): SimThread | undefined {
    const all = this.#supervisor?.up(role) ?? [];
    const up = all.filter((thread) => thread.zombieUntil === undefined);
    return up[pick % Math.max(1, up.length)];
  }
}
