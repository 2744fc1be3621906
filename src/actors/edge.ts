/**
 * An edge carries frames from one sender task to one receiver task: a ring between threads (`ring.ts`), a bounded
 * queue within one (`queue.ts`), a retaining ring behind a receiver (`receiver-edge.ts`). All are bounded, in order,
 * and say `full` instead of waiting: a task never blocks in one.
 */
import type { Frame } from './block.ts';

export interface OutEdge {
  /**
   * Sends a frame, or says false when there is no room; the caller then keeps it and offers the SAME frame again
   * later (a large one may already be partly on its way). Nothing else may be sent before it is accepted.
   */
  send(frame: Frame): boolean;
}

export interface InEdge {
  /** The next frame, or undefined when there is none yet. The same one until `advance`. */
  peek(): Frame | undefined;
  /** Releases the frame that `peek` gave: its bytes may be overwritten from now on. */
  advance(): void;
  /**
   * Receiver edges only: where the frame behind the one that `peek` gave begins. The coordinator stores it as BASE
   * once the barrier that `peek` gave is held.
   */
  offsetBehind?(): number;
  /** Receiver edges only: the frame that `peek` gave lay there before this end was opened. */
  isOld?(): boolean;
}
