/**
 * The work of one task, apart from edges and barriers, which `task-runner.ts` handles. A body never blocks, owns no
 * timer, and is called by its thread only. It emits through `TaskOutput`; what an edge can't take yet is kept by the
 * runner, which then calls the body no more until there is room.
 */
import type { WireError } from '../errors.ts';
import type { Barrier, Block, Frame, Mark } from './block.ts';

/** What a step came to: `blocked` waits for room downstream, `awaiting` for a promise of user code. */
export type Progress = 'progress' | 'idle' | 'blocked' | 'awaiting' | 'done';

/** Watermarks by input. */
export type Marks = readonly (readonly Mark[])[];

export interface TaskOutput {
  /** Sends a block on the task's n-th output edge (the block's `port` is the receiver's). */
  emit(output: number, block: Block): void;
  /** Says that the batch is missing on that port; travels with the next barrier. */
  absent(output: number, port: number): void;
  /**
   * Says up to which event time all has been sent on that port, in ms; travels with the next barrier.
   * +Infinity: nothing will come any more.
   */
  mark(output: number, port: number, watermarkMs: number): void;
  /**
   * Tells the embedding process. It hears everything at least once. A promise means that it has enough for now: whoever
   * tells it of batches waits for that, which pushes back to the receivers.
   */
  report(event: TaskEvent): void | Promise<void>;
}

export type TaskEvent =
  | {
      readonly type: 'collected';
      readonly output: number;
      readonly name: string;
      readonly barrier: number;
      readonly time: number;
      readonly partitions: readonly (readonly unknown[])[];
    }
  /** Text of a sink that shows records as they come; it may be said again after a recovery. */
  | { readonly type: 'wrote'; readonly text: string }
  | {
      readonly type: 'printed';
      readonly output: number;
      readonly barrier: number;
      readonly text: string;
    }
  | { readonly type: 'counted'; readonly what: string; readonly count: number }
  /** It waits for a disk, or for the target of a sink; and: it waits no more. */
  | { readonly type: 'degraded'; readonly what: string; readonly error: WireError }
  | { readonly type: 'recovered'; readonly what: string }
  /** Records of a batch that operators passed over: so many, and the first of them. */
  | {
      readonly type: 'deadLetters';
      readonly barrier: number;
      readonly time: number;
      readonly count: number;
      readonly letters: readonly RecordLetter[];
    }
  /** An output begins to run for a batch. After a failure it may be said again. */
  | ({ readonly type: 'outputStarted' } & OutputBegun)
  | ({
      readonly type: 'outputCompleted';
      readonly endTime: number;
      readonly failureReason?: string;
    } & OutputBegun);

interface OutputBegun {
  readonly output: number;
  readonly barrier: number;
  /** Batch time in ms. */
  readonly time: number;
  /** Wall time in ms. */
  readonly startTime: number;
}

/** When an output ran for a batch. Wall times in ms. */
export interface OutputTimes {
  readonly output: number;
  readonly startTime: number;
  readonly endTime: number;
}

/** A record that an operator passed over. */
export interface RecordLetter {
  /** Its uid. */
  readonly operator: string;
  /** The user's word for it: `map`. */
  readonly kind: string;
  readonly callSite: string;
  readonly partition: number;
  /** As text; long ones are cut. */
  readonly record: string;
  readonly error: WireError;
}

export interface TaskBody {
  /** One block from the input edge `input`. Emits as it likes. A throw fails the batch in hand. */
  block(block: Block, input: number): void;
  /**
   * All inputs have reached the barrier. At a batch barrier results are emitted before this returns or its promise
   * settles. `absent[input]` lists the ports on which the batch is missing, `marks[input]` the watermarks of ports.
   * `marks` is left out when no input has any.
   */
  barrier(
    barrier: Barrier,
    absent: readonly (readonly number[])[],
    marks?: Marks,
  ): void | Promise<void>;
  /**
   * Encodes a slice of what is to be handed over; true when the rest is small. Called again and again between `barrier`
   * and `handOver`, so that other tasks of the thread have their turns. @default there is little to encode
   */
  prepare?(): boolean;
  /**
   * Everything that this task needs to go on behind the barrier, or undefined when that is nothing. Called after
   * `barrier`, at recovery points only.
   */
  handOver(barrier: Barrier): HandOver | undefined;
  /** Called once, before the first block, with what the last held hand-overs hold, oldest first. */
  restore(parts: readonly Uint8Array[]): void;
  /** Whether it takes that frame of that input now. Barriers but the last one must be taken. @default always */
  ready?(input: number, frame: Frame): boolean;
  /** What it must wait for before it takes anything else; asked after blocks. A rejection fails the batch. */
  takeWaiting?(): Promise<void> | undefined;
  /**
   * Between blocks, at least once a step: what is kept back to make blocks larger may leave. `idle`: nothing waits at any
   * input, so it must.
   */
  flush?(idle: boolean, nowMs: number): void;
  /** Monotonic ms at which it wants `tick` next; Infinity when it does not. */
  dueMs?(): number;
  /** Its time has come. */
  tick?(nowMs: number): void;
  /**
   * The open batch was given up and is about to run empty: drop what of it was restored, keep state as it was before it.
   * Called right after `restore`.
   */
  discard?(): void;
  /** When the outputs of the batch at hand ran, since the last call. */
  takeOutputTimes?(): readonly OutputTimes[];
  /**
   * What it handed over up to that barrier is durable: what was prepared there may be committed. Said again at the start
   * of each epoch, right after `restore`; called between steps. A promise settles when all that was prepared up to the
   * barrier is committed; its rejection fails the task. Steps go on meanwhile.
   */
  durable?(barrier: number): void | Promise<void>;
  /** The state of a key at an operator of this task, as of the end of a batch. Called between steps. */
  query?(operator: string, key: unknown): unknown;
  /** Records read since the last call (for counters). */
  takeRecordCount?(): number;
  /** Smaller records that one of a source's is made of, where those are what a user would call records. */
  single?(record: unknown): readonly unknown[];
  /** The task ends for good or is replaced. */
  close?(): void;
}

/** A file that is complete, and gets its name when the recovery point counts. */
export interface Publication {
  readonly from: string;
  readonly to: string;
}

export interface HandOver {
  /**
   * `replace`: earlier parts are not needed any more. `append`: earlier parts come first. `keep`: nothing new. Parts live
   * on over batches until they are replaced or dropped; a task that hands over nothing lets go of all.
   */
  readonly mode: 'replace' | 'append' | 'keep';
  readonly bytes: Uint8Array;
  /** Of `append`: so many of the oldest parts are not needed any more. @default 0 */
  readonly drop?: number;
  /** What is published once this point is held. */
  readonly publish?: readonly Publication[];
}
