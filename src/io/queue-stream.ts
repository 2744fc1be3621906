/**
 * Sources whose batches are lists in memory, for tests and for programs with `threads: 0`: `queueStream`, and the
 * inputs of `runBatches`. They live in the thread that owns the lists.
 */
import { millraceError } from '../errors.ts';
import { splitRows } from './partitions.ts';
import type { PulledBatch, Source, SourceContext } from './source.ts';

export interface QueueOptions {
  /** One element of the queue a batch; else all that are there. @default true */
  readonly oneAtATime?: boolean;
  /** The batch when the queue is empty. @default an empty batch */
  readonly default?: readonly unknown[];
}

/** What was given last: the batch that ended at `time` has the elements from `from` to before `to`. */
interface Note {
  readonly time: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Each element of the array is a batch: an array of records, or null for a time without a batch. The array may grow while
 * the stream runs. It is read, not changed, so two runs may share one. With a note that outlives the thread, a successor
 * gives the batch that was open once more, and goes on behind it.
 */
export class QueueSource implements Source {
  readonly #queue: readonly (readonly unknown[] | null)[];
  readonly #oneAtATime: boolean;
  readonly #default: readonly unknown[];
  #context: SourceContext | undefined;
  #next = 0;
  #given: Note | undefined;

  constructor(queue: readonly (readonly unknown[] | null)[], options: QueueOptions = {}) {
    this.#queue = queue;
    this.#oneAtATime = options.oneAtATime ?? true;
    this.#default = options.default ?? [];
  }

  open(context: SourceContext): void {
    this.#context = context;
    this.#given ??= context.note?.read() as Note | undefined;
    this.#next = Math.max(this.#next, this.#given?.to ?? 0);
    context.state('connected');
  }

  pull(time: number = Number.NaN, note?: unknown): PulledBatch {
    const context = this.#context;
    if (context === undefined) return { partitions: undefined };
    const again = (note as Note | undefined) ?? this.#given;
    const { from, to } = again?.time === time ? again : this.#take(time, context);
    if (from === to) return { partitions: splitRows(this.#default, context.partitions) };
    const elements = this.#queue.slice(from, to);
    const wrong = elements.findIndex((element) => element !== null && !Array.isArray(element));
    if (wrong >= 0) {
      context.fail(
        millraceError(
          'ERR_MILLRACE_BAD_OPTION',
          `${context.name}: element ${from + wrong} of the queue is no array; each element is a batch, an array of records, or null`,
          { context: { source: context.name, element: from + wrong } },
        ),
      );
      return { partitions: undefined };
    }
    const batches = elements.filter((element) => element !== null);
    if (batches.length === 0) return { partitions: undefined };
    const rows = batches.length === 1 ? batches[0]! : batches.flat();
    return { partitions: splitRows(rows, context.partitions) };
  }

  close(): void {
    this.#context = undefined;
  }

  #take(time: number, { note }: SourceContext): Note {
    const from = Math.min(this.#next, this.#queue.length);
    const to = this.#oneAtATime ? Math.min(from + 1, this.#queue.length) : this.#queue.length;
    const given = { time, from, to };
    // Before any of it is sent: who comes after the death of this thread must send the rest of the same.
    note?.write(given);
    this.#given = given;
    this.#next = to;
    return given;
  }
}

/**
 * A list of batches, one for each batch interval: `null` is a time without a batch, past the end batches are empty.
 * Which batch it gives depends on the time alone, so it may be asked for the same one again.
 */
export class BatchListSource implements Source {
  readonly #batches: readonly (readonly unknown[] | null)[];
  readonly #intervalMs: number;
  #partitions = 1;

  /** @param intervalMs batch i (from 1) ends at i × intervalMs */
  constructor(batches: readonly (readonly unknown[] | null)[], intervalMs: number) {
    this.#batches = batches;
    this.#intervalMs = intervalMs;
  }

  open(context: SourceContext): void {
    this.#partitions = context.partitions;
    context.state('connected');
  }

  pull(time: number): PulledBatch {
    const index = Math.round(time / this.#intervalMs) - 1;
    const ended = index + 1 >= this.#batches.length;
    const rows = index < this.#batches.length ? this.#batches[index] : [];
    return {
      partitions:
        rows === null || rows === undefined ? undefined : splitRows(rows, this.#partitions),
      ended,
    };
  }

  close(): void {}
}
