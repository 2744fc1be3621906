/** The thread of the coordinator: an event loop that hears of barriers, deaths and hangs, and runs no user code. */
import type { MessagePort } from 'node:worker_threads';
import { RemoteBell } from '../actors/doorbell.ts';
import { describe } from '../actors/exit.ts';
import type { FromSources, FromWorker, ToSources, ToWorker } from '../actors/messages.ts';
import type { ThreadControl } from '../actors/slot-thread.ts';
import { inHandOf, VitalsReader } from '../actors/vitals.ts';
import { messagePort } from '../env/message-port.ts';
import type { Port } from '../env/port.ts';
import { realEnv } from '../env/real.ts';
import { Coordinator } from '../supervision/coordinator.ts';
import { JobMemory } from '../supervision/job-memory.ts';
import { Watchdog } from '../supervision/watchdog.ts';
import { die } from './die.ts';
import { edgeMemory } from './edge-memory.ts';
import { answerHeartbeat } from './heartbeat.ts';
import type { CoordinatorTask, FromCoordinator, ToCoordinator } from './thread-messages.ts';

export async function coordinatorThread(
  task: CoordinatorTask,
  thread: ThreadControl,
): Promise<void> {
  const { wiring, memory, receivers, doorbells, vitals, directory, policy, mode, hangTimeoutMs } =
    task;
  const env = realEnv();
  const main = messagePort<ToCoordinator, FromCoordinator>(task.main);
  const pulse = messagePort<unknown, unknown>(task.pulse);
  answerHeartbeat(pulse);
  const coordinator = new Coordinator({
    env,
    wiring,
    directory,
    policy,
    mode,
    ...(task.checkpoint === undefined ? {} : { checkpoint: task.checkpoint }),
    memory: new JobMemory(memory),
    edges: edgeMemory(receivers),
    diedWith: (slot) => {
      const { state, task: inStep } = new VitalsReader(vitals, slot);
      if (state !== 'RUNNING' || inStep === undefined) return undefined;
      const record = inHandOf(vitals, slot).read();
      return { task: inStep, ...(record === undefined ? {} : { record }) };
    },
    emit: (event) => main.post({ type: 'event', event }),
  });
  const watchdog = new Watchdog({
    clock: env.clock,
    hangTimeoutMs,
    onHang: ({ thread: name, state, sinceMs }) => {
      const slot = Number(name);
      main.post({ type: 'hang', slot, state, sinceMs });
      // Whoever hangs has no say any more: its successor starts before it is dead.
      coordinator.workerDown(slot, describe({ kind: 'hang', state, sinceMs }));
    },
  });
  let stop!: () => void;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  main.onMessage((message) => {
    switch (message.type) {
      case 'worker':
        watchdog.watch(String(message.slot), new VitalsReader(vitals, message.slot));
        coordinator.addWorker(
          message.slot,
          waking<FromWorker, ToWorker>(message.port, new RemoteBell(doorbells, message.slot)),
        );
        return;
      case 'sources':
        coordinator.attachSources(message.slot, messagePort<FromSources, ToSources>(message.port));
        return;
      case 'workerDown':
        watchdog.unwatch(String(message.slot));
        coordinator.workerDown(message.slot, message.cause, message.wasOrdered, message.isDead);
        return;
      case 'drain':
        coordinator.drain();
        return;
      case 'left':
        main.post({ type: 'left', left: coordinator.left() });
        return;
      case 'checkpoint':
        coordinator.checkpoint((barrier) => main.post({ type: 'checkpointed', barrier }));
        return;
      case 'die':
        die(message.way, message.exitCode);
        return;
      case 'stop':
        coordinator.stop();
        stop();
        return;
      default:
        message satisfies never;
    }
  });
  thread.ready();
  await stopped;
  watchdog.close();
  main.close();
  pulse.close();
}

/** A worker that is parked sees its port when its bell rings. */
function waking<In, Out>(port: MessagePort, bell: RemoteBell): Port<In, Out> {
  const inner = messagePort<In, Out>(port);
  return {
    post: (message, transfer) => {
      inner.post(message, transfer);
      bell.ring();
    },
    onMessage: (receive) => inner.onMessage(receive),
    onClose: (closed) => inner.onClose(closed),
    close: () => inner.close(),
  };
}
