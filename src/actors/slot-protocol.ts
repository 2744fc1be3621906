/**
 * What a slot and its thread say to each other about the thread's life. The port carries nothing
 * else; its close is one of the two signs that the thread is dead.
 */
import type { MessagePort } from 'node:worker_threads';
import type { WireError } from '../errors.ts';

/** The one task of a thread, as it comes to the thread. */
export interface ThreadTask<Task> {
  readonly name: string;
  /** Which life of the slot: 1 for the first. */
  readonly incarnation: number;
  readonly life: MessagePort;
  readonly task: Task;
}

/** Thread to slot. */
export type ThreadNews =
  /** The thread is up and its main function says that it can work. */
  | { readonly type: 'ready' }
  /** The main function has returned: the only normal end. */
  | { readonly type: 'done' }
  /** Something was thrown that nobody caught; the thread ends. */
  | { readonly type: 'failed'; readonly error: WireError }
  /** The thread exits by itself. One that is terminated from outside can't say so. */
  | { readonly type: 'exiting' };
