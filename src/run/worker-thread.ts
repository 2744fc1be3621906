/**
 * A worker thread: loads the job, hosts tasks, and waits on its doorbell when there is nothing to do.
 *
 *     turn: every task takes a step ──▶ progress? again
 *                                       awaiting user code? turn the event loop, at least every 5 ms
 *                                       idle? mark asleep, look once more, park (at most 250 ms)
 *
 * While it is busy or parked its event loop does not turn; messages are polled from the ports between turns.
 *
 * I1  The event loop turns at least every LOOP_MS, whatever else happens, so user timers and promises live.
 */
import type { MessagePort } from 'node:worker_threads';
import { RemoteBell, Sleeper, type Bell } from '../actors/doorbell.ts';
import type { FromWorker, ToWorker } from '../actors/messages.ts';
import { spoilRing, type RingMemory } from '../actors/ring.ts';
import type { ThreadControl } from '../actors/slot-thread.ts';
import { ThreadHost } from '../actors/thread-host.ts';
import { inHandOf, VitalsWriter } from '../actors/vitals.ts';
import { loadJob } from '../dstream/load-job.ts';
import { messagePort, type PollablePort } from '../env/message-port.ts';
import { realEnv } from '../env/real.ts';
import { createBody } from './create-body.ts';
import { die } from './die.ts';
import { edgeOpener } from './edge-opener.ts';
import { planInThread } from './job-spec.ts';
import { answerOf } from './state-queries.ts';
import { Teller } from './told.ts';
import type { FromThread, ToThread, WorkerTask } from './thread-messages.ts';

const LOOP_MS = 250;
const AWAITING_LOOP_MS = 5;
/** Ports are polled at most so often while tasks make progress. */
const POLL_MS = 0.5;

export async function workerThread(task: WorkerTask, thread: ThreadControl): Promise<void> {
  const { spec, slot } = task;
  const env = realEnv();
  const { clock } = env;
  const vitals = new VitalsWriter(spec.vitals, slot);
  const main = messagePort<ToThread, FromThread>(task.main);
  const { job, hints } = await loadJob(spec.address, clock);
  for (const text of hints) main.post({ type: 'hint', text });
  const plan = planInThread(job, spec, thread.name);
  const sleeper = new Sleeper(spec.doorbells, slot);

  const teller = new Teller((id, event, answer) =>
    main.post({ type: 'task', task: id, event, id: answer, epoch: host.epoch }),
  );
  let stopped = false;
  let wake: (() => void) | undefined;
  let coordinator = coordinatorPort(task.coordinator);
  /** The ring that was opened last, for those who want it damaged. */
  let ring: { readonly memory: RingMemory; readonly bell: Bell } | undefined;
  const host: ThreadHost = new ThreadHost({
    env,
    name: `${slot}-${thread.incarnation}`,
    coordinator,
    edges: edgeOpener(
      (peer) => new RemoteBell(spec.doorbells, peer),
      (memory, bell) => {
        ring = { memory, bell };
      },
    ),
    createBody: (id, out) =>
      createBody(plan, id, out, {
        env,
        life: `${slot}-${thread.incarnation}-${host.epoch}`,
        maxGatherBytes: spec.maxGatherBytes,
        asyncTimeoutMs: spec.asyncTimeoutMs,
        onRecordError: spec.onRecordError,
        skipEmptyBatches: spec.skipEmptyBatches,
        stateStore: spec.stateStore,
        stateDirectory: spec.directory,
        ...spec.sinks,
      }),
    directory: spec.directory,
    vitals,
    hand: inHandOf(spec.vitals, slot),
    report: (id, event) => teller.tell(id, event),
    wake: () => wake?.(),
  });
  main.onMessage((message) => {
    switch (message.type) {
      case 'coordinator':
        coordinator.close();
        coordinator = coordinatorPort(message.port);
        host.attach(coordinator);
        return;
      case 'die':
        if (message.way === 'task') {
          host.failTask(new Error('this task was told to throw'));
          return;
        }
        if (message.way === 'corrupt') {
          if (ring !== undefined) spoil(ring);
          return;
        }
        vitals.running();
        die(message.way, message.exitCode);
        return;
      case 'stop':
        stopped = true;
        wake?.();
        return;
      case 'told':
        teller.answered();
        return;
      case 'query': {
        const { question } = message;
        main.post({ type: 'answered', id: question.id, answer: answerOf(host, question) });
        return;
      }
      case 'push':
        return;
      default:
        message satisfies never;
    }
  });
  thread.ready();

  const poll = (): number => coordinator.poll() + main.poll();
  let loopTurned = clock.monotonic();
  let polled = loopTurned;
  while (!stopped) {
    const result = host.turn();
    const now = clock.monotonic();
    const loopMs = host.isCommitting ? AWAITING_LOOP_MS : LOOP_MS;
    if (result === 'progress' && now - loopTurned < loopMs) {
      if (now - polled >= POLL_MS) {
        polled = now;
        poll();
      }
      continue;
    }
    if (result !== 'idle' || now - loopTurned >= LOOP_MS) {
      if (result === 'awaiting') {
        sleeper.prepare();
        const settled = new Promise<void>((resolve) => {
          wake = resolve;
        });
        if (poll() === 0 && host.turn() !== 'progress')
          await Promise.race([settled, sleeper.parkAsync(AWAITING_LOOP_MS)]);
        wake = undefined;
      }
      sleeper.awake();
      await new Promise<void>((resolve) => env.defer(resolve));
      loopTurned = clock.monotonic();
      continue;
    }
    // Idle: mark asleep first, then look once more, or a ring in between would be lost.
    sleeper.prepare();
    if (poll() > 0 || host.turn() !== 'idle') sleeper.awake();
    else sleeper.park(Math.max(0, Math.min(LOOP_MS - (now - loopTurned), host.dueMs() - now)));
  }
  vitals.state('DRAINING');
  host.stop();
  coordinator.close();
  main.close();
}

/** Sends nothing until the reader has had time to find it. */
function spoil({ memory, bell }: { readonly memory: RingMemory; readonly bell: Bell }): void {
  spoilRing(memory);
  bell.ring();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
}

function coordinatorPort(port: MessagePort): PollablePort<ToWorker, FromWorker> {
  return messagePort<ToWorker, FromWorker>(port);
}
