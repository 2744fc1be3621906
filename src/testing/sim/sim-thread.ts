/**
 * A simulated thread: what it is given of the world, and its death. Its code runs in turns of the simulation, inside
 * `run`; what it does to the world goes through guards that know whether it lives.
 *
 *   alive ──(killed, or its code threw)──▶ dead
 *
 * I1  A dead thread does nothing more: stores, writes and posts of code that is still on the stack, or behind a promise,
 *     have no effect, its timers don't run, its ports hear nothing, what it waits for never comes.
 * I2  It may die between any two operations (`Death`), wherever in its code that is.
 */
import type { Frame } from '../../actors/block.ts';
import type { TaskBody } from '../../actors/task.ts';
import type { Env, Timer } from '../../env/env.ts';
import type { Port } from '../../env/port.ts';
import type { SimEnv, SimPort } from '../../env/sim.ts';
import type { DiskOperation } from '../../env/memory-disk.ts';
import type { Death, Operation, SimRole } from './faults.ts';
import { guardedDisk } from './sim-thread-disk.ts';

const AT_DISK: ReadonlySet<Operation> = new Set(['write', 'remove', 'sync']);

/** Unwinds the stack of a thread that is dead. */
class Killed extends Error {}

/** What the disk does in place of an operation. */
export interface DiskTrouble {
  /** Of the bytes that were to be written so many are. */
  readonly written: number;
  /** Thrown, if the thread still lives. */
  readonly error: Error;
  /** Called when that is written: the process may die of it. */
  readonly behind?: () => void;
}

/** What happens to all threads alike. */
export interface ThreadHooks {
  /** Before anything is changed or synced on the disk. The process may be over when it returns. */
  readonly disk: (
    thread: SimThread,
    operation: DiskOperation,
    path: string,
    byteLength: number,
  ) => DiskTrouble | undefined;
}

export interface SimThreadOptions {
  readonly env: SimEnv;
  readonly role: SimRole | 'main';
  readonly number: number;
  /** Whose code is on the stack. */
  readonly scene: Scene;
  readonly onDeath: (thread: SimThread, why: string) => void;
  readonly note: (text: string) => void;
  /** False: it gets no turn for now. */
  readonly mayRun: (thread: SimThread) => boolean;
  readonly hooks: ThreadHooks;
}

export interface Scene {
  current: SimThread | undefined;
  /** Whose promise was settled in this turn: what comes of it is its doing. */
  settled: SimThread | undefined;
  /** A promise of the world outside was settled in this turn. */
  stirred: boolean;
}

export class SimThread {
  readonly role: SimRole | 'main';
  readonly number: number;
  readonly env: Env;
  dead = false;
  /** Turns for which it gets none. */
  stalledUntil = 0;
  /** It is taken for dead, and dies at that turn. */
  zombieUntil: number | undefined;
  /** A worker that is taken for hung, and dies at that turn. */
  hungUntil: number | undefined;
  /** Writes that fail. */
  diskFaults = 0;
  #options: SimThreadOptions;
  #death: { readonly death: Death; left: number } | undefined;
  #ports: { sever(): void }[] = [];
  /** Calls of `run` on the stack: what is thrown ends up there. */
  #depth = 0;

  constructor(options: SimThreadOptions) {
    this.#options = options;
    this.role = options.role;
    this.number = options.number;
    const { env } = options;
    this.env = {
      clock: {
        now: () => env.clock.now(),
        monotonic: () => env.clock.monotonic(),
        after: (ms, run) => this.#after(ms, run),
      },
      disk: guardedDisk(this, env.disk),
      random: () => env.random(),
      defer: (run) => void this.#after(0, run),
    };
  }

  get name(): string {
    return `${this.role}${this.number}`;
  }

  /** It is taken for dead, or to be about to be. */
  get isGivenUp(): boolean {
    return this.zombieUntil !== undefined || this.hungUntil !== undefined;
  }

  /** Runs code of this thread. Gives undefined when it died of it. */
  run<T>(act: () => T): T | undefined {
    if (this.dead) return undefined;
    const { scene } = this.#options;
    const before = scene.current;
    scene.current = this;
    this.#depth++;
    try {
      return act();
    } catch (error) {
      // A thread that throws is dead. The stack of one that was killed ends here.
      if (!(error instanceof Killed))
        this.kill(error instanceof Error ? `threw ${error.message}` : 'threw');
      return undefined;
    } finally {
      this.#depth--;
      scene.current = before;
    }
  }

  /** Its process is over. */
  end(why: string): void {
    if (this.dead) return;
    this.dead = true;
    this.#options.note(`${this.name} ends: ${why}`);
  }

  kill(why: string): void {
    if (this.dead) return;
    this.dead = true;
    for (const port of this.#ports) port.sever();
    this.#options.onDeath(this, why);
  }

  /** It will die at an operation. */
  dieAt(death: Death): void {
    this.#death = { death, left: death.after };
  }

  calm(): void {
    this.#death = undefined;
    this.diskFaults = 0;
    this.stalledUntil = 0;
  }

  /**
   * An operation is about to happen or has: the thread may die here.
   * @returns false: it is dead, and this is code behind a promise, which nobody can unwind
   */
  at(operation: Operation, when: 'before' | 'after'): boolean {
    if (this.dead) return this.unwind();
    const plan = this.#death;
    // Behind a promise nobody could unwind what goes on, but for a disk that refuses.
    if (this.#depth === 0 && !AT_DISK.has(operation)) return true;
    if (
      plan === undefined ||
      plan.death.operation !== operation ||
      plan.death.when !== when ||
      this.#options.scene.current !== this
    )
      return true;
    if (plan.left-- > 0) return true;
    this.kill(`${when} ${operation}`);
    return this.unwind();
  }

  /** Whether the write at hand is torn by its death. */
  isTorn(): boolean {
    const plan = this.#death;
    return plan?.death.operation === 'write' && plan.death.when === 'torn' && plan.left-- <= 0;
  }

  /** It is dead: ends what is on the stack. */
  unwind(): false {
    if (this.#depth > 0) throw new Killed();
    return false;
  }

  /** What happens to all threads alike before that operation. */
  trouble(operation: DiskOperation, path: string, byteLength: number): DiskTrouble | undefined {
    return this.#options.hooks.disk(this, operation, path, byteLength);
  }

  /** A promise of the world outside as this thread has it: settled in a turn of its own, if it still lives. */
  settles<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const later = (settle: () => void): void =>
        void this.#after(0, () => {
          this.#options.scene.settled = this;
          settle();
        });
      promise.then(
        (value) => later(() => resolve(value)),
        (error: unknown) => later(() => reject(error as Error)),
      );
    });
  }

  /** An end of a channel as this thread's code has it. */
  port<In, Out>(port: SimPort<In, Out>): Port<In, Out> {
    this.#ports.push(port);
    return {
      post: (message, transfer) => {
        // Also from a promise, where a throw would reach nobody.
        if (this.dead || !this.at('post', 'before')) return;
        port.post(message, transfer);
        this.at('post', 'after');
      },
      onMessage: (receive) => port.onMessage((message) => void this.run(() => receive(message))),
      onClose: (closed) => port.onClose(() => void this.run(closed)),
      close: () => port.close(),
    };
  }

  body(body: TaskBody): TaskBody {
    const step = <T>(operation: Operation, act: () => T): T => {
      this.at(operation, 'before');
      const result = act();
      // Should the thread die right here, nobody waits for it any more.
      if (result instanceof Promise) result.catch(() => {});
      this.at(operation, 'after');
      return result;
    };
    return {
      block: (block, input) => step('block', () => body.block(block, input)),
      barrier: (barrier, absent, marks) =>
        step('barrier', () => body.barrier(barrier, absent, marks)),
      prepare: () => body.prepare?.() ?? true,
      handOver: (barrier) => step('handOver', () => body.handOver(barrier)),
      restore: (parts) => body.restore(parts),
      ...(body.ready === undefined
        ? {}
        : { ready: (input: number, frame: Frame) => body.ready!(input, frame) }),
      ...(body.takeWaiting === undefined ? {} : { takeWaiting: () => body.takeWaiting!() }),
      ...(body.flush === undefined
        ? {}
        : { flush: (idle: boolean, nowMs: number) => body.flush!(idle, nowMs) }),
      ...(body.durable === undefined
        ? {}
        : { durable: (barrier: number) => step('durable', () => body.durable!(barrier)) }),
      dueMs: () => body.dueMs?.() ?? Infinity,
      tick: (nowMs) => step('block', () => body.tick?.(nowMs)),
      discard: () => body.discard?.(),
      takeRecordCount: () => body.takeRecordCount?.() ?? 0,
      close: () => body.close?.(),
    };
  }

  #after(ms: number, run: () => void): Timer {
    let later: Timer | undefined;
    const timer = this.#options.env.clock.after(ms, () => {
      if (this.dead) return;
      if (!this.#options.mayRun(this)) {
        later = this.#after(1, run);
        return;
      }
      this.#options.note(`timer of ${this.name}`);
      this.run(run);
    });
    return {
      cancel: () => {
        timer.cancel();
        later?.cancel();
      },
    };
  }
}
