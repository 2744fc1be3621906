/**
 * Feeds one input's blocks to a body, piece by piece where they take long. A step of a task then stays short however
 * slow the user's functions are: other tasks of the thread get their turn, a barrier waits for little, and a thread
 * that works is told from one that hangs.
 *
 * Belongs to one runner, and lives as long as it.
 *
 * I1  Pieces are whole lines or records, in order, and together the block.
 * I2  Pieces grow while they take less than GOOD_MS and shrink above LONG_MS, so a fast body soon gets blocks whole.
 * I3  Columns are never cut: keyed tables work them off quickly, and an exchange bounds their records.
 */
import type { Clock } from '../env/env.ts';
import type { Block } from './block.ts';
import type { TaskBody } from './task.ts';

const FIRST_BYTES = 16 * 1024;
const LEAST_BYTES = 64;
const MOST_BYTES = 2 ** 30;
const GOOD_MS = 1;
const LONG_MS = 4;
/** What a record counts. */
const ROW_BYTES = 64;
const NEWLINE = 10;

export class BlockSlices {
  /** When the last piece was done, in monotonic ms. */
  endedMs = 0;
  readonly #clock: Clock;
  readonly #input: number;
  #pieceBytes = FIRST_BYTES;
  /** Bytes or records of the block in hand that were fed. */
  #at = 0;

  constructor(clock: Clock, input: number) {
    this.#clock = clock;
    this.#input = input;
  }

  /**
   * Feeds the next piece of a block, which stays the same until this says true: that piece was the last.
   * @param now monotonic ms
   */
  feed(block: Block, body: TaskBody, now: number): boolean {
    const length =
      block.kind === 'text' ? block.bytes.length : block.kind === 'rows' ? block.rows.length : 0;
    const end = this.#end(block, length);
    body.block(this.#at === 0 && end >= length ? block : piece(block, this.#at, end), this.#input);
    this.endedMs = this.#clock.monotonic();
    const tookMs = this.endedMs - now;
    if (tookMs > LONG_MS) this.#pieceBytes = Math.max(LEAST_BYTES, this.#pieceBytes >>> 1);
    else if (tookMs < GOOD_MS && this.#pieceBytes < MOST_BYTES) this.#pieceBytes *= 4;
    this.#at = end >= length ? 0 : end;
    return this.#at === 0;
  }

  #end(block: Block, length: number): number {
    if (block.kind === 'rows')
      return this.#at + Math.max(1, Math.floor(this.#pieceBytes / ROW_BYTES));
    if (block.kind !== 'text' || length - this.#at <= this.#pieceBytes) return length;
    // To the end of the line in which the piece ends.
    const newline = block.bytes.indexOf(NEWLINE, this.#at + this.#pieceBytes - 1);
    return newline < 0 ? length : newline + 1;
  }
}

function piece(block: Block, from: number, to: number): Block {
  const { port } = block;
  if (block.kind === 'text') return { kind: 'text', port, bytes: block.bytes.subarray(from, to) };
  return block.kind === 'rows' ? { kind: 'rows', port, rows: block.rows.slice(from, to) } : block;
}
