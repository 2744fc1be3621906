/**
 * A channel within one thread (`threads: 0`). Messages wait until `deliver`, so a receiver never runs inside a post.
 * `posted` is called when something waits.
 */
import type { Port } from './port.ts';

export interface LocalPort<In, Out> extends Port<In, Out> {
  /** Delivers what waits at this end; returns the number of messages. */
  deliver(): number;
}

class LocalPortEnd<In, Out> implements LocalPort<In, Out> {
  other!: LocalPortEnd<Out, In>;
  #waiting: In[] = [];
  #receive: ((message: In) => void) | undefined;
  #posted: () => void;

  constructor(posted: () => void) {
    this.#posted = posted;
  }

  post(message: Out): void {
    this.other.#waiting.push(message);
    this.#posted();
  }

  onMessage(receive: (message: In) => void): void {
    this.#receive = receive;
  }

  onClose(): void {
    // Both ends live and die with the thread.
  }

  close(): void {
    this.#receive = undefined;
    this.#waiting = [];
  }

  deliver(): number {
    let count = 0;
    while (this.#waiting.length > 0 && this.#receive !== undefined) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const message of waiting) this.#receive?.(message);
      count += waiting.length;
    }
    return count;
  }
}

export function localChannel<A, B>(posted: () => void): [LocalPort<A, B>, LocalPort<B, A>] {
  const a = new LocalPortEnd<A, B>(posted);
  const b = new LocalPortEnd<B, A>(posted);
  a.other = b;
  b.other = a;
  return [a, b];
}
