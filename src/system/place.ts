/**
 * A place for a thread with actors, as the thread that made the system sees it: starts the thread when an actor is to
 * live there, tells when it is gone, and starts the next one when the next actor comes.
 *
 * I1  Each life of the thread has a node number of its own and vitals of its own, so what a dead or lost one still does
 *     is told apart.
 */
import { MessageChannel } from 'node:worker_threads';
import type { ExitReason } from '../actors/exit.ts';
import type { FromNode, ToNode } from '../actors/mail.ts';
import { Slot } from '../actors/slot.ts';
import { VitalsReader, vitalsBuffer } from '../actors/vitals.ts';
import type { Env } from '../env/env.ts';
import { messagePort, type PollablePort } from '../env/message-port.ts';
import type { Watchdog } from '../supervision/watchdog.ts';
import type { ActorThreadTask } from './actor-thread.ts';

const WORKER_FILE: URL = new URL('./actor-thread.js', import.meta.url);
/** A thread that doesn't end by itself in this time is ended. */
const STOP_GRACE_MS = 1000;

export interface PlaceOptions {
  readonly env: Env;
  readonly name: string;
  readonly watchdog: Watchdog;
  readonly killTimeoutMs: number;
  readonly maxHeapMb: number | undefined;
  readonly newNode: () => number;
  readonly up: (place: Place) => void;
  readonly hear: (place: Place, message: FromNode) => void;
  /** @param culprit number of the actor at the top whose code was running, if one was */
  readonly gone: (
    place: Place,
    node: number,
    reason: ExitReason,
    culprit: number | undefined,
  ) => void;
}

export class Place {
  readonly name: string;
  /** Of the present life of its thread; 0 when there is none. */
  node = 0;
  port: PollablePort<FromNode, ToNode> | undefined;
  /** Actors at the top that have their place here. */
  actors = 0;
  #options: PlaceOptions;
  #slot: Slot<ActorThreadTask>;
  #starting: Promise<number> | undefined;

  constructor(options: PlaceOptions) {
    const { env, name, killTimeoutMs, maxHeapMb } = options;
    this.name = name;
    this.#options = options;
    this.#slot = new Slot<ActorThreadTask>({
      clock: env.clock,
      name,
      filename: WORKER_FILE,
      killTimeoutMs,
      ...(maxHeapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: maxHeapMb } }),
    });
  }

  get isUp(): boolean {
    return this.port !== undefined;
  }

  get threadId(): number | undefined {
    return this.#slot.threadId;
  }

  /** Threads that would not end. */
  get quarantined(): number {
    return this.#slot.quarantined;
  }

  /** Resolves to the node number of its thread; rejects when that can't be started. */
  start(): Promise<number> {
    if (this.isUp) return Promise.resolve(this.node);
    this.#starting ??= this.#start().finally(() => (this.#starting = undefined));
    return this.#starting;
  }

  async #start(): Promise<number> {
    const { newNode, watchdog, up, hear, gone } = this.#options;
    const node = newNode();
    const { port1, port2 } = new MessageChannel();
    const vitals = vitalsBuffer(1);
    const started = this.#slot.start({ node, main: port2, vitals }, [port2]);
    const { exited } = this.#slot;
    try {
      await started;
    } catch (error) {
      port1.close();
      throw error;
    }
    const port = messagePort<FromNode, ToNode>(port1);
    this.node = node;
    this.port = port;
    const reader = new VitalsReader(vitals, 0);
    watchdog.watch(this.name, reader);
    port.onMessage((message) => hear(this, message));
    void exited.then((reason) => {
      watchdog.unwatch(this.name);
      this.port = undefined;
      const { state, task } = reader;
      // What it said last is heard before it is said to be gone.
      port.poll();
      port.close();
      gone(this, node, reason, state === 'RUNNING' ? task : undefined);
    });
    up(this);
    return node;
  }

  kill(as: ExitReason): void {
    if (this.#slot.state === 'running' || this.#slot.state === 'starting') void this.#slot.kill(as);
  }

  async close(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    if (this.port === undefined) return;
    const { exited } = this.#slot;
    this.port.post({ type: 'close' });
    const timer = this.#options.env.clock.after(STOP_GRACE_MS, () => this.kill({ kind: 'killed' }));
    await exited;
    timer.cancel();
  }
}
