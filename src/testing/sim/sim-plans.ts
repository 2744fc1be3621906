/** Plans of simulated jobs. Each is made once a process: its compiled loops are the costliest thing in a run. */
import { ContextBuilder } from '../../dstream/context-builder.ts';
import { plan } from '../../plan/planner.ts';
import type { Plan } from '../../plan/planned.ts';
import type { Scenario } from './scenario.ts';
import type { User } from './sim-job.ts';

export interface SimPlan {
  readonly plan: Plan;
  /** What the job's functions call; set for each run. */
  readonly user: { now: User };
}

const made = new Map<string, SimPlan>();

export function planFor({ job, workers, partitions, sourcePartitions }: Scenario): SimPlan {
  const key = `${job.name} ${workers} ${partitions} ${sourcePartitions}`;
  let planned = made.get(key);
  if (planned === undefined) made.set(key, (planned = make()));
  return planned;

  function make(): SimPlan {
    const user: { now: User } = {
      now: { call() {}, first: () => false, seen() {}, delivered() {}, async wait() {} },
    };
    const ssc = new ContextBuilder();
    job.build(ssc, {
      call: (record) => user.now.call(record),
      first: (what) => user.now.first(what),
      seen: (output, row) => user.now.seen(output, row),
      delivered: (output, time, rows) => user.now.delivered(output, time, rows),
      wait: () => user.now.wait(),
    });
    return {
      user,
      plan: plan(ssc.freeze(), { workers, parallelism: partitions, sourcePartitions }),
    };
  }
}
