/**
 * One end of a channel between two threads. Messages arrive whole, in order, and all of them before the end is told
 * that the other side is gone. Real ends are MessagePorts (`message-port.ts`), simulated ones queues (`sim.ts`).
 */
export interface Port<In, Out> {
  post(message: Out, transfer?: readonly unknown[]): void;
  /** Sets the one receiver of messages; what came earlier is delivered to it. */
  onMessage(receive: (message: In) => void): void;
  /** Called once, when the other end's thread is gone or has closed. */
  onClose(closed: () => void): void;
  close(): void;
}
