/** Makes the body of a planned task. Called on the thread that is to run it, at each start and recovery. */
import type { TaskBody, TaskOutput } from '../../actors/task.ts';
import type { OpInstance, Plan } from '../../plan/planned.ts';
import { nodeAt } from './chain.ts';
import { type Form, bestForm } from './loop.ts';
import { OutputsBody } from './outputs-body.ts';
import { SourceBody } from './source-body.ts';
import { OperatorTree } from './tree.ts';
import { WideBody } from './wide-body.ts';

export interface BodyOptions {
  /** Compiled loops or closures. @default the best that the thread may run */
  readonly form?: Form | undefined;
  /** Whether declared text pipelines run over bytes. @default true */
  readonly kernels?: boolean | undefined;
  /** Bytes that one output may gather of a batch, about. @default 256 MiB */
  readonly maxGatherBytes?: number | undefined;
}

const MAX_GATHER_BYTES = 256 * 1024 * 1024;

export function createBody(plan: Plan, taskId: number, out: TaskOutput, options: BodyOptions = {}): TaskBody {
  const { graph, tasks } = plan;
  const task = tasks[taskId]!;
  if (task.kind === 'outputs') {
    const maxGatherBytes = options.maxGatherBytes ?? MAX_GATHER_BYTES;
    return new OutputsBody({ graph, outputs: task.outputs, ports: task.ports, maxGatherBytes }, out);
  }
  const form = options.form ?? bestForm();
  const tree = new OperatorTree(graph, task.tree, out, form);
  if (task.kind === 'source') return new SourceBody(tree, out);
  const node = nodeAt(graph, task.tree.node);
  return new WideBody({ graph, node, partition: task.tree.partition, arrivals: arrivalsAt(plan, node.id), tree, form });
}

/** The partitions that are sent to a wide operator: each is one send of one tree. */
function arrivalsAt(plan: Plan, node: number): number {
  const sendsBelow = (instance: OpInstance): number =>
    instance.sends.filter((send) => send.node === node).length + instance.children.reduce((total, child) => total + sendsBelow(child), 0);
  return plan.tasks.reduce((total, task) => total + (task.kind === 'outputs' ? 0 : sendsBelow(task.tree)), 0);
}
