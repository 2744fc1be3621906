/** What the coordinator makes of deaths and throws with a record in hand: counts, careful tasks, the index file. */
import { describe, expect, it } from 'vitest';
import type { FromSources, FromWorker, ToSources, ToWorker } from '../../src/actors/messages.ts';
import type { Wiring } from '../../src/actors/wiring.ts';
import type { Port } from '../../src/env/port.ts';
import { simEnv } from '../../src/env/sim.ts';
import { toWire } from '../../src/errors.ts';
import { allocateReceivers, edgeMemory } from '../../src/run/edge-memory.ts';
import {
  Coordinator,
  type CoordinatorEvent,
  type CoordinatorPolicy,
  type DiedWith,
} from '../../src/supervision/coordinator.ts';
import { HeldIndex } from '../../src/supervision/held-index.ts';
import { fenceCoordinator, JobMemory } from '../../src/supervision/job-memory.ts';

const TASK = 0;
const OTHER = 1;
const wiring: Wiring = {
  workers: 1,
  tasks: [
    { id: TASK, name: 'map#1[0]', worker: 0, inputs: [0], outputs: [1] },
    { id: OTHER, name: 'outputs', worker: 0, inputs: [1], outputs: [] },
  ],
  sources: [{ id: 0, name: 'lines', outputs: [0] }],
  edges: [
    { id: 0, kind: 'receiver', from: 0, to: TASK },
    { id: 1, kind: 'inner', from: TASK, to: OTHER },
  ],
};
const BAD = { hash: 'bad', text: 'a bad record' };

class FakePort<In, Out> implements Port<In, Out> {
  readonly posted: Out[] = [];
  say: (message: In) => void = () => {};
  end: () => void = () => {};
  post(message: Out): void {
    this.posted.push(message);
  }
  onMessage(receive: (message: In) => void): void {
    this.say = receive;
  }
  onClose(closed: () => void): void {
    this.end = closed;
  }
  close(): void {}
}

/** A job of one worker at a time; the test is that worker. */
class Job {
  readonly env = simEnv(1);
  readonly events: CoordinatorEvent[] = [];
  readonly buffer = JobMemory.allocate();
  readonly edges = edgeMemory(allocateReceivers(wiring, 1 << 20, 1 << 16));
  readonly policy: CoordinatorPolicy;
  coordinator: Coordinator;
  worker!: FakePort<FromWorker, ToWorker>;
  slot = 0;
  /** What the next thread dies with. */
  diedWith: DiedWith | undefined;

  constructor(policy: Partial<CoordinatorPolicy>) {
    this.policy = {
      batchIntervalMs: 100,
      reliefIntervalMs: 1000,
      maxBatchFailures: 2,
      onBatchError: 'fail',
      maxRestarts: 1,
      withinMs: 30_000,
      backoff: { minMs: 10, maxMs: 10, factor: 1, jitter: 0 },
      ...policy,
    };
    this.env.disk.makeDirectory('dir');
    this.coordinator = this.#coordinator();
    this.spare();
    this.coordinator.attachSources(100, new FakePort<FromSources, ToSources>());
  }

  /** The coordinator dies, and another one goes on. */
  replaceCoordinator(): void {
    this.coordinator.stop();
    fenceCoordinator(this.buffer);
    this.coordinator = this.#coordinator();
    this.spare();
    this.coordinator.attachSources(100, new FakePort<FromSources, ToSources>());
    this.env.clock.advance(20);
  }

  spare(): void {
    this.worker = new FakePort();
    this.coordinator.addWorker(++this.slot, this.worker);
  }

  /** How the tasks were told to start. */
  get start(): Extract<ToWorker, { type: 'start' }> {
    return this.worker.posted.findLast((message) => message.type === 'start')!;
  }

  /** The thread dies with this in hand; its successor starts. */
  die(diedWith: DiedWith | undefined, cause = 'exit 0', wasOrdered = false): void {
    this.diedWith = diedWith;
    const { slot, coordinator } = this;
    this.spare();
    coordinator.workerDown(slot, cause, wasOrdered);
    this.env.clock.advance(20);
  }

  throws(inHand: 'block' | typeof BAD): void {
    const error = toWire(new Error('not welcome'));
    this.worker.say({
      type: 'failed',
      epoch: this.coordinator.epoch,
      task: TASK,
      batchStart: 0,
      error,
      inHand,
    });
    this.env.clock.advance(20);
  }

  /** Cuts the next batch, and all tasks take it. */
  holdBatch(passed: readonly string[] = []): void {
    this.env.clock.advance(100);
    const { epoch, heldBarrier } = this.coordinator;
    for (const task of [TASK, OTHER]) {
      this.worker.say({
        type: 'taken',
        epoch,
        task,
        barrier: heldBarrier + 1,
        records: 0,
        offsets: task === TASK ? [[0, 0]] : [],
        ...(task === TASK ? { passed } : {}),
      });
    }
  }

  careful(task: number = TASK): unknown {
    return this.start.tasks[task]!.careful;
  }

  ofType<T extends CoordinatorEvent['type']>(type: T): Extract<CoordinatorEvent, { type: T }>[] {
    return this.events.filter(
      (event): event is Extract<CoordinatorEvent, { type: T }> => event.type === type,
    );
  }

  #coordinator(): Coordinator {
    return new Coordinator({
      env: this.env,
      wiring,
      memory: new JobMemory(this.buffer),
      directory: 'dir',
      policy: this.policy,
      mode: { kind: 'clock' },
      edges: this.edges,
      diedWith: () => this.diedWith,
      emit: (event) => this.events.push(event),
    });
  }
}

describe('with onPoison quarantine', () => {
  it('a thread that dies in a task makes that task careful, up to the barrier behind what it had in hand', () => {
    const job = new Job({ onPoison: 'quarantine', maxRestarts: 9 });
    job.holdBatch();
    job.die({ task: TASK });
    expect([job.careful(TASK), job.careful(OTHER)]).toEqual([
      { until: 2, passOver: [] },
      undefined,
    ]);
    job.holdBatch();
    job.die(undefined);
    expect(job.careful()).toBeUndefined();
  });

  it('three deaths with the same record in hand are one dead letter, and cost no restart', () => {
    const job = new Job({ onPoison: 'quarantine', maxRestarts: 1 });
    job.die({ task: TASK });
    for (let n = 0; n < 3; n++) job.die({ task: TASK, record: BAD });
    expect(job.ofType('failed')).toEqual([]);
    expect(job.ofType('deadLetter')).toEqual([
      {
        type: 'deadLetter',
        reason: 'poison',
        number: 1,
        record: 'a bad record',
        task: 'map#1[0]',
        attempts: 3,
        lastError: 'exit 0',
      },
    ]);
    expect(job.careful()).toEqual({ until: 1, passOver: ['bad'] });
    // The restart that the first death had taken was given back.
    job.die(undefined);
    expect(job.ofType('failed')).toEqual([]);
  });

  it('throws with a record in hand are no attempts at their batch', () => {
    const job = new Job({ onPoison: 'quarantine', maxBatchFailures: 2 });
    job.throws('block');
    for (let n = 0; n < 3; n++) job.throws(BAD);
    expect(job.ofType('failed')).toEqual([]);
    expect(job.ofType('deadLetter')).toMatchObject([{ lastError: 'Error: not welcome' }]);
    job.throws('block');
    expect(job.ofType('failed')).toEqual([]);
    job.throws('block');
    expect(job.ofType('failed')).toHaveLength(1);
  });

  it('I6: a decision is in the index file until its record was passed over and that is held', () => {
    const job = new Job({ onPoison: 'quarantine' });
    const open = (): unknown => new HeldIndex(job.env.disk, 'dir').read().poison;
    job.die({ task: TASK });
    for (let n = 0; n < 3; n++) job.die({ task: TASK, record: BAD });
    expect(open()).toMatchObject({ decided: 1, open: [{ number: 1, task: TASK, hash: 'bad' }] });
    job.holdBatch(['bad']);
    expect(open()).toEqual({ decided: 1, open: [] });
    job.die(undefined);
    expect(job.careful()).toBeUndefined();
  });

  it('a coordinator that takes over goes by the decision, and says it again under the same number', () => {
    const job = new Job({ onPoison: 'quarantine' });
    job.die({ task: TASK });
    for (let n = 0; n < 3; n++) job.die({ task: TASK, record: BAD });
    job.replaceCoordinator();
    expect(job.careful()).toEqual({ until: 1, passOver: ['bad'] });
    expect(job.ofType('deadLetter').map(({ number }) => number)).toEqual([1, 1]);
  });

  it('whoever was ended from outside had nothing to blame in hand', () => {
    const job = new Job({ onPoison: 'quarantine', maxRestarts: 9 });
    for (let n = 0; n < 5; n++) job.die({ task: TASK, record: BAD }, 'killed', true);
    expect([job.careful(), job.ofType('deadLetter'), job.ofType('failed')]).toEqual([
      undefined,
      [],
      [],
    ]);
  });
});

describe('a port that closes before anyone says why', () => {
  it('is waited for, when a record may be to blame; half a second at most', () => {
    const job = new Job({ onPoison: 'quarantine' });
    job.diedWith = { task: TASK };
    const [{ slot, worker }] = [{ slot: job.slot, worker: job.worker }];
    job.spare();
    worker.end();
    job.env.clock.advance(100);
    expect(job.ofType('recovering')).toEqual([]);
    job.coordinator.workerDown(slot, 'oom');
    expect(job.ofType('recovering')).toMatchObject([{ cause: 'worker 0: oom' }]);
    job.env.clock.advance(1000);
    expect(job.ofType('recovering')).toHaveLength(1);

    const silent = new Job({ onPoison: 'quarantine' });
    silent.diedWith = { task: TASK };
    silent.worker.end();
    silent.env.clock.advance(500);
    expect(silent.ofType('recovering')).toHaveLength(1);
  });
});

describe('with onPoison fail', () => {
  it('the third death with the same record fails the job, which names it', () => {
    const job = new Job({ maxRestarts: 3 });
    job.die({ task: TASK });
    for (let n = 0; n < 3; n++) job.die({ task: TASK, record: BAD });
    expect(job.ofType('failed')).toMatchObject([{ error: { code: 'ERR_MILLRACE_POISON' } }]);
    const message = JSON.stringify(job.ofType('failed'));
    for (const named of ['a bad record', 'map#1[0]', 'exit 0']) expect(message).toContain(named);
    expect(job.ofType('deadLetter')).toEqual([]);
  });

  it('the restarts may be used up before; then the record is named all the same', () => {
    const job = new Job({ maxRestarts: 1 });
    job.die({ task: TASK });
    job.die({ task: TASK, record: BAD });
    expect(job.ofType('failed')).toMatchObject([
      {
        error: {
          code: 'ERR_MILLRACE_REACHED_MAX_RESTARTS',
          message: expect.stringContaining('a bad record'),
        },
      },
    ]);
  });

  it('throws make nobody careful: the error of each names its record', () => {
    const job = new Job({});
    job.throws('block');
    expect(job.careful()).toBeUndefined();
  });
});
