/**
 * Sends no more than a rate allows: what a source offers at once goes out in parts, as tokens come. To the source it looks
 * like an edge that is full for a while. Part of a source's host, on the thread of the sources.
 *
 * I1  A block that was refused is offered again (`source.ts`); it goes on behind the part that is out. Of text that is
 *     known by its position, of records by the identity of the array.
 * I2  A part ends where a line ends, and its position says so: a successor of this thread goes on there.
 */
import { lineCount } from '../actors/line-count.ts';
import type { Clock, Timer } from '../env/env.ts';
import type { RateLimit } from './rate-limit.ts';

const NEWLINE = 10;
const NOTHING: Uint8Array = new Uint8Array(0);

export interface LimitedSendOptions {
  readonly clock: Clock;
  readonly limit: RateLimit;
  readonly sendText: (head: Uint8Array, tail: Uint8Array, position: number) => boolean;
  readonly sendRows: (rows: readonly unknown[]) => boolean;
  /** More may be sent. */
  readonly wake: () => void;
}

export class LimitedSend {
  readonly #options: LimitedSendOptions;
  #timer: Timer | undefined;
  /** The text in hand, by the position of its end, and how many of its bytes are out. */
  #position = -1;
  #bytes = 0;
  /** The records in hand, how many of them are out, and the part that was refused. */
  #rows: readonly unknown[] | undefined;
  #at = 0;
  #part: readonly unknown[] | undefined;

  constructor(options: LimitedSendOptions) {
    this.#options = options;
  }

  text(head: Uint8Array, tail: Uint8Array, position: number): boolean {
    const { limit, sendText } = this.#options;
    if (limit.rate === Infinity && this.#position !== position)
      return sendText(head, tail, position);
    const length = head.length + tail.length;
    if (this.#position !== position) {
      this.#position = position;
      this.#bytes = 0;
    }
    while (this.#bytes < length) {
      const due = limit.due();
      if (due < 1) return this.#wait();
      const begun = this.#bytes;
      const restOfHead = begun < head.length ? head.subarray(begun) : NOTHING;
      const restOfTail = begun < head.length ? tail : tail.subarray(begun - head.length);
      const bytes = due === Infinity ? length - begun : endOfLines(restOfHead, restOfTail, due);
      const partOfHead = restOfHead.subarray(0, bytes);
      const partOfTail = restOfTail.subarray(0, bytes - partOfHead.length);
      if (!sendText(partOfHead, partOfTail, position - (length - begun - bytes))) return false;
      if (due !== Infinity) limit.take(lineCount(partOfHead, partOfTail));
      this.#bytes += bytes;
    }
    this.#position = -1;
    return true;
  }

  rows(rows: readonly unknown[]): boolean {
    const { limit, sendRows } = this.#options;
    if (this.#rows !== rows) {
      this.#rows = rows;
      this.#at = 0;
      this.#part = undefined;
    }
    while (this.#at < rows.length) {
      if (this.#part === undefined) {
        const due = limit.due();
        if (due < 1) return this.#wait();
        this.#part =
          this.#at === 0 && due >= rows.length ? rows : rows.slice(this.#at, this.#at + due);
        limit.take(this.#part.length);
      }
      if (!sendRows(this.#part)) return false;
      this.#at += this.#part.length;
      this.#part = undefined;
    }
    this.#rows = undefined;
    return true;
  }

  /** The source begins anew: nothing is in hand. */
  forget(): void {
    this.#position = -1;
    this.#rows = this.#part = undefined;
  }

  /** The source ends. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #wait(): false {
    const { clock, limit, wake } = this.#options;
    this.#timer ??= clock.after(limit.waitMs(), () => {
      this.#timer = undefined;
      wake();
    });
    return false;
  }
}

/** Bytes up to the end of the n-th line; all when there are no more. */
function endOfLines(head: Uint8Array, tail: Uint8Array, lines: number): number {
  let left = lines;
  for (const [bytes, before] of [
    [head, 0],
    [tail, head.length],
  ] as const) {
    for (let at = 0; at < bytes.length; left--) {
      if (left === 0) return before + at;
      const newline = bytes.indexOf(NEWLINE, at);
      if (newline < 0) break;
      at = newline + 1;
    }
    if (left === 0) return before + bytes.length;
  }
  return head.length + tail.length;
}
