/** Makes the body of a planned task. Called on the thread that is to run it, at each start and recovery. */
import type { TaskBody, TaskOutput } from '../../actors/task.ts';
import type { Env } from '../../env/env.ts';
import type { OpInstance, Plan } from '../../plan/planned.ts';
import { textProgramAt } from '../../plan/text-program.ts';
import { kernelFor } from '../kernel/program.ts';
import { blamed } from './blame.ts';
import { nodeAt } from './chain.ts';
import { FileRecords } from './file-records.ts';
import type { OnRecordError } from './dead-letter.ts';
import { HostedOperator } from './hosted-operator.ts';
import { KernelCountBody } from './kernel-count-body.ts';
import { KernelSourceBody } from './kernel-source-body.ts';
import { type Form, bestForm } from './loop.ts';
import { OperatorBody } from './operator-body.ts';
import { operatorTakes, type StorePlace } from './operators.ts';
import { OutputsBody } from './outputs-body.ts';
import { withinTimeOf } from './user-promise.ts';
import { SourceBody } from './source-body.ts';
import { TransformBody } from './transform-body.ts';
import { OperatorTree } from './tree.ts';
import { WideBody } from './wide-body.ts';

export interface BodyOptions extends StorePlace {
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
  /** An output whose batch has no record isn't run. @default false */
  readonly skipEmptyBatches?: boolean;
  /** Unlike that of any other life of the task in the process. */
  readonly life?: string;
  /** As in `LifeOptions`. @default those of a job that lives once */
  readonly lineage?: string;
  readonly start?: number;
  /** Runs a user's function so that it is known to be inside an output. @default nobody asks */
  readonly inside?: <R>(act: () => R) => R;
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
  const maxGatherBytes = options.maxGatherBytes ?? MAX_GATHER_BYTES;
  if (task.kind === 'outputs') {
    return new OutputsBody(
      {
        graph,
        outputs: task.outputs,
        ports: task.ports,
        slides: plan.slides,
        maxGatherBytes,
        within: withinTimeOf(options),
        skipEmptyBatches: options.skipEmptyBatches,
        env: options.env,
        life: options.life,
        lineage: options.lineage,
        start: options.start,
        inside: options.inside,
      },
      out,
    );
  }
  const form = options.form ?? bestForm();
  // Without WebAssembly (`--jitless`) there are no kernels; strings give the same.
  const kernels = options.kernels ?? typeof WebAssembly !== 'undefined';
  const treeTo = (to: TaskOutput): OperatorTree =>
    new OperatorTree(plan, task.tree, to, form, options.onRecordError, options);
  if (task.kind === 'source') {
    const text = kernels ? kernelAt(plan, task.tree) : undefined;
    if (text === undefined) {
      const tree = treeTo(out);
      return new SourceBody(tree, out, fileRecords(plan, tree));
    }
    return new KernelSourceBody(text.program, text.send, out, treeTo);
  }
  if (task.kind !== 'wide') throw new TypeError(`${task.kind} is no task of streams`);
  const node = nodeAt(graph, task.tree.node);
  if (node.kind === 'transform') {
    return new TransformBody(
      {
        node,
        slideMs: plan.slides[node.id]!,
        arrivals: task.arrivals,
        sends: task.tree.sends,
        maxGatherBytes,
        within: withinTimeOf(options),
        env: options.env,
        inside: options.inside,
      },
      out,
    );
  }
  const { arrivals } = task;
  const { partition } = task.tree;
  const tree = treeTo(out);
  if (operatorTakes(node) !== undefined) {
    const hosted = new HostedOperator(plan, node, partition, tree.operatorTask);
    tree.hangFrom(hosted);
    return new OperatorBody(hosted, arrivals, tree);
  }
  if (
    kernels &&
    node.kind === 'countByValue' &&
    sendersTo(plan, node.id).every((sender) => kernelAt(plan, sender) !== undefined)
  ) {
    return new KernelCountBody(node, arrivals, tree);
  }
  const slideMs = plan.slides[node.id]!;
  return new WideBody({ graph, node, partition, arrivals, slideMs, tree, form });
}

/** Of a source of files that aren't text: what makes their records. */
function fileRecords({ graph }: Plan, tree: OperatorTree): FileRecords | undefined {
  const node = nodeAt(graph, tree.root);
  if (node.kind !== 'files' || node.params['format'] === 'text') return undefined;
  const passesOver = node.params['onBadRecord'] === 'deadLetter';
  return new FileRecords(node, (error, text) => {
    if (passesOver) tree.passOver(error, node, text);
    else throw blamed(error, node, { partition: tree.partition, record: { value: text } });
  });
}

/** The text program of a task's tree, if a kernel can run it. */
function kernelAt(plan: Plan, tree: OpInstance): ReturnType<typeof textProgramAt> {
  const text = textProgramAt(plan.graph, tree);
  return text !== undefined && kernelFor(text.program) ? text : undefined;
}

/** The trees that send to a wide operator. */
function sendersTo(plan: Plan, node: number): OpInstance[] {
  const sends = (instance: OpInstance): boolean =>
    instance.sends.some((send) => send.node === node) || instance.children.some(sends);
  return plan.tasks.flatMap((task) =>
    task.kind === 'outputs' || !sends(task.tree) ? [] : [task.tree],
  );
}
