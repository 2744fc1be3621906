/**
 * The durability of a job without a checkpoint directory: what is held is durable, for it outlives any thread. Belongs to
 * the coordinator.
 *
 * I1  A disk that refuses to give a file its name is asked again; the points behind it carry the publication on.
 */
import type { Barrier } from '../../actors/block.ts';
import { mayPass, Trouble } from '../../actors/trouble.ts';
import type { Publication } from '../../actors/task.ts';
import type { Env, Timer } from '../../env/env.ts';
import { toWire } from '../../errors.ts';
import type { HeldPoint } from '../held-index.ts';
import type { Durability, DurabilityEvents } from './durability.ts';
import { Publications } from './publications.ts';

const WHAT = 'output';

export class AtOnce implements Durability {
  barrier = 0;
  readonly #env: Env;
  readonly #events: DurabilityEvents;
  readonly #publications: Publications;
  readonly #trouble: Trouble;
  /** Called when all is published. */
  #waiting: (() => void)[] = [];
  #timer: Timer | undefined;

  constructor(env: Env, events: DurabilityEvents) {
    this.#env = env;
    this.#events = events;
    this.#publications = new Publications(env.disk);
    this.#trouble = new Trouble(
      (error) => events.tell({ type: 'degraded', what: WHAT, error: toWire(error) }),
      () => events.tell({ type: 'recovered', what: WHAT }),
    );
  }

  get oldest(): number {
    return this.barrier;
  }

  get unpublished(): readonly Publication[] {
    return this.#publications.open;
  }

  begin(point: HeldPoint, _barrier: Barrier | undefined, _epoch: number, then: () => void): void {
    this.barrier = point.barrier;
    this.#publications.add(point.publish);
    this.#waiting.push(then);
    this.#publish();
  }

  held(point: HeldPoint, _barrier: Barrier, obsolete: readonly string[]): void {
    this.barrier = point.barrier;
    for (const path of obsolete) this.#remove(path);
    this.#publications.add(point.publish);
    this.#publish();
    this.#events.durable(point.barrier);
  }

  decided(_point: HeldPoint, then: () => void): void {
    then();
  }

  finish(then: () => void): void {
    this.#waiting.push(then);
    this.#publish();
  }

  checkpoint(then: (barrier: number) => void): void {
    this.finish(() => then(this.barrier));
  }

  stop(): void {
    this.#timer?.cancel();
    this.#waiting = [];
  }

  #publish(): void {
    this.#timer?.cancel();
    const { open } = this.#publications;
    try {
      this.#publications.rename(open);
    } catch (error) {
      if (!mayPass(error)) throw error;
      this.#timer = this.#env.clock.after(this.#trouble.failed(error), () => this.#publish());
      return;
    }
    this.#publications.forget(open);
    this.#trouble.over();
    for (const then of this.#waiting.splice(0)) then();
  }

  #remove(path: string): void {
    try {
      this.#env.disk.remove(path);
    } catch (error) {
      // It lies about until the directory is removed.
      if (!mayPass(error)) throw error;
    }
  }
}
