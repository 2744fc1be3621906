/** Dies on purpose, in a chosen way. Called on the thread that is to die: chaos, the demo and tests use it. */
import type { KillWay } from './engine.ts';

export function die(way: KillWay): void {
  switch (way) {
    case 'throw':
      throw new Error('this thread was told to throw');
    case 'exit':
      process.exit(3);
      break;
    case 'oom': {
      const hoard: number[][] = [];
      for (let n = 0; ; n++) hoard.push(Array<number>(1_000_000).fill(n + 0.5));
    }
    case 'spin':
      for (;;);
    case 'terminate':
      // The main thread does that.
      return;
    default:
      way satisfies never;
  }
}
