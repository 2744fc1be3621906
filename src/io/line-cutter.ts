/**
 * Cuts a stream of bytes into blocks of whole lines: the chunk up to its last `\n`, with what was left over of the
 * chunks before in front of it. Nothing is made per line; of a chunk only the piece behind the last `\n` is copied.
 *
 * Use: `feed(chunk)`, then while `next()`: send `head` and `tail` as one block and say `taken()`. What isn't taken is
 * offered again by the next `next()`, so a full edge costs nothing. A chunk must stay as it is until it is used up.
 *
 * I1  A block holds whole lines only, and none longer than `maxLineBytes` (its `\n` not counted).
 * I2  `position` is the number of bytes of the stream before the block's end. A stream that is asked again from the
 *     position of the last block that was taken loses and doubles nothing: a line that is cut short is offered, and a
 *     skipped one passed over, only when its end was seen.
 * I3  At most `maxLineBytes` + 1 bytes are carried from chunk to chunk.
 */
const NEWLINE = 10;
const NOTHING: Uint8Array = new Uint8Array(0);

/** What becomes of a line that is too long: it stops the source, keeps its first part, or is left out. */
export type LongLinePolicy = 'fail' | 'cut' | 'skip';

export class LineCutter {
  /** The block on offer is `head` followed by `tail`. */
  head: Uint8Array = NOTHING;
  tail: Uint8Array = NOTHING;
  position = 0;
  /** A line is too long and the policy is `fail`: there will be no more blocks. */
  tooLong = false;
  /** Lines cut short before `position`, and skipped before the end of the last chunk; set to 0 by who reports them. */
  linesCut = 0;
  linesSkipped = 0;

  readonly #maxLineBytes: number;
  readonly #policy: LongLinePolicy;
  #chunk: Uint8Array = NOTHING;
  /** Position of the chunk's first byte in the stream. */
  #base = 0;
  /** Where in the chunk the bytes begin that are neither offered nor carried. */
  #at = 0;
  /** Where in the chunk the block on offer ends. */
  #end = 0;
  #offered = false;
  #carry: Uint8Array = new Uint8Array(1024);
  #carried = 0;
  /** In the part of a line that is beyond the limit. */
  #beyond = false;

  constructor(maxLineBytes: number, policy: LongLinePolicy) {
    this.#maxLineBytes = maxLineBytes;
    this.#policy = policy;
  }

  /** Bytes of the line that has no end yet. */
  get partialBytes(): number {
    return this.#carried;
  }

  /** Forgets everything: the next chunk begins a line, `position` bytes into the stream. */
  start(position: number): void {
    this.#chunk = NOTHING;
    this.#base = this.position = position;
    this.#at = this.#end = this.#carried = 0;
    this.#offered = this.#beyond = this.tooLong = false;
    this.linesCut = this.linesSkipped = 0;
    this.head = this.tail = NOTHING;
  }

  /** The bytes that follow. The chunk before must be used up: `next()` has said false. */
  feed(chunk: Uint8Array): void {
    this.#base += this.#chunk.length;
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** Whether a block is on offer. */
  next(): boolean {
    while (!this.#offered && !this.tooLong && this.#at < this.#chunk.length) this.#step();
    return this.#offered;
  }

  /** The block on offer was sent. */
  taken(): void {
    this.#offered = false;
    this.#at = this.#end;
    this.#carried = 0;
    this.head = this.tail = NOTHING;
  }

  /** The stream has ended, and what is carried is its last line. `next()` offers it. */
  finish(): void {
    if (this.#beyond) this.#endLongLine(this.#chunk.length);
    else if (this.#carried > 0) this.#offerCarried(this.#chunk.length);
  }

  #step(): void {
    const chunk = this.#chunk;
    const at = this.#at;
    if (this.#beyond) {
      const newline = chunk.indexOf(NEWLINE, at);
      if (newline < 0) this.#at = chunk.length;
      else this.#endLongLine(newline + 1);
      return;
    }
    const end = this.#wholeLinesEnd();
    if (end > at) {
      this.#offer(this.#carry.subarray(0, this.#carried), chunk.subarray(at, end), end);
      return;
    }
    // No line ends within the limit, so all that follows up to the limit is of one line.
    const room = this.#maxLineBytes - this.#carried;
    if (chunk.length - at <= room) {
      this.#keep(at, chunk.length);
      this.#at = chunk.length;
    } else if (this.#policy === 'fail') {
      this.tooLong = true;
    } else {
      if (this.#policy === 'cut') {
        this.#keep(at, at + room);
        this.#dropSplitCharacter(chunk[at + room] ?? 0);
      } else {
        this.#carried = 0;
      }
      this.#beyond = true;
      this.#at = at + room;
    }
  }

  /**
   * The end of the longest run of whole lines of allowed length, from `#at`. As a rule one search from the chunk's
   * end. Only where the limit lies inside the chunk must it be looked for a `\n` in every stretch of that length.
   */
  #wholeLinesEnd(): number {
    const chunk = this.#chunk;
    let end = this.#at;
    let limit = end + this.#maxLineBytes - this.#carried;
    for (;;) {
      const newline = chunk.lastIndexOf(NEWLINE, limit < chunk.length ? limit : chunk.length - 1);
      if (newline < end) return end;
      end = newline + 1;
      if (limit >= chunk.length - 1) return end;
      limit = end + this.#maxLineBytes;
    }
  }

  #endLongLine(end: number): void {
    this.#beyond = false;
    if (this.#policy === 'cut') {
      this.#offerCarried(end);
      this.linesCut++;
    } else {
      this.linesSkipped++;
      this.#at = end;
    }
  }

  #offerCarried(end: number): void {
    this.#carry[this.#carried] = NEWLINE;
    this.#offer(this.#carry.subarray(0, this.#carried + 1), NOTHING, end);
  }

  #offer(head: Uint8Array, tail: Uint8Array, end: number): void {
    this.head = head;
    this.tail = tail;
    this.position = this.#base + end;
    this.#end = end;
    this.#offered = true;
  }

  #keep(from: number, to: number): void {
    const length = this.#carried + to - from;
    if (length >= this.#carry.length) {
      // One more byte than the line, for its newline (I3).
      const grown = new Uint8Array(
        Math.min(Math.max(2 * this.#carry.length, length + 1), this.#maxLineBytes + 1),
      );
      grown.set(this.#carry.subarray(0, this.#carried));
      this.#carry = grown;
    }
    this.#carry.set(this.#chunk.subarray(from, to), this.#carried);
    this.#carried = length;
  }

  /** When `next` continues a UTF-8 character, its first part goes too: a line that was valid stays valid. */
  #dropSplitCharacter(next: number): void {
    if (!isContinuation(next)) return;
    let end = this.#carried;
    const least = Math.max(0, end - 3);
    while (end > least && isContinuation(this.#carry[end - 1] ?? 0)) end--;
    if (end > 0 && (this.#carry[end - 1] ?? 0) >= 0xc0) this.#carried = end - 1;
  }
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}
