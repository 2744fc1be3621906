/**
 * One thread, from start to end. The only file that knows piscina. Used on the main thread, by
 * `slot.ts`.
 *
 *              READY           done, failed, exit: exit + close of the port
 *   starting ───────▶ running ───────────────────────────────────────────────▶ dead
 *       │                │                                                      ▲  ▲
 *       │                └── kill ──▶ ending ── exit + close of the port ───────┘  │
 *       └── kill, no READY in time ──▶  └────── killTimeoutMs ──▶ lost ────────────┘
 *
 * Each thread has a piscina pool of its own for one endless task, and takes it along when it goes.
 * The pool may have no thread (`minThreads: 0`), so that piscina doesn't replace a dead one by
 * itself: whether, when and with what a successor starts is the supervisor's affair.
 *
 * I1  `exited` is settled exactly once, and never rejects.
 * I2  A thread is dead only when the Worker has emitted `exit` and the close of its life port came:
 *     all that it posted there has been read by then.
 * I3  A thread that doesn't end by `killTimeoutMs` is `lost`: it may still run, so nothing that it
 *     could write to may be used again.
 * I4  Ports that were given to `start` are closed with the thread, and also if it never got them.
 */
import { MessageChannel, MessagePort, type Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { deadline } from '../env/deadline.ts';
import type { Clock, Timer } from '../env/env.ts';
import { fromWire, millraceError } from '../errors.ts';
import { describe, type ExitReason } from './exit.ts';
import type { ThreadNews, ThreadTask } from './slot-protocol.ts';
import { newEvidence, verdict, type Evidence } from './slot-verdict.ts';

/** Limits of a thread's heap, in MiB. Buffers and shared memory don't count. */
export interface ThreadLimits {
  readonly maxOldGenerationSizeMb?: number;
  readonly maxYoungGenerationSizeMb?: number;
  readonly codeRangeSizeMb?: number;
  /** @default 4 */
  readonly stackSizeMb?: number;
}

export interface SlotOptions {
  readonly clock: Clock;
  /** For logs and errors: `worker-1`. */
  readonly name: string;
  /** The worker's file; its default export comes from `threadMain` (`slot-thread.ts`). */
  readonly filename: URL;
  /** How long a thread may take until it says that it is ready, in ms. @default 10000 */
  readonly startTimeoutMs?: number;
  /**
   * How long a killed thread may take to end, in ms, before it is given up. A large `JSON.parse`
   * can't be interrupted for seconds. @default 5000
   */
  readonly killTimeoutMs?: number;
  /** A thread that reaches a limit dies of `oom`, alone. @default V8's limits for the process */
  readonly resourceLimits?: ThreadLimits;
  /** Node's options for the thread. @default those of the process */
  readonly execArgv?: readonly string[];
  /** Its environment variables. @default a copy of the process's */
  readonly env?: Readonly<Record<string, string>>;
}

/** `lost`: it was given up, and may still run. */
export type LifeState = 'starting' | 'running' | 'ending' | 'lost' | 'dead';

const TRANSITIONS: Readonly<Record<LifeState, readonly LifeState[]>> = {
  starting: ['running', 'ending', 'dead'],
  running: ['ending', 'dead'],
  ending: ['dead', 'lost'],
  // Late is better than never.
  lost: ['dead'],
  dead: [],
};

/** Told when the thread is given up, and when it ends after all. */
export interface Quarantine {
  lost(): void;
  found(): void;
}

/** How long a thread may take to exit by itself, before it is made to. */
const EXIT_GRACE_MS = 1000;
/** After `exit`, how long to wait for the port's close, which comes before it in all that was seen. */
const CLOSE_GRACE_MS = 1000;

export class Incarnation {
  readonly exited: Promise<ExitReason>;
  state: LifeState = 'starting';
  #options: SlotOptions;
  #number: number;
  #quarantine: Quarantine;
  #seen: Evidence = newEvidence();
  #pool: Piscina | undefined;
  #worker: Worker | undefined;
  #life: MessagePort;
  #threadLife: MessagePort;
  #transfer: readonly unknown[] = [];
  /** The task has left this thread, and the ports in it. */
  #posted = false;
  #closed = false;
  #settleExited!: (reason: ExitReason) => void;
  #ready!: { resolve: () => void; reject: (error: Error) => void };
  /** Of the start, then of the kill, then of the close: one at a time. */
  #timer: Timer | undefined;

  constructor(options: SlotOptions, number: number, quarantine: Quarantine) {
    this.#options = options;
    this.#number = number;
    this.#quarantine = quarantine;
    this.exited = new Promise((resolve) => (this.#settleExited = resolve));
    const { port1, port2 } = new MessageChannel();
    this.#life = port1;
    this.#threadLife = port2;
    port1.on('message', (news: ThreadNews) => this.#hear(news));
    port1.once('close', () => {
      this.#closed = true;
      this.#perhapsDead();
    });
  }

  get threadId(): number | undefined {
    return this.#worker?.threadId;
  }

  start(task: unknown, transfer: readonly unknown[]): Promise<void> {
    const ready = new Promise<void>((resolve, reject) => (this.#ready = { resolve, reject }));
    const { name, startTimeoutMs = 10_000 } = this.#options;
    this.#transfer = transfer;
    this.#arm(startTimeoutMs, () => {
      this.#seen.startTimedOutMs = startTimeoutMs;
      this.#end();
    });
    const envelope: ThreadTask<unknown> = {
      name,
      incarnation: this.#number,
      life: this.#threadLife,
      task,
    };
    try {
      this.#run(envelope);
    } catch (error) {
      // There is no Worker, so there will be no `exit`: the options for it are bad.
      this.#seen.workerError = { error };
      this.#seen.exitCode = 1;
      this.#perhapsDead();
    }
    return ready;
  }

  kill(as: ExitReason): void {
    this.#seen.killedAs ??= as;
    this.#end();
  }

  #run(envelope: ThreadTask<unknown>): void {
    const { filename, resourceLimits, execArgv, env } = this.#options;
    const pool = new Piscina({
      filename: filename.href,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: Infinity,
      atomics: 'disabled',
      recordTiming: false,
      ...(resourceLimits === undefined ? {} : { resourceLimits }),
      ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
      ...(env === undefined ? {} : { env }),
    });
    // A thread that dies before it has the task is told of here only; `exit` follows.
    pool.on('error', (error: unknown) => this.#blame(error));
    // Emitted when the worker's file is loaded, right before the task is posted.
    pool.once('workerCreate', () => (this.#posted = true));
    const transferList = [envelope.life, ...this.#transfer] as MessagePort[];
    pool.run(envelope, { transferList }).then(
      () => this.#misfit(),
      (error: unknown) => this.#rejected(error),
    );
    // Only now: when `run` throws, it leaves a task behind that `destroy` would reject, for nobody.
    this.#pool = pool;
    const worker = pool.threads[0]!;
    this.#worker = worker;
    worker.on('error', (error: unknown) => this.#blame(error));
    worker.once('exit', (code) => {
      this.#seen.exitCode = code;
      this.#perhapsDead();
    });
  }

  /** A reason that came without the thread's own words. The first one is the cause of the others. */
  #blame(error: unknown): void {
    this.#seen.workerError ??= { error };
  }

  /** `threadMain` never returns, so this file's default export came from somewhere else. */
  #misfit(): void {
    this.#blame(
      new TypeError(
        `the default export of ${this.#options.filename.href} was not made by threadMain`,
      ),
    );
    this.#end();
  }

  /** The task could not be sent or its function not be called; or merely: the thread is gone. */
  #rejected(error: unknown): void {
    if (this.#seen.exitCode !== undefined || this.state === 'ending' || this.state === 'lost')
      return;
    // Nothing has left this thread then, not even what was to be transferred.
    if ((error as Error | null)?.name === 'DataCloneError') this.#posted = false;
    this.#blame(error);
    this.#end();
  }

  #hear(news: ThreadNews): void {
    const seen = this.#seen;
    switch (news.type) {
      case 'ready':
        // Else it comes too late: the thread is being ended, as one that never got ready.
        if (this.state !== 'starting') return;
        seen.ready = true;
        this.#to('running');
        this.#timer?.cancel();
        this.#ready.resolve();
        return;
      case 'done':
        seen.done = true;
        return;
      case 'failed':
        seen.failed = news.error;
        return;
      case 'exiting':
        seen.exiting = true;
        // It ends by itself, unless an `exit` listener of user code doesn't return.
        if (this.state === 'starting' || this.state === 'running') {
          this.#arm(EXIT_GRACE_MS, () => this.#end());
        }
        return;
      default:
        news satisfies never;
    }
  }

  /** Makes the thread end. */
  #end(): void {
    if (this.state !== 'starting' && this.state !== 'running') return;
    this.#to('ending');
    this.#arm(this.#options.killTimeoutMs ?? 5000, () => this.#lose());
    // It resolves with `exit`, which is listened for.
    this.#worker?.terminate().catch(() => undefined);
  }

  #perhapsDead(): void {
    if (this.#seen.exitCode === undefined || this.state === 'dead') return;
    if (!this.#closed) {
      if (this.#posted) this.#arm(CLOSE_GRACE_MS, () => this.#life.close());
      else this.#life.close();
      return;
    }
    const wasLost = this.state === 'lost';
    this.#to('dead');
    this.#discard();
    if (wasLost) this.#quarantine.found();
    else this.#tell(verdict(this.#seen));
  }

  #lose(): void {
    this.#to('lost');
    this.#quarantine.lost();
    this.#discard();
    // Piscina refs the worker when its port is closed. A thread that can't be ended is no reason for
    // the process to stay.
    this.#timer = this.#options.clock.after(1, () => this.#worker?.unref());
    this.#life.unref();
    this.#tell({ kind: 'lost' });
  }

  #tell(reason: ExitReason): void {
    this.#settleExited(reason);
    if (this.#seen.ready) return;
    const { name } = this.#options;
    this.#ready.reject(
      millraceError(
        'ERR_MILLRACE_BOOTSTRAP',
        `thread ${name} did not become ready: ${describe(reason)}`,
        {
          context: { thread: name, incarnation: this.#number, reason },
          ...('error' in reason ? { cause: fromWire(reason.error) } : {}),
        },
      ),
    );
  }

  /** Lets go of all that belongs to the thread; the pool ends it if that is still to be done. */
  #discard(): void {
    this.#timer?.cancel();
    this.#pool?.destroy().catch(() => undefined);
    if (this.#posted) return;
    this.#threadLife.close();
    for (const each of this.#transfer) if (each instanceof MessagePort) each.close();
  }

  #arm(ms: number, run: () => void): void {
    this.#timer?.cancel();
    this.#timer = deadline(this.#options.clock, ms, run);
  }

  #to(next: LifeState): void {
    if (!TRANSITIONS[this.state].includes(next)) {
      throw millraceError(
        'ERR_MILLRACE_BAD_TRANSITION',
        `slot ${this.#options.name}: ${this.state} to ${next}`,
      );
    }
    this.state = next;
  }
}
