/** What a checkpoint notes of a job: made of its plan, and compared at the next start. Pure. */
import type { Plan } from '../plan/planned.ts';
import { stateName, statefulOperators, statesOf } from '../plan/stateful.ts';
import type { JobRecord, StoredOperator, StoredTask } from '../supervision/checkpoint/manifest.ts';

export interface RecordedJob {
  readonly job: string;
  readonly lineage: string;
  readonly plan: Plan;
  /** Partition count of what names none. */
  readonly partitions: number;
  readonly batchIntervalMs: number;
}

export function jobRecordOf({
  job,
  lineage,
  plan,
  partitions,
  batchIntervalMs,
}: RecordedJob): JobRecord {
  return {
    job,
    lineage,
    partitions,
    batchIntervalMs,
    operators: [...sourcesOf(plan), ...statefulOperators(plan)],
    sources: plan.wiring.sources.map(({ name }) => name),
  };
}

/** By task id. */
export function storedTasksOf(plan: Plan): Omit<StoredTask, 'parts'>[] {
  return plan.tasks.map((task) => {
    const states = statesOf(plan, task.id);
    return {
      name: plan.wiring.tasks[task.id]!.name,
      partition: task.kind === 'outputs' ? 0 : task.tree.partition,
      operators: [...new Set(states.map(({ uid }) => uid))],
      states: states.map(({ uid, partition }) => stateName(uid, partition)),
    };
  });
}

/** Their state is a log: what they sent, and how far they are. */
function sourcesOf(plan: Plan): StoredOperator[] {
  const planned = new Set(plan.wiring.sources.map(({ name }) => name));
  return plan.graph.nodes.flatMap(({ id, uid, kind, role, callSite }) =>
    role === 'source' && planned.has(uid)
      ? [{ uid, kind, callSite, partitions: plan.partitions[id]! }]
      : [],
  );
}
