/**
 * The thread of the sources: an event loop with sockets, files and receivers. User code here: `hello`, `decode`,
 * `filter`, iterables and receivers of the job, and nothing else.
 *
 * A source that was refused looks again every RETRY_MS. It needs no doorbell: it was refused because its consumers have
 * a full window ahead of them, so nobody waits for it.
 */
import type { MessagePort } from 'node:worker_threads';
import { RemoteBell } from '../actors/doorbell.ts';
import type { FromSources, ToSources } from '../actors/messages.ts';
import type { ThreadControl } from '../actors/slot-thread.ts';
import { loadJob } from '../dstream/load-job.ts';
import type { Env } from '../env/env.ts';
import { messagePort } from '../env/message-port.ts';
import type { Port } from '../env/port.ts';
import { realEnv } from '../env/real.ts';
import { SteppedClock } from '../env/stepped-clock.ts';
import { toWire } from '../errors.ts';
import { die } from './die.ts';
import { answerHeartbeat } from './heartbeat.ts';
import { planInThread } from './job-spec.ts';
import { SourcesActor } from './sources-actor.ts';
import type { FromThread, SourcesTask, ToThread } from './thread-messages.ts';

const RETRY_MS = 2;

export async function sourcesThread(task: SourcesTask, thread: ThreadControl): Promise<void> {
  const { spec } = task;
  const real = realEnv();
  // A test's inputs come on virtual time, and so must all else that comes in.
  const virtual = spec.inputs === undefined ? undefined : new SteppedClock(real.clock);
  const env: Env = virtual === undefined ? real : { ...real, clock: virtual };
  const main = messagePort<ToThread, FromThread>(task.main);
  const pulse = messagePort<unknown, unknown>(task.pulse);
  answerHeartbeat(pulse);
  const { job } = await loadJob(spec.address, env.clock);
  const plan = planInThread(job, spec, thread.name);
  const actor = new SourcesActor({
    env,
    plan,
    receivers: spec.receivers,
    bellOf: (slot) => new RemoteBell(spec.doorbells, slot),
    batchIntervalMs: spec.batchIntervalMs,
    directory: spec.directory,
    inputs: spec.inputs,
    rates: spec.rates,
    ...(spec.log === undefined ? {} : { log: spec.log }),
    report: (event) => main.post({ type: 'source', event }),
    ...(virtual === undefined ? {} : { atTime: (time: number) => virtual.set(time) }),
  });
  const attach = (port: MessagePort): Port<ToSources, FromSources> => {
    const coordinator = messagePort<ToSources, FromSources>(port);
    actor.attach(coordinator);
    return coordinator;
  };
  let coordinator = attach(task.coordinator);
  let stop!: () => void;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  main.onMessage((message) => {
    switch (message.type) {
      case 'coordinator':
        coordinator.close();
        coordinator = attach(message.port);
        return;
      case 'die':
        die(message.way, message.exitCode);
        return;
      case 'push':
        actor.push(message.name, message.records, message.isDurable).then(
          () => main.post({ type: 'pushed', id: message.id }),
          (error: unknown) => main.post({ type: 'pushed', id: message.id, error: toWire(error) }),
        );
        return;
      case 'told':
      case 'query':
        return;
      case 'stop':
        stop();
        return;
      default:
        message satisfies never;
    }
  });
  thread.ready();
  const again = (): void => {
    actor.pump();
    env.clock.after(RETRY_MS, again);
  };
  again();
  await stopped;
  actor.close();
  coordinator.close();
  main.close();
  pulse.close();
}
