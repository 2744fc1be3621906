/**
 * Feeds one input's blocks to a body record by record, and notes before each which it is: what `block-slices.ts` is for
 * the successor of a task that failed with a block in hand. It is slow, so it is used no longer than until the barrier
 * behind that block. Belongs to one runner.
 *
 * I1  A record is in hand (`in-hand.ts`) while the body is called with it, and when it has thrown because of it; where a
 *     body may give a promise, until the runner has seen that.
 * I2  A record that is to be passed over never reaches the body: one occurrence for each time that it is listed.
 * I3  Columns are passed as they are, with nothing in hand: an exchange made them, they are no records of a source.
 */
import type { Clock } from '../env/env.ts';
import type { Block } from './block.ts';
import type { InHand } from './in-hand.ts';
import type { TaskBody } from './task.ts';

const NEWLINE = 10;
const RETURN = 13;

/** Occurrences that are to be passed over, by hash, and those that were; shared by the inputs of a task. */
export class PassOver {
  readonly #left = new Map<string, number>();
  #passed: string[] = [];

  constructor(hashes: readonly string[]) {
    for (const hash of hashes) this.#left.set(hash, (this.#left.get(hash) ?? 0) + 1);
  }

  /** Whether this occurrence is one of them. */
  take(hash: string): boolean {
    const left = this.#left.get(hash) ?? 0;
    if (left === 0) return false;
    this.#left.set(hash, left - 1);
    this.#passed.push(hash);
    return true;
  }

  /** Those that were passed over since the last call. */
  takePassed(): readonly string[] {
    const passed = this.#passed;
    this.#passed = [];
    return passed;
  }
}

export interface CarefulFeedOptions {
  readonly clock: Clock;
  readonly input: number;
  readonly hand: InHand;
  readonly passOver: PassOver;
  /** Asked after each record. */
  readonly mayGoOn: () => boolean;
}

export class CarefulFeed {
  /** When the last record was done, in monotonic ms. */
  endedMs = 0;
  readonly #options: CarefulFeedOptions;
  /** Bytes or records of the block in hand that were fed. */
  #at = 0;
  /** The records of the block in hand, where the body makes smaller ones of them. */
  #singles: readonly unknown[] | undefined;

  constructor(options: CarefulFeedOptions) {
    this.#options = options;
  }

  /** Feeds records of a block for a ms; true when the last one was fed. */
  feed(block: Block, body: TaskBody, now: number): boolean {
    const { clock, mayGoOn, input } = this.#options;
    const endMs = now + 1;
    if (block.kind === 'columns') {
      body.block(block, input);
      this.endedMs = clock.monotonic();
      return true;
    }
    if (block.kind === 'rows' && body.single !== undefined)
      this.#singles ??= block.rows.flatMap((row) => body.single!(row));
    const rows = block.kind === 'text' ? [] : (this.#singles ?? block.rows);
    const length = block.kind === 'text' ? block.bytes.length : rows.length;
    do {
      if (block.kind === 'text') this.#line(block.bytes, block.port, body);
      else this.#row(rows, block.port, body);
      this.endedMs = clock.monotonic();
      if (this.#at >= length) {
        this.#at = 0;
        this.#singles = undefined;
        return true;
      }
    } while (this.endedMs < endMs && mayGoOn());
    return false;
  }

  #line(bytes: Uint8Array, port: number, body: TaskBody): void {
    const { hand, input, passOver } = this.#options;
    const newline = bytes.indexOf(NEWLINE, this.#at);
    const end = newline < 0 ? bytes.length : newline;
    const isReturn = end > this.#at && bytes[end - 1] === RETURN;
    const hash = hand.holdLine(bytes.subarray(this.#at, isReturn ? end - 1 : end));
    const next = newline < 0 ? end : end + 1;
    if (passOver.take(hash)) hand.release();
    else {
      body.block({ kind: 'text', port, bytes: bytes.subarray(this.#at, next) }, input);
      if (body.takeWaiting === undefined) hand.release();
    }
    this.#at = next;
  }

  #row(rows: readonly unknown[], port: number, body: TaskBody): void {
    const { hand, input, passOver } = this.#options;
    // A block without records is passed as it is.
    if (rows.length === 0) body.block({ kind: 'rows', port, rows }, input);
    else {
      const hash = hand.holdRow(rows[this.#at]);
      if (passOver.take(hash)) hand.release();
      else {
        body.block({ kind: 'rows', port, rows: rows.slice(this.#at, this.#at + 1) }, input);
        if (body.takeWaiting === undefined) hand.release();
      }
    }
    this.#at++;
  }
}
