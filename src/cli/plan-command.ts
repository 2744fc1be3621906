/** `millrace plan <job>`: the graph, the stages and the placement, as text or as one JSON object. */
import { explain } from '../plan/explain.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { callJob, type JobFlags } from './job-plan.ts';
import type { Write } from './voice.ts';

export interface PlanFlags extends JobFlags {
  readonly json: boolean;
}

export async function planCommand(file: string, flags: PlanFlags, out: Write): Promise<ExitCode> {
  const { job, threads, plan } = await callJob(file, flags);
  if (flags.json) {
    const { graph, tasks, partitions, wiring } = plan;
    const nodes = graph.nodes.map(({ functions, live: _live, ...node }) => ({
      ...node,
      functions: Object.keys(functions),
    }));
    out(
      `${JSON.stringify({ job: job.name, url: job.url, batchIntervalMs: job.batchIntervalMs, threads, nodes, partitions, tasks, wiring })}\n`,
    );
    return EXIT.drained;
  }
  out(
    `Job ${job.name}, a batch every ${job.batchIntervalMs} ms\n\n${explain(plan, { directory: process.cwd() })}`,
  );
  return EXIT.drained;
}
