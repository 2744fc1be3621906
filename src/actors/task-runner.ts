/**
 * Runs one task: takes frames from its edges, aligns barriers, calls the body, sends what it emits.
 *
 * Called by its thread's host only. `step()` does a bounded piece of work and returns; it never waits.
 *
 *   reading ──all inputs at barrier n──▶ closing (body.barrier, perhaps awaited) ──▶ handed over ──▶ reading
 *
 * I1  A frame is released only after the body has used it, so a death in between leaves it to the successor.
 * I2  An input that is at a barrier is not read until all are; every other input always is (a diamond can't deadlock).
 * I3  While an output can't be sent, the body is not called.
 * I4  Barrier n is reported `taken` after everything emitted before it is queued and its hand-over is in a file. A disk that
 *     refuses the file stalls this task, and no other.
 * I5  What goes back on a feedback output waits for room there and holds nothing up: else two tasks could wait for each
 *     other. Its sender bounds it.
 * I6  A batch that was given up runs empty: what sources gave of it never reaches a body, what tasks make of nothing does.
 * I7  A careful task takes records one by one until it has taken the barrier that it was told. A failure then says which
 *     record was in hand; what fails at a barrier, or in a timer, has none.
 */
import type { Env } from '../env/env.ts';
import { millraceError, toWire } from '../errors.ts';
import { type Barrier, type Block, type Frame, type Mark, recordsIn } from './block.ts';
import { BlockSlices } from './block-slices.ts';
import { CarefulFeed, PassOver } from './careful-feed.ts';
import type { InEdge, OutEdge } from './edge.ts';
import { isSealed, sealed, unsealed } from './hand-over-file.ts';
import { HandOverWriter } from './hand-over-writer.ts';
import { InHand, type RecordInHand } from './in-hand.ts';
import { lineCount } from './line-count.ts';
import type { FromWorker, TaskStart } from './messages.ts';
import type { HandOver, OutputTimes, Progress, TaskBody, TaskEvent, TaskOutput } from './task.ts';

/** A step takes so many pieces of blocks, and begins none after so long, before other tasks of the thread have a turn. */
const PIECES_PER_STEP = 8;
const STEP_MS = 1;
/** Slices of a hand-over are taken for so long in a step. */
const SLICES_MS = 5;
/** Of a hand-over that takes milliseconds to copy. */
const LARGE_BYTES = 4 * 1024 * 1024;
const NOTHING: Uint8Array = new Uint8Array(0);

export interface TaskRunnerOptions {
  readonly env: Env;
  readonly task: number;
  readonly epoch: number;
  readonly inputs: readonly RunnerInput[];
  readonly outputs: readonly OutEdge[];
  /** Outputs, by index, that lead back (`EdgeWiring.feedback`). @default none */
  readonly feedbackOutputs?: ReadonlySet<number>;
  readonly createBody: (out: TaskOutput) => TaskBody;
  /** It commits to a store (`TaskWiring.commits`). @default false */
  readonly commits?: boolean | undefined;
  readonly parts: readonly string[];
  readonly batchStart: number;
  readonly skip: ReadonlySet<number>;
  readonly careful?: NonNullable<TaskStart['careful']>;
  /** Where it notes its record while it is careful. @default memory that nobody else reads */
  readonly hand?: InHand;
  /** Path for a hand-over of this task, unique to the epoch. */
  readonly handOverPath: (barrier: number) => string;
  readonly toCoordinator: (message: FromWorker) => void;
  readonly report: (event: TaskEvent) => void | Promise<void>;
  /** Called when a promise of user code has settled. */
  readonly wake: () => void;
}

export interface RunnerInput {
  readonly edge: number;
  readonly in: InEdge;
  /** It leads back: it has no barriers, and is read whatever the others are at. */
  readonly feedback?: boolean;
  /** What lay on it before is passed over and counted as `lost`. */
  readonly dropOld?: boolean;
}

export class TaskRunner implements TaskOutput {
  readonly task: number;
  #options: TaskRunnerOptions;
  #body: TaskBody;
  /** Frames that an edge could not take yet, by output. Only the first of each may be partly sent. */
  #pending: Frame[][];
  #pendingCount = 0;
  /** Of feedback outputs, which are not in `#pendingCount`. */
  #feedbackCount = 0;
  /** Inputs that have barriers. */
  #aligned: number;
  #absentNext: number[][];
  #marksNext: Mark[][];
  /** By input. */
  #feeds: (BlockSlices | CarefulFeed)[];
  /** Present while it is careful. */
  #passOver: PassOver | undefined;
  readonly #hand: InHand;
  /** A body has a block or record that it was fed. */
  #isFeeding = false;
  /** What the promise that is awaited is for. */
  #awaitedFor: 'block' | RecordInHand | undefined;
  /** Inputs that are at the barrier being aligned. */
  #atBarrier: boolean[];
  #atBarrierCount = 0;
  #awaiting: Promise<void> | undefined;
  #closing: Barrier | undefined;
  readonly #writer: HandOverWriter;
  /** What the body has handed over and no file has yet. */
  #unwritten: HandOver | undefined;
  /** Time at work since the last barrier that was taken. */
  #busyMs = 0;
  #batchStart: number;
  #skipping: boolean;
  /** Promises of `durable` that have not settled. */
  #commits = 0;
  /** Number of the last barrier, once it is taken by a task that commits: it ends when that is committed. */
  #last = Infinity;
  #state: 'reading' | 'closing' | 'done' | 'failed' = 'reading';

  constructor(options: TaskRunnerOptions) {
    this.#options = options;
    this.task = options.task;
    this.#pending = options.outputs.map(() => []);
    this.#absentNext = options.outputs.map(() => []);
    this.#marksNext = options.outputs.map(() => []);
    this.#hand = options.hand ?? new InHand();
    this.#passOver =
      options.careful === undefined ? undefined : new PassOver(options.careful.passOver);
    this.#feeds = this.#createFeeds();
    this.#atBarrier = options.inputs.map(() => false);
    this.#aligned = options.inputs.filter((input) => input.feedback !== true).length;
    this.#batchStart = options.batchStart;
    this.#skipping = options.skip.has(options.batchStart);
    this.#writer = new HandOverWriter(options.env, 'state', (event) => void options.report(event));
    this.#body = options.createBody(this);
    try {
      const { disk } = options.env;
      this.#body.restore(options.parts.map((path) => unsealed(disk.read(path), path)));
      if (this.#skipping) this.#body.discard?.();
    } catch (error) {
      this.#fail(error);
    }
  }

  emit(output: number, block: Block): void {
    this.#queue(output, block);
  }

  absent(output: number, port: number): void {
    this.#absentNext[output]!.push(port);
  }

  mark(output: number, port: number, watermarkMs: number): void {
    this.#marksNext[output]!.push([port, watermarkMs]);
  }

  report(event: TaskEvent): void | Promise<void> {
    return this.#options.report(event);
  }

  step(): Progress {
    if (this.#state === 'done' || this.#state === 'failed') return 'done';
    let progressed = false;
    if (this.#pendingCount > 0) {
      progressed = this.#flush();
      if (this.#pendingCount > 0) return progressed ? 'progress' : 'blocked';
    }
    if (this.#feedbackCount > 0 && this.#flush()) progressed = true;
    if (this.#awaiting !== undefined) return 'awaiting';
    try {
      if (this.#closing !== undefined) return this.#closed(this.#closing) ? 'progress' : 'idle';
      if (this.#tick()) progressed = true;
      if (this.#read()) progressed = true;
      if (this.#awaiting !== undefined) return progressed ? 'progress' : 'awaiting';
      if (this.#atBarrierCount === this.#aligned && this.#atBarrierCount > 0) {
        this.#close();
        return 'progress';
      }
    } catch (error) {
      this.#fail(error);
      return 'done';
    }
    return progressed ? 'progress' : this.#pendingCount > 0 ? 'blocked' : 'idle';
  }

  /** It fails as if its body had thrown. */
  fail(error: unknown): void {
    if (this.#state === 'reading' || this.#state === 'closing') this.#fail(error);
  }

  /** All up to that barrier is durable: says `committed` when the body has nothing left to do about it. */
  durable(barrier: number): void {
    if (this.#state === 'failed' || this.#state === 'done') return;
    try {
      const commits = this.#body.durable?.(barrier);
      if (commits === undefined) this.#committed(barrier);
      else this.#watch(commits, barrier);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Commits are under way: the thread's event loop must turn for them. */
  get isCommitting(): boolean {
    return this.#commits > 0;
  }

  /** The state of a key at an operator of this task; undefined when the task has failed. */
  query(operator: string, key: unknown): { readonly value: unknown } | undefined {
    if (this.#state === 'failed') return undefined;
    return { value: this.#body.query?.(operator, key) };
  }

  /** Ends the task: its body lets go of what it holds. */
  stop(): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.#body.close?.();
  }

  /** Monotonic ms at which a step is wanted although nothing came; Infinity for none. */
  dueMs(): number {
    if (this.#unwritten !== undefined) return this.#writer.dueMs;
    return this.#state === 'reading' && this.#pendingCount === 0
      ? (this.#body.dueMs?.() ?? Infinity)
      : Infinity;
  }

  #watch(commits: Promise<void>, barrier: number): void {
    this.#commits++;
    commits
      .then(
        () => {
          this.#commits--;
          this.#committed(barrier);
        },
        (error: unknown) => {
          this.#commits--;
          this.fail(error);
        },
      )
      .finally(this.#options.wake);
  }

  #committed(barrier: number): void {
    if (this.#options.commits !== true || this.#state === 'failed') return;
    const { epoch } = this.#options;
    this.#options.toCoordinator({ type: 'committed', epoch, task: this.task, barrier });
    if (barrier >= this.#last) this.stop();
  }

  #tick(): boolean {
    const due = this.#body.dueMs?.() ?? Infinity;
    if (due === Infinity) return false;
    const now = this.#options.env.clock.monotonic();
    if (now < due) return false;
    this.#body.tick!(now);
    return true;
  }

  #read(): boolean {
    const { inputs, env } = this.#options;
    let taken = 0;
    const body = this.#body;
    let now = env.clock.monotonic();
    const beganMs = now;
    let idle = false;
    const oneByOne = this.#passOver !== undefined && body.takeWaiting !== undefined;
    const endMs = now + STEP_MS;
    for (let round = 0; round < PIECES_PER_STEP && this.#pendingCount === 0; round++) {
      let any = false;
      for (let i = 0; i < inputs.length && this.#pendingCount === 0; i++) {
        if (this.#atBarrier[i]) continue;
        const edge = inputs[i]!.in;
        const frame = edge.peek();
        if (frame === undefined) continue;
        if (body.ready !== undefined && !body.ready(i, frame)) continue;
        any = true;
        taken++;
        if (frame.kind === 'barrier') {
          this.#atBarrier[i] = true;
          this.#atBarrierCount++;
        } else if (this.#skipping && isFromSource(edge)) edge.advance();
        else if (inputs[i]!.dropOld === true && edge.isOld!()) this.#drop(frame, edge);
        else {
          const feed = this.#feeds[i]!;
          this.#isFeeding = true;
          if (feed.feed(frame, body, now)) edge.advance();
          this.#isFeeding = false;
          now = feed.endedMs;
          // What the body may have to wait for is that record's.
          if (oneByOne) {
            round = PIECES_PER_STEP;
            break;
          }
        }
      }
      idle = !any;
      if (!any || now >= endMs) break;
    }
    this.#busyMs += now - beganMs;
    if (body.flush !== undefined && this.#pendingCount === 0) body.flush(idle, now);
    const waiting = body.takeWaiting?.();
    if (waiting !== undefined) this.#await(waiting, this.#hand.read() ?? 'block');
    if (oneByOne) this.#hand.release();
    return taken > 0;
  }

  #createFeeds(): (BlockSlices | CarefulFeed)[] {
    const {
      inputs,
      env: { clock },
    } = this.#options;
    const passOver = this.#passOver;
    return inputs.map(({ feedback }, input) =>
      passOver === undefined || feedback === true
        ? new BlockSlices(clock, input)
        : new CarefulFeed({
            clock,
            input,
            passOver,
            hand: this.#hand,
            mayGoOn: () => this.#pendingCount === 0 && this.#body.takeWaiting === undefined,
          }),
    );
  }

  #drop(block: Block, edge: InEdge): void {
    const count = block.kind === 'text' ? lineCount(block.bytes, NOTHING) : recordsIn(block);
    void this.#options.report({ type: 'counted', what: 'lost', count });
    edge.advance();
  }

  #close(): void {
    const { inputs } = this.#options;
    let barrier: Barrier | undefined;
    const absent: (readonly number[])[] = [];
    const marks: (readonly Mark[])[] = [];
    let isMarked = false;
    for (const input of inputs) {
      if (input.feedback === true) {
        absent.push([]);
        marks.push([]);
        continue;
      }
      const frame = input.in.peek();
      if (frame?.kind !== 'barrier')
        throw millraceError(
          'ERR_MILLRACE_RING_CORRUPT',
          'an aligned barrier vanished from its edge',
          { context: { task: this.task } },
        );
      if (barrier !== undefined && frame.barrier.number !== barrier.number) {
        throw millraceError(
          'ERR_MILLRACE_RING_GAP',
          `barrier ${barrier.number} met barrier ${frame.barrier.number}: edges of one task must carry the same barriers`,
          { context: { task: this.task, epoch: this.#options.epoch } },
        );
      }
      barrier = frame.barrier;
      // An empty batch is there, also where the real one was missing.
      absent.push(this.#skipping && isFromSource(input.in) ? [] : frame.absent);
      marks.push(frame.marks ?? []);
      isMarked ||= frame.marks !== undefined;
    }
    this.#closing = barrier!;
    this.#state = 'closing';
    const { clock } = this.#options.env;
    const beganMs = clock.monotonic();
    const awaited = this.#body.barrier(
      this.#skipping && barrier!.batch ? { ...barrier!, givenUp: true } : barrier!,
      absent,
      isMarked ? marks : undefined,
    );
    this.#busyMs += clock.monotonic() - beganMs;
    if (awaited !== undefined) this.#await(awaited);
  }

  /** @param heldFor the block or record that it comes from, if it isn't of a barrier */
  #await(promise: Promise<void>, heldFor?: 'block' | RecordInHand): void {
    const { clock } = this.#options.env;
    const beganMs = clock.monotonic();
    this.#awaitedFor = heldFor;
    this.#awaiting = promise.then(
      () => {
        this.#busyMs += clock.monotonic() - beganMs;
        this.#awaiting = undefined;
        this.#awaitedFor = undefined;
        this.#options.wake();
      },
      (error: unknown) => {
        this.#awaiting = undefined;
        this.#fail(error);
        this.#options.wake();
      },
    );
  }

  /** Encodes slices of what is to be handed over; false when other tasks should have a turn before there are more. */
  #prepare(): boolean {
    const { clock } = this.#options.env;
    const endMs = clock.monotonic() + SLICES_MS;
    while (this.#body.prepare?.() === false) if (clock.monotonic() >= endMs) return false;
    return true;
  }

  /** The body is done with the barrier: hand over, pass it on, report, release the barrier frames. False: it waits for a disk. */
  #closed(barrier: Barrier): boolean {
    const { inputs, outputs, epoch } = this.#options;
    if (this.#unwritten === undefined && barrier.point) {
      if (!this.#prepare()) return true;
      this.#unwritten = this.#body.handOver(barrier);
      if (isLarge(this.#unwritten)) return true;
    }
    // What is large is put together, summed up and written in steps of their own.
    if (isLarge(this.#unwritten) && !isSealed(this.#unwritten!.bytes)) {
      sealed(this.#unwritten!.bytes);
      return true;
    }
    const state = this.#unwritten;
    let handOver: Extract<FromWorker, { type: 'taken' }>['handOver'];
    if (state !== undefined) {
      const publish =
        state.publish === undefined || state.publish.length === 0 ? {} : { publish: state.publish };
      if (state.mode === 'keep') handOver = { mode: 'keep', ...publish };
      else {
        const path = this.#options.handOverPath(barrier.number);
        if (!this.#writer.write(path, state.bytes)) return false;
        const drop = state.drop === undefined ? {} : { drop: state.drop };
        handOver = { mode: state.mode, path, ...drop, ...publish };
      }
    }
    this.#unwritten = undefined;
    const offsets: [number, number][] = [];
    for (const input of inputs) {
      if (input.in.offsetBehind !== undefined) offsets.push([input.edge, input.in.offsetBehind()]);
    }
    for (let o = 0; o < outputs.length; o++) {
      if (this.#isFeedback(o)) continue;
      const marks = this.#marksNext[o]!;
      this.#queue(o, {
        kind: 'barrier',
        barrier,
        absent: this.#absentNext[o]!,
        ...(marks.length === 0 ? {} : { marks }),
      });
      this.#absentNext[o] = [];
      if (marks.length > 0) this.#marksNext[o] = [];
    }
    this.#options.toCoordinator({
      type: 'taken',
      epoch,
      task: this.task,
      barrier: barrier.number,
      offsets,
      ...(handOver === undefined ? {} : { handOver }),
      records: this.#body.takeRecordCount?.() ?? 0,
      busyMs: this.#busyMs,
      ...this.#passed(barrier),
      ...this.#outputTimes(),
    });
    for (let i = 0; i < inputs.length; i++) {
      if (inputs[i]!.feedback === true) continue;
      inputs[i]!.in.advance();
      this.#atBarrier[i] = false;
    }
    this.#atBarrierCount = 0;
    this.#busyMs = 0;
    this.#closing = undefined;
    if (barrier.batch) {
      this.#batchStart = barrier.number;
      this.#skipping = this.#options.skip.has(barrier.number);
    }
    this.#state = 'reading';
    if (barrier.last && this.#options.commits === true) this.#last = barrier.number;
    else if (barrier.last && this.#pendingCount === 0) this.stop();
    return true;
  }

  /** What was passed over up to a recovery point; behind the barrier that it was told a task is careful no more. */
  #passed(barrier: Barrier): { passed?: readonly string[] } {
    if (this.#passOver === undefined || !barrier.point) return {};
    const passed = this.#passOver.takePassed();
    if (barrier.number >= this.#options.careful!.until) {
      this.#passOver = undefined;
      this.#feeds = this.#createFeeds();
    }
    return passed.length === 0 ? {} : { passed };
  }

  #outputTimes(): { outputs?: readonly OutputTimes[] } {
    const outputs = this.#body.takeOutputTimes?.() ?? [];
    return outputs.length === 0 ? {} : { outputs };
  }

  #queue(output: number, frame: Frame): void {
    // What a promise of its body still does is of a dead epoch, whose rings may be others' by now.
    if (this.#state === 'done') return;
    const queue = this.#pending[output]!;
    if (queue.length === 0 && this.#options.outputs[output]!.send(frame)) return;
    queue.push(frame);
    if (this.#isFeedback(output)) this.#feedbackCount++;
    else this.#pendingCount++;
  }

  #isFeedback(output: number): boolean {
    return this.#options.feedbackOutputs?.has(output) ?? false;
  }

  #flush(): boolean {
    let sent = false;
    for (let o = 0; o < this.#pending.length; o++) {
      const queue = this.#pending[o]!;
      let n = 0;
      while (n < queue.length && this.#sendNow(o, queue[n]!)) n++;
      if (n > 0) {
        queue.splice(0, n);
        if (this.#isFeedback(o)) this.#feedbackCount -= n;
        else this.#pendingCount -= n;
        sent = true;
      }
    }
    return sent;
  }

  /** What had to wait is encoded only now, and may turn out not to be fit for it. */
  #sendNow(output: number, frame: Frame): boolean {
    try {
      return this.#options.outputs[output]!.send(frame);
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #fail(error: unknown): void {
    this.#state = 'failed';
    const inHand =
      this.#awaitedFor ?? (this.#isFeeding ? (this.#hand.read() ?? 'block') : undefined);
    this.#hand.release();
    this.#options.toCoordinator({
      type: 'failed',
      epoch: this.#options.epoch,
      task: this.task,
      batchStart: this.#batchStart,
      error: toWire(error),
      ...(inHand === undefined ? {} : { inHand }),
    });
  }
}

function isLarge(handOver: HandOver | undefined): boolean {
  return handOver !== undefined && handOver.bytes.length > LARGE_BYTES;
}

/** Only receiver edges have offsets. */
function isFromSource(edge: InEdge): boolean {
  return edge.offsetBehind !== undefined;
}
