/**
 * Hosts the tasks of one worker: builds them when the coordinator says `start`, gives each a turn, drops them when a
 * newer epoch comes. It owns no thread and no timer: a driver (`worker-loop.ts` on a worker thread, `local-loop.ts` in
 * the calling thread, the simulator) calls `turn()` as long as it makes progress and wakes it by the thread's doorbell.
 *
 * I1  Tasks of one epoch only: `start` drops what runs, whatever its state, before it builds anything.
 * I2  A task that throws has reported it before `turn` returns, and gets no further step in this epoch; its neighbours
 *     on this thread go on until the coordinator says `start` again.
 * I3  Vitals say RUNNING exactly while a task's step is on the stack.
 */
import type { Env } from '../env/env.ts';
import type { Port } from '../env/port.ts';
import { toWire } from '../errors.ts';
import type { InEdge, OutEdge } from './edge.ts';
import { handOverName } from './hand-over-file.ts';
import { InHand } from './in-hand.ts';
import type { EdgeEnd, FromWorker, TaskStart, ToWorker } from './messages.ts';
import type { Progress, TaskBody, TaskEvent, TaskOutput } from './task.ts';
import { TaskRunner } from './task-runner.ts';

/** What a turn came to; the driver parks on `idle` and `blocked`, and turns its event loop on `awaiting`. */
export type TurnResult = 'progress' | 'idle' | 'awaiting';

export interface EdgeOpener {
  openIn(end: EdgeEnd, epoch: number): InEdge;
  openOut(end: EdgeEnd, epoch: number): OutEdge;
  /** A queue between two tasks of this thread: both ends of a `local` edge. */
  local(edge: number): InEdge & OutEdge;
}

export interface HostVitals {
  running(task: number): void;
  idle(progress: Progress): void;
}

export interface ThreadHostOptions {
  readonly env: Env;
  /** Name of this thread in the paths of hand-overs. */
  readonly name: string;
  readonly coordinator: Port<ToWorker, FromWorker>;
  readonly edges: EdgeOpener;
  readonly createBody: (task: number, out: TaskOutput) => TaskBody;
  readonly directory: string;
  readonly vitals: HostVitals;
  /** Where careful tasks note their record. @default memory that nobody else reads */
  readonly hand?: InHand;
  readonly report: (task: number, event: TaskEvent) => void | Promise<void>;
  /** Called when something outside a turn (a message, a settled promise) makes a turn worthwhile. */
  readonly wake: () => void;
}

export class ThreadHost {
  #options: ThreadHostOptions;
  #runners: TaskRunner[] = [];
  #epoch = 0;
  #coordinator: Port<ToWorker, FromWorker>;
  readonly #hand: InHand;

  constructor(options: ThreadHostOptions) {
    this.#options = options;
    this.#coordinator = options.coordinator;
    this.#hand = options.hand ?? new InHand();
    this.#hand.release();
    this.attach(options.coordinator);
  }

  /** Tasks at work here. */
  get tasks(): number {
    return this.#runners.length;
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Listens to a (new) coordinator. Its first word is a `start`, so nothing of the old one is needed. */
  attach(coordinator: Port<ToWorker, FromWorker>): void {
    this.#coordinator = coordinator;
    coordinator.onMessage((message) => {
      if (coordinator !== this.#coordinator) return;
      this.#handle(message);
      this.#options.wake();
    });
  }

  /** Gives every task one step. */
  turn(): TurnResult {
    let progressed = false;
    let awaiting = false;
    const runners = this.#runners;
    // Downstream first (ids ascend along the edges): what closes a batch goes before what begins the next one.
    // A user's function may stop the run in the calling thread, and with it all tasks.
    for (let i = runners.length - 1; i >= 0 && runners === this.#runners; i--) {
      const progress = this.stepTask(i);
      if (progress === 'progress') progressed = true;
      else if (progress === 'awaiting') awaiting = true;
    }
    return progressed ? 'progress' : awaiting || this.isCommitting ? 'awaiting' : 'idle';
  }

  /** A task has promises that go on beside its steps: the event loop must turn for them. */
  get isCommitting(): boolean {
    return this.#runners.some((runner) => runner.isCommitting);
  }

  /** Gives the task at `index` one step; the simulator chooses the order. */
  stepTask(index: number): Progress {
    const { vitals } = this.#options;
    const runner = this.#runners[index]!;
    vitals.running(runner.task);
    const progress = runner.step();
    vitals.idle(progress);
    return progress;
  }

  /** A fault on purpose: the first task at work here fails with this error, as if it had thrown. */
  failTask(error: unknown): void {
    this.#runners[0]?.fail(error);
  }

  /** The state of a key at an operator of a task; undefined when the task isn't at work here. */
  query(task: number, operator: string, key: unknown): { readonly value: unknown } | undefined {
    return this.#runners.find((runner) => runner.task === task)?.query(operator, key);
  }

  /** Monotonic ms at which a turn is wanted although nothing came; Infinity for none. */
  dueMs(): number {
    let due = Infinity;
    for (const runner of this.#runners) due = Math.min(due, runner.dueMs());
    return due;
  }

  stop(): void {
    for (const runner of this.#runners) runner.stop();
    this.#runners = [];
  }

  #handle(message: ToWorker): void {
    switch (message.type) {
      case 'start':
        this.#start(message);
        return;
      case 'durable':
        for (const runner of this.#runners) runner.durable(message.barrier);
        return;
      case 'stop':
        this.stop();
        return;
      default:
        message satisfies never;
    }
  }

  #start(message: Extract<ToWorker, { type: 'start' }>): void {
    this.stop();
    const { epoch } = message;
    this.#epoch = epoch;
    const { env, edges, directory, report, createBody, name } = this.#options;
    const skip = new Set(message.skip);
    const local = new Map<number, InEdge & OutEdge>();
    const localEdge = (edge: number): InEdge & OutEdge => {
      let queue = local.get(edge);
      if (queue === undefined) local.set(edge, (queue = edges.local(edge)));
      return queue;
    };
    for (const start of message.tasks) {
      const { task } = start;
      try {
        this.#runners.push(
          new TaskRunner({
            env,
            task,
            epoch,
            skip,
            hand: this.#hand,
            commits: start.commits,
            ...(start.careful === undefined ? {} : { careful: start.careful }),
            batchStart: message.batchStart,
            inputs: start.inputs.map((end) => ({
              edge: end.edge,
              in: end.kind === 'local' ? localEdge(end.edge) : edges.openIn(end, epoch),
              ...(end.kind === 'receiver'
                ? { dropOld: end.dropOld === true }
                : { feedback: end.feedback === true }),
            })),
            feedbackOutputs: new Set(
              start.outputs.flatMap((end, output) =>
                end.kind !== 'receiver' && end.feedback === true ? [output] : [],
              ),
            ),
            outputs: start.outputs.map((end) =>
              end.kind === 'local' ? localEdge(end.edge) : edges.openOut(end, epoch),
            ),
            createBody: (out) => createBody(task, out),
            parts: start.parts,
            handOverPath: (barrier) => `${directory}/${handOverName(epoch, barrier, task, name)}`,
            toCoordinator: (m) => this.#coordinator.post(m),
            report: (event) => report(task, event),
            wake: this.#options.wake,
          }),
        );
      } catch (error) {
        this.#refuse(start, message, error);
      }
    }
    for (const runner of this.#runners) runner.durable(message.durable);
    this.#coordinator.post({ type: 'began', epoch });
  }

  #refuse(start: TaskStart, message: Extract<ToWorker, { type: 'start' }>, error: unknown): void {
    this.#coordinator.post({
      type: 'failed',
      epoch: message.epoch,
      task: start.task,
      batchStart: message.batchStart,
      error: toWire(error),
    });
  }
}
