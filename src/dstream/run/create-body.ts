/** Makes the body of a planned task. Called on the thread that is to run it, at each start and recovery. */
import type { TaskBody, TaskOutput } from '../../actors/task.ts';
import type { Env } from '../../env/env.ts';
import type { OpInstance, Plan } from '../../plan/planned.ts';
import { textProgramAt } from '../../plan/text-program.ts';
import { kernelFor } from '../kernel/program.ts';
import { nodeAt } from './chain.ts';
import type { OnRecordError } from './dead-letter.ts';
import { KernelCountBody } from './kernel-count-body.ts';
import { KernelSourceBody } from './kernel-source-body.ts';
import { type Form, bestForm } from './loop.ts';
import { OutputsBody } from './outputs-body.ts';
import { withinTimeOf } from './user-promise.ts';
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
  /** Measures `asyncTimeoutMs`. @default nobody does */
  readonly env?: Env;
  /** How long a promise of a user's function may take. @default for ever */
  readonly asyncTimeoutMs?: number;
  /** For operators that have no say of their own. @default 'fail' */
  readonly onRecordError?: OnRecordError;
}

const MAX_GATHER_BYTES = 256 * 1024 * 1024;

export function createBody(
  plan: Plan,
  taskId: number,
  out: TaskOutput,
  options: BodyOptions = {},
): TaskBody {
  const { graph, tasks } = plan;
  const task = tasks[taskId]!;
  if (task.kind === 'outputs') {
    const maxGatherBytes = options.maxGatherBytes ?? MAX_GATHER_BYTES;
    return new OutputsBody(
      {
        graph,
        outputs: task.outputs,
        ports: task.ports,
        maxGatherBytes,
        within: withinTimeOf(options),
      },
      out,
    );
  }
  const form = options.form ?? bestForm();
  // Without WebAssembly (`--jitless`) there are no kernels; strings give the same.
  const kernels = options.kernels ?? typeof WebAssembly !== 'undefined';
  const treeTo = (to: TaskOutput): OperatorTree =>
    new OperatorTree(graph, task.tree, to, form, options.onRecordError);
  if (task.kind === 'source') {
    const text = kernels ? kernelAt(plan, task.tree) : undefined;
    return text === undefined
      ? new SourceBody(treeTo(out), out)
      : new KernelSourceBody(text.program, text.send, out, treeTo);
  }
  const node = nodeAt(graph, task.tree.node);
  const senders = sendersTo(plan, node.id);
  const arrivals = senders.reduce((total, { sends }) => total + sends, 0);
  if (
    kernels &&
    node.kind === 'countByValue' &&
    senders.every(({ tree }) => kernelAt(plan, tree) !== undefined)
  ) {
    return new KernelCountBody(node, arrivals, treeTo(out));
  }
  return new WideBody({
    graph,
    node,
    partition: task.tree.partition,
    arrivals,
    tree: treeTo(out),
    form,
  });
}

/** The text program of a task's tree, if a kernel can run it. */
function kernelAt(plan: Plan, tree: OpInstance): ReturnType<typeof textProgramAt> {
  const text = textProgramAt(plan.graph, tree);
  return text !== undefined && kernelFor(text.program) ? text : undefined;
}

/** The trees that send to a wide operator, and how many partitions each sends. */
function sendersTo(
  plan: Plan,
  node: number,
): { readonly tree: OpInstance; readonly sends: number }[] {
  const sendsBelow = (instance: OpInstance): number =>
    instance.sends.filter((send) => send.node === node).length +
    instance.children.reduce((total, child) => total + sendsBelow(child), 0);
  return plan.tasks.flatMap((task) => {
    const sends = task.kind === 'outputs' ? 0 : sendsBelow(task.tree);
    return task.kind === 'outputs' || sends === 0 ? [] : [{ tree: task.tree, sends }];
  });
}
