/**
 * Plans of simulated jobs. Each is made once a process: its compiled loops are the costliest thing in a run. Jobs of
 * others are planned for each thread, as in production: their functions may keep something to themselves.
 */
import { ContextBuilder } from '../../dstream/context-builder.ts';
import { plan } from '../../plan/planner.ts';
import type { Plan } from '../../plan/planned.ts';
import type { Scenario } from './scenario.ts';
import type { User } from './sim-job.ts';
import { SimStore } from './sim-store.ts';

export interface SimPlan {
  readonly plan: Plan;
  /** What the job's functions call; set for each run. */
  readonly user: { now: User };
}

const made = new Map<string, SimPlan>();

/** @param user what the job's functions call from now on */
export function planFor(scenario: Scenario, user?: User): SimPlan {
  const planned = plannedFor(scenario);
  if (user !== undefined) planned.user.now = user;
  return planned;
}

function plannedFor(scenario: Scenario): SimPlan {
  const { job, workers, partitions, sourcePartitions, batchIntervalMs } = scenario;
  const sizes = { workers, parallelism: partitions, sourcePartitions, batchIntervalMs };
  if (job.subject !== undefined)
    return { user: { now: nobody() }, plan: plan(job.subject.graph(), sizes) };
  const key = `${job.name} ${workers} ${partitions} ${sourcePartitions} ${batchIntervalMs}`;
  let planned = made.get(key);
  if (planned === undefined) made.set(key, (planned = make()));
  return planned;

  function make(): SimPlan {
    const user = { now: nobody() };
    const ssc = new ContextBuilder();
    job.build(
      ssc,
      {
        call: (record) => user.now.call(record),
        first: (what) => user.now.first(what),
        seen: (output, row) => user.now.seen(output, row),
        delivered: (output, time, rows) => user.now.delivered(output, time, rows),
        get store() {
          return user.now.store;
        },
        wait: () => user.now.wait(),
      },
      batchIntervalMs,
    );
    return { user, plan: plan(ssc.freeze(), sizes) };
  }
}

function nobody(): User {
  return {
    store: new SimStore(),
    call() {},
    first: () => false,
    seen() {},
    delivered() {},
    async wait() {},
  };
}
