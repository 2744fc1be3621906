/** The start of a simulated process on its checkpoint directory: what `run` does, over the disk as the process has it. */
import type { Disk } from '../../env/env.ts';
import type { Plan } from '../../plan/planned.ts';
import { openCheckpointDirectory, partitionsOf, readDirectory } from '../../run/restart.ts';
import type { CheckpointSpec } from '../../supervision/checkpoint/checkpoint-spec.ts';
import type { Scenario } from './scenario.ts';
import type { User } from './sim-job.ts';
import { planFor } from './sim-plans.ts';

export interface Started {
  readonly plan: Plan;
  readonly spec: CheckpointSpec;
}

export async function startOn(
  directory: string,
  disk: Disk,
  nowMs: number,
  scenario: Scenario,
  user: User,
): Promise<Started> {
  const { job, batchIntervalMs, checkpoint } = scenario;
  const found = readDirectory(disk, directory);
  const partitions = partitionsOf(found, scenario.partitions);
  const { plan } = planFor({ ...scenario, partitions }, user);
  const { spec } = await openCheckpointDirectory({
    disk,
    found,
    job: job.name,
    plan,
    partitions,
    batchIntervalMs,
    intervalMs: checkpoint!.intervalMs,
    allowDroppedState: false,
    now: nowMs,
  });
  return { plan, spec };
}

/** Where the sources of such a process have their logs. */
export function logOptionsOf({ directory, start }: CheckpointSpec): {
  readonly directory: string;
  readonly start: number;
} {
  return { directory: `${directory}/log`, start: start?.barrier.number ?? 0 };
}
