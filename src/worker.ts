/** The file that every thread of a job starts from. Loads only what its role needs. */
import { threadMain } from './actors/slot-thread.ts';
import type { ThreadTaskOf } from './run/thread-messages.ts';

const main: ReturnType<typeof threadMain<ThreadTaskOf>> = threadMain<ThreadTaskOf>(
  async (task, thread) => {
    switch (task.role) {
      case 'worker':
        return (await import('./run/worker-thread.ts')).workerThread(task, thread);
      case 'sources':
        return (await import('./run/sources-thread.ts')).sourcesThread(task, thread);
      case 'coordinator':
        return (await import('./run/coordinator-thread.ts')).coordinatorThread(task, thread);
      default:
        task satisfies never;
    }
  },
);

// piscina calls the default export.
// oxlint-disable-next-line import/no-default-export
export default main;
