/**
 * The process of a chaos run's job. It runs the job as `millrace run` would, tells its parent what happens, does to
 * itself what the parent orders, and ends as the command would.
 *
 * I1  It ends when the channel to its parent closes, however that ended.
 * I2  With threads that can't be ended it kills itself, as the command does; what it had to say is said by then.
 */
import { readdirSync } from 'node:fs';
import { resolveJob } from '../../dstream/resolve-job.ts';
import { realEnv } from '../../env/real.ts';
import { MillraceError, toWire } from '../../errors.ts';
import { startRun } from '../../run/run.ts';
import type { Run, StopReport } from '../../run/running.ts';
import { createFaults, order } from './fault-point.ts';
import type { FromJob, ToJob } from './job-protocol.ts';

const SAMPLE_EVERY_MS = 100;
/** A thread that was just replaced may not be up yet: it is looked for this often, in ms. */
const RETRY_MS = 10;
const DOOMED_MS = 20_000;

const { clock } = realEnv();
const faults = createFaults();
let run: Run | undefined;
let draining: Promise<StopReport> | undefined;
let drainMs = 30_000;
const doomed = new Set<number>();

function tell(message: FromJob, sent?: () => void): void {
  if (process.connected) process.send!(message, () => sent?.());
  else sent?.();
}

function drain(deadlineMs: number): void {
  // A second signal stops now, as with the command.
  if (draining !== undefined) void run?.stop({ graceful: false });
  else draining = run?.stop({ graceful: true, deadline: deadlineMs });
}

async function work({ url, name, options }: Extract<ToJob, { type: 'run' }>): Promise<void> {
  let ended: Extract<FromJob, { type: 'ended' }>;
  try {
    const { job } = await resolveJob(url, { name, takeOver: true });
    const args = { ...(options['args'] as object | undefined), faults };
    let followed: Promise<unknown> = Promise.resolve();
    const prepared = (fresh: Run): void => {
      followed = Promise.allSettled([
        follow(fresh),
        ...fresh.collected.map((each) => collect(fresh, each)),
      ]);
    };
    run = await startRun(job, { ...options, args } as never, { prepared });
    tell({ type: 'up', at: clock.monotonic() });
    sample();
    let error: unknown;
    try {
      await run.awaitTermination();
    } catch (thrown) {
      error = thrown;
    }
    const report = await (draining ?? run.stop({ graceful: false }));
    await followed;
    const drained = draining === undefined || report.drained;
    const code = error !== undefined ? (isMemory(error) ? 71 : 70) : drained ? 0 : 75;
    ended = {
      type: 'ended',
      metrics: run.metrics(),
      report,
      code,
      ...(error === undefined ? {} : { error: toWire(error) }),
    };
  } catch (error) {
    ended = { type: 'ended', error: toWire(error), code: 70 };
  }
  tell(ended, () => {
    if ((ended.report?.stuckThreads.length ?? 0) > 0) process.kill(process.pid, 'SIGKILL');
    process.exit(ended.code);
  });
}

function isMemory(error: unknown): boolean {
  return error instanceof MillraceError && error.code === 'ERR_MILLRACE_RSS_LIMIT';
}

async function follow(fresh: Run): Promise<void> {
  for await (const event of fresh.events()) tell({ type: 'event', at: clock.monotonic(), event });
}

async function collect(fresh: Run, name: string): Promise<void> {
  for await (const { time, values } of fresh.results(name))
    tell({ type: 'batch', name, time, values });
}

function sample(): void {
  tell({
    type: 'sample',
    at: clock.monotonic(),
    bytes: process.memoryUsage.rss(),
    threads: threadCount(),
  });
  clock.after(SAMPLE_EVERY_MS, sample);
}

/** Of the process where the system tells, else those that the run knows. */
function threadCount(): number {
  try {
    return readdirSync('/proc/self/task').length;
  } catch {
    return (run?.threads().length ?? 0) + (run?.metrics().quarantined ?? 0);
  }
}

function hit(message: Extract<ToJob, { type: 'thread' }>): void {
  const { id, victim, way, exitCode, pick } = message;
  const state = victim === 'spare' ? 'spare' : 'up';
  const role = victim === 'spare' ? 'worker' : victim;
  const candidates =
    run
      ?.threads()
      .filter((each) => each.role === role && each.state === state && !doomed.has(each.slot)) ?? [];
  const chosen = candidates[Math.floor(pick * candidates.length)];
  if (chosen === undefined) {
    clock.after(RETRY_MS, () => hit(message));
    return;
  }
  // First the word, then the deed: what follows from it must come behind.
  tell({ type: 'done', id, at: clock.monotonic(), detail: `${victim} (thread ${chosen.slot})` });
  if (way !== 'task' && way !== 'corrupt') doom(chosen.slot);
  try {
    run!.kill(chosen.slot, way, exitCode);
  } catch {
    // It died of something else a moment ago.
  }
}

/** It has been told to die, and isn't told again. Numbers are used again, but only after a while. */
function doom(slot: number): void {
  doomed.add(slot);
  clock.after(DOOMED_MS, () => doomed.delete(slot));
}

function block(ms: number): void {
  const until = clock.monotonic() + ms;
  while (clock.monotonic() < until);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => drain(drainMs));
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('message', (message: ToJob) => {
  switch (message.type) {
    case 'run':
      drainMs = message.drainMs;
      void work(message);
      return;
    case 'thread':
      hit(message);
      return;
    case 'point':
      tell({
        type: 'done',
        id: message.id,
        at: clock.monotonic(),
        detail: `point ${message.order.point}`,
      });
      order(faults, message.order);
      return;
    case 'block':
      tell({ type: 'done', id: message.id, at: clock.monotonic(), detail: 'main thread' });
      // The word has to leave first.
      clock.after(20, () => block(message.ms));
      return;
    case 'drain':
      drain(message.deadlineMs);
      return;
    default:
      message satisfies never;
  }
});
