/**
 * What simulated threads are made of: the engine's own parts, wired as `worker-thread.ts`, `sources-thread.ts` and
 * `coordinator-thread.ts` wire them.
 */
import type { FromSources, FromWorker, ToSources, ToWorker } from '../../actors/messages.ts';
import { ThreadHost } from '../../actors/thread-host.ts';
import { createBody } from '../../run/create-body.ts';
import { sinkPlaceOf } from '../../run/sink-place.ts';
import type { Env } from '../../env/env.ts';
import type { Port } from '../../env/port.ts';
import type { SimPort } from '../../env/sim.ts';
import { SourcesActor } from '../../run/sources-actor.ts';
import { Teller } from '../../run/told.ts';
import { Coordinator, type CoordinatorEvent } from '../../supervision/coordinator.ts';
import { JobMemory } from '../../supervision/job-memory.ts';
import type { TaskBody } from '../../actors/task.ts';
import { bodyWith } from './body-with.ts';
import type { Life } from './life.ts';
import { planFor } from './sim-plans.ts';
import type { SimThread } from './sim-thread.ts';
import { logOptionsOf } from './start.ts';
import type { AnyPort, FromThread, ToThread } from './supervisor.ts';
import type { World } from './world.ts';

const GATHER_BYTES = 1 << 20;

export class Population {
  readonly hosts: Map<SimThread, ThreadHost> = new Map();
  readonly coordinators: Map<SimThread, Coordinator> = new Map();
  readonly sources: Map<SimThread, SourcesActor> = new Map();
  /** Whose ends of channels they are; others are the embedding thread's. */
  readonly owners: Map<unknown, SimThread> = new Map();
  readonly #life: Life;
  readonly #world: World;

  constructor(life: Life) {
    this.#life = life;
    this.#world = life.world;
  }

  /** Runs in a new thread. `coordinator` is its end of a channel to that one. */
  populate(
    thread: SimThread,
    main: SimPort<ToThread, FromThread>,
    coordinator: AnyPort | undefined,
  ): void {
    this.owners.set(main, thread);
    thread.run(() => {
      switch (thread.role) {
        case 'worker':
          return this.#worker(thread, main, coordinator as SimPort<ToWorker, FromWorker>);
        case 'sources':
          return this.#sources(thread, main, coordinator as SimPort<ToSources, FromSources>);
        case 'coordinator':
          return this.#coordinator(thread, main);
        case 'main':
          return undefined;
      }
    });
  }

  #worker(
    thread: SimThread,
    main: SimPort<ToThread, FromThread>,
    coordinator: SimPort<ToWorker, FromWorker>,
  ): void {
    const { scenario, hooks } = this.#world;
    const { kernels, form, job } = scenario;
    const plan = job.subject === undefined ? this.#life.plan : planFor(scenario).plan;
    const toMain = thread.port(main);
    const teller = new Teller((_task, event, id) =>
      toMain.post({ type: 'task', event, id, epoch: host.epoch }),
    );
    let port = this.#own(thread, coordinator);
    const host: ThreadHost = new ThreadHost({
      env: this.#envOf(thread),
      name: thread.name,
      coordinator: port,
      directory: this.#world.directory,
      edges: this.#life.edges.opener((slot) => this.#life.sleepers.bell(slot), {
        name: thread.name,
        hasLetGo: (epoch) => thread.dead || host.epoch > epoch,
      }),
      createBody: (task, out) => {
        const life = `${thread.name}-${host.epoch}`;
        const env = this.#envOf(thread);
        const place = sinkPlaceOf(this.#world.directory, this.#life.spec);
        const options = { env, life, ...place, maxGatherBytes: GATHER_BYTES, kernels, form };
        const made = createBody(plan, task, out, options);
        const body = hooks.body?.(made, task, env.disk) ?? made;
        return thread.body(job.subject === undefined ? body : throwing(body, this.#world));
      },
      vitals: { running() {}, idle() {} },
      report: (task, event) => teller.tell(task, event),
      wake: () => this.#life.sleepers.wake(thread),
    });
    this.hosts.set(thread, host);
    this.#life.sleepers.add(thread);
    toMain.onMessage((message) => {
      if (message.type === 'told') teller.answered();
      else if (message.type === 'coordinator') {
        port.close();
        port = this.#own(thread, message.port as SimPort<ToWorker, FromWorker>);
        host.attach(port);
      }
    });
  }

  #sources(
    thread: SimThread,
    main: SimPort<ToThread, FromThread>,
    coordinator: SimPort<ToSources, FromSources>,
  ): void {
    const { scenario, feeds } = this.#world;
    const { plan, receivers, spec } = this.#life;
    const actor = new SourcesActor({
      env: this.#envOf(thread),
      plan,
      receivers,
      directory: this.#world.directory,
      ...(spec === undefined ? {} : { log: logOptionsOf(spec) }),
      bellOf: (slot) => this.#life.sleepers.bell(slot),
      batchIntervalMs: scenario.batchIntervalMs,
      inputs: undefined,
      rates: { blockIntervalMs: 20 },
      report: (event) => {
        const state = event.type === 'sourceState' ? ` is ${event.state}` : ` says ${event.type}`;
        this.#world.note(`${event.source}${state}`);
      },
      create: (source) => feeds[source]!.create(() => !thread.dead),
    });
    this.sources.set(thread, actor);
    let port = this.#own(thread, coordinator);
    actor.attach(port);
    thread.port(main).onMessage((message) => {
      if (message.type !== 'coordinator') return;
      port.close();
      port = this.#own(thread, message.port as SimPort<ToSources, FromSources>);
      actor.attach(port);
    });
  }

  #coordinator(thread: SimThread, main: SimPort<ToThread, FromThread>): void {
    const { scenario, hooks, policy } = this.#world;
    const { plan, memory, spec } = this.#life;
    const { mode, batches } = scenario;
    const toMain = thread.port(main);
    const edges = this.#life.edges.memory(() => coordinator.epoch);
    const coordinator: Coordinator = new Coordinator({
      env: this.#envOf(thread),
      edges,
      wiring: plan.wiring,
      memory: new JobMemory(memory),
      directory: this.#world.directory,
      policy,
      ...(spec === undefined ? {} : { checkpoint: spec }),
      mode: mode === 'clock' ? { kind: 'clock' } : { kind: 'step', batches },
      emit: (event) => {
        this.#world.note(`coordinator ${described(event)}`);
        toMain.post({ type: 'event', event });
      },
    });
    this.coordinators.set(thread, coordinator);
    const { toWorker, fromWorker, toSources } = hooks;
    toMain.onMessage((message) => {
      switch (message.type) {
        case 'worker': {
          const port = this.#own(thread, message.port as SimPort<FromWorker, ToWorker>);
          const heard =
            fromWorker === undefined
              ? undefined
              : (word: FromWorker) => fromWorker(word, coordinator, edges);
          coordinator.addWorker(message.slot, changed(port, toWorker, heard));
          return;
        }
        case 'sources': {
          const port = this.#own(thread, message.port as SimPort<FromSources, ToSources>);
          coordinator.attachSources(message.slot, changed(port, toSources, undefined));
          return;
        }
        case 'workerDown':
          coordinator.workerDown(message.slot, message.cause, false, message.isDead);
          return;
        case 'drain':
          coordinator.drain();
          return;
      }
    });
  }

  #own<In, Out>(thread: SimThread, port: SimPort<In, Out>): Port<In, Out> {
    this.owners.set(port, thread);
    return thread.port(port);
  }

  #envOf(thread: SimThread): Env {
    const { disk } = this.#world.hooks;
    return disk === undefined ? thread.env : { ...thread.env, disk: disk(thread.env.disk) };
  }
}

/** Throws now and then, as functions of its user would. */
function throwing(body: TaskBody, world: World): TaskBody {
  return bodyWith(body, {
    block: (block, input) => {
      world.perhapsThrow();
      body.block(block, input);
    },
  });
}

/** A port whose messages go through hooks. */
function changed<In, Out>(
  port: Port<In, Out>,
  out: ((message: Out) => Out | undefined) | undefined,
  into: ((message: In) => In | undefined) | undefined,
): Port<In, Out> {
  return {
    ...port,
    post: (message, transfer) => {
      const posted = out === undefined ? message : out(message);
      if (posted !== undefined) port.post(posted, transfer);
    },
    onMessage: (receive) =>
      port.onMessage((message) => {
        const heard = into === undefined ? message : into(message);
        if (heard !== undefined) receive(heard);
      }),
  };
}

function described(event: CoordinatorEvent): string {
  return [
    event.type,
    ...('barrier' in event ? [event.barrier] : []),
    ...('epoch' in event ? ['epoch', event.epoch] : []),
    ...('cause' in event ? [event.cause] : []),
  ].join(' ');
}
