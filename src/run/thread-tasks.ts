/** What a thread of a job is started with, by its role, and the ports that go with it. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { ThreadRole } from './engine.ts';
import type { JobSpec } from './job-spec.ts';
import type { CoordinatorTask, ThreadTaskOf } from './thread-messages.ts';

/** What a coordinator has that is not in the spec. */
export type CoordinatorParts = Omit<
  CoordinatorTask,
  'role' | 'slot' | 'main' | 'pulse' | 'doorbells' | 'vitals' | 'receivers'
>;

export interface ThreadPorts {
  readonly main: MessagePort;
  readonly pulse: MessagePort;
}

export interface PreparedThread {
  readonly task: ThreadTaskOf;
  readonly transfer: MessagePort[];
  /** The coordinator's end of a channel to this thread, if it is not the coordinator itself. */
  readonly coordinator?: MessagePort;
}

export function prepareThread(
  role: ThreadRole,
  slot: number,
  { main, pulse }: ThreadPorts,
  spec: JobSpec,
  parts: CoordinatorParts,
): PreparedThread {
  if (role === 'coordinator') {
    const { doorbells, vitals, receivers } = spec;
    return {
      task: { ...parts, role, slot, main, pulse, doorbells, vitals, receivers },
      transfer: [main, pulse],
    };
  }
  const { port1, port2 } = new MessageChannel();
  const shared = { slot, main, coordinator: port2, spec };
  if (role === 'worker')
    return { task: { role, ...shared }, transfer: [main, port2], coordinator: port1 };
  return { task: { role, ...shared, pulse }, transfer: [main, port2, pulse], coordinator: port1 };
}
