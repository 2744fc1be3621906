/**
 * A `Port` over one end of a `MessageChannel`: the real channel between two threads. It belongs to
 * the thread that made it.
 *
 *   loop turns       messages come by themselves
 *   loop is blocked  `poll()` takes them out, in the same order
 *
 * I1  Messages wait until `onMessage`, and come in order whichever way they come.
 * I2  `onClose` is called once, after the last message, and not for a `close` of our own.
 * I3  The end of the other side shows only when the event loop turns: `poll` can't see it.
 */
import { receiveMessageOnPort, type MessagePort, type TransferListItem } from 'node:worker_threads';
import type { Port } from './port.ts';

export interface PollablePort<In, Out> extends Port<In, Out> {
  /**
   * Delivers what has arrived without turning the event loop; returns the number of messages. An
   * answer that a receiver gives through a promise leaves only when the loop turns afterwards.
   */
  poll(): number;
  /** Lets the process end although this port is open. */
  unref(): void;
  ref(): void;
}

export function messagePort<In, Out>(port: MessagePort): PollablePort<In, Out> {
  return new MessagePortEnd<In, Out>(port);
}

class MessagePortEnd<In, Out> implements PollablePort<In, Out> {
  #port: MessagePort;
  #receive: ((message: In) => void) | undefined;
  #closed: (() => void) | undefined;
  #state: 'open' | 'gone' | 'closed' = 'open';
  /** Set by `unref` and `ref`; Node refs a port again when a listener is added. */
  #referenced = true;

  constructor(port: MessagePort) {
    this.#port = port;
    port.once('close', () => this.#gone());
    // A message that this thread can't read leaves a hole in the order, so the channel ends.
    port.once('messageerror', () => port.close());
  }

  post(message: Out, transfer?: readonly unknown[]): void {
    this.#port.postMessage(message, transfer as readonly TransferListItem[] | undefined);
  }

  onMessage(receive: (message: In) => void): void {
    const first = this.#receive === undefined;
    this.#receive = receive;
    if (!first) return;
    this.#port.on('message', (message: In) => this.#receive!(message));
    if (!this.#referenced) this.#port.unref();
  }

  onClose(closed: () => void): void {
    this.#closed = closed;
    if (this.#state === 'gone') closed();
  }

  poll(): number {
    if (this.#receive === undefined || this.#state !== 'open') return 0;
    let count = 0;
    for (;;) {
      const entry = receiveMessageOnPort(this.#port) as { message: In } | undefined;
      if (entry === undefined) return count;
      count++;
      this.#receive(entry.message);
    }
  }

  close(): void {
    if (this.#state === 'open') this.#state = 'closed';
    this.#port.close();
  }

  unref(): void {
    this.#referenced = false;
    this.#port.unref();
  }

  ref(): void {
    this.#referenced = true;
    this.#port.ref();
  }

  #gone(): void {
    if (this.#state !== 'open') return;
    this.#state = 'gone';
    this.#closed?.();
  }
}
