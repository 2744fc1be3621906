/**
 * One life of the simulated process: all that ends with it. The world (`world.ts`) goes on: time, the disk, what feeds
 * the job, the ledger.
 *
 * I1  Nothing of a life that is over has any effect: its threads are dead, its channels closed, what its embedding thread
 *     had set itself is not run.
 */
import { createReceiverEdge, type ReceiverMemory } from '../../actors/receiver-edge.ts';
import type { Plan } from '../../plan/planned.ts';
import { WhenHeld } from '../../run/when-held.ts';
import type { CheckpointSpec } from '../../supervision/checkpoint/checkpoint-spec.ts';
import { JobMemory, type JobMemoryBuffer } from '../../supervision/job-memory.ts';
import { EdgeObserver } from './observer.ts';
import { Population } from './population.ts';
import { SimEdges } from './sim-edges.ts';
import type { SimThread } from './sim-thread.ts';
import { Sleepers } from './sleepers.ts';
import { Supervisor, type FromThread } from './supervisor.ts';
import type { World } from './world.ts';

export interface LifeOptions {
  readonly world: World;
  readonly plan: Plan;
  /** Undefined: the job has no checkpoint directory. */
  readonly spec: CheckpointSpec | undefined;
  readonly threadMayRun: (thread: SimThread) => boolean;
  readonly hear: (message: FromThread, life: Life) => void;
}

export class Life {
  readonly world: World;
  readonly plan: Plan;
  readonly spec: CheckpointSpec | undefined;
  readonly memory: JobMemoryBuffer = JobMemory.allocate();
  /** By edge. */
  readonly receivers: ReadonlyMap<number, ReceiverMemory>;
  readonly observers: ReadonlyMap<number, EdgeObserver>;
  readonly edges: SimEdges;
  readonly sleepers: Sleepers;
  readonly population: Population;
  readonly supervisor: Supervisor;
  /** As in `running.ts`. */
  readonly whenHeld: WhenHeld | undefined;
  /** When workers are woken for what is due. */
  readonly due: Map<SimThread, number> = new Map();
  /** The newest epoch began behind the last barrier of all. */
  nothingLeft = false;
  /** It was told to end. */
  draining = false;
  isOver = false;

  constructor({ world, plan, spec, threadMayRun, hear }: LifeOptions) {
    const { scenario, hooks, env } = world;
    this.world = world;
    this.plan = plan;
    this.spec = spec;
    this.receivers = new Map(
      plan.wiring.edges
        .filter(({ kind }) => kind === 'receiver')
        .map(({ id }) => {
          // Positions wrap in some of the runs.
          const start = env.chance.below(4) === 0 ? 0xffff_f800 : 0;
          return [id, createReceiverEdge(scenario.receiverBytes, { checksum: true, start })];
        }),
    );
    this.observers = new Map(
      [...this.receivers].map(([id, memory]) => [id, new EdgeObserver(id, memory)]),
    );
    this.edges = new SimEdges(this);
    if (scenario.job.topology !== undefined && hooks.tellsWhenHeld !== false)
      this.whenHeld = new WhenHeld();
    this.sleepers = new Sleepers(scenario.sleeping);
    this.population = new Population(this);
    this.supervisor = new Supervisor({
      env,
      scene: world.scene,
      workers: plan.wiring.workers + scenario.spares,
      receivers: this.receivers,
      memory: this.memory,
      fences: hooks.fences ?? true,
      note: (text) => world.note(text),
      mayRun: () => world.mainMayRun,
      isOver: () => this.isOver,
      threadMayRun,
      threadHooks: world.threadHooks,
      populate: (...made) => this.population.populate(...made),
      hear: (message) => hear(message, this),
    });
  }

  /** Number of the barrier behind which it began. */
  get start(): number {
    return this.spec?.start?.barrier.number ?? 0;
  }

  /** The process ends, here and now. */
  end(why: string): void {
    this.isOver = true;
    for (const thread of this.supervisor.threads) thread.end(why);
  }
}
