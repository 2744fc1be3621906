/**
 * A whole job in one thread: workers, spares, coordinator, sources and the embedding thread, each of them what it is in
 * production, over simulated ports, disk and clock, and real edges of the smallest size. A seed decides the scenario, who
 * gets the next turn, and what dies when. The same seed gives the same run.
 *
 * A turn is one of: a task's step, a message, a look of the sources for room, a timer. Faults strike between turns, and
 * inside of them at stores, writes, posts and calls of bodies. Where a writer of frames should give way inside of one
 * frame, `FrameWriter.#writeFrame` would have to be a generator: between header, payload and TAIL. A death there equals
 * one before the store of TAIL, which is tried.
 *
 * Oracles that look after every turn:
 * T1  BASE <= TAIL <= BASE + size on receiver edges, HEAD <= TAIL <= HEAD + size on inner rings of the newest epoch.
 * T2  An edge is opened by one reader an epoch.
 * T3  Held barriers ascend, and BASE is moved only to where a held recovery point ends.
 * T4  What receiver edges carry is whole: read along by `observer.ts`.
 * T5  No worker sleeps while it has something to do and nobody is about to ring.
 * At the end:
 * E1  `ledger.ts`: nothing is lost, doubled or out of order.
 * E2  Nothing runs any more, and no hand-over is left on the disk.
 * E3  It ended within a bounded number of turns without faults.
 */
import type { InEdge, OutEdge } from '../../actors/edge.ts';
import type { Bell } from '../../actors/doorbell.ts';
import type {
  EdgeEnd,
  FromSources,
  FromWorker,
  ToSources,
  ToWorker,
} from '../../actors/messages.ts';
import { LocalQueue } from '../../actors/queue.ts';
import { createReceiverEdge, type ReceiverMemory } from '../../actors/receiver-edge.ts';
import { createRing, type RingMemory } from '../../actors/ring.ts';
import { CONSUMER_HEAD, HEAD, ROOM_WANTED, TAIL } from '../../actors/ring-layout.ts';
import type { TaskBody } from '../../actors/task.ts';
import { ThreadHost } from '../../actors/thread-host.ts';
import { ContextBuilder } from '../../dstream/context-builder.ts';
import { createBody } from '../../dstream/run/create-body.ts';
import type { Disk } from '../../env/env.ts';
import { Pcg32 } from '../../env/pcg32.ts';
import { simEnv, type SimEnv, type SimPort } from '../../env/sim.ts';
import { fromWire } from '../../errors.ts';
import { plan } from '../../plan/planner.ts';
import type { Plan } from '../../plan/planned.ts';
import { edgeMemory } from '../../run/edge-memory.ts';
import { edgeOpener } from '../../run/edge-opener.ts';
import { SourcesActor } from '../../run/sources-actor.ts';
import { Teller } from '../../run/told.ts';
import {
  Coordinator,
  type CoordinatorPolicy,
  type EdgeMemory,
} from '../../supervision/coordinator.ts';
import { HeldIndex } from '../../supervision/held-index.ts';
import { JobMemory } from '../../supervision/job-memory.ts';
import { describeFault, type Fault } from './faults.ts';
import { idOf, lineOf, type SimJob, type User } from './jobs.ts';
import { Ledger } from './ledger.ts';
import { EdgeObserver } from './observer.ts';
import type { Scenario } from './scenario.ts';
import { RowsFeed, TextFeed, type Feed } from './sim-sources.ts';
import type { Scene, SimThread } from './sim-thread.ts';
import { watchStores } from './store-hook.ts';
import { Supervisor, type AnyPort, type FromThread, type ToThread } from './supervisor.ts';
import { Trace } from './trace.ts';

/** What a test may put between the engine and its world, to see whether the oracles notice. */
export interface SimHooks {
  /** Called before the run; gives what undoes it. */
  readonly begin?: () => () => void;
  readonly openIn?: (edge: InEdge, end: EdgeEnd, epoch: number, plan: Plan) => InEdge;
  readonly openOut?: (edge: OutEdge, end: EdgeEnd, epoch: number) => OutEdge;
  readonly body?: (body: TaskBody, task: number) => TaskBody;
  readonly disk?: (disk: Disk) => Disk;
  /** Coordinator to worker, and back; undefined: it is lost. */
  readonly toWorker?: (message: ToWorker) => ToWorker | undefined;
  readonly fromWorker?: (
    message: FromWorker,
    coordinator: Coordinator,
    edges: EdgeMemory,
  ) => FromWorker | undefined;
  readonly toSources?: (message: ToSources) => ToSources | undefined;
  /** @default true */
  readonly fences?: boolean;
}

export interface SimResult {
  /** What is wrong; empty when all is well. */
  readonly wrong: readonly string[];
  readonly hash: number;
  readonly turns: number;
  readonly batches: number;
  readonly deaths: number;
  readonly recent: readonly string[];
  readonly state: readonly string[];
}

/** Turns after the last fault in which a job must come to its end. */
const QUIET_TURNS = 40_000;
/** Barriers that may be open before time waits for those who work. */
const OPEN_CUTS = 16;
const DIRECTORY = '/job';
const GATHER_BYTES = 1 << 20;

class Wrong extends Error {}

/** Plans are made once: their compiled loops are the costliest thing in a run. */
const planned = new Map<string, { readonly plan: Plan; readonly user: { now: User } }>();

function planFor(
  job: SimJob,
  workers: number,
  partitions: number,
  sourcePartitions: number,
): { readonly plan: Plan; readonly user: { now: User } } {
  const key = `${job.name} ${workers} ${partitions} ${sourcePartitions}`;
  let made = planned.get(key);
  if (made === undefined) {
    const user: { now: User } = { now: { call() {}, delivered() {}, async wait() {} } };
    const ssc = new ContextBuilder();
    job.build(ssc, {
      call: (record) => user.now.call(record),
      delivered: (output, time, rows) => user.now.delivered(output, time, rows),
      wait: () => user.now.wait(),
    });
    made = {
      user,
      plan: plan(ssc.freeze(), { workers, parallelism: partitions, sourcePartitions }),
    };
    planned.set(key, made);
  }
  return made;
}

export class Simulation {
  readonly #scenario: Scenario;
  readonly #hooks: SimHooks;
  readonly #env: SimEnv;
  readonly #chance: Pcg32;
  readonly #scene: Scene = { current: undefined };
  readonly #trace = new Trace();
  readonly #plan: Plan;
  readonly #memory = JobMemory.allocate();
  readonly #receivers: Map<number, ReceiverMemory>;
  readonly #observers: Map<number, EdgeObserver>;
  readonly #feeds: Feed[];
  readonly #ledger: Ledger;
  readonly #supervisor: Supervisor;
  readonly #policy: CoordinatorPolicy;
  readonly #hosts = new Map<SimThread, ThreadHost>();
  /** Workers that would not be parked. */
  readonly #awake = new Set<SimThread>();
  /** Steps in a row that came to nothing, by worker. */
  readonly #idleSteps = new Map<SimThread, number>();
  readonly #coordinators = new Map<SimThread, Coordinator>();
  readonly #sources = new Map<SimThread, SourcesActor>();
  readonly #owners = new Map<unknown, SimThread>();
  readonly #opened = new Set<string>();
  readonly #faults: Fault[];
  readonly #quietFrom: number;
  #rings: { readonly epoch: number; readonly words: Int32Array; readonly size: number }[] = [];
  /** Words of the newest consumers. */
  readonly #consumers: Int32Array[] = [];
  #turn = 0;
  #fruitless = 0;
  #quiet = false;
  #draining = false;
  #drained = false;
  #mainStalledUntil = 0;
  #diedSinceIdle = false;
  #nothingLeft = false;
  #deaths = 0;
  #lastHeld = 0;
  #throws = { after: 0, left: 0 };
  #poisoned = new Set<number>();
  #wrong: string[] = [];

  constructor(scenario: Scenario, hooks: SimHooks = {}) {
    this.#scenario = scenario;
    this.#hooks = hooks;
    const {
      seed,
      job,
      workers,
      spares,
      partitions,
      sourcePartitions,
      receiverBytes,
      batchIntervalMs,
      reliefIntervalMs,
      faults,
      drainAt,
    } = scenario;
    this.#env = simEnv(seed);
    this.#chance = this.#env.chance;
    this.#env.disk.makeDirectory(DIRECTORY);
    const { plan: made, user } = planFor(job, workers, partitions, sourcePartitions);
    this.#plan = made;
    user.now = this.#user();
    this.#receivers = new Map(
      made.wiring.edges
        .filter(({ kind }) => kind === 'receiver')
        .map(({ id }) => {
          // Positions wrap in some of the runs.
          const start = this.#chance.below(4) === 0 ? 0xffff_f800 : 0;
          return [id, createReceiverEdge(receiverBytes, { checksum: true, start })];
        }),
    );
    this.#observers = new Map(
      [...this.#receivers].map(([id, memory]) => [id, new EdgeObserver(id, memory)]),
    );
    this.#feeds = job.sources.map((kind) =>
      kind === 'text' ? this.#textFeed() : this.#rowsFeed(),
    );
    this.#ledger = new Ledger({
      job,
      plan: made,
      observers: this.#observers,
      feeds: this.#feeds,
      batchIntervalMs,
    });
    this.#policy = {
      batchIntervalMs,
      reliefIntervalMs,
      maxBatchFailures: scenario.poison.length > 0 ? 8 : 1_000_000,
      onBatchError: 'continue',
      maxRestarts: 1_000_000,
      withinMs: 1,
      backoff: { minMs: 1, maxMs: 20, factor: 2, jitter: 0.2 },
    };
    this.#faults = [...faults];
    this.#quietFrom = Math.max(drainAt ?? 0, faults.at(-1)?.turn ?? 0) + 200;
    this.#supervisor = new Supervisor({
      env: this.#env,
      scene: this.#scene,
      workers: workers + spares,
      receivers: this.#receivers,
      memory: this.#memory,
      fences: hooks.fences ?? true,
      note: (text) => this.#note(text),
      mayRun: () => this.#turn >= this.#mainStalledUntil,
      threadMayRun: (thread) => this.#mayRun(thread),
      populate: (thread, main, coordinator) => this.#populate(thread, main, coordinator),
      hear: (message) => this.#hear(message),
    });
  }

  async run(): Promise<SimResult> {
    const undo = this.#hooks.begin?.();
    const unwatch = watchStores((when) => this.#scene.current?.at('store', when));
    try {
      this.#supervisor.start();
      while (!this.#drained && this.#wrong.length === 0) {
        this.#takeTurn();
        // What promises have to say comes between turns.
        await undefined;
        this.#look();
      }
      if (this.#wrong.length === 0) await this.#end();
    } catch (error) {
      this.#wrong.push(
        error instanceof Wrong
          ? error.message
          : `the simulation threw ${error instanceof Error ? error.stack : String(error)}`,
      );
    } finally {
      unwatch();
      undo?.();
    }
    return {
      wrong: this.#wrong,
      hash: this.#trace.hash,
      turns: this.#turn,
      batches: this.#observers.values().next().value!.batches.size,
      deaths: this.#deaths,
      recent: this.#wrong.length === 0 ? [] : this.#trace.recent(),
      state: this.#wrong.length === 0 ? [] : this.#describe(),
    };
  }

  // ---- turns

  #takeTurn(): void {
    this.#turn++;
    this.#strike();
    if (!this.#quiet && this.#turn >= this.#quietFrom) this.#calm();
    if (this.#turn > this.#quietFrom + QUIET_TURNS)
      throw new Wrong(`E3: after ${QUIET_TURNS} turns without faults it has not ended`);
    this.#maybeDrain();
    const { timerTurns, deliveryTurns, pumpTurns } = this.#scenario;
    const drawn = this.#chance.below(1000);
    let progress: boolean;
    // In the end time passes only when nobody has anything to do, or a slow job would never catch up with it.
    if (drawn < timerTurns)
      progress = !this.#quiet && this.#openCuts() < OPEN_CUTS && this.#timer();
    else if (drawn < timerTurns + pumpTurns) progress = this.#pump();
    else if (drawn < timerTurns + pumpTurns + deliveryTurns) progress = this.#deliver();
    else progress = this.#step();
    if (progress) {
      this.#fruitless = 0;
      return;
    }
    if (++this.#fruitless < 30) return;
    this.#fruitless = 0;
    if (!this.#sweep() && !this.#timer() && !this.#waits())
      throw new Wrong('E3: nobody can do anything, and no timer is set');
  }

  #openCuts(): number {
    return new JobMemory(this.#memory).lastCut - this.#lastHeld;
  }

  #timer(): boolean {
    if (this.#env.clock.nextAt() === undefined) return false;
    this.#note('time');
    return this.#env.clock.runNext();
  }

  #pump(): boolean {
    for (const [thread, actor] of this.#sources) {
      if (!this.#mayRun(thread)) continue;
      this.#note(`pump ${thread.name}`);
      thread.run(() => actor.pump());
    }
    return false;
  }

  #deliver(): boolean {
    const ports = this.#env.deliverable().filter((port) => {
      const owner = this.#owners.get(port);
      return owner === undefined ? this.#turn >= this.#mainStalledUntil : this.#mayRun(owner);
    });
    if (ports.length === 0) return false;
    const at = this.#chance.below(ports.length);
    const port = ports[at]!;
    const owner = this.#owners.get(port);
    this.#note(`deliver to ${owner?.name ?? 'main'}`);
    if (owner !== undefined) this.#wake(owner);
    return port.deliverOne();
  }

  #step(): boolean {
    const hosts = [...this.#hosts].filter(
      ([thread, host]) => this.#mayRun(thread) && host.tasks > 0 && !this.#sleeps(thread),
    );
    if (hosts.length === 0) return false;
    const [thread, host] = hosts[this.#chance.below(hosts.length)]!;
    if (this.#stepTask(thread, host, this.#chance.below(host.tasks))) return true;
    // Enough to be sure that a whole turn would come to nothing is a whole turn.
    const idle = (this.#idleSteps.get(thread) ?? 0) + 1;
    this.#idleSteps.set(thread, idle);
    if (idle <= 2 * host.tasks || !this.#scenario.sleeping) return false;
    if (this.#turnOf(thread, host)) return true;
    this.#awake.delete(thread);
    return false;
  }

  /** Every task of a worker takes a step, as in its thread. */
  #turnOf(thread: SimThread, host: ThreadHost): boolean {
    let progress = false;
    for (let i = 0; i < host.tasks && this.#mayRun(thread); i++)
      if (this.#stepTask(thread, host, i)) progress = true;
    return progress;
  }

  #sleeps(thread: SimThread): boolean {
    return this.#scenario.sleeping && !this.#awake.has(thread);
  }

  #wake(thread: SimThread): void {
    this.#awake.add(thread);
    this.#idleSteps.set(thread, 0);
  }

  /** The bell of whoever lives in that slot. */
  #bell(slot: number): Bell {
    return {
      ring: () => {
        for (const thread of this.#hosts.keys()) if (thread.number === slot) this.#wake(thread);
      },
    };
  }

  #stepTask(thread: SimThread, host: ThreadHost, index: number): boolean {
    const progress = thread.run(() => host.stepTask(index));
    if (progress === 'progress') this.#idleSteps.set(thread, 0);
    if (progress === 'progress') this.#note(`step ${thread.name} ${index}`);
    return progress === 'progress' || progress === undefined;
  }

  /** Everybody gets a chance, so that time passes only when nobody has anything to do. */
  #sweep(): boolean {
    let progress = false;
    const before = this.#positions();
    for (const [thread, host] of this.#hosts)
      if (!this.#sleeps(thread) && this.#turnOf(thread, host)) progress = true;
    this.#pump();
    // A part of a block that moved is progress too, though its task says that it is blocked.
    if (this.#deliver() || progress || this.#positions() !== before) return true;
    // A sender that waits for half a ring is rung by a reader that has something left to read, but waits itself. Whoever
    // is stalled may be about to ring.
    if (
      this.#waits() ||
      this.#rings.some(({ words }) => words[ROOM_WANTED] !== 0 && words[TAIL] !== words[HEAD])
    )
      return false;
    for (const [thread, host] of this.#hosts) {
      if (
        !this.#sleeps(thread) ||
        !this.#mayRun(thread) ||
        thread.zombieUntil !== undefined ||
        thread.hungUntil !== undefined
      )
        continue;
      if (!this.#turnOf(thread, host)) continue;
      // Who dies before it rings leaves others asleep: no park is for ever.
      if (!this.#diedSinceIdle)
        throw new Wrong(`T5: ${thread.name} slept, and had something to do`);
      this.#wake(thread);
      return true;
    }
    this.#diedSinceIdle = false;
    return false;
  }

  #positions(): number {
    let sum = 0;
    for (const { words } of this.#rings) sum += words[TAIL]! + words[HEAD]!;
    for (const words of this.#consumers) sum += words[CONSUMER_HEAD]!;
    for (const { control } of this.#receivers.values()) sum += new Int32Array(control)[TAIL]!;
    return sum;
  }

  /** Somebody is only stalled, or about to die. */
  #waits(): boolean {
    return (
      this.#turn < this.#mainStalledUntil ||
      [...this.#supervisor.threads].some(
        ({ stalledUntil, zombieUntil, hungUntil }) =>
          stalledUntil > this.#turn || zombieUntil !== undefined || hungUntil !== undefined,
      )
    );
  }

  #mayRun(thread: SimThread): boolean {
    return !thread.dead && thread.stalledUntil <= this.#turn;
  }

  #maybeDrain(): void {
    if (this.#draining || this.#scenario.mode === 'step') return;
    const { drainAt } = this.#scenario;
    if (drainAt === undefined ? !this.#quiet || !this.#allIn() : this.#turn < drainAt) return;
    this.#draining = true;
    this.#note('drain');
    this.#supervisor.drain();
  }

  /** Whether sources have nothing more to give. */
  #allIn(): boolean {
    return this.#plan.wiring.sources.every(({ outputs }, source) => {
      const feed = this.#feeds[source]!;
      const edges = outputs.map((edge) => this.#observers.get(edge)!);
      if (feed instanceof TextFeed)
        return (
          edges.reduce((total, { published }) => total + published.length, 0) >= feed.lines.length
        );
      return (
        feed instanceof RowsFeed &&
        edges.every(
          ({ barriers }) => barriers.filter(({ batch }) => batch).length >= feed.batches.length,
        )
      );
    });
  }

  // ---- faults

  #strike(): void {
    for (const thread of this.#supervisor.threads) {
      if (thread.zombieUntil !== undefined && thread.zombieUntil <= this.#turn)
        thread.kill('the end of a zombie');
      if (thread.hungUntil !== undefined && thread.hungUntil <= this.#turn) thread.kill('it hung');
    }
    while (this.#faults.length > 0 && this.#faults[0]!.turn <= this.#turn)
      this.#fault(this.#faults.shift()!);
  }

  #fault(fault: Fault): void {
    this.#note(`fault ${describeFault(fault)}`);
    const pick = (
      role: Fault & { readonly pick: number },
      of: 'worker' | 'coordinator' | 'sources',
    ): SimThread | undefined => {
      const up = this.#supervisor.up(of).filter((thread) => thread.zombieUntil === undefined);
      return up[role.pick % Math.max(1, up.length)];
    };
    switch (fault.kind) {
      case 'kill': {
        const thread = pick(fault, fault.role);
        if (thread === undefined) return;
        if (fault.death !== undefined) thread.dieAt(fault.death);
        else if (fault.zombieTurns > 0) {
          thread.zombieUntil = this.#turn + fault.zombieTurns;
          this.#supervisor.lost(thread);
        } else thread.kill('fault');
        return;
      }
      case 'hang': {
        const thread = pick(fault, 'worker');
        const coordinator = pick(fault, 'coordinator');
        if (thread === undefined || coordinator === undefined || thread.hungUntil !== undefined)
          return;
        thread.hungUntil = this.#turn + fault.zombieTurns;
        coordinator.run(() =>
          this.#coordinators.get(coordinator)?.workerDown(thread.number, 'it hung'),
        );
        return;
      }
      case 'throw':
        this.#throws = { after: fault.after, left: fault.times };
        return;
      case 'disk': {
        const thread = pick(fault, fault.role);
        if (thread !== undefined) thread.diskFaults = fault.times;
        return;
      }
      case 'disconnect':
        this.#feeds[fault.source % this.#feeds.length]!.disconnect(fault.how);
        return;
      case 'stall': {
        if (fault.role === 'main') {
          this.#mainStalledUntil = this.#turn + fault.turns;
          return;
        }
        const thread = pick(fault, fault.role);
        if (thread !== undefined) thread.stalledUntil = this.#turn + fault.turns;
        return;
      }
      default:
        fault satisfies never;
    }
  }

  #calm(): void {
    this.#note('quiet');
    this.#quiet = true;
    this.#mainStalledUntil = 0;
    for (const thread of this.#supervisor.threads) thread.calm();
    for (const feed of this.#feeds) feed.calm();
    this.#throws.left = 0;
  }

  #user(): User {
    const poison = new Set(this.#scenario.poison);
    return {
      call: (record) => {
        const records =
          Array.isArray(record) && Array.isArray(record[0]) ? (record as unknown[]) : [record];
        for (const each of records) {
          if (!poison.has(idOf(each))) continue;
          this.#poisoned.add(idOf(each));
          throw new Error(`record ${idOf(each)} is poison`);
        }
        if (this.#throws.left === 0 || this.#throws.after-- > 0) return;
        this.#throws.left--;
        throw new Error('a user function throws');
      },
      delivered: (output, time, rows) => {
        this.#note(`${output} at ${time} is called with ${JSON.stringify(rows)}`);
        this.#ledger.delivered(output, time, rows);
      },
      wait: () =>
        new Promise((resolve) => void this.#env.clock.after(this.#chance.below(12), resolve)),
    };
  }

  // ---- what threads are made of

  #populate(
    thread: SimThread,
    main: SimPort<ToThread, FromThread>,
    coordinator: AnyPort | undefined,
  ): void {
    this.#owners.set(main, thread);
    thread.run(() => {
      switch (thread.role) {
        case 'worker':
          return this.#worker(thread, main, coordinator as SimPort<ToWorker, FromWorker>);
        case 'sources':
          return this.#sourcesThread(thread, main, coordinator as SimPort<ToSources, FromSources>);
        case 'coordinator':
          return this.#coordinator(thread, main);
      }
    });
  }

  #own<In, Out>(
    thread: SimThread,
    port: SimPort<In, Out>,
  ): ReturnType<typeof thread.port<In, Out>> {
    this.#owners.set(port, thread);
    return thread.port(port);
  }

  #worker(
    thread: SimThread,
    main: SimPort<ToThread, FromThread>,
    coordinator: SimPort<ToWorker, FromWorker>,
  ): void {
    const toMain = thread.port(main);
    const teller = new Teller((_task, event, id) =>
      toMain.post({ type: 'task', event, id, epoch: host.epoch }),
    );
    const { kernels, form } = this.#scenario;
    const { disk, body, openIn, openOut } = this.#hooks;
    const opener = edgeOpener((slot) => this.#bell(slot));
    const env = disk === undefined ? thread.env : { ...thread.env, disk: disk(thread.env.disk) };
    let port = this.#own(thread, coordinator);
    const host: ThreadHost = new ThreadHost({
      env,
      name: thread.name,
      coordinator: port,
      directory: DIRECTORY,
      edges: {
        openIn: (end, epoch) => {
          this.#open(end.edge, epoch);
          const edge = opener.openIn(end, epoch);
          return openIn?.(edge, end, epoch, this.#plan) ?? edge;
        },
        openOut: (end, epoch) => {
          const edge = opener.openOut(end, epoch);
          return openOut?.(edge, end, epoch) ?? edge;
        },
        local: () => new LocalQueue({ maxFrames: 1 }),
      },
      createBody: (task, out) => {
        const made = createBody(this.#plan, task, out, {
          maxGatherBytes: GATHER_BYTES,
          kernels,
          form,
        });
        return thread.body(body?.(made, task) ?? made);
      },
      vitals: { running() {}, idle() {} },
      report: (task, event) => teller.tell(task, event),
      wake: () => this.#wake(thread),
    });
    this.#hosts.set(thread, host);
    this.#wake(thread);
    toMain.onMessage((message) => {
      if (message.type === 'told') teller.answered();
      else if (message.type === 'coordinator') {
        port.close();
        port = this.#own(thread, message.port as SimPort<ToWorker, FromWorker>);
        host.attach(port);
      }
    });
  }

  #open(edge: number, epoch: number): void {
    const key = `${edge} ${epoch}`;
    if (this.#opened.has(key))
      this.#wrong.push(`T2: edge ${edge} is opened twice in epoch ${epoch}`);
    this.#opened.add(key);
  }

  #sourcesThread(
    thread: SimThread,
    main: SimPort<ToThread, FromThread>,
    coordinator: SimPort<ToSources, FromSources>,
  ): void {
    const actor = new SourcesActor({
      env: thread.env,
      plan: this.#plan,
      receivers: this.#receivers,
      directory: DIRECTORY,
      bellOf: (slot) => this.#bell(slot),
      batchIntervalMs: this.#scenario.batchIntervalMs,
      inputs: undefined,
      report: (event) => this.#note(`source ${JSON.stringify(event)}`),
      create: (source) => this.#feeds[source]!.create(),
    });
    this.#sources.set(thread, actor);
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
    const toMain = thread.port(main);
    const { toWorker, fromWorker, toSources, disk } = this.#hooks;
    const env = disk === undefined ? thread.env : { ...thread.env, disk: disk(thread.env.disk) };
    const { mode, batches } = this.#scenario;
    const edges = this.#edgeMemory(() => coordinator.epoch);
    const coordinator: Coordinator = new Coordinator({
      env,
      edges,
      wiring: this.#plan.wiring,
      memory: new JobMemory(this.#memory),
      directory: DIRECTORY,
      policy: this.#policy,
      mode: mode === 'clock' ? { kind: 'clock' } : { kind: 'step', batches },
      emit: (event) => {
        this.#note(
          `coordinator ${event.type}${'barrier' in event ? ` ${event.barrier}` : ''}${'epoch' in event ? ` epoch ${event.epoch}` : ''}${'cause' in event ? ` ${event.cause}` : ''}`,
        );
        toMain.post({ type: 'event', event });
      },
    });
    this.#coordinators.set(thread, coordinator);
    toMain.onMessage((message) => {
      switch (message.type) {
        case 'worker': {
          const port = this.#own(thread, message.port as SimPort<FromWorker, ToWorker>);
          coordinator.addWorker(message.slot, {
            ...port,
            post: (posted, transfer) => {
              const changed = toWorker === undefined ? posted : toWorker(posted);
              if (changed !== undefined) port.post(changed, transfer);
            },
            onMessage: (receive) =>
              port.onMessage((heard) => {
                const changed =
                  fromWorker === undefined ? heard : fromWorker(heard, coordinator, edges);
                if (changed !== undefined) receive(changed);
              }),
          });
          return;
        }
        case 'sources': {
          const port = this.#own(thread, message.port as SimPort<FromSources, ToSources>);
          coordinator.attachSources(message.slot, {
            ...port,
            post: (posted, transfer) => {
              const changed = toSources === undefined ? posted : toSources(posted);
              if (changed !== undefined) port.post(changed, transfer);
            },
          });
          return;
        }
        case 'workerDown':
          coordinator.workerDown(message.slot, message.cause);
          return;
        case 'drain':
          coordinator.drain();
          return;
      }
    });
  }

  #edgeMemory(epoch: () => number): EdgeMemory {
    const inner = edgeMemory(this.#receivers, {
      ringBytes: this.#scenario.ringBytes,
      checksum: true,
    });
    return {
      ...inner,
      createRing: (): RingMemory => {
        const memory = createRing(this.#scenario.ringBytes, {
          checksum: true,
          start: this.#chance.below(4) === 0 ? 0xffff_ffc0 : 0,
        });
        this.#rings.push({
          epoch: epoch(),
          words: new Int32Array(memory.control),
          size: memory.data.byteLength,
        });
        return memory;
      },
      createWords: () => {
        const words = inner.createWords();
        this.#consumers.push(new Int32Array(words));
        if (this.#consumers.length > this.#receivers.size) this.#consumers.shift();
        return words;
      },
      setBase: (edge, offset) => {
        this.#checkBase(edge, offset);
        inner.setBase(edge, offset);
      },
    };
  }

  // ---- oracles

  #checkBase(edge: number, offset: number): void {
    const held = new HeldIndex(this.#env.disk, DIRECTORY).read();
    // Not thrown: this is called by the coordinator, which would only die of it.
    if (held.barrier < this.#lastHeld)
      this.#wrong.push(`T3: barrier ${held.barrier} is held behind ${this.#lastHeld}`);
    this.#lastHeld = held.barrier;
    const observer = this.#observers.get(edge)!;
    observer.look();
    if (observer.offsets.get(held.barrier) !== offset >>> 0) {
      this.#wrong.push(
        `T3: BASE of edge ${edge} moves to ${offset}, and held barrier ${held.barrier} ends at ${observer.offsets.get(held.barrier)}`,
      );
    }
  }

  #look(): void {
    for (const observer of this.#observers.values()) {
      const wrong = observer.look();
      if (wrong !== undefined) throw new Wrong(`T1: ${wrong}`);
    }
    const newest = this.#rings.at(-1)?.epoch ?? 0;
    if (this.#rings.length > 0 && this.#rings[0]!.epoch !== newest)
      this.#rings = this.#rings.filter(({ epoch }) => epoch === newest);
    for (const { words, size } of this.#rings) {
      const used = (Atomics.load(words, TAIL) - Atomics.load(words, HEAD)) | 0;
      if (used < 0 || used > size)
        throw new Wrong(`T1: an inner ring of ${size} bytes holds ${used}`);
    }
  }

  #hear(message: FromThread): void {
    if (message.type === 'task') {
      const { event } = message;
      this.#note(
        `told ${event.type === 'counted' || event.type === 'wrote' ? event.type : `${event.output} ${event.barrier} ${event.type === 'collected' ? JSON.stringify(event.partitions) : event.text}`}`,
      );
      const wrong = this.#ledger.reported(event);
      if (wrong !== undefined) this.#wrong.push(wrong);
      return;
    }
    if (message.event.type === 'started')
      this.#nothingLeft = message.event.barrier === new JobMemory(this.#memory).lastCut;
    if (message.event.type === 'drained') this.#drained = true;
    if (message.event.type === 'failed')
      this.#wrong.push(`the job failed: ${String((fromWire(message.event.error) as Error).stack)}`);
  }

  async #end(): Promise<void> {
    // What is on its way arrives; then nothing may be left to do.
    for (const thread of this.#supervisor.threads) thread.calm();
    for (let n = 0; n < 1000 && this.#sweep(); n++) await undefined;
    const { mode, drainAt } = this.#scenario;
    this.#wrong.push(
      ...this.#ledger.check({
        early: drainAt !== undefined && mode === 'clock',
        poisoned: this.#poisoned,
        step: mode === 'step',
        diskFaults: this.#scenario.faults.some(
          (fault) => fault.kind === 'disk' && fault.role === 'sources',
        ),
      }),
    );
    for (const [thread, host] of this.#hosts) {
      if (
        !thread.dead &&
        thread.zombieUntil === undefined &&
        thread.hungUntil === undefined &&
        host.tasks > 0
      )
        this.#wrong.push(`E2: ${thread.name} still has ${host.tasks} tasks`);
    }
    // A coordinator that finds the last barrier held has nothing more to do, and the directory goes with the job.
    const files = this.#nothingLeft
      ? []
      : this.#env.disk.paths().filter((path) => path.includes('handover'));
    if (files.length > 0) this.#wrong.push(`E2: hand-overs are left: ${files.join()}`);
  }

  #describe(): string[] {
    const lines: string[] = [];
    const memory = new JobMemory(this.#memory);
    lines.push(
      `epoch ${memory.epoch}, last cut ${memory.lastCut}, time ${this.#env.clock.now()} ms, turn ${this.#turn}`,
    );
    for (const life of this.#supervisor.lives)
      lines.push(
        `${life.role}${life.number} ${life.state}${life.thread?.dead === true ? ' dead' : ''}`,
      );
    for (const { edge, barriers, open, published } of this.#observers.values())
      lines.push(
        `edge ${edge}: ${published.length} published, ${open.length} open, barriers ${barriers.map(({ number, batch, last }) => `${number}${batch ? 'b' : ''}${last ? 'l' : ''}`).join(' ')}`,
      );
    for (const [thread, host] of this.#hosts)
      if (!thread.dead) lines.push(`${thread.name}: epoch ${host.epoch}, ${host.tasks} tasks`);
    for (const [thread, coordinator] of this.#coordinators)
      if (!thread.dead)
        lines.push(`${thread.name}: epoch ${coordinator.epoch}, held ${coordinator.heldBarrier}`);
    for (const { epoch, words, size } of this.#rings)
      lines.push(
        `ring of epoch ${epoch}: ${(words[TAIL]! - words[HEAD]!) | 0} of ${size} bytes, room wanted ${words[ROOM_WANTED]}, head ${words[HEAD]! >>> 0}`,
      );
    for (const [thread, host] of this.#hosts)
      if (!thread.dead)
        lines.push(
          `${thread.name}: ${Array.from({ length: host.tasks }, (_, i) => thread.run(() => host.stepTask(i))).join()}`,
        );
    lines.push(`files: ${this.#env.disk.paths().join()}`);
    return lines;
  }

  #note(text: string): void {
    this.#trace.note(text);
    if (!text.startsWith('death')) return;
    this.#deaths++;
    this.#diedSinceIdle = true;
  }

  #textFeed(): Feed {
    const { seed, lines, largeBlocks } = this.#scenario;
    return new TextFeed(
      Array.from({ length: lines }, (_, id) => lineOf(id)),
      largeBlocks,
      new Pcg32(seed, 4),
    );
  }

  #rowsFeed(): Feed {
    const { seed, batches, batchIntervalMs, job } = this.#scenario;
    const chance = new Pcg32(seed, 5);
    let id = 0;
    const list = Array.from({ length: batches }, () => {
      if (job.absent === true && chance.below(5) === 0) return null;
      return Array.from({ length: chance.below(40) }, () => [id, `k${id++ % 7}`]);
    });
    return new RowsFeed(list, batchIntervalMs, new Pcg32(seed, 6));
  }
}
