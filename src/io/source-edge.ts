/** A receiver edge as the host of a source writes it: `ReceiverEdgeWriter`, or a stand-in of a test. */
import type { BlockLog } from '../actors/block-log.ts';
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
  /** Where the log of the source has the last whole block or barrier that lies here. */
  readonly ordinal: number;
  /** Nothing was ever sent here. */
  readonly isUnused: boolean;
  /** Sends one text block, `head` followed by `tail`. False: no room, nothing was taken. */
  sendText(head: Uint8Array, tail: Uint8Array, position: number, log?: BlockLog): boolean;
  /** Sends records. False: no room for all of them; it goes on when the same array is offered again. */
  sendRows(rows: readonly unknown[], log?: BlockLog): boolean;
  /** Sends a block again as the log has it. False: no room, nothing was taken. */
  sendLogged(
    form: 'text' | 'rows',
    bytes: Uint8Array,
    count: number,
    position: number,
    ordinal: number,
  ): boolean;
  /** False: no room, offer it again. */
  putBarrier(barrier: Barrier, absent: readonly number[], ordinal?: number): boolean;
  /** Where an unused one begins: behind what the log has up to `ordinal`. */
  startAt(ordinal: number, position: Position): void;
  /** @throws ERR_MILLRACE_FENCED when another thread owns the source now */
  checkFence(): void;
  /** What the source has published by way of this edge. */
  position(): Position;
  /** The writer before may have died in the middle of a frame: goes on behind the last whole one. */
  recover(): void;
}
