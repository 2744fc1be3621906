/**
 * The embedding thread of a simulated job: starts the threads, hears of their deaths after a while, and puts new ones
 * in their places, by the rules of `run/threads.ts`. It dies with its process only.
 *
 * I1  A coordinator that comes up is introduced to everyone anew; who comes up is introduced to the coordinator, if there
 *     is one.
 * I2  What a dead thread had posted is heard before its port is closed.
 * I3  A dead coordinator and the senders of dead sources are fenced off before their successors start.
 */
import { fenceSender, type ReceiverMemory } from '../../actors/receiver-edge.ts';
import type { TaskEvent } from '../../actors/task.ts';
import type { SimEnv, SimPort } from '../../env/sim.ts';
import type { CoordinatorEvent } from '../../supervision/coordinator.ts';
import { EpochOrder, type EpochPort } from '../../run/epoch-order.ts';
import { fenceCoordinator, type JobMemoryBuffer } from '../../supervision/job-memory.ts';
import type { SimRole } from './faults.ts';
import { SimThread, type Scene, type ThreadHooks } from './sim-thread.ts';

export type AnyPort = SimPort<unknown, unknown>;

/** To a thread. */
export type ToThread =
  | { readonly type: 'coordinator'; readonly port: AnyPort }
  | { readonly type: 'told' }
  | { readonly type: 'worker' | 'sources'; readonly slot: number; readonly port: AnyPort }
  | {
      readonly type: 'workerDown';
      readonly slot: number;
      readonly cause: string;
      readonly isDead: boolean;
    }
  | { readonly type: 'drain' };

/** From a thread. */
export type FromThread =
  | {
      readonly type: 'task';
      readonly event: TaskEvent;
      readonly id: number;
      readonly epoch: number;
    }
  | { readonly type: 'event'; readonly event: CoordinatorEvent };

export interface Life {
  readonly role: SimRole;
  number: number;
  state: 'starting' | 'up' | 'down';
  thread: SimThread | undefined;
  main: SimPort<FromThread, ToThread> | undefined;
  port: EpochPort | undefined;
}

export interface SupervisorOptions {
  readonly env: SimEnv;
  readonly scene: Scene;
  readonly workers: number;
  readonly receivers: ReadonlyMap<number, ReceiverMemory>;
  readonly memory: JobMemoryBuffer;
  readonly fences: boolean;
  readonly note: (text: string) => void;
  /** False: this thread gets no turn for now. */
  readonly mayRun: () => boolean;
  /** The process is over. */
  readonly isOver: () => boolean;
  readonly threadHooks: ThreadHooks;
  readonly threadMayRun: (thread: SimThread) => boolean;
  /** Builds what runs in the thread. */
  readonly populate: (
    thread: SimThread,
    main: SimPort<ToThread, FromThread>,
    coordinator: AnyPort | undefined,
  ) => void;
  readonly hear: (message: FromThread) => void;
}

export class Supervisor {
  readonly lives: Life[];
  /** All threads that are not dead, zombies too. */
  readonly threads: Set<SimThread> = new Set();
  /** Threads that will not come up. */
  failingStarts = 0;
  #options: SupervisorOptions;
  readonly #order = new EpochOrder();
  #numbers = 0;
  #draining = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    const life = (role: SimRole): Life => ({
      role,
      number: 0,
      state: 'down',
      thread: undefined,
      main: undefined,
      port: undefined,
    });
    this.lives = [
      life('coordinator'),
      life('sources'),
      ...Array.from({ length: options.workers }, () => life('worker')),
    ];
  }

  start(): void {
    for (const life of this.lives) this.#start(life);
  }

  drain(): void {
    this.#draining = true;
    this.#toCoordinator({ type: 'drain' });
  }

  /** Threads that are up, by role. */
  up(role: SimRole): SimThread[] {
    return this.lives.flatMap((life) =>
      life.role === role && life.state === 'up' && life.thread?.dead === false ? [life.thread] : [],
    );
  }

  /** The thread is, or is taken to be, dead: main hears of it in a while. */
  lost(thread: SimThread): void {
    this.#later(this.#options.env.chance.below(15), () => this.#exited(thread));
  }

  #later(ms: number, act: () => void): void {
    this.#options.env.clock.after(ms, () => {
      if (this.#options.isOver()) return;
      if (this.#options.mayRun()) act();
      else this.#later(1, act);
    });
  }

  get #coordinator(): Life {
    return this.lives[0]!;
  }

  #start(life: Life): void {
    const { env, note, scene } = this.#options;
    life.state = 'starting';
    const number = ++this.#numbers;
    life.number = number;
    this.#later(1 + env.chance.below(20), () => {
      if (this.failingStarts > 0) {
        this.failingStarts--;
        note(`${life.role}${number} does not come up`);
        this.#start(life);
        return;
      }
      note(`start ${life.role}${number}`);
      const thread = new SimThread({
        env,
        number,
        scene,
        note,
        role: life.role,
        mayRun: this.#options.threadMayRun,
        hooks: this.#options.threadHooks,
        onDeath: (dead, why) => {
          note(`death of ${dead.name}: ${why}`);
          this.threads.delete(dead);
          if (dead.zombieUntil === undefined) this.lost(dead);
        },
      });
      this.threads.add(thread);
      const [main, mainOfThread] = env.channel<FromThread, ToThread>();
      const port: EpochPort = {
        poll: () => {
          while (main.deliverOne());
        },
        close: () => main.close(),
      };
      if (life.role === 'worker') this.#order.add(port);
      main.onMessage((message) => {
        if (message.type === 'task') {
          this.#order.hear(message.epoch, () => {
            this.#options.hear(message);
            if (message.id > 0) main.post({ type: 'told' });
          });
        } else if (life.number === number) this.#options.hear(message);
      });
      life.thread = thread;
      life.main = main;
      life.port = port;
      life.state = 'up';
      const coordinator = life.role === 'coordinator' ? undefined : env.channel<unknown, unknown>();
      this.#options.populate(thread, mainOfThread, coordinator?.[1]);
      if (thread.dead) return;
      if (coordinator === undefined) this.#introduceAll();
      else this.#introduce(life, coordinator[0]);
    });
  }

  #introduce(life: Life, port: AnyPort): void {
    if (this.#coordinator.state !== 'up') port.close();
    else
      this.#coordinator.main!.post(
        { type: life.role === 'sources' ? 'sources' : 'worker', slot: life.number, port },
        [port],
      );
  }

  #introduceAll(): void {
    for (const life of this.lives) {
      if (life.role === 'coordinator' || life.state !== 'up') continue;
      const [here, there] = this.#options.env.channel<unknown, unknown>();
      life.main!.post({ type: 'coordinator', port: there }, [there]);
      this.#introduce(life, here);
    }
    if (this.#draining) this.#toCoordinator({ type: 'drain' });
  }

  #exited(thread: SimThread): void {
    const life = this.lives.find((each) => each.thread === thread);
    if (life === undefined || life.state !== 'up') return;
    this.#options.note(`exit of ${thread.name}`);
    if (life.role === 'coordinator' && this.#options.fences) fenceCoordinator(this.#options.memory);
    this.#order.gone(life.port!, life.role === 'worker' && !thread.dead);
    life.state = 'down';
    if (life.role === 'worker')
      this.#toCoordinator({
        type: 'workerDown',
        slot: life.number,
        cause: 'it was killed',
        isDead: thread.dead,
      });
    if (life.role === 'sources' && this.#options.fences)
      for (const memory of this.#options.receivers.values()) fenceSender(memory);
    this.#start(life);
  }

  #toCoordinator(message: ToThread): void {
    if (this.#coordinator.state === 'up') this.#coordinator.main!.post(message);
  }
}
