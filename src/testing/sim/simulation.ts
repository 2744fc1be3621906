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
 * T1–T3, T6  `sim-edges.ts`
 * T4  What receiver edges carry is whole: read along by `observer.ts`.
 * T5  No worker sleeps while it has something to do and nobody is about to ring.
 * At the end:
 * E1  `ledger.ts`: nothing is lost, doubled or out of order.
 * E2  Nothing runs any more, and no hand-over is left on the disk but those of the last point.
 * E3  It ended within a bounded number of turns without faults.
 * E4  With a checkpoint directory: at most three checkpoints are left, whole, with what they name.
 * E5  When the process dies, no file of a transactional sink has its name before its checkpoint is there (`lives.ts`).
 */
import type { TaskEvent } from '../../actors/task.ts';
import type { ThreadHost } from '../../actors/thread-host.ts';
import type { Env } from '../../env/env.ts';
import { realEnv } from '../../env/real.ts';
import { fromWire } from '../../errors.ts';
import { partPath, readManifests } from '../../supervision/checkpoint/manifest-file.ts';
import { HeldIndex } from '../../supervision/held-index.ts';
import { JobMemory } from '../../supervision/job-memory.ts';
import type { SimHooks } from './hooks.ts';
import type { Life } from './life.ts';
import { Lives } from './lives.ts';
import type { Scenario } from './scenario.ts';
import type { SimThread } from './sim-thread.ts';
import { watchStores } from './store-hook.ts';
import { Striker } from './striker.ts';
import type { FromThread } from './supervisor.ts';
import { DIRECTORY, World, Wrong } from './world.ts';

export type { SimHooks } from './hooks.ts';

export interface SimResult {
  /** What is wrong; empty when all is well. */
  readonly wrong: readonly string[];
  readonly hash: number;
  readonly turns: number;
  readonly batches: number;
  readonly deaths: number;
  /** Of the whole process. */
  readonly processDeaths: number;
  readonly recent: readonly string[];
  readonly state: readonly string[];
}

/** Turns after the last fault in which a job must come to its end. */
const QUIET_TURNS = 60_000;
/** Turns behind the last fault before all is calm. */
const AFTER_FAULTS_TURNS = 200;
/** Turns in a row without progress before somebody looks whether there is any. */
const FRUITLESS_TURNS = 30;
/** Checkpoints that a directory keeps. */
const MANIFESTS = 3;
/** Of so many turns that could deliver a message to who hears late, one does. */
const HEARD_ONE_OF = 8;
/** Barriers that may be open before time waits for those who work. */
const OPEN_CUTS = 16;

export class Simulation {
  readonly #world: World;
  readonly #striker: Striker;
  readonly #quietFrom: number;
  readonly #lives: Lives;
  /** The one that all of this runs on. */
  readonly #machine: Env = realEnv();
  #fruitless = 0;
  #quiet = false;
  #drained = false;
  #allInAtMs: number | undefined;

  constructor(scenario: Scenario, hooks: SimHooks = {}) {
    const world = new World(scenario, hooks);
    this.#world = world;
    const { faults, drainAt = 0 } = scenario;
    this.#quietFrom = Math.max(drainAt, faults.at(-1)?.turn ?? 0) + AFTER_FAULTS_TURNS;
    this.#lives = new Lives(world, {
      threadMayRun: (thread) => this.#mayRun(thread),
      hear: (message) => this.#hear(message),
    });
    this.#striker = new Striker(
      world,
      () => this.#lives.life,
      (death, why) => this.#lives.die(death, why),
    );
  }

  /** Of a process that is up. */
  get #life(): Life {
    return this.#lives.life!;
  }

  async run(): Promise<SimResult> {
    const world = this.#world;
    const { wrong } = world;
    const undo = world.hooks.begin?.();
    const unwatch = watchStores((when) => world.scene.current?.at('store', when) ?? true);
    try {
      this.#lives.begin();
      while (!this.#drained && wrong.length === 0) {
        this.#takeTurn();
        // What promises have to say comes between turns.
        await undefined;
        if (world.scene.settled !== undefined || world.scene.stirred) await this.#letSettle();
        this.#lives.look();
        this.#lives.life?.edges.look();
      }
      if (wrong.length === 0) await this.#end();
    } catch (error) {
      const said = error instanceof Error ? error.stack : String(error);
      wrong.push(error instanceof Wrong ? error.message : `the simulation threw ${said}`);
    } finally {
      unwatch();
      undo?.();
    }
    const { trace, turn: turns, deaths, history } = world;
    return {
      wrong,
      hash: trace.hash,
      turns,
      batches: history.edgesOf(0)[0]?.batches.size ?? 0,
      deaths,
      processDeaths: this.#lives.deaths,
      recent: wrong.length === 0 ? [] : trace.recent(),
      state: wrong.length === 0 ? [] : this.#describe(),
    };
  }

  /** Rings that were made, and how often one was handed on. */
  get rings(): { readonly made: number; readonly handedOn: number } {
    return this.#life.edges;
  }

  /** What it was made of and what came out, after the run. */
  get world(): World {
    return this.#world;
  }

  // ---- turns

  /** What comes of a promise is the doing of the thread for which it was settled. */
  async #letSettle(): Promise<void> {
    const { scene } = this.#world;
    scene.current = scene.settled;
    scene.settled = undefined;
    scene.stirred = false;
    // All that comes of it: promises in a row, however many.
    await new Promise<void>((resolve) => this.#machine.defer(resolve));
    scene.current = undefined;
  }

  #takeTurn(): void {
    const world = this.#world;
    world.turn++;
    this.#striker.strike();
    if (!this.#quiet && world.turn >= this.#quietFrom) {
      this.#quiet = true;
      this.#striker.calm();
    }
    if (world.turn > this.#quietFrom + QUIET_TURNS)
      throw new Wrong(`E3: after ${QUIET_TURNS} turns without faults it has not ended`);
    if (this.#lives.life === undefined) {
      if (this.#timer()) this.#fruitless = 0;
      else if (++this.#fruitless > 1)
        throw new Wrong('E3: the process is down, and nobody starts it');
      // Promises of its start may be all that there is.
      world.scene.stirred = true;
      return;
    }
    this.#maybeDrain();
    if (this.#act()) {
      this.#fruitless = 0;
      return;
    }
    if (++this.#fruitless < FRUITLESS_TURNS) return;
    this.#fruitless = 0;
    if (!this.#sweep() && !this.#timer() && !this.#waits())
      throw new Wrong('E3: nobody can do anything, and no timer is set');
  }

  #act(): boolean {
    const { timerTurns, deliveryTurns, pumpTurns } = this.#world.scenario;
    const { chance, clock } = this.#world.env;
    // What is due takes no time.
    if ((clock.nextAt() ?? Infinity) <= clock.monotonic() && chance.below(4) === 0)
      return this.#timer();
    const drawn = chance.below(1000);
    // In the end time passes only when nobody has anything to do, or a slow job would never catch up with it.
    if (drawn < timerTurns) return !this.#quiet && this.#openCuts < OPEN_CUTS && this.#timer();
    if (drawn < timerTurns + pumpTurns) return this.#pump();
    if (drawn < timerTurns + pumpTurns + deliveryTurns) return this.#deliver();
    return this.#step();
  }

  get #openCuts(): number {
    return new JobMemory(this.#life.memory).lastCut - this.#life.edges.lastHeld;
  }

  #timer(): boolean {
    const { clock } = this.#world.env;
    if (clock.nextAt() === undefined) return false;
    this.#world.note('time');
    return clock.runNext();
  }

  /** Sources look for room. That is no progress: what comes of it is. */
  #pump(): boolean {
    for (const [thread, actor] of this.#life.population.sources) {
      if (!this.#mayRun(thread)) continue;
      this.#world.note(`pump ${thread.name}`);
      thread.run(() => actor.pump());
    }
    return false;
  }

  /** @param all also to who hears late */
  #deliver(all = false): boolean {
    const { env, mainMayRun, scenario } = this.#world;
    const { owners } = this.#life.population;
    const isHeard = all || this.#quiet || env.chance.below(HEARD_ONE_OF) === 0;
    const deaf = isHeard ? undefined : scenario.deaf;
    const ports = env.deliverable().filter((port) => {
      const owner = owners.get(port);
      if (deaf !== undefined && deaf === (owner?.role ?? 'main')) return false;
      return owner === undefined ? mainMayRun : this.#mayRun(owner);
    });
    if (ports.length === 0) return false;
    const port = ports[env.chance.below(ports.length)]!;
    const owner = owners.get(port);
    this.#world.note(`deliver to ${owner?.name ?? 'main'}`);
    if (owner !== undefined) this.#life.sleepers.wake(owner);
    return port.deliverOne();
  }

  #step(): boolean {
    const { chance } = this.#world.env;
    const hosts = [...this.#life.population.hosts].filter(
      ([thread, host]) =>
        this.#mayRun(thread) && host.tasks > 0 && !this.#life.sleepers.sleeps(thread),
    );
    if (hosts.length === 0) return false;
    const [thread, host] = hosts[chance.below(hosts.length)]!;
    if (this.#stepTask(thread, host, chance.below(host.tasks))) return true;
    if (!this.#life.sleepers.idled(thread, host.tasks)) return false;
    // Enough to be sure that a whole turn would come to nothing is a whole turn.
    if (this.#turnOf(thread, host)) return true;
    this.#life.sleepers.sleep(thread);
    return false;
  }

  /** Every task of a worker takes a step, as in its thread. */
  #turnOf(thread: SimThread, host: ThreadHost): boolean {
    let progress = false;
    for (let i = 0; i < host.tasks && this.#mayRun(thread); i++)
      if (this.#stepTask(thread, host, i)) progress = true;
    return progress;
  }

  #stepTask(thread: SimThread, host: ThreadHost, index: number): boolean {
    const progress = thread.run(() => host.stepTask(index));
    if (progress === 'progress') {
      this.#life.sleepers.progressed(thread);
      this.#world.note(`step ${thread.name} ${index}`);
    }
    if (!thread.dead) this.#armDue(thread, host);
    return progress === 'progress' || progress === undefined;
  }

  /** A worker does not sleep beyond what is due, and time does not jump over it. */
  #armDue(thread: SimThread, host: ThreadHost): void {
    const { clock } = this.#world.env;
    const due = host.dueMs();
    const now = clock.monotonic();
    const { due: armedAt, sleepers } = this.#life;
    const armed = armedAt.get(thread) ?? Infinity;
    if (due === Infinity || (armed > now && armed <= due)) return;
    armedAt.set(thread, due);
    clock.after(due - now, () => sleepers.wake(thread));
  }

  /** Everybody gets a chance, so that time passes only when nobody has anything to do. */
  #sweep(): boolean {
    const life = this.#life;
    const before = life.edges.positions();
    let progress = false;
    for (const [thread, host] of life.population.hosts)
      if (!life.sleepers.sleeps(thread) && this.#turnOf(thread, host)) progress = true;
    if (!life.isOver) this.#pump();
    if (life.isOver) return true;
    // A part of a block that moved is progress too, though its task says that it is blocked.
    return (
      this.#deliver(true) ||
      progress ||
      this.#life.edges.positions() !== before ||
      this.#wakeWhoSleptTooLong()
    );
  }

  /** Nobody who is awake has anything to do: those who sleep must not have either (T5). */
  #wakeWhoSleptTooLong(): boolean {
    // A sender that waits for half a ring is rung by a reader that has something left to read, but waits itself. Whoever
    // is stalled may be about to ring.
    if (this.#waits() || this.#life.edges.someReaderIsBehind) return false;
    const { memory, population, sleepers } = this.#life;
    const { epoch } = new JobMemory(memory);
    for (const [thread, host] of population.hosts) {
      if (!sleepers.sleeps(thread) || !this.#mayRun(thread) || thread.isGivenUp) continue;
      // Nobody rings for what an older epoch still does.
      if (host.epoch !== epoch) continue;
      if (!this.#turnOf(thread, host)) continue;
      // Who dies before it rings leaves others asleep: no park is for ever.
      if (!this.#world.diedSinceIdle)
        throw new Wrong(`T5: ${thread.name} slept, and had something to do`);
      sleepers.wake(thread);
      return true;
    }
    this.#world.diedSinceIdle = false;
    return false;
  }

  /** Somebody is only stalled, or about to die. */
  #waits(): boolean {
    const { mainMayRun, turn } = this.#world;
    const threads = [...this.#life.supervisor.threads];
    return !mainMayRun || threads.some((each) => each.stalledUntil > turn || each.isGivenUp);
  }

  #mayRun(thread: SimThread): boolean {
    return !thread.dead && thread.stalledUntil <= this.#world.turn;
  }

  #maybeDrain(): void {
    const world = this.#world;
    const { drainAt, mode } = world.scenario;
    if (this.#life.draining || mode === 'step') return;
    if (drainAt === undefined ? !this.#quiet || !this.#isSettled : world.turn < drainAt) return;
    this.#life.draining = true;
    this.#world.note('drain');
    this.#life.supervisor.drain();
  }

  /** All records are in, and what was to happen because of them has had its time. */
  get #isSettled(): boolean {
    const { allIn, env, scenario, lastDeathMs } = this.#world;
    if (!allIn) return false;
    const now = env.clock.monotonic();
    this.#allInAtMs ??= now;
    const settleMs = scenario.job.topology?.settleMs ?? 0;
    return now >= Math.max(this.#allInAtMs, lastDeathMs) + settleMs;
  }

  #hear(message: FromThread): void {
    const { wrong, ledger } = this.#world;
    const { memory, whenHeld } = this.#life;
    if (message.type === 'task') {
      this.#world.note(`told ${toldAs(message.event)}`);
      const report = (): void => {
        const why = ledger.reported(message.event);
        if (why !== undefined) wrong.push(why);
      };
      if (whenHeld === undefined || !('barrier' in message.event)) report();
      else whenHeld.report(message.epoch, message.event.barrier, report);
      return;
    }
    const { event } = message;
    if (event.type === 'started') {
      whenHeld?.began(event.epoch, event.barrier);
      this.#life.nothingLeft = event.barrier === new JobMemory(memory).lastCut;
    } else if (event.type === 'recovering') {
      this.#world.lastDeathMs = this.#world.env.clock.monotonic();
      whenHeld?.began(event.epoch, event.barrier);
    } else if (event.type === 'batchCompleted') whenHeld?.held(event.barrier);
    else if (event.type === 'drained') this.#drained = true;
    else if (event.type === 'failed')
      wrong.push(`the job failed: ${String((fromWire(event.error) as Error).stack)}`);
  }

  // ---- the end

  async #end(): Promise<void> {
    const { scenario, ledger, wrong, poisoned, env } = this.#world;
    this.#world.weather?.disarm();
    // What is on its way arrives; then nothing may be left to do.
    for (const thread of this.#life.supervisor.threads) thread.calm();
    for (let n = 0; n < 1000 && this.#sweep(); n++) await undefined;
    const { mode, drainAt, faults } = scenario;
    wrong.push(
      ...ledger.check({
        early: drainAt !== undefined && mode === 'clock',
        poisoned,
        step: mode === 'step',
        disk: env.disk,
        diskFaults: faults.some((fault) => fault.kind === 'disk' && fault.role === 'sources'),
      }),
    );
    for (const [thread, { tasks }] of this.#life.population.hosts) {
      if (!thread.dead && !thread.isGivenUp && tasks > 0)
        wrong.push(`E2: ${thread.name} still has ${tasks} tasks`);
    }
    // A coordinator that finds the last barrier held has nothing more to do, and the directory goes with the job.
    if (this.#life.nothingLeft) return;
    // What one that was given up still wrote is swept behind the next recovery.
    const givenUp = [...this.#life.population.hosts.keys()].filter((thread) => thread.isGivenUp);
    const needed = new Set(new HeldIndex(env.disk, this.#world.directory).read().parts.flat());
    if (scenario.checkpoint !== undefined) {
      const { manifests, problems } = readManifests(env.disk, DIRECTORY);
      wrong.push(...problems.map(({ error }) => `E4: ${error.message}`));
      if (manifests.length > MANIFESTS)
        wrong.push(`E4: there are checkpoints ${manifests.map(({ id }) => id).join()}`);
      for (const part of manifests.flatMap(({ tasks }) => tasks.flatMap(({ parts }) => parts)))
        needed.add(partPath(DIRECTORY, part));
    }
    const files = env.disk
      .paths()
      .filter((path) => path.includes('handover') && !needed.has(path))
      .filter((path) => !givenUp.some(({ name }) => path.endsWith(`-${name}`)));
    if (files.length > 0) wrong.push(`E2: hand-overs are left: ${files.join()}`);
  }

  #describe(): string[] {
    const { env, turn } = this.#world;
    if (this.#lives.life === undefined)
      return ['the process is down', `files: ${env.disk.paths().join()}`];
    const { memory, observers, population } = this.#life;
    const { hosts, coordinators } = population;
    const { epoch, lastCut } = new JobMemory(memory);
    const lines = [`epoch ${epoch}, last cut ${lastCut}, time ${env.clock.now()} ms, turn ${turn}`];
    for (const { role, number, state, thread } of this.#life.supervisor.lives)
      lines.push(`${role}${number} ${state}${thread?.dead === true ? ' dead' : ''}`);
    for (const { edge, barriers, open, published } of observers.values()) {
      const numbers = barriers.map((b) => `${b.number}${b.batch ? 'b' : ''}${b.last ? 'l' : ''}`);
      lines.push(
        `edge ${edge}: ${published.length} published, ${open.length} open, barriers ${numbers.join(' ')}`,
      );
    }
    for (const [thread, coordinator] of coordinators)
      if (!thread.dead)
        lines.push(`${thread.name}: epoch ${coordinator.epoch}, held ${coordinator.heldBarrier}`);
    lines.push(...this.#life.edges.describe());
    for (const [thread, host] of hosts) {
      if (thread.dead) continue;
      const said = Array.from({ length: host.tasks }, (_, i) => thread.run(() => host.stepTask(i)));
      lines.push(`${thread.name}: epoch ${host.epoch}, tasks ${said.join()}`);
    }
    lines.push(`files: ${env.disk.paths().join()}`);
    return lines;
  }
}

/** All of a report that must be the same when the seed is run again. */
function toldAs(event: TaskEvent): string {
  if (event.type === 'collected')
    return `${event.name} of ${event.barrier}: ${JSON.stringify(event.partitions)}`;
  return event.type === 'printed'
    ? `${event.output} of ${event.barrier}: ${event.text}`
    : event.type;
}
