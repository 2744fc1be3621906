/** What a test may put between the engine and its simulated world, to see whether the oracles notice. */
import type { InEdge, OutEdge } from '../../actors/edge.ts';
import type { EdgeEnd, FromWorker, ToSources, ToWorker } from '../../actors/messages.ts';
import type { TaskBody } from '../../actors/task.ts';
import type { Disk } from '../../env/env.ts';
import type { Plan } from '../../plan/planned.ts';
import type { CheckpointSpec } from '../../supervision/checkpoint/checkpoint-spec.ts';
import type { Coordinator, EdgeMemory } from '../../supervision/coordinator.ts';

/** What comes through is used; undefined is lost. */
export interface SimHooks {
  /** Called before the run; gives what undoes it. */
  readonly begin?: () => () => void;
  readonly openIn?: (edge: InEdge, end: EdgeEnd, epoch: number, plan: Plan) => InEdge;
  readonly openOut?: (edge: OutEdge, end: EdgeEnd, epoch: number) => OutEdge;
  readonly body?: (body: TaskBody, task: number, disk: Disk) => TaskBody;
  /** Of each thread, and of a process that starts. */
  readonly disk?: (disk: Disk) => Disk;
  /** What a process begins with. */
  readonly start?: (spec: CheckpointSpec) => CheckpointSpec;
  readonly toWorker?: (message: ToWorker) => ToWorker | undefined;
  readonly fromWorker?: (
    message: FromWorker,
    coordinator: Coordinator,
    edges: EdgeMemory,
  ) => FromWorker | undefined;
  readonly toSources?: (message: ToSources) => ToSources | undefined;
  /** Whether what topologies report waits until it is held. @default true */
  readonly tellsWhenHeld?: boolean;
  /** Whether those who were replaced are fenced off. @default true */
  readonly fences?: boolean;
}
