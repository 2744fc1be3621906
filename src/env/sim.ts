/**
 * A world in one thread: chance from a seed, time that jumps, a disk in memory, and channels whose
 * messages move one at a time when the simulator says so. The same seed gives the same run.
 *
 *   const env = simEnv(7);
 *   const [here, there] = env.channel<Reply, Request>();
 *   here.post(request);
 *   for (const port of env.deliverable()) port.deliverOne();
 *
 * I1  Nothing is delivered but by `deliverOne`; each port is first in, first out. Between ports the
 *     simulator chooses.
 * I2  What was posted before a `close` or `sever` arrives, then the other end's `onClose` is called,
 *     once. What is posted by or to an end that is gone is dropped.
 * I3  Messages are copied as between threads, so no two actors share an object by mistake.
 */
import type { Env } from './env.ts';
import { MemoryDisk } from './memory-disk.ts';
import { Pcg32 } from './pcg32.ts';
import type { Port } from './port.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface SimEnv extends Env {
  readonly clock: VirtualClock;
  readonly disk: MemoryDisk;
  readonly chance: Pcg32;
  /** A channel between two simulated threads. */
  channel<A, B>(): [SimPort<A, B>, SimPort<B, A>];
  /** Ends at which something waits to be delivered, in the order in which they were made. */
  deliverable(): SimPort<unknown, unknown>[];
  /** Nothing that waits anywhere is ever delivered: the process of these threads is gone. */
  closeChannels(): void;
}

/**
 * @param startMs wall time at the start. @default 0
 * @param disk @default one that never crashes
 */
export function simEnv(seed: number, startMs = 0, disk: MemoryDisk = new MemoryDisk()): SimEnv {
  const chance = new Pcg32(seed);
  // Ties have a stream of their own, so one more timer doesn't change all else that is drawn.
  const ties = new Pcg32(seed, 1);
  const ports = new Set<SimPort<unknown, unknown>>();
  const clock = new VirtualClock({ startMs, tieBreak: () => ties.next() });
  return {
    clock,
    defer: (run) => void clock.after(0, run),
    disk,
    chance,
    random: () => chance.float(),
    channel<A, B>(): [SimPort<A, B>, SimPort<B, A>] {
      const forget = (port: SimPort<unknown, unknown>): void => void ports.delete(port);
      const a = new SimPort<A, B>(forget);
      const b = new SimPort<B, A>(forget);
      connectEnds(a, b);
      ports.add(a as SimPort<unknown, unknown>).add(b as SimPort<unknown, unknown>);
      return [a, b];
    },
    deliverable: () => [...ports].filter((port) => port.deliverable),
    closeChannels: () => {
      for (const port of ports) port.close();
    },
  };
}

let connectEnds: <A, B>(a: SimPort<A, B>, b: SimPort<B, A>) => void;

export class SimPort<In, Out> implements Port<In, Out> {
  static {
    connectEnds = (a, b) => {
      a.#other = b;
      b.#other = a;
    };
  }

  #other!: SimPort<Out, In>;
  #waiting: In[] = [];
  #receive: ((message: In) => void) | undefined;
  #closed: (() => void) | undefined;
  /** `ending`: the other side is gone, and what it sent still waits here. */
  #state: 'open' | 'ending' | 'gone' | 'closed' = 'open';
  #forget: (port: SimPort<unknown, unknown>) => void;

  /** @internal `SimEnv.channel` makes them. */
  constructor(forget: (port: SimPort<unknown, unknown>) => void) {
    this.#forget = forget;
  }

  post(message: Out, transfer?: readonly unknown[]): void {
    const other = this.#other;
    if (this.#state !== 'open' || other.#state !== 'open') return;
    other.#waiting.push(copy(message, transfer));
  }

  onMessage(receive: (message: In) => void): void {
    this.#receive = receive;
  }

  onClose(closed: () => void): void {
    this.#closed = closed;
    if (this.#state === 'gone') closed();
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#waiting.length = 0;
    this.#forget(this as SimPort<unknown, unknown>);
    const other = this.#other;
    if (other.#state === 'open') other.#state = 'ending';
  }

  /** The thread that holds this end was killed: it hears nothing more, and the other end learns of it. */
  sever(): void {
    this.close();
  }

  /** Messages that wait at this end. */
  get queued(): number {
    return this.#waiting.length;
  }

  /** Whether `deliverOne` would do something. Messages wait for a receiver; an end doesn't. */
  get deliverable(): boolean {
    if (this.#waiting.length > 0) return this.#receive !== undefined;
    return this.#state === 'ending';
  }

  /** Delivers the next message, or the news that the other side is gone. False when there is nothing. */
  deliverOne(): boolean {
    if (!this.deliverable) return false;
    if (this.#waiting.length > 0) {
      this.#receive!(this.#waiting.shift()!);
      return true;
    }
    this.#state = 'gone';
    this.#forget(this as SimPort<unknown, unknown>);
    this.#closed?.();
    return true;
  }
}

function copy<T>(message: T, transfer: readonly unknown[] | undefined): T {
  // Ends that travel are handed over as they are: structured clone doesn't know them.
  if (transfer?.some((each) => each instanceof SimPort)) return message;
  return structuredClone(message, { transfer: [...(transfer ?? [])] as never[] });
}
