/**
 * The instances of a sink at work on their own, life after life, with what a coordinator does around them: it keeps what
 * they hand over, says what counts, and gives files their names. Used in the calling thread, on virtual time; the sink's
 * target is the real one.
 *
 * I1  The sink is called as in a run: by the engine's own body, with hand-overs as bytes.
 * I2  Each bench is a job of its own: no other has its lineage.
 */
import type { Barrier } from '../../actors/block.ts';
import type { Publication, TaskBody } from '../../actors/task.ts';
import { ContextBuilder } from '../../dstream/context-builder.ts';
import { Pcg32 } from '../../env/pcg32.ts';
import { realEnv } from '../../env/real.ts';
import { VirtualClock } from '../../env/virtual-clock.ts';
import type { Plan } from '../../plan/planned.ts';
import { plan } from '../../plan/planner.ts';
import type { Sink, SinkSpec } from '../../plan/sink.ts';
import { createBody } from '../../run/create-body.ts';
import { fromIterable } from '../../topology/sources.ts';
import { TopologyBuilder } from '../../topology/topology-builder.ts';
import { Mortal } from './death.ts';
import type { FillingDisk } from './filling-disk.ts';

/** What one instance handed over at a point. */
interface Point {
  readonly parts: readonly Uint8Array[];
  readonly publish: readonly Publication[];
}

const START_MS = 1_700_000_000_000;
/** Virtual time that passes with each turn of the event loop, in ms. */
const TURN_MS = 20;
/** Real time after which what has not settled never will, in ms. */
const HANGS_MS = 10_000;

export class Hangs extends Error {}

export interface SinkBenchOptions {
  readonly spec: SinkSpec<unknown>;
  readonly instances: number;
  readonly lineage: string;
  readonly disk: FillingDisk;
  /** Number of the last barrier of the job before. */
  readonly from: number;
}

export class SinkBench {
  readonly instances: readonly Instance[];
  readonly #from: number;
  /** Number of the newest barrier. */
  #number: number;

  constructor({ spec, instances, lineage, disk, from }: SinkBenchOptions) {
    let mortal = new Mortal();
    const planned = sinkPlan({ ...spec, make: () => mortal.around(spec.make()) }, instances);
    this.#from = this.#number = from;
    this.instances = planned.tasks
      .filter(({ kind }) => kind === 'stage')
      .map(
        ({ id }) =>
          new Instance({
            plan: planned,
            task: id,
            lineage,
            disk,
            from,
            make: spec.make,
            live: (next) => {
              mortal = next;
            },
          }),
      );
  }

  get number(): number {
    return this.#number;
  }

  /** All instances begin: from what was held last, or from what counts, as another process would. */
  start(how: 'first' | 'thread' | 'process'): void {
    for (const instance of this.instances) instance.start(how === 'thread');
  }

  /** Records to all instances in turn. */
  async give(records: readonly unknown[]): Promise<void> {
    const { length } = this.instances;
    for (const [n, instance] of this.instances.entries())
      await instance.give(records.filter((_, at) => at % length === n));
  }

  /** All instances reach a barrier: it is held. Gives its number. */
  async point(batch = true): Promise<number> {
    const barrier = this.barrier(batch);
    for (const instance of this.instances) {
      await instance.reach(barrier);
      instance.handOver(barrier);
    }
    return barrier.number;
  }

  /** The next one. */
  barrier(batch = true): Barrier {
    const number = ++this.#number;
    const time = START_MS + number * 1000;
    return { number, batch, point: true, last: false, time, zeroTime: START_MS };
  }

  /** Behind that barrier nothing was ever cut. */
  goBackTo(number: number): void {
    this.#number = number;
    for (const instance of this.instances) instance.forget(number);
  }

  /** It counts: files get their names, and the instances commit. */
  async durable(number: number): Promise<void> {
    for (const instance of this.instances) await instance.durable(number);
  }

  die(): void {
    for (const instance of this.instances) instance.die();
  }

  close(): void {
    for (const instance of this.instances) instance.close();
  }

  get from(): number {
    return this.#from;
  }
}

interface InstanceOptions extends Pick<SinkBenchOptions, 'lineage' | 'disk' | 'from'> {
  readonly plan: Plan;
  readonly task: number;
  readonly make: () => Sink<unknown>;
  /** The sink that is made next belongs to this life. */
  readonly live: (mortal: Mortal) => void;
}

export class Instance {
  readonly clock: VirtualClock = new VirtualClock({ startMs: START_MS });
  mortal!: Mortal;
  readonly #options: InstanceOptions;
  readonly #points = new Map<number, Point>();
  readonly #bodies: TaskBody[] = [];
  #body!: TaskBody;
  #held: number;
  #durable: number;
  #lives = 0;

  constructor(options: InstanceOptions) {
    this.#options = options;
    this.#held = this.#durable = options.from;
  }

  start(fromHeld = false): void {
    const { plan: planned, task, lineage, disk, live } = this.#options;
    this.mortal = new Mortal();
    live(this.mortal);
    if (!fromHeld) this.forget(this.#durable);
    const chance = new Pcg32(1);
    const env = {
      clock: this.clock,
      disk,
      random: () => chance.float(),
      defer: (run: () => void) => void this.clock.after(0, run),
    };
    const out = { emit: () => {}, absent: () => {}, mark: () => {}, report: () => {} };
    this.#body = createBody(planned, task, out, {
      env,
      lineage,
      life: `verify-${this.#options.from}-${++this.#lives}`,
      start: this.#durable,
    });
    this.#bodies.push(this.#body);
    this.#body.restore(this.#points.get(this.#held)?.parts ?? []);
    const commits = this.#body.durable!(this.#durable);
    this.restarted = commits ?? Promise.resolve();
    // Whoever is interested waits for it.
    this.restarted.catch(() => {});
  }

  /** Settles when what counted before is committed. */
  restarted: Promise<void> = Promise.resolve();

  async give(records: readonly unknown[]): Promise<void> {
    if (records.length === 0) return;
    this.#body.block({ kind: 'rows', port: 0, rows: [...records] }, 0);
    await this.settled(this.#body.takeWaiting?.());
  }

  /** Takes the barrier, but for what it hands over. */
  async reach(barrier: Barrier): Promise<void> {
    await this.settled(this.#body.barrier(barrier, [[]]));
  }

  handOver(barrier: Barrier): void {
    const { number } = barrier;
    const given = this.#body.handOver(barrier);
    const before = this.#points.get(this.#held)?.parts ?? [];
    const older = given?.mode === 'replace' ? [] : before.slice(given?.drop ?? 0);
    const parts =
      given === undefined ? [] : given.mode === 'keep' ? before : [...older, given.bytes];
    this.#points.set(number, { parts, publish: given?.publish ?? [] });
    this.#held = number;
  }

  /** The names come first, as the coordinator has it. */
  async durable(number: number): Promise<void> {
    this.publish(number);
    await this.settled(this.commit(number));
  }

  publish(number: number): void {
    for (const [at, { publish }] of [...this.#points].toSorted(([a], [b]) => a - b))
      if (at > this.#durable && at <= number)
        for (const { from, to } of publish) this.#options.disk.rename(from, to);
    this.#durable = number;
  }

  /** The sink hears that it counts. */
  commit(number: number): Promise<void> | undefined {
    return this.#body.durable!(number) ?? undefined;
  }

  /** Points behind that one come to nothing. */
  forget(number: number): void {
    for (const at of this.#points.keys()) if (at > number) this.#points.delete(at);
    this.#held = Math.min(this.#held, number);
    this.#durable = Math.min(this.#durable, number);
  }

  /** What another life would say that the target holds. */
  probe(): { readonly probe: () => unknown; readonly close: () => void } {
    const sink = this.#options.make();
    sink.open?.({ ...this.mortal.context!, life: 'probe' });
    return { probe: () => sink.holds?.(), close: () => sink.close?.() };
  }

  die(): void {
    this.mortal.isDead = true;
  }

  close(): void {
    for (const body of this.#bodies) body.close?.();
  }

  /** Waits for a promise while virtual time passes. */
  async settled<T>(promise: T | PromiseLike<T>): Promise<T> {
    if (typeof (promise as PromiseLike<T> | undefined)?.then !== 'function') return promise as T;
    const { clock, defer } = REAL;
    const untilMs = clock.monotonic() + HANGS_MS;
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    Promise.resolve(promise).then(settle, settle);
    while (!isSettled) {
      await new Promise<void>((resolve) => defer(resolve));
      this.clock.advance(TURN_MS);
      if (clock.monotonic() > untilMs)
        throw new Hangs(`a promise has not settled for ${HANGS_MS} ms`);
    }
    return promise;
  }
}

const REAL = realEnv();

function sinkPlan(spec: SinkSpec<unknown>, instances: number): Plan {
  const ssc = new ContextBuilder('verifySink');
  const t = new TopologyBuilder(ssc, {
    guarantee: 'exactly-once',
    lingerMs: 0,
    maxPending: 1,
    timeoutMs: 1,
  });
  const records = t.source<unknown>('records', fromIterable<unknown>([]));
  t.sink('sink', spec, { from: records.shuffle(), parallelism: instances, fuse: false });
  t.finish('verifySink');
  return plan(ssc.freeze(), { workers: 1 });
}
