/**
 * The thread's side of a slot. A worker file exports what `threadMain` gives as its default, and
 * loads nothing that only the main thread needs (piscina, for one).
 *
 *   export default threadMain<Task>(async (task, thread) => {
 *     …load, connect the ports in `task`…
 *     thread.ready();
 *     …work until it is done…
 *   });
 *
 * I1  The thread ends with its main function: `done` is posted, then it exits.
 * I2  Whatever nobody caught (a throw or rejection of the main function, an uncaught exception, an
 *     unhandled rejection) is posted whole before the thread exits with code 1. A message that was
 *     posted arrives although its thread is gone, and so does what was printed.
 */
import { toWire } from '../errors.ts';
import type { ThreadNews, ThreadTask } from './slot-protocol.ts';

/** What the main function of a thread may do with it. */
export interface ThreadControl {
  /** Name of the slot. */
  readonly name: string;
  /** Which life of the slot: 1 for the first. */
  readonly incarnation: number;
  /** Says that the thread can work; `Slot.start` waits for it. Later calls do nothing. */
  ready(): void;
  /** Ends the thread as failed. */
  fail(error: unknown): never;
}

/** Wraps the main function of a thread for its slot. */
export function threadMain<Task>(
  main: (task: Task, thread: ThreadControl) => void | Promise<void>,
): (task: ThreadTask<Task>) => Promise<never> {
  return async ({ task, life, name, incarnation }) => {
    const post = (news: ThreadNews): void => life.postMessage(news);
    const fail = (error: unknown): never => {
      post({ type: 'failed', error: toWire(error) });
      return process.exit(1);
    };
    process.on('uncaughtException', fail);
    process.on('unhandledRejection', fail);
    process.on('exit', () => post({ type: 'exiting' }));
    let ready = false;
    const thread: ThreadControl = {
      name,
      incarnation,
      ready() {
        if (!ready) post({ type: 'ready' });
        ready = true;
      },
      fail,
    };
    try {
      await main(task, thread);
    } catch (error) {
      fail(error);
    }
    // What was done before anybody was told that it can be done, is done all the same.
    thread.ready();
    post({ type: 'done' });
    return process.exit(0);
  };
}
