/** Makes the body of any planned task: of streams, or of topologies. Called on the thread that is to run it. */
import type { TaskBody, TaskOutput } from '../actors/task.ts';
import { type BodyOptions, createBody as streamBody } from '../dstream/run/create-body.ts';
import type { Env } from '../env/env.ts';
import type { Plan } from '../plan/planned.ts';
import { AckerBody } from '../topology/run/acker-body.ts';
import { isTopologyTree, TopologyBody } from '../topology/run/topology-body.ts';

export interface AnyBodyOptions extends BodyOptions {
  readonly env: Env;
  /** Unlike that of any other thread and epoch of the process: names what must not be mixed up. */
  readonly life: string;
}

export function createBody(
  plan: Plan,
  taskId: number,
  out: TaskOutput,
  options: AnyBodyOptions,
): TaskBody {
  const task = plan.tasks[taskId]!;
  if (task.kind === 'acker') return new AckerBody(plan, taskId, out, options.env.clock);
  if (task.kind !== 'outputs' && isTopologyTree(plan.graph, task.tree))
    return new TopologyBody(plan, taskId, out, options);
  return streamBody(plan, taskId, out, options);
}
