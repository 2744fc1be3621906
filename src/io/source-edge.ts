/** A receiver edge as the host of a source writes it: `ReceiverEdgeWriter`, or a stand-in of a test. */
import type { Barrier } from '../actors/block.ts';
import type { Position } from './source.ts';

export interface SourceEdge {
  /** The bytes that it may hold. */
  readonly size: number;
  /** The largest block of text that it takes. */
  readonly maxBlockBytes: number;
  /** Bytes that it holds: all that came since the newest held recovery point. */
  readonly usedBytes: number;
  /** Bytes that its consumer has not read. */
  readonly unreadBytes: number;
  /** Number of the last barrier that was put, 0 at first. */
  readonly lastBarrier: number;
  /** That barrier says that its batch is missing. */
  readonly lastAbsent: boolean;
  /** What lies behind that barrier: bytes of text, or records. */
  readonly sequence: number;
  /** Sends one text block, `head` followed by `tail`. False: no room, nothing was taken. */
  sendText(head: Uint8Array, tail: Uint8Array, position: number): boolean;
  /** Sends records. False: no room for all of them; it goes on when the same array is offered again. */
  sendRows(rows: readonly unknown[]): boolean;
  /** False: no room, offer it again. */
  putBarrier(barrier: Barrier, absent: readonly number[]): boolean;
  /** What the source has published by way of this edge. */
  position(): Position;
  /** The writer before may have died in the middle of a frame: goes on behind the last whole one. */
  recover(): void;
}
