/**
 * One instance of a stage at work on its own: in a task as it is planned, fed record by record on virtual time, with all
 * that it emits. Used in the calling thread.
 *
 * I1  The stage is called as in a run: by the engine's own body, with hand-overs as bytes.
 */
import type { Barrier } from '../../actors/block.ts';
import { packValue } from '../../actors/codec.ts';
import type { TaskBody } from '../../actors/task.ts';
import { ContextBuilder } from '../../dstream/context-builder.ts';
import { MemoryDisk } from '../../env/memory-disk.ts';
import { Pcg32 } from '../../env/pcg32.ts';
import { VirtualClock } from '../../env/virtual-clock.ts';
import { DEFAULT_OUTPUT } from '../../plan/graph.ts';
import type { Plan } from '../../plan/planned.ts';
import { plan } from '../../plan/planner.ts';
import { createBody } from '../../run/create-body.ts';
import { forEach } from '../../topology/sinks.ts';
import { fromIterable } from '../../topology/sources.ts';
import type { StageClass, StageFunction } from '../../topology/stage.ts';
import { TopologyBuilder } from '../../topology/topology-builder.ts';
import type { Watch } from './watch.ts';

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyStage = StageFunction<any, any> | StageClass<any, any>;

/** A record that came out. */
export interface Emitted {
  /** Name of the output; with `emitTo`, `name → instance`. */
  readonly output: string;
  readonly row: unknown;
  /** What it was when it was emitted. */
  readonly bytes: Uint8Array;
}

/** Where a stage may go on: what it handed over. */
export interface HandedOver {
  readonly parts: readonly Uint8Array[];
  /** What `snapshot` gave; undefined when that was nothing, or the stage has none. */
  readonly state: Uint8Array | undefined;
}

const STAGE = 'stage';
/** Instances that `emitTo` may name. */
const DIRECT_INSTANCES = 16;

/** A topology around a stage, planned once; benches are made of it. */
export class StagePlan {
  readonly plan: Plan;
  readonly task: number;
  /** By index of the task's outputs. */
  readonly outputs: readonly string[];
  readonly watch: Watch;

  /** @throws ERR_MILLRACE_BAD_TOPOLOGY when it is no stage */
  constructor(stage: AnyStage, outputs: readonly string[], watch: Watch) {
    this.watch = watch;
    const ssc = new ContextBuilder('verifyStage');
    const t = new TopologyBuilder(ssc, {
      guarantee: 'exactly-once',
      lingerMs: 0,
      maxPending: 1,
      timeoutMs: 1,
    });
    const given = t.stage(STAGE, watch.around(stage) as StageFunction<unknown, unknown>, {
      from: t.source('records', fromIterable([])).shuffle(),
      outputs,
      fuse: false,
    });
    const nothing = forEach(() => {});
    for (const output of [DEFAULT_OUTPUT, ...outputs]) {
      const stream = output === DEFAULT_OUTPUT ? given : given.output(output);
      t.sink(output, nothing, { from: stream.global(), fuse: false });
      const direct = { from: stream.direct(), parallelism: DIRECT_INSTANCES };
      t.sink(`${output} → `, nothing, direct);
    }
    t.finish('verifyStage');
    this.plan = plan(ssc.freeze(), { workers: 1 });
    const { graph, tasks, wiring } = this.plan;
    const nameOf = (task: number): string => {
      const planned = tasks[task]!;
      if (planned.kind === 'outputs') return 'outputs';
      const { node, partition } = planned.tree;
      const { uid } = graph.nodes[node]!;
      return uid.endsWith('→ ') ? `${uid}${partition}` : uid;
    };
    this.task = tasks.findIndex(({ id, kind }) => kind === 'stage' && nameOf(id) === STAGE);
    this.outputs = wiring.tasks[this.task]!.outputs.map((edge) => nameOf(wiring.edges[edge]!.to));
  }
}

export class StageBench {
  readonly clock: VirtualClock;
  readonly emitted: Emitted[] = [];
  readonly #body: TaskBody;
  readonly #watch: Watch;
  #handedOver: HandedOver;
  #barrier = 0;

  /** @param from what an earlier instance handed over @param atMs its time */
  constructor(
    { plan: planned, task, outputs, watch }: StagePlan,
    from: HandedOver | undefined,
    atMs: number,
  ) {
    this.#watch = watch;
    this.#handedOver = from ?? { parts: [], state: undefined };
    this.clock = new VirtualClock({ startMs: atMs });
    const chance = new Pcg32(1);
    const env = {
      clock: this.clock,
      disk: new MemoryDisk(),
      random: () => chance.float(),
      defer: (run: () => void) => void this.clock.after(0, run),
    };
    this.#body = createBody(
      planned,
      task,
      {
        emit: (output, block) => {
          if (block.kind !== 'rows') throw new TypeError('a stage emits rows');
          for (const row of block.rows)
            this.emitted.push({ output: outputs[output]!, row, bytes: packValue(row) });
        },
        absent: () => {},
        mark: () => {},
        report: () => {},
      },
      { env, life: 'verifyStage' },
    );
    this.#body.restore(this.#handedOver.parts);
  }

  process(record: unknown): void {
    this.#body.block({ kind: 'rows', port: 0, rows: [record] }, 0);
    this.#flush();
  }

  /** Time goes on; timers that are due are called at their time. */
  pass(ms: number): void {
    const until = this.clock.monotonic() + ms;
    for (;;) {
      const due = this.#body.dueMs?.() ?? Infinity;
      if (due > until) break;
      this.clock.advance(Math.max(0, due - this.clock.monotonic()));
      this.#body.tick!(this.clock.monotonic());
      this.#flush();
    }
    this.clock.advance(until - this.clock.monotonic());
  }

  /** A timer is set. */
  get waits(): boolean {
    return (this.#body.dueMs?.() ?? Infinity) < Infinity;
  }

  handOver(): HandedOver {
    const barrier: Barrier = {
      number: ++this.#barrier,
      batch: true,
      point: true,
      last: false,
      time: this.clock.now(),
      zeroTime: 0,
    };
    void this.#body.barrier(barrier, [[]]);
    const given = this.#body.handOver(barrier);
    const { parts, state } = this.#handedOver;
    if (given?.mode === 'keep') return this.#handedOver;
    const before = given?.mode === 'append' ? parts : [];
    this.#handedOver = {
      parts: given === undefined ? [] : [...before, given.bytes],
      state: this.#watch.took() ?? (given?.mode === 'append' ? state : undefined),
    };
    return this.#handedOver;
  }

  close(): void {
    this.#body.close?.();
  }

  #flush(): void {
    this.#body.flush?.(true, this.clock.monotonic());
  }
}
