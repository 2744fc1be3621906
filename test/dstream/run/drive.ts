/**
 * Runs all bodies of a plan in this thread, without edges or threads: what lies between two barriers goes through the
 * tasks one after another, senders before receivers. Blocks cross tasks as bytes, as they do between threads.
 */
import type { Barrier, Block, Mark } from '../../../src/actors/block.ts';
import { packValue, unpackValue } from '../../../src/actors/codec.ts';
import type { TaskBody, TaskEvent, TaskOutput } from '../../../src/actors/task.ts';
import { ContextBuilder } from '../../../src/dstream/context-builder.ts';
import type { DStream } from '../../../src/dstream/dstream.ts';
import type { BodyOptions } from '../../../src/dstream/run/create-body.ts';
import { realEnv } from '../../../src/env/real.ts';
import { createBody } from '../../../src/run/create-body.ts';
import { plan } from '../../../src/plan/planner.ts';
import type { Plan } from '../../../src/plan/planned.ts';
import { stateName, statesOf } from '../../../src/plan/stateful.ts';

/** One partition of a batch: blocks of rows or of text. */
export type Blocks = readonly (readonly unknown[] | string | Uint8Array)[];

/** One batch of one source: its partitions, or undefined when the batch is missing. */
export type SourceBatch = readonly Blocks[] | undefined;

export interface DriveOptions extends BodyOptions {
  readonly partitions?: number;
  readonly sourcePartitions?: number;
  /** Blocks of each source partition between two relief barriers. */
  readonly pointEvery?: number;
  /** The same, and at each of them all bodies are built anew. */
  readonly recoverEvery?: number;
  /** Gives 0 … n - 1: which of n inputs a task reads next. @default the first */
  readonly pick?: (n: number) => number;
  /** What another program left: this one goes on from there, each task with the parts of those that had its states. */
  readonly from?: Ended;
  /** Gets what is told of dead letters. */
  readonly letters?: unknown[];
}

export interface Outcome {
  /** What `collectAs` collected, or what a batch failed with. */
  readonly batches: {
    readonly time: number;
    readonly results: Readonly<Record<string, readonly (readonly unknown[])[]>>;
    readonly error?: unknown;
  }[];
  readonly printed: string[];
  readonly counted: Record<string, number>;
  readonly records: number;
  readonly ended: Ended;
}

/** The end of a program, behind a batch. */
export interface Ended {
  readonly plan: Plan;
  /** By task. */
  readonly parts: readonly (readonly Uint8Array[])[];
  /** Batches so far. */
  readonly batches: number;
}

interface Edge {
  frames: Block[];
  absent: number[];
  marks: Mark[];
}

/** Plans a job whose builder registers its own outputs. */
export function planOf(build: (ssc: ContextBuilder) => void, options: DriveOptions = {}): Plan {
  const ssc = new ContextBuilder();
  build(ssc);
  const { partitions = 2, sourcePartitions = partitions } = options;
  return plan(ssc.freeze(), { workers: 2, parallelism: partitions, sourcePartitions });
}

/** Runs a plan over batches: `inputs[source][batch]`. */
export async function drive(
  planned: Plan,
  inputs: readonly (readonly SourceBatch[])[],
  options: DriveOptions = {},
): Promise<Outcome> {
  return new Driver(planned, options).run(inputs);
}

/** Plans and runs a job of one input, whose one result is collected. */
export async function results(
  build: (lines: DStream<never>, ssc: ContextBuilder) => DStream<unknown>,
  batches: readonly SourceBatch[],
  options: DriveOptions = {},
): Promise<Outcome> {
  return drive(
    planOf((ssc) => build(ssc.inputStream('in') as DStream<never>, ssc).collectAs('out'), options),
    [batches],
    options,
  );
}

/** The one result of each batch: partitions, or the error. */
export function partitionsOf(outcome: Outcome): unknown[] {
  return outcome.batches.map(({ results: all, error }) => error ?? all['out']);
}

/** The one result of each batch: sorted records, or the error. */
export function sortedOf(outcome: Outcome): unknown[] {
  return outcome.batches.map(
    ({ results: all, error }) =>
      error ??
      all['out']
        ?.flat()
        .map((row) => JSON.stringify(row))
        .sort(),
  );
}

class Driver {
  readonly #plan: Plan;
  readonly #options: DriveOptions;
  readonly #edges: Edge[];
  #bodies: TaskBody[] = [];
  #parts: Uint8Array[][];
  #number = 0;
  #outcome: Omit<Outcome, 'ended'> & { records: number } = {
    batches: [],
    printed: [],
    counted: {},
    records: 0,
  };
  #results: Record<string, readonly (readonly unknown[])[]> = {};

  constructor(planned: Plan, options: DriveOptions) {
    this.#plan = planned;
    this.#options = options;
    this.#edges = planned.wiring.edges.map(() => ({ frames: [], absent: [], marks: [] }));
    const { from } = options;
    this.#parts = planned.tasks.map(({ id }) =>
      from === undefined ? [] : partsFor(planned, id, from),
    );
  }

  async run(inputs: readonly (readonly SourceBatch[])[]): Promise<Outcome> {
    this.#build();
    const count = Math.max(...inputs.map((batches) => batches.length));
    for (let n = 0; n < count; n++) {
      const time = (n + 1 + (this.#options.from?.batches ?? 0)) * 1000;
      this.#results = {};
      try {
        await this.#batch(
          inputs.map((batches) => batches[n]),
          time,
        );
        this.#outcome.batches.push({ time, results: this.#results });
      } catch (error) {
        this.#outcome.batches.push({ time, results: this.#results, error });
        for (const edge of this.#edges) Object.assign(edge, { frames: [], absent: [], marks: [] });
        this.#parts = this.#plan.tasks.map(() => []);
        this.#build();
      }
    }
    this.#close();
    const batches = count + (this.#options.from?.batches ?? 0);
    return { ...this.#outcome, ended: { plan: this.#plan, parts: this.#parts, batches } };
  }

  async #batch(batches: readonly SourceBatch[], time: number): Promise<void> {
    const { recoverEvery, pointEvery = recoverEvery ?? Number.POSITIVE_INFINITY } = this.#options;
    const longest = Math.max(
      0,
      ...batches.flatMap((batch) => (batch ?? []).map((blocks) => blocks.length)),
    );
    for (let from = 0; from === 0 || from < longest; from += pointEvery) {
      const last = from + pointEvery >= longest;
      this.#put(batches, from, from + pointEvery, last);
      await this.#pass({
        number: ++this.#number,
        batch: last,
        point: true,
        last: false,
        time,
        zeroTime: 0,
      });
      if (recoverEvery !== undefined) this.#build();
    }
  }

  #put(batches: readonly SourceBatch[], from: number, to: number, last: boolean): void {
    for (const source of this.#plan.wiring.sources) {
      const batch = batches[source.id];
      source.outputs.forEach((edge, partition) => {
        if (batch === undefined) {
          if (last) this.#edges[edge]!.absent.push(0);
          return;
        }
        for (const block of (batch[partition] ?? []).slice(from, to))
          this.#edges[edge]!.frames.push(blockOf(block));
      });
    }
  }

  /** All tasks take what lies before the barrier, then the barrier. */
  async #pass(barrier: Barrier): Promise<void> {
    const { pick = () => 0 } = this.#options;
    for (const { id, inputs } of this.#plan.wiring.tasks) {
      const body = this.#bodies[id]!;
      const queues = inputs.map((edge) => this.#edges[edge]!.frames);
      for (;;) {
        const open = queues.flatMap((queue, input) => (queue.length > 0 ? [input] : []));
        if (open.length === 0) break;
        const input = open[pick(open.length)]!;
        body.block(queues[input]!.shift()!, input);
      }
      await body.barrier(
        barrier,
        inputs.map((edge) => this.#edges[edge]!.absent),
        inputs.map((edge) => this.#edges[edge]!.marks),
      );
      for (const edge of inputs) Object.assign(this.#edges[edge]!, { absent: [], marks: [] });
      const handOver = body.handOver(barrier);
      if (handOver === undefined) this.#parts[id] = [];
      else if (handOver.mode === 'replace') this.#parts[id] = [handOver.bytes];
      else if (handOver.mode === 'append')
        this.#parts[id] = [...this.#parts[id]!.slice(handOver.drop ?? 0), handOver.bytes];
      this.#outcome.records += inputs.some(
        (edge) => this.#plan.wiring.edges[edge]!.kind === 'receiver',
      )
        ? (body.takeRecordCount?.() ?? 0)
        : 0;
    }
  }

  #build(): void {
    this.#close();
    this.#bodies = this.#plan.tasks.map(({ id }) => {
      const body = createBody(this.#plan, id, this.#outputOf(id), {
        env: realEnv(),
        life: 'driven',
        ...this.#options,
      });
      body.restore(this.#parts[id]!);
      return body;
    });
  }

  #close(): void {
    for (const body of this.#bodies) body.close?.();
    this.#bodies = [];
  }

  #outputOf(task: number): TaskOutput {
    const { outputs } = this.#plan.wiring.tasks[task]!;
    return {
      emit: (output, block) =>
        this.#edges[outputs[output]!]!.frames.push(unpackValue(packValue(block)) as Block),
      absent: (output, port) => this.#edges[outputs[output]!]!.absent.push(port),
      mark: (output, port, watermark) =>
        this.#edges[outputs[output]!]!.marks.push([port, watermark]),
      report: (event) => this.#report(event),
    };
  }

  #report(event: TaskEvent): void {
    if (event.type === 'printed') this.#outcome.printed.push(event.text);
    else if (event.type === 'collected') this.#results[event.name] = event.partitions;
    else if (event.type === 'deadLetters') this.#options.letters?.push(event);
    else if (event.type === 'counted')
      this.#outcome.counted[event.what] = (this.#outcome.counted[event.what] ?? 0) + event.count;
  }
}

/** As a start from a checkpoint gives them. */
function partsFor(planned: Plan, task: number, { plan: before, parts }: Ended): Uint8Array[] {
  const names = (of: Plan, id: number): string[] =>
    statesOf(of, id).map(({ uid, partition }) => stateName(uid, partition));
  const own = new Set(names(planned, task));
  return before.tasks.flatMap(({ id }) =>
    names(before, id).some((name) => own.has(name)) ? parts[id]! : [],
  );
}

function blockOf(block: readonly unknown[] | string | Uint8Array): Block {
  if (typeof block === 'string') return { kind: 'text', port: 0, bytes: Buffer.from(block) };
  if (block instanceof Uint8Array) return { kind: 'text', port: 0, bytes: block };
  return { kind: 'rows', port: 0, rows: block };
}
