/**
 * What every thread of a job is given, and how it makes the same plan of it. Plain data and shared memory.
 *
 * I1  Plan and graph are pure functions of the spec and the job module, so task and edge numbers agree everywhere.
 */
import type { DoorbellMemory } from '../actors/doorbell.ts';
import type { ReceiverMemory } from '../actors/receiver-edge.ts';
import { shown } from '../dstream/arguments.ts';
import { buildGraph, checkShape, runBuilder } from '../dstream/build-graph.ts';
import { ContextBuilder } from '../dstream/context-builder.ts';
import { DStream } from '../dstream/dstream.ts';
import { type Job, jobTitle } from '../dstream/job.ts';
import type { JobAddress } from '../dstream/load-job.ts';
import type { OnRecordError } from '../dstream/run/dead-letter.ts';
import type { StateStore } from '../dstream/state/build.ts';
import { millraceError } from '../errors.ts';
import type { GraphShape } from '../plan/compare.ts';
import type { Graph } from '../plan/graph.ts';
import type { Plan } from '../plan/planned.ts';
import { plan } from '../plan/planner.ts';
import type { LogPlace } from './log-place.ts';
import type { SinkPlace } from './sink-place.ts';

/** Batches for the inputs of a test (`runBatches`): one list a stream; null is a time without a batch. */
export type TestInputs = readonly (readonly (readonly unknown[] | null)[])[];

/** How fast sources may send. */
export interface SourceRates {
  /** Records a second, a source. @default no limit */
  readonly maxRate?: number;
  /** The same, until there is an estimate. */
  readonly initialRate?: number;
  /** How long a receiver gathers single records. */
  readonly blockIntervalMs: number;
}

/** The stream that a test's builder returns is collected under this name. */
export const TEST_OUTPUT = 'runBatches';

export interface PlanSpec {
  readonly args: unknown;
  readonly workers: number;
  readonly partitions: number;
  readonly batchIntervalMs: number;
  /** Given for a test: streams that are handed to the builder after `args`. */
  readonly inputs?: TestInputs;
}

export interface JobSpec extends PlanSpec {
  readonly address: JobAddress;
  readonly shape: GraphShape;
  readonly maxGatherBytes: number;
  readonly asyncTimeoutMs: number;
  readonly onRecordError: OnRecordError;
  readonly skipEmptyBatches: boolean;
  readonly stateStore: StateStore;
  readonly rates: SourceRates;
  /** Hand-overs and the held index lie here. */
  readonly directory: string;
  /** Given for a job that outlives its process. */
  readonly log?: LogPlace;
  readonly sinks: SinkPlace;
  readonly doorbells: DoorbellMemory;
  readonly vitals: SharedArrayBuffer;
  /** By edge id. */
  readonly receivers: ReadonlyMap<number, ReceiverMemory>;
}

export function graphOf(job: Job<never>, spec: PlanSpec): Graph {
  if (spec.inputs === undefined) return buildGraph(job, spec.args as never);
  const ssc = new ContextBuilder(`job ${JSON.stringify(job.name)}`);
  const streams = spec.inputs.map((batches) => ssc.queueStream(batches));
  const returned: unknown = runBuilder(job, ssc, spec.args as never, streams);
  if (returned !== undefined) collect(job, ssc, returned);
  ssc.validate();
  return ssc.freeze();
}

function collect(job: Job<never>, ssc: ContextBuilder, returned: unknown): void {
  if (returned instanceof DStream) returned.collectAs(TEST_OUTPUT);
  if (
    ssc
      .graph()
      .nodes.some(({ kind, params }) => kind === 'collectAs' && params['name'] === TEST_OUTPUT)
  )
    return;
  ssc.freeze();
  throw millraceError(
    'ERR_MILLRACE_BUILD',
    `the builder of ${jobTitle(job)} gives ${returned instanceof DStream ? 'a stream of another context' : shown(returned)}. It may return one ` +
      'stream of its own, which is then collected, or nothing; for several streams use collectAs(name) and run()',
    { context: { job: job.name, callSite: job.callSite } },
  );
}

export function planOf(graph: Graph, { workers, partitions, batchIntervalMs }: PlanSpec): Plan {
  return plan(graph, { workers, parallelism: partitions, batchIntervalMs });
}

/** The plan in another thread than the one that started the job. */
export function planInThread(job: Job<never>, spec: JobSpec, thread: string): Plan {
  const graph = graphOf(job, spec);
  checkShape(job, spec.shape, graph, thread);
  return planOf(graph, spec);
}
