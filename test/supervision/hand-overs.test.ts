/** What a held point keeps of the hand-overs before it, and what it lets go. */
import { expect, it } from 'vitest';
import type { FromSources, FromWorker, ToSources, ToWorker } from '../../src/actors/messages.ts';
import type { Wiring } from '../../src/actors/wiring.ts';
import type { Port } from '../../src/env/port.ts';
import { simEnv } from '../../src/env/sim.ts';
import { allocateReceivers, edgeMemory } from '../../src/run/edge-memory.ts';
import { Coordinator } from '../../src/supervision/coordinator.ts';
import { fenceCoordinator, JobMemory } from '../../src/supervision/job-memory.ts';

const wiring: Wiring = {
  workers: 1,
  tasks: [{ id: 0, name: 'map#1[0]', worker: 0, inputs: [0], outputs: [] }],
  sources: [{ id: 0, name: 'in', outputs: [0] }],
  edges: [{ id: 0, kind: 'receiver', from: 0, to: 0 }],
};

class FakePort<In, Out> implements Port<In, Out> {
  readonly posted: Out[] = [];
  say: (message: In) => void = () => {};
  post(message: Out): void {
    this.posted.push(message);
  }
  onMessage(receive: (message: In) => void): void {
    this.say = receive;
  }
  onClose(): void {}
  close(): void {}
}

type HandOver = Extract<FromWorker, { type: 'taken' }>['handOver'];

class Job {
  readonly env = simEnv(1);
  readonly buffer = JobMemory.allocate();
  readonly edges = edgeMemory(allocateReceivers(wiring, 1 << 20, 1 << 16));
  worker = new FakePort<FromWorker, ToWorker>();
  sources = new FakePort<FromSources, ToSources>();
  coordinator: Coordinator;
  #slot = 0;

  constructor() {
    this.env.disk.makeDirectory('dir');
    this.coordinator = this.start();
  }

  start(): Coordinator {
    this.worker = new FakePort();
    this.sources = new FakePort();
    this.coordinator = new Coordinator({
      env: this.env,
      wiring,
      memory: new JobMemory(this.buffer),
      directory: 'dir',
      policy: {
        batchIntervalMs: 100,
        reliefIntervalMs: 1000,
        maxBatchFailures: 2,
        onBatchError: 'fail',
        maxRestarts: 9,
        withinMs: 30_000,
        backoff: { minMs: 10, maxMs: 10, factor: 1, jitter: 0 },
      },
      mode: { kind: 'clock' },
      edges: this.edges,
      emit: () => {},
    });
    this.coordinator.addWorker(++this.#slot, this.worker);
    this.coordinator.attachSources(100, this.sources);
    return this.coordinator;
  }

  /** The task takes the next batch and hands over. */
  hold(handOver: HandOver): void {
    this.env.clock.advance(100);
    const { epoch, heldBarrier } = this.coordinator;
    if (handOver?.path !== undefined) this.env.disk.write(handOver.path, new Uint8Array(1));
    this.worker.say({
      type: 'taken',
      epoch,
      task: 0,
      barrier: heldBarrier + 1,
      records: 0,
      offsets: [[0, 0]],
      ...(handOver === undefined ? {} : { handOver }),
    });
  }

  /** What a successor of the task is given. */
  parts(): readonly string[] {
    this.coordinator.stop();
    fenceCoordinator(this.buffer);
    this.start();
    this.env.clock.advance(20);
    const start = this.worker.posted.findLast((message) => message.type === 'start')!;
    return start.tasks[0]!.parts;
  }

  get files(): string[] {
    return this.env.disk.list('dir').filter((name) => name.startsWith('handover'));
  }
}

const at = (n: number): string => `dir/handover-1-${n}-0-w`;
const name = (n: number): string => `handover-1-${n}-0-w`;

it('parts live on over batches; those that are dropped go, oldest first, and so do their files', () => {
  const job = new Job();
  for (let n = 1; n <= 3; n++) job.hold({ mode: 'append', path: at(n) });
  job.hold({ mode: 'append', path: at(4), drop: 2 });
  expect(job.files).toEqual([name(3), name(4)]);
  job.hold({ mode: 'keep' });
  expect(job.files).toEqual([name(3), name(4)]);
  expect(job.parts()).toEqual([at(3), at(4)]);
});

it('a part that replaces lets go of all before it, and nothing handed over lets go of all', () => {
  const job = new Job();
  job.hold({ mode: 'append', path: at(1) });
  job.hold({ mode: 'replace', path: at(2) });
  expect(job.files).toEqual([name(2)]);
  job.hold(undefined);
  expect(job.files).toEqual([]);
  expect(job.parts()).toEqual([]);
});

it('the zero time of the first barrier outlives the coordinator', () => {
  const job = new Job();
  job.hold(undefined);
  const zeroOf = (): unknown => {
    const cut = job.sources.posted.findLast((message) => message.type === 'cut')!;
    return cut.barrier.zeroTime;
  };
  const first = job.sources.posted.find((message) => message.type === 'cut')!.barrier;
  expect(first.zeroTime).toBe(first.time - 100);
  job.parts();
  job.env.clock.advance(500);
  expect(zeroOf()).toBe(first.zeroTime);
});
