/** Dies on purpose, in a chosen way. Called on the thread that is to die: chaos, the demo and tests use it. */
import type { FaultWay } from './engine.ts';

/** @param exitCode of `exit` */
export function die(way: FaultWay, exitCode = 3): void {
  switch (way) {
    case 'throw':
      throw new Error('this thread was told to throw');
    case 'exit':
      process.exit(exitCode);
      break;
    case 'oom': {
      const hoard: number[][] = [];
      for (let n = 0; ; n++) hoard.push(Array<number>(1_000_000).fill(n + 0.5));
    }
    case 'spin':
      for (;;);
    case 'reject':
      void Promise.reject(new Error('this promise was told to be rejected'));
      return;
    case 'task':
    case 'corrupt':
      // The thread's host does that, where it has tasks.
      return;
    case 'terminate':
      // The main thread does that.
      return;
    default:
      way satisfies never;
  }
}
