/**
 * The jobs that this thread knows, and whether it is a worker that only loads them.
 *
 * It lies on `globalThis` under a registered symbol, so that two copies of the package in one thread (a test runner's
 * and Node's own, two installed versions) share it. For that reason its form is fixed: fields may be added, never
 * changed. Each thread has its own.
 *
 * I1  Jobs are found by name. A job of the same name from the same file replaces the earlier one (watchers and test
 *     runners load files again and again); one from another file stands beside it, and then the file decides.
 * I2  Two definitions in one file, one after the other without a turn of the event loop between them, are no reload
 *     but a mistake: the newest one wins, and is marked, so that a start with threads can refuse it.
 * I3  Where runs are parked, `run()` gives a promise that never settles: in a worker thread, and in the command, which
 *     runs the job of a file in place of the file.
 */
import { withoutQuery } from './caller-url.ts';
import type { Job } from './job.ts';

/** What happens in a thread while a job's file loads. */
export type RegistryEvent =
  | { readonly type: 'registered'; readonly job: Job<never> }
  /** `run()` was called while runs are parked; what follows in that module won't happen in this thread. */
  | { readonly type: 'parked'; readonly target: unknown; readonly options: unknown };

interface Registry {
  /** By name; the jobs of one name from several files, oldest first. */
  readonly jobs: Map<string, Job<never>[]>;
  readonly listeners: Set<(event: RegistryEvent) => void>;
  /** Jobs that have another definition in their file, with the call site of that. */
  readonly twice: WeakMap<Job<never>, string>;
  /** Jobs defined since the event loop last turned. */
  readonly fresh: Set<Job<never>>;
  /** Whether somebody runs the jobs of this thread in place of the files that define them. */
  parked: boolean;
  /** Keys of hints that were given already. */
  readonly hints: Set<string>;
}

const REGISTRY: unique symbol = Symbol.for('millrace.registry') as never;
const WORKER: unique symbol = Symbol.for('millrace.worker') as never;

type Shared = { [REGISTRY]?: Registry; [WORKER]?: boolean };

function registry(): Registry {
  const shared = globalThis as Shared;
  shared[REGISTRY] ??= {
    jobs: new Map(),
    listeners: new Set(),
    twice: new WeakMap(),
    fresh: new Set(),
    parked: false,
    hints: new Set(),
  };
  return shared[REGISTRY];
}

/** Takes in a job that was just defined (I1, I2). */
export function register(job: Job<never>): void {
  const { jobs, listeners, twice, fresh } = registry();
  const known = jobs.get(job.name) ?? [];
  const file = withoutQuery(job.url);
  const before = known.find((each) => withoutQuery(each.url) === file);
  if (before !== undefined && fresh.has(before) && before.callSite !== job.callSite) {
    twice.set(job, before.callSite);
  }
  jobs.set(job.name, [...known.filter((each) => each !== before), job]);
  if (fresh.size === 0) queueMicrotask(() => fresh.clear());
  fresh.add(job);
  for (const listener of listeners) listener({ type: 'registered', job });
}

/** The job of that name: the one of that file if there are several, else the newest. */
export function findJob(name: string, url?: string): Job<never> | undefined {
  const known = registry().jobs.get(name) ?? [];
  const file = url === undefined ? undefined : withoutQuery(url);
  return known.find((each) => withoutQuery(each.url) === file) ?? known.at(-1);
}

/** All jobs that one file has defined. */
export function jobsOf(url: string): readonly Job<never>[] {
  const file = withoutQuery(url);
  return [...registry().jobs.values()].flat().filter((each) => withoutQuery(each.url) === file);
}

/** Call site of another definition of the same name in the same file (I2), if there is one. */
export function definedTwice(job: Job<never>): string | undefined {
  return registry().twice.get(job);
}

/** Hears of what loads in this thread until the returned function is called. */
export function listen(listener: (event: RegistryEvent) => void): () => void {
  const { listeners } = registry();
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Says that this thread is a worker of Millrace: from now on runs are parked. */
export function markWorkerThread(): void {
  (globalThis as Shared)[WORKER] = true;
}

/** Whether this thread only loads jobs: nothing else that their files start may start here. */
export function isWorkerThread(): boolean {
  return (globalThis as Shared)[WORKER] === true;
}

/** Parks runs from now on. */
export function parkRuns(): void {
  registry().parked = true;
}

/** Whether `run()` must give `parkedRun()` instead of starting anything (I3). */
export function runsAreParked(): boolean {
  return isWorkerThread() || registry().parked;
}

/**
 * What `run(target, options)` gives while runs are parked: it never settles, so nothing behind `await run(job)` happens.
 */
export function parkedRun(target: unknown, options?: unknown): Promise<never> {
  for (const listener of registry().listeners) listener({ type: 'parked', target, options });
  return new Promise<never>(() => {});
}

/** True the first time that it is asked for a key in this thread: for hints that should be given once. */
export function firstTime(key: string): boolean {
  const { hints } = registry();
  if (hints.has(key)) return false;
  hints.add(key);
  return true;
}
