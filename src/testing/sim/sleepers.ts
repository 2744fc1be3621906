/** Which simulated workers are parked. A worker that finds nothing to do sleeps until somebody rings. */
import type { Bell } from '../../actors/doorbell.ts';
import type { SimThread } from './sim-thread.ts';

export class Sleepers {
  readonly #enabled: boolean;
  readonly #workers = new Set<SimThread>();
  readonly #awake = new Set<SimThread>();
  /** Steps in a row that came to nothing. */
  readonly #idleSteps = new Map<SimThread, number>();

  constructor(enabled: boolean) {
    this.#enabled = enabled;
  }

  add(worker: SimThread): void {
    this.#workers.add(worker);
    this.wake(worker);
  }

  sleeps(worker: SimThread): boolean {
    return this.#enabled && !this.#awake.has(worker);
  }

  wake(worker: SimThread): void {
    this.#awake.add(worker);
    this.#idleSteps.set(worker, 0);
  }

  /** The bell of whoever lives in that slot. */
  bell(slot: number): Bell {
    return {
      ring: () => {
        for (const worker of this.#workers) if (worker.number === slot) this.wake(worker);
      },
    };
  }

  progressed(worker: SimThread): void {
    this.#idleSteps.set(worker, 0);
  }

  /** A step came to nothing. True: it may be time to sleep. */
  idled(worker: SimThread, tasks: number): boolean {
    const idle = (this.#idleSteps.get(worker) ?? 0) + 1;
    this.#idleSteps.set(worker, idle);
    return this.#enabled && idle > 2 * tasks;
  }

  sleep(worker: SimThread): void {
    this.#awake.delete(worker);
  }
}
