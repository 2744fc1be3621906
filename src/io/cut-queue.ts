/**
 * The barriers of one source on their way to its edges, and before each batch barrier of a pull source its batch.
 *
 *      add ──▶ waiting ──▶ pulling ──▶ recording ──▶ sending ──▶ syncing ──▶ putting ──▶ put
 *
 * With a journal a cut is recorded before its batch goes out, and its barrier is put when the record is safe
 * (`source-journal.ts`); one that is recorded already has the batch that it had.
 *
 * Belongs to the thread of the sources; `run` is called whenever something may have changed.
 *
 * I1  Barriers are put in the order of `add`, on every edge, each behind its batch: a slow `pull` delays what follows.
 * I2  A barrier that an edge has already is not put there again, nor what an edge has of the batch: after the death of
 *     this thread the open barrier is asked for once more, and so is its batch. But where one edge has the barrier, all of
 *     them have the batch, whatever the source would give now.
 * I3  A full edge delays, it never drops. When nothing can ever make room, because all that the edge holds belongs to
 *     the batch at hand, that is an error and not an endless wait.
 */
import type { Barrier } from '../actors/block.ts';
import { millraceError } from '../errors.ts';
import type { PulledBatch, PulledPartition } from './source.ts';
import type { SourceEdge } from './source-edge.ts';
import type { SourceJournal } from './source-journal.ts';

const NEWLINE = 10;
const NOTHING = new Uint8Array(0);
const NONE_ABSENT: readonly number[] = [];
/** A source's edges have one port. */
const ABSENT: readonly number[] = [0];
const SENT: PulledBatch = { partitions: [] };
/** What stands for the batch that a source failed to give. */
export const NO_BATCH: PulledBatch = { partitions: [] };

export interface CutQueueOptions {
  readonly name: string;
  readonly edges: readonly SourceEdge[];
  readonly journal?: SourceJournal | undefined;
  /** Whether barriers may be put: before the source was opened, they wait for it and its batches. */
  isReady(): boolean;
  /** The barrier is next: what the source keeps back belongs before it. */
  flush(): void;
  /**
   * The batch that ends at `time`, or undefined when the source gives none: a push source, or one that has ended.
   * @param again the note of the batch, which was given before
   */
  pull(
    time: number,
    again?: { readonly note: unknown },
  ): PulledBatch | Promise<PulledBatch> | undefined;
  /** The barrier lies on all edges. */
  put(barrier: number): void;
  /** A cut is safe: `run` is to be called. */
  safe(): void;
  /** Something was sent on that edge. */
  sent(edge: SourceEdge): void;
  failed(error: unknown): void;
}

interface Cut {
  readonly barrier: Barrier;
  /** Of its record in the journal; 0 before it has one. */
  ordinal: number;
  /** As it was recorded by somebody before. */
  isAbsent: boolean;
  isSyncing: boolean;
  state: 'waiting' | 'pulling' | 'ready';
  batch: PulledBatch | undefined;
  /** Progress: the partition being sent, and the bytes of its text that were. */
  partition: number;
  at: number;
  /** The records of the partition that were not sent by the thread before. */
  rest: readonly unknown[] | undefined;
  /** Edges that got the barrier. */
  puts: number;
}

export class CutQueue {
  readonly #options: CutQueueOptions;
  readonly #cuts: Cut[] = [];
  /** By edge: what the thread before sent of the batch that it did not finish. */
  readonly #sentBefore: number[];
  #position = 0;
  /** Number of the last recovery point that was put, and of the newest that is held. */
  #point = 0;
  #held = 0;
  #failed = false;
  #isRunning = false;

  constructor(options: CutQueueOptions) {
    this.#options = options;
    this.#sentBefore = options.edges.map((edge) => edge.sequence);
    for (const edge of options.edges) {
      this.#point = Math.max(this.#point, edge.lastBarrier);
      this.#position = Math.max(this.#position, edge.position().bytes);
    }
  }

  add(barrier: Barrier): void {
    if (this.#cuts.some((cut) => cut.barrier.number === barrier.number)) return;
    this.#cuts.push({
      barrier,
      ordinal: 0,
      isAbsent: false,
      isSyncing: false,
      state: 'waiting',
      batch: undefined,
      partition: 0,
      at: 0,
      rest: undefined,
      puts: 0,
    });
    this.run();
  }

  held(barrier: number): void {
    this.#held = Math.max(this.#held, barrier);
    this.run();
  }

  /** The next cut is recorded and not put: what is sent now would lie before its barrier. */
  get isSealed(): boolean {
    return (this.#cuts[0]?.ordinal ?? 0) > 0;
  }

  run(): void {
    const { journal } = this.#options;
    if (this.#isRunning || !this.#options.isReady()) return;
    // What is flushed may ask for more.
    this.#isRunning = true;
    try {
      for (let cut = this.#cuts[0]; cut !== undefined && !this.#failed; cut = this.#cuts[0]) {
        if (!this.#advance(cut)) break;
        this.#cuts.shift();
        const { number, point } = cut.barrier;
        if (point) this.#point = Math.max(this.#point, number);
        journal?.passed(number);
        this.#options.put(number);
      }
    } catch (error) {
      // It may be behind a promise, where a throw would end the thread.
      this.#fail(error);
    }
    this.#isRunning = false;
  }

  /** True: it is put. */
  #advance(cut: Cut): boolean {
    if (cut.state === 'waiting') {
      if (this.#options.journal?.reach(cut.barrier.number) === false) return false;
      this.#begin(cut);
    }
    return (
      cut.state === 'ready' &&
      this.#record(cut) &&
      this.#send(cut) &&
      !cut.isSyncing &&
      this.#put(cut)
    );
  }

  #begin(cut: Cut): void {
    const { edges, journal, pull } = this.#options;
    const { number, batch, time } = cut.barrier;
    const isSent = edges.some((edge) => edge.lastBarrier >= number);
    // What lies there belongs to this batch, and not to the next one.
    if (isSent) edges.forEach((edge, n) => edge.lastBarrier < number && (this.#sentBefore[n] = 0));
    const recorded = journal?.recorded(number);
    if (recorded === undefined) this.#options.flush();
    else {
      cut.ordinal = recorded.ordinal;
      cut.isAbsent = recorded.absent;
      this.#sync(cut);
    }
    const again = recorded === undefined ? undefined : journal!.batchOf(number);
    const isPulled = batch && !isSent && (recorded === undefined || again !== undefined);
    const pulled = isPulled ? pull(time, again) : undefined;
    if (!(pulled instanceof Promise)) {
      cut.batch = pulled;
      cut.state = 'ready';
      return;
    }
    cut.state = 'pulling';
    void pulled.then((got) => {
      cut.batch = got;
      cut.state = 'ready';
      this.run();
    });
  }

  /** False: the disk refuses. */
  #record(cut: Cut): boolean {
    const { journal } = this.#options;
    if (journal === undefined || cut.ordinal > 0) return true;
    const { barrier, batch } = cut;
    const isGiven = batch !== undefined && batch !== NO_BATCH;
    cut.ordinal = journal.record(barrier, isGiven && batch.partitions === undefined, isGiven);
    if (cut.ordinal === 0) return false;
    this.#sync(cut);
    return true;
  }

  /** A flush barrier shows nobody anything, so it doesn't wait. */
  #sync(cut: Cut): void {
    const { point, batch, last } = cut.barrier;
    if (!point && !batch && !last) return;
    cut.isSyncing = true;
    void this.#options.journal!.synced(cut.ordinal).then(() => {
      cut.isSyncing = false;
      this.#options.safe();
    });
  }

  /** Sends what is left of the batch. False: it must wait for room, or has failed. */
  #send(cut: Cut): boolean {
    const partitions = cut.batch?.partitions;
    if (partitions === undefined) return true;
    const { edges } = this.#options;
    for (; cut.partition < partitions.length; nextPartition(cut)) {
      const edge = edges[cut.partition];
      const partition = partitions[cut.partition];
      if (edge === undefined || partition === undefined) continue;
      // Looked at before: the consumer may read the last of it while we are being refused for what it had not read.
      const wasRead = edge.unreadBytes === 0 && this.#point <= this.#held;
      const usedBytes = edge.usedBytes;
      try {
        const isSent = this.#sendPartition(cut, edge, partition);
        this.#options.sent(edge);
        if (isSent) continue;
        if (wasRead && edge.usedBytes === usedBytes) this.#fail(this.#tooLarge(cut, edge));
      } catch (error) {
        this.#fail(error);
      }
      return false;
    }
    // It may be large, and the barrier may have to wait.
    cut.batch = SENT;
    this.#sentBefore.fill(0);
    return true;
  }

  #sendPartition(cut: Cut, edge: SourceEdge, partition: PulledPartition): boolean {
    const sentBefore = this.#sentBefore[cut.partition]!;
    if (!(partition instanceof Uint8Array)) {
      // An edge goes on by the identity of the array, so what is left is cut off once.
      if (sentBefore > 0) cut.rest ??= partition.slice(sentBefore);
      return edge.sendRows(cut.rest ?? partition);
    }
    cut.at = Math.max(cut.at, sentBefore);
    while (cut.at < partition.length) {
      const end = blockEnd(partition, cut.at, edge.maxBlockBytes >>> 1);
      const block = partition.subarray(cut.at, end);
      if (!edge.sendText(block, NOTHING, this.#position + block.length)) return false;
      this.#position += block.length;
      cut.at = end;
    }
    return true;
  }

  #put(cut: Cut): boolean {
    const { edges } = this.#options;
    const { barrier, batch } = cut;
    const isAbsent =
      cut.isAbsent ||
      (batch !== undefined && batch.partitions === undefined) ||
      // The thread before has put it on some.
      edges.some((edge) => edge.lastBarrier === barrier.number && edge.lastAbsent);
    const absent = isAbsent ? ABSENT : NONE_ABSENT;
    try {
      for (; cut.puts < edges.length; cut.puts++) {
        const edge = edges[cut.puts]!;
        if (edge.lastBarrier < barrier.number && !edge.putBarrier(barrier, absent, cut.ordinal))
          return false;
      }
      return true;
    } catch (error) {
      // Also behind a promise of `pull`, where a throw would end the thread.
      this.#fail(error);
      return false;
    }
  }

  #fail(error: unknown): void {
    this.#failed = true;
    this.#options.failed(error);
  }

  #tooLarge(cut: Cut, edge: SourceEdge): Error {
    const { name } = this.#options;
    return millraceError(
      'ERR_MILLRACE_BATCH_TOO_LARGE',
      `${name}: the batch at ${cut.barrier.time} ms does not fit into retainBytes (${edge.size} bytes a partition). ` +
        'Raise retainBytes, use more partitions, or put less into one batch',
      {
        context: {
          source: name,
          batchId: cut.barrier.time,
          partition: cut.partition,
          retainBytes: edge.size,
        },
      },
    );
  }
}

function nextPartition(cut: Cut): void {
  cut.partition++;
  cut.at = 0;
  cut.rest = undefined;
}

/** The end of the longest run of whole lines from `at` that has at most `most` bytes, or of a longer line. */
function blockEnd(text: Uint8Array, at: number, most: number): number {
  if (text.length - at <= most) return text.length;
  const before = text.lastIndexOf(NEWLINE, at + most - 1);
  if (before >= at) return before + 1;
  const behind = text.indexOf(NEWLINE, at);
  return behind < 0 ? text.length : behind + 1;
}
