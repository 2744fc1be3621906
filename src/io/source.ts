/**
 * What a source is to the engine. A source is an actor on the I/O thread (in the calling thread with `threads: 0`);
 * its host (`source-host.ts`) owns its edges, puts the barriers and keeps its restart and backoff, so a source knows
 * nothing of batches' numbers.
 *
 * A push source (socket) sends when something arrives. A pull source (queue, files) is asked at each batch boundary.
 */
import type { Env } from '../env/env.ts';

/** Where a resumable source goes on: bytes and lines published so far. */
export interface Position {
  readonly bytes: number;
  readonly lines: number;
}

export type SourceState = 'connecting' | 'connected' | 'disconnected' | 'failed' | 'ended';

export interface SourceContext {
  readonly env: Env;
  readonly name: string;
  /** Number of partitions of the stream: edges that the host spreads text over. */
  readonly partitions: number;
  /** The largest block that an edge takes: `sendText` gets no more bytes than this. */
  readonly maxBlockBytes: number;
  /**
   * Publishes whole lines, `head` then `tail` (parts of one block, so a line may straddle them), as one text block
   * whose last line may lack its `\n` only if `open` is never sent after. Says false when there is no room: then
   * nothing was taken, and `resume` of the source is called when there is.
   * @param position bytes of the source that lie before the end of this block
   */
  sendText(head: Uint8Array, tail: Uint8Array, position: number): boolean;
  /** Publishes records as one block; says false as `sendText` does. */
  sendRows(rows: readonly unknown[]): boolean;
  /** The position behind the last published block: where a resumable source asks to go on. */
  position(): Position;
  /** Keeps what the source's successor must know after the death of the thread. Absent: nothing outlives the thread. */
  readonly note?: {
    /** Plain data as of the newest `write`, of whichever incarnation. */
    read(): unknown;
    /** Replaces it. */
    write(value: unknown): void;
  };
  state(
    state: SourceState,
    detail?: { readonly error?: unknown; readonly retryInMs?: number },
  ): void;
  /** Something may have been lost between the source and us, which nobody can know. */
  possibleGap(detail: string): void;
  counted(what: 'invalidUtf8' | 'linesCut' | 'linesSkipped', count: number): void;
  /** The job can't go on: a coded error. */
  fail(error: unknown): void;
}

/** One partition of a pulled batch: rows, or whole lines as UTF-8 bytes. */
export type PulledPartition = readonly unknown[] | Uint8Array;

export interface PulledBatch {
  /** One entry a partition; undefined: this batch is missing (not: empty). */
  readonly partitions: readonly PulledPartition[] | undefined;
  /** Nothing will ever come again (a finite test source). */
  readonly ended?: boolean;
}

export interface Source {
  open(context: SourceContext): void;
  /** There is room again after a refused `sendText` or `sendRows`: offer the same again. */
  resume?(): void;
  /** Pull sources: the batch that ends at `time` (ms). */
  pull?(time: number): PulledBatch | Promise<PulledBatch>;
  /** Takes in no more; resolves when nothing is on its way any more. */
  close(): void | Promise<void>;
  /** Ends at once: what lies on no edge yet is given up. Without it, `close` is called and not waited for. */
  abandon?(): void;
}
