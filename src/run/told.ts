/**
 * How a worker tells the embedding thread of batches, and waits when that thread has enough.
 *
 * I1  At most WINDOW events are unanswered, so a stalled main thread stalls no stream at once, and an overloaded one
 *     can't be flooded.
 * I2  An answer comes for each event, once the other side has room again.
 */
import type { TaskEvent } from '../actors/task.ts';

const WINDOW = 64;

export class Teller {
  #post: (task: number, event: TaskEvent, id: number) => void;
  #next = 1;
  #unanswered = 0;
  #waiting: (() => void)[] = [];

  constructor(post: (task: number, event: TaskEvent, id: number) => void) {
    this.#post = post;
  }

  tell(task: number, event: TaskEvent): void | Promise<void> {
    // These are small and few, and nobody has to make room for them.
    if (
      event.type === 'counted' ||
      event.type === 'outputStarted' ||
      event.type === 'outputCompleted'
    )
      return this.#post(task, event, 0);
    this.#post(task, event, this.#next++);
    if (++this.#unanswered <= WINDOW) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** An event was answered. */
  answered(): void {
    this.#unanswered--;
    if (this.#unanswered <= WINDOW) this.#waiting.shift()?.();
  }
}
