/**
 * Who has which part of a region: the threads of the logical workers, and those that stand ready. Belongs to the
 * coordinator.
 */
import type { FromWorker, ToWorker } from '../actors/messages.ts';
import type { Port } from '../env/port.ts';

export interface WorkerSlot {
  readonly slot: number;
  readonly port: Port<FromWorker, ToWorker>;
}

export class Crew {
  /** Logical workers: the thread that has their tasks. */
  readonly #workers: (WorkerSlot | undefined)[];
  #spares: WorkerSlot[] = [];

  constructor(workers: number) {
    this.#workers = Array.from({ length: workers }, () => undefined);
  }

  /** A thread with the job loaded stands ready. */
  add(worker: WorkerSlot): void {
    this.#spares.push(worker);
  }

  /** Takes a thread out. Gives the logical worker that it was; undefined for a spare, and for one that is not here. */
  remove(slot: number): number | undefined {
    this.#spares = this.#spares.filter((spare) => spare.slot !== slot);
    const at = this.#workers.findIndex((worker) => worker?.slot === slot);
    if (at < 0) return undefined;
    this.#workers[at]!.port.close();
    this.#workers[at] = undefined;
    return at;
  }

  /** Spares take the places that are free. False: some stay free. */
  fill(): boolean {
    for (let w = 0; w < this.#workers.length; w++) this.#workers[w] ??= this.#spares.shift();
    return this.#workers.every((worker) => worker !== undefined);
  }

  /** By logical worker; all places are taken. */
  get slots(): number[] {
    return this.#workers.map((worker) => worker!.slot);
  }

  /** The thread of a logical worker, if it has one. */
  slotOf(worker: number): number | undefined {
    return this.#workers[worker]?.slot;
  }

  /** To one logical worker, or to all of them. */
  post(message: ToWorker | ((worker: number) => ToWorker)): void {
    this.#workers.forEach((worker, w) =>
      worker?.port.post(typeof message === 'function' ? message(w) : message),
    );
  }

  /** To everybody, spares too. */
  stop(): void {
    for (const worker of [...this.#workers, ...this.#spares]) worker?.port.post({ type: 'stop' });
  }
}
