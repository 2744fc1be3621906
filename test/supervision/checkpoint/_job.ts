/**
 * A job of two tasks on a checkpoint directory, whose workers, sources and lives are the test: a task that keeps what it
 * has seen of the last batches, and one that writes a file a batch.
 */
import type { Barrier } from '../../../src/actors/block.ts';
import { sealed, unsealed } from '../../../src/actors/hand-over-file.ts';
import type { FromSources, FromWorker, ToSources, ToWorker } from '../../../src/actors/messages.ts';
import type { Wiring } from '../../../src/actors/wiring.ts';
import { MemoryDisk } from '../../../src/env/memory-disk.ts';
import { Pcg32 } from '../../../src/env/pcg32.ts';
import type { Port } from '../../../src/env/port.ts';
import { type SimEnv, simEnv } from '../../../src/env/sim.ts';
import { toWire } from '../../../src/errors.ts';
import { allocateReceivers, edgeMemory } from '../../../src/run/edge-memory.ts';
import type {
  CheckpointSpec,
  StartPoint,
} from '../../../src/supervision/checkpoint/checkpoint-spec.ts';
import {
  partPath,
  readManifests,
  verifyManifest,
} from '../../../src/supervision/checkpoint/manifest-file.ts';
import type { Manifest } from '../../../src/supervision/checkpoint/manifest.ts';
import {
  Coordinator,
  type CoordinatorEvent,
  type CoordinatorPolicy,
} from '../../../src/supervision/coordinator.ts';
import {
  fenceCoordinator,
  JobMemory,
  type JobMemoryBuffer,
} from '../../../src/supervision/job-memory.ts';
import { type Fault, Killed, Lane } from './_lane.ts';

export const DIR = '/ck';
export const STATE: string = `${DIR}/state`;
export const OUT = '/out';
const KEPT_PARTS = 3;

const wiring: Wiring = {
  workers: 1,
  tasks: [
    { id: 0, name: 'map#1[0]', worker: 0, inputs: [0], outputs: [1] },
    { id: 1, name: 'outputs', worker: 0, inputs: [1], outputs: [] },
  ],
  sources: [{ id: 0, name: 'in', outputs: [0] }],
  edges: [
    { id: 0, kind: 'receiver', from: 0, to: 0 },
    { id: 1, kind: 'inner', from: 0, to: 1 },
  ],
};

class FakePort<In, Out> implements Port<In, Out> {
  readonly posted: Out[] = [];
  readonly #lane: Lane;
  #receive: (message: In) => void = () => {};

  constructor(lane: Lane) {
    this.#lane = lane;
  }

  say(message: In): void {
    this.#lane.run(() => this.#receive(message));
  }

  post(message: Out): void {
    if (!this.#lane.dead) this.posted.push(message);
  }

  onMessage(receive: (message: In) => void): void {
    this.#receive = receive;
  }

  onClose(): void {}
  close(): void {}
}

export interface JobOptions {
  readonly policy?: Partial<CoordinatorPolicy>;
  readonly intervalMs?: number;
  /** Sources say it by themselves when the process starts. @default true */
  readonly saysRecorded?: boolean;
}

export class Job {
  readonly disk: MemoryDisk = new MemoryDisk({ mayCrash: true });
  readonly env: SimEnv = simEnv(1);
  /** Of all lives. */
  readonly events: CoordinatorEvent[] = [];
  readonly renamed: string[] = [];
  readonly told: number[] = [];
  lane!: Lane;
  coordinator: Coordinator | undefined;
  worker!: FakePort<FromWorker, ToWorker>;
  sources!: FakePort<FromSources, ToSources>;
  /** What the logs of the sources have. */
  readonly log: Barrier[] = [];
  buffer: JobMemoryBuffer = JobMemory.allocate();
  spec!: CheckpointSpec;
  /** Batches that are not taken yet although they are cut. */
  lazy = false;
  #slot = 0;
  #run = 0;
  #epoch = 0;
  #parts: string[] = [];
  #taken = 0;
  readonly #options: JobOptions;

  constructor(options: JobOptions = {}) {
    this.#options = options;
    for (const path of [DIR, STATE, OUT]) this.disk.makeDirectory(path);
  }

  /** A process starts on the directory. */
  start(fault?: Fault): void {
    const { disk } = this;
    const { manifests } = readManifests(disk, DIR);
    const manifest = manifests.find((each) => verifyManifest(disk, DIR, each).length === 0);
    const epochs = disk.list(STATE).map((name) => Number(/^handover-(\d+)-/.exec(name)?.[1] ?? 0));
    const tasks = wiring.tasks.map(({ name }) => ({
      name,
      partition: 0,
      operators: [],
      states: [],
    }));
    this.spec = {
      directory: DIR,
      intervalMs: this.#options.intervalMs ?? 100,
      run: ++this.#run,
      firstEpoch: Math.max(0, ...epochs, ...manifests.map(({ epoch }) => epoch)) + 1,
      tasks,
      job: {
        job: 'test',
        lineage: 'test',
        partitions: 1,
        batchIntervalMs: 100,
        operators: [],
        sources: ['in'],
      },
      ...(manifest === undefined ? {} : { start: startOf(manifest) }),
    };
    this.buffer = JobMemory.allocate();
    this.begin(fault);
  }

  /** A coordinator's thread, first or again. */
  begin(fault?: Fault): void {
    const lane = (this.lane = new Lane(this.env, this.disk));
    lane.fault = fault;
    lane.onDeath = () => this.renamed.push(...lane.renamed);
    this.worker = new FakePort(lane);
    this.sources = new FakePort(lane);
    this.coordinator = undefined;
    lane.run(() => {
      const coordinator = new Coordinator({
        env: lane,
        wiring,
        memory: new JobMemory(this.buffer),
        directory: STATE,
        checkpoint: this.spec,
        policy: {
          batchIntervalMs: 100,
          reliefIntervalMs: 10_000,
          maxBatchFailures: 2,
          onBatchError: 'fail',
          maxRestarts: 9,
          withinMs: 30_000,
          backoff: { minMs: 10, maxMs: 10, factor: 1, jitter: 0 },
          ...this.#options.policy,
        },
        mode: { kind: 'clock' },
        edges: edgeMemory(allocateReceivers(wiring, 1 << 16, 1 << 12)),
        emit: (event) => {
          if (lane.dead) throw new Killed();
          this.events.push(event);
          if (event.type === 'checkpointCompleted') this.told.push(event.barrier);
        },
      });
      this.coordinator = coordinator;
      coordinator.addWorker(++this.#slot, this.worker);
      coordinator.attachSources(100, this.sources);
    });
    if (this.#options.saysRecorded !== false) this.sayRecorded();
  }

  sayRecorded(): void {
    const behind = this.spec.start?.barrier.number ?? 0;
    this.sources.say({
      type: 'recorded',
      cuts: this.log.filter(({ number }) => number > behind),
    });
  }

  /** The coordinator's thread dies, if it isn't dead, and another one goes on. */
  succeed(): void {
    this.lane.die();
    fenceCoordinator(this.buffer);
    this.begin();
  }

  /** The process dies; with the power all that wasn't synced is at the mercy of chance. */
  kill(power?: number): void {
    this.lane.die();
    if (power !== undefined) this.disk.crash(new Pcg32(power));
  }

  /** So many ms go by, in which everybody does what there is to do; a dead coordinator has a successor. */
  async pass(ms: number): Promise<void> {
    for (let n = 0; n < ms; n += 10) {
      if (this.lane.dead) return;
      this.env.clock.advance(10);
      for (let i = 0; i < 20; i++) await Promise.resolve();
      this.#work();
      for (let i = 0; i < 20; i++) await Promise.resolve();
    }
  }

  ofType<T extends CoordinatorEvent['type']>(type: T): Extract<CoordinatorEvent, { type: T }>[] {
    return this.events.filter(
      (event): event is Extract<CoordinatorEvent, { type: T }> => event.type === type,
    );
  }

  /** The first task of the epoch fails. */
  fails(): void {
    const { epoch, heldBarrier } = this.coordinator!;
    this.worker.say({
      type: 'failed',
      epoch,
      task: 0,
      batchStart: heldBarrier,
      error: toWire(new Error('no')),
    });
  }

  /** What a start would go on from. */
  get newest(): Manifest | undefined {
    return readManifests(this.disk, DIR).manifests[0];
  }

  files(directory: string): string[] {
    return this.disk.list(directory).toSorted();
  }

  /** Batches that the state of a manifest has seen. */
  stateOf(manifest: Manifest): number[] {
    return manifest.tasks[0]!.parts.map((part) => {
      const path = partPath(DIR, part);
      return Number(Buffer.from(unsealed(this.disk.read(path), path)).toString());
    });
  }

  text(path: string): string {
    return Buffer.from(this.disk.read(path)).toString();
  }

  #work(): void {
    for (const message of this.sources.posted.splice(0)) this.#hear(message);
    for (const message of this.worker.posted.splice(0)) {
      if (message.type !== 'start') continue;
      this.#epoch = message.epoch;
      this.#parts = [...message.tasks[0]!.parts];
      this.#taken = this.coordinator!.heldBarrier;
    }
    if (this.lazy) return;
    const { lastCut } = new JobMemory(this.buffer);
    for (const barrier of this.log) {
      const { number } = barrier;
      if (number > this.#taken && number <= lastCut && !this.lane.dead) this.#take(barrier);
    }
  }

  #hear(message: ToSources): void {
    if (message.type === 'cut' && !this.log.some(({ number }) => number === message.barrier.number))
      this.log.push(message.barrier);
    if (message.type === 'stopIntake') this.sources.say({ type: 'intakeStopped' });
  }

  #take({ number, batch, point }: Barrier): void {
    this.#taken = number;
    const epoch = this.#epoch;
    const say = (task: number, rest: object): void =>
      this.worker.say({
        type: 'taken',
        epoch,
        task,
        barrier: number,
        records: 0,
        offsets: task === 0 ? [[0, 0]] : [],
        ...rest,
      });
    if (!point || !batch) {
      say(0, point ? { handOver: { mode: 'keep' } } : {});
      say(1, {});
      return;
    }
    const path = `${STATE}/handover-${epoch}-${number}-0-w`;
    this.disk.write(path, sealed(Buffer.from(String(number))));
    const drop = this.#parts.length >= KEPT_PARTS ? 1 : 0;
    this.#parts = [...this.#parts.slice(drop), path];
    const from = `${OUT}/.tmp-${epoch}-${number}`;
    this.disk.write(from, Buffer.from(`batch ${number}`));
    say(0, { handOver: { mode: 'append', path, drop } });
    say(1, { handOver: { mode: 'keep', publish: [{ from, to: `${OUT}/part-${number}` }] } });
  }
}

function startOf({ barrier, skip, publish, poison, tasks }: Manifest): StartPoint {
  return {
    barrier,
    point: {
      barrier: barrier.number,
      batchStart: barrier.number,
      offsets: [],
      parts: tasks.map(({ parts }) => parts.map((part) => partPath(DIR, part))),
      skip,
      records: 0,
      ...(publish.length === 0 ? {} : { publish }),
      ...(poison === undefined ? {} : { poison }),
    },
  };
}
