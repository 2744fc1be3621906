/** The job that a command was called with, and its plan on so many workers. */
import { availableParallelism } from 'node:os';
import { buildGraph } from '../dstream/build-graph.ts';
import { cloneArgs, type Job } from '../dstream/job.ts';
import { resolveJob } from '../dstream/resolve-job.ts';
import type { Plan } from '../plan/planned.ts';
import { plan } from '../plan/planner.ts';

export interface JobFlags {
  /** `--threads`, if it was given. */
  readonly threads?: number;
  /** `--args`, if it was given. */
  readonly args?: unknown;
  /** `--checkpoint-dir`, if it was given. */
  readonly checkpointDir?: string;
  /** `--savepoint`, if it was given. */
  readonly savepoint?: string;
  /** `--allow-dropped-state`, if it was given. */
  readonly allowDroppedState?: true | readonly string[];
}

export interface CalledJob {
  readonly job: Job<never>;
  /** For `run`: what the file itself gave to the `run()` in it, below the flags. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly threads: number;
  readonly plan: Plan;
}

/** Loads the file and plans what is in it. Nothing is started. */
export async function callJob(file: string, flags: JobFlags): Promise<CalledJob> {
  const { job, runOptions } = await resolveJob(file, { takeOver: true });
  const options: Record<string, unknown> = {};
  if (typeof runOptions === 'object' && runOptions !== null) Object.assign(options, runOptions);
  if (flags.args !== undefined) options['args'] = flags.args;
  for (const name of ['checkpointDir', 'savepoint', 'allowDroppedState'] as const)
    if (flags[name] !== undefined) options[name] = flags[name];
  const threads =
    firstNumber(flags.threads, options['threads'], job.defaults.threads) ?? availableParallelism();
  options['threads'] = threads;
  const args = cloneArgs(job, options['args'] as never);
  return {
    job,
    options,
    threads,
    plan: plan(buildGraph(job, args), {
      workers: Math.max(1, threads),
      batchIntervalMs: job.batchIntervalMs,
    }),
  };
}

function firstNumber(...values: readonly unknown[]): number | undefined {
  return values.find((value): value is number => typeof value === 'number');
}
