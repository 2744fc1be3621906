/**
 * `run(job, options)`: a job in the process that calls it. The library never exits, signals or kills that process and
 * prints nothing but what the job prints.
 */
import { availableParallelism } from 'node:os';
import type { Job, RunParameters } from '../dstream/job.ts';
import type { BodyOptions } from '../dstream/run/create-body.ts';
import { jobTitle } from '../dstream/job.ts';
import { parkedRun, runsAreParked } from '../dstream/registry.ts';
import { assertLoadable, resolveJob } from '../dstream/resolve-job.ts';
import type { Env } from '../env/env.ts';
import { realEnv } from '../env/real.ts';
import { millraceError } from '../errors.ts';
import { ConsoleWriter } from '../io/console.ts';
import type { Graph } from '../plan/graph.ts';
import type { Plan } from '../plan/planned.ts';
import type { BatchMode } from '../supervision/batcher.ts';
import type { Engine } from './engine.ts';
import { type Home, openHome } from './home.ts';
import { graphOf, planOf, type PlanSpec, type TestInputs } from './job-spec.ts';
import type { LocalOptions } from './local.ts';
import { type ResolvedRunOptions, resolveRunOptions, type RunOptions } from './options.ts';
import { watchRss } from './rss-limit.ts';
import { Run } from './running.ts';
import type { ThreadsOptions } from './threads.ts';

/**
 * Starts a job and resolves when its threads are up and its first tasks have been sent out.
 *
 * @param job what `job()` gave, or the path or URL of a file that defines one
 * @param options see {@link RunOptions}; `args` is required when the job's builder takes it
 * @throws coded errors: of the job's file and builder, of options, ERR_MILLRACE_NO_OUTPUT, ERR_MILLRACE_BOOTSTRAP
 * @example
 * const running = await run(wordcount, { args: { host: 'localhost', port: 9999 }, threads: 2 });
 * for await (const batch of running.results('counts')) console.log(batch.time, batch.values.length);
 */
export async function run<A>(
  job: Job<A> | string | URL,
  ...[options]: RunParameters<A, RunOptions<A>>
): Promise<Run> {
  // Within a worker the module that calls this is loaded for its job only.
  if (runsAreParked()) return parkedRun(job, options);
  const { job: resolved } = await resolveJob(job);
  return startRun(resolved, (options ?? {}) as RunOptions<never>);
}

/** What `runBatches` and `StreamingContext` need beyond the public options. */
export interface StartExtras {
  readonly env?: Env;
  readonly mode?: BatchMode;
  readonly inputs?: TestInputs;
  readonly partitions?: number;
  readonly atTime?: (time: number) => void;
  /** In place of the job's own. */
  readonly batchIntervalMs?: number;
  /** With `threads: 0`: how bodies are made. */
  readonly body?: BodyOptions;
  /** A graph that was built already, in the calling thread. */
  readonly graph?: Graph;
  /** Checkpoints that can't be read are put aside, and the job begins anew. */
  readonly createOnError?: boolean;
  /** Called with the run before it starts, so that nothing of it is missed. */
  readonly prepared?: (run: Run, plan: Plan) => void;
}

export async function startRun(
  job: Job<never>,
  options: RunOptions<never>,
  extras: StartExtras = {},
): Promise<Run> {
  const env = extras.env ?? realEnv();
  const resolved = resolveRunOptions(
    { ...job.defaults, ...options } as RunOptions<never>,
    extras.batchIntervalMs ?? job.batchIntervalMs,
    defaultThreads(),
  );
  const { threads } = resolved;
  if (threads > 0) assertLoadable(job);
  checkCloneable(job, options.args);
  const workers = Math.max(1, threads);
  const spec: PlanSpec = {
    args: options.args,
    workers,
    partitions: extras.partitions ?? workers,
    batchIntervalMs: resolved.policy.batchIntervalMs,
    ...(extras.inputs === undefined ? {} : { inputs: extras.inputs }),
  };
  const graph = extras.graph ?? graphOf(job, spec);
  if (
    resolved.policy.onBatchError === 'continue' &&
    graph.nodes.some(({ role }) => role === 'stage' || role === 'sink')
  ) {
    throw millraceError(
      'ERR_MILLRACE_UNSUPPORTED',
      `${jobTitle(job)} has stages, whose state belongs to no batch, so none can be given up: onBatchError must be 'fail'. Catch what a stage throws, and send the record to an output of its own`,
      { context: { job: job.name, option: 'supervision.onBatchError' } },
    );
  }
  // What may fail without a directory does so before one is taken.
  await (threads === 0 ? import('./local.ts') : import('./threads.ts'));
  const home = await openHome({
    env,
    checkpoint: resolved.checkpoint,
    job: job.name,
    batchIntervalMs: spec.batchIntervalMs,
    partitions: spec.partitions,
    planOf: (partitions) => planOf(graph, { ...spec, partitions }),
    createOnError: extras.createOnError ?? false,
  });
  let prepared: PreparedRun;
  try {
    prepared = await prepareRun({ job, options, extras, resolved, env, spec, graph, home });
  } catch (error) {
    home.leave(false);
    throw error;
  }
  const { running, engine } = prepared;
  await running.start(engine);
  if (resolved.maxRssMb !== undefined) {
    const unwatch = watchRss({
      clock: env.clock,
      maxRssMb: resolved.maxRssMb,
      onOver: (error) => running.giveUp(error),
    });
    running.awaitTermination().then(unwatch, unwatch);
  }
  return running;
}

interface PreparedRun {
  readonly running: Run;
  readonly engine: Engine;
}

/** All of a run but its start. */
async function prepareRun({
  job,
  options,
  extras,
  resolved,
  env,
  spec,
  graph,
  home,
}: {
  readonly job: Job<never>;
  readonly options: RunOptions<never>;
  readonly extras: StartExtras;
  readonly resolved: ResolvedRunOptions;
  readonly env: Env;
  readonly spec: PlanSpec;
  readonly graph: Graph;
  readonly home: Home;
}): Promise<PreparedRun> {
  const { plan, directory, checkpoint } = home;
  const planSpec: PlanSpec = { ...spec, partitions: checkpoint?.job.partitions ?? spec.partitions };
  const console = new ConsoleWriter();
  const collected = graph.nodes.flatMap(({ kind, params }) =>
    kind === 'collectAs' || (kind === 'sink' && params['sink'] === 'collect')
      ? [String(params['name'])]
      : [],
  );
  const running = new Run(
    job.name,
    env,
    collected,
    options.write ?? ((text) => console.write(text)),
    resolved.maxGatherBytes,
    home,
    graph.nodes.some(({ role }) => role === 'stage' || role === 'sink'),
    {
      wiring: plan.wiring,
      sources: plan.wiring.sources.map(({ name }) => name),
      outputs: graph.nodes
        .filter(({ role, kind }) => role === 'output' && kind !== 'remember')
        .map(({ id, uid, callSite }) => ({ output: id, name: uid, description: callSite })),
    },
  );
  for (const listener of resolved.listeners) running.addStreamingListener(listener);
  extras.prepared?.(running, plan);
  for (const warning of home.warnings) running.hint(warning);
  const shared = {
    env,
    plan,
    options: resolved,
    mode: extras.mode ?? ({ kind: 'clock' } as const),
    directory,
    ...(checkpoint === undefined ? {} : { checkpoint }),
    listener: running.listener,
  };
  const engine: Engine =
    resolved.threads === 0
      ? await localEngine({
          ...shared,
          inputs: extras.inputs,
          ...(extras.atTime === undefined ? {} : { atTime: extras.atTime }),
          ...(extras.body === undefined ? {} : { body: extras.body }),
        })
      : await threadsEngine({ ...shared, job, planSpec, log: (text) => running.hint(text) });
  return { running, engine };
}

/** An engine is loaded only by those who use it: `import 'millrace'` loads what is needed to define a job. */
async function localEngine(options: LocalOptions): Promise<Engine> {
  const { LocalEngine } = await import('./local.ts');
  return new LocalEngine(options);
}

async function threadsEngine(options: ThreadsOptions): Promise<Engine> {
  const { ThreadsEngine } = await import('./threads.ts');
  return new ThreadsEngine(options);
}

/** Under a test runner closures and mocks should work, so everything runs in the calling thread. */
function defaultThreads(): number {
  return process.env['VITEST'] !== undefined || process.env['NODE_TEST_CONTEXT'] !== undefined
    ? 0
    : availableParallelism();
}

function checkCloneable(job: Job<never>, args: unknown): void {
  try {
    structuredClone(args);
  } catch (error) {
    throw millraceError(
      'ERR_MILLRACE_BAD_ARGS',
      `args of ${jobTitle(job)} can't cross threads: ${(error as Error).message}. Pass plain data, and make the rest of it in the builder`,
      { cause: error },
    );
  }
}
