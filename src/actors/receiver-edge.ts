/**
 * The edge behind a receiver: a ring that keeps what was read until it is covered by a recovery point.
 *
 *        BASE                    CONSUMER_HEAD                TAIL
 *   ──────┼── read, kept for a re-read ──┼──── unread ─────────┼── free ──
 *   set by the coordinator        the consumer's own     the sender's
 *
 * The sender lives in the thread of the sources, the consumer in a worker. Both may die and be replaced; the memory is
 * main's and stays. A new consumer begins at BASE with words of its own. A new sender goes on behind TAIL.
 *
 * I1  What lies between BASE and TAIL is never overwritten.
 * I2  `sendText` and each block of `sendRows` are taken whole or not at all; when a sender dies between the fragments of
 *     one, its successor ends it with ABORT, and it counts as not sent.
 * I3  A successor knows position, lines, sequence, last barrier and ordinal in the log as of TAIL (`SenderNotes`).
 * I4  Data leaves a sixteenth of the room to barriers, so a full edge still takes what lets it be emptied.
 * I5  Unread data is bounded apart from kept data, so a barrier is never stuck behind seconds of backlog.
 */
import { millraceError } from '../errors.ts';
import { encodeBarrier } from './barrier-bytes.ts';
import type { BlockLog } from './block-log.ts';
import type { Barrier } from './block.ts';
import { encodeBlock } from './codec.ts';
import { NO_BELL, type Bell } from './doorbell.ts';
import { FrameWriter } from './frame-writer.ts';
import { lineCount } from './line-count.ts';
import {
  SenderNotes,
  type ConsumerWords,
  type ReceiverMemory,
  type SenderNote,
} from './receiver-memory.ts';
import {
  BASE,
  CONSUMER_HEAD,
  CONSUMER_STARTED,
  INCARNATION,
  KIND_ABORT,
  KIND_BARRIER,
  KIND_ROWS,
  KIND_TEXT,
  LAST_BARRIER,
  ROOM_WANTED,
} from './ring-layout.ts';
import { RowSlices } from './row-slices.ts';

export { ReceiverEdgeReader, type ReceiverEdgeReaderOptions } from './receiver-reader.ts';
export {
  baseOf,
  createConsumerWords,
  createReceiverEdge,
  fenceSender,
  lastBarrierOf,
  setBase,
  unreadBytes,
  type ConsumerWords,
  type ReceiverMemory,
} from './receiver-memory.ts';

/** Payload of the largest frame. */
const MAX_FRAME_BYTES: number = 256 * 1024;
const DEFAULT_UNREAD_BYTES: number = 1024 * 1024;
const LEAST_RESERVE_BYTES = 512;
/** Of the reserve, for the barrier that makes room. */
const BARRIER_BYTES = 128;
const NOTHING: Uint8Array = new Uint8Array(0);

export interface ReceiverEdgeWriterOptions {
  readonly memory: ReceiverMemory;
  /** Of the edge, for errors. @default 'receiver edge' */
  readonly name?: string;
  /** Bytes that may lie unread. More are taken only when nothing is. @default 1 MiB, a quarter of a small edge */
  readonly maxUnreadBytes?: number;
  /** Count lines, for sources that resume by them: about 0.2 ns a byte. @default false: `lines` stays 0 */
  readonly countLines?: boolean;
}

export class ReceiverEdgeWriter {
  /** The bytes that the edge may keep. */
  readonly size: number;
  /** The largest block, and so the longest line or record: a quarter of the edge. */
  readonly maxBlockBytes: number;

  readonly #name: string;
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #writer: FrameWriter;
  readonly #notes: SenderNotes;
  readonly #incarnation: number;
  readonly #reserve: number;
  readonly #slack: number;
  readonly #maxUnread: number;
  readonly #countLines: boolean;
  readonly #slices: RowSlices;
  #words: Int32Array<SharedArrayBuffer> | undefined;
  #bell: Bell = NO_BELL;
  #wanting = false;
  /** Behind the newest barrier, if this sender has put one. */
  #barrierTail: number | undefined;
  /** As of TAIL. */
  #note: SenderNote;
  /** What position, lines, barrier and ordinal are once the block in hand is out. */
  #nextPosition: number;
  #nextLines: number;
  #nextBarrier: number;
  #nextAbsent: boolean;
  #nextOrdinal: number;

  constructor(options: ReceiverEdgeWriterOptions) {
    const { memory } = options;
    const { data, checksum } = memory;
    const control = new Int32Array(memory.control);
    this.size = data.byteLength;
    this.maxBlockBytes = this.size >>> 2;
    this.#name = options.name ?? 'receiver edge';
    this.#control = control;
    this.#notes = new SenderNotes(memory.control);
    this.#incarnation = Atomics.load(control, INCARNATION);
    this.#reserve = Math.max(this.size >>> 4, LEAST_RESERVE_BYTES);
    this.#slack = Math.min(MAX_FRAME_BYTES, this.maxBlockBytes);
    this.#maxUnread = options.maxUnreadBytes ?? Math.min(DEFAULT_UNREAD_BYTES, this.size >>> 2);
    this.#countLines = options.countLines ?? false;
    this.#slices = new RowSlices(
      Math.min(MAX_FRAME_BYTES, this.maxBlockBytes >>> 1),
      this.maxBlockBytes,
    );
    this.#note = this.#notes.read();
    this.#nextPosition = this.#note.position;
    this.#nextLines = this.#note.lines;
    this.#nextBarrier = this.#note.barrier;
    this.#nextAbsent = this.#note.absent;
    this.#nextOrdinal = this.#note.ordinal;
    this.#writer = new FrameWriter({
      control,
      data,
      checksum,
      epoch: this.#incarnation,
      maxChunkBytes: MAX_FRAME_BYTES,
      beforePublish: (tail, open) => this.#beforePublish(tail, open),
    });
    this.#writer.sequence = this.#note.sequence;
  }

  /** A consumer came, first or again: its words, and the bell of its thread. */
  setConsumer(words: ConsumerWords, bell: Bell): void {
    this.#words = new Int32Array(words);
    this.#bell = bell;
    // What came before was rung at its predecessor's.
    bell.ring();
  }

  /** Bytes that are kept: all that came since the newest held recovery point. */
  get usedBytes(): number {
    return (this.#writer.tail - Atomics.load(this.#control, BASE)) | 0;
  }

  /** Bytes that the consumer has not read; without a consumer, all that are kept. */
  get unreadBytes(): number {
    const words = this.#words;
    if (words === undefined || Atomics.load(words, CONSUMER_STARTED) === 0) return this.usedBytes;
    return (this.#writer.tail - Atomics.load(words, CONSUMER_HEAD)) | 0;
  }

  /** Number of the last barrier that was put, 0 before the first. */
  get lastBarrier(): number {
    return this.#note.barrier;
  }

  /** The last barrier says that its batch is missing. */
  get lastAbsent(): boolean {
    return this.#note.absent;
  }

  /** Behind the last whole block. Of records `lines` is their number. */
  position(): { readonly bytes: number; readonly lines: number } {
    return { bytes: this.#note.position, lines: this.#note.lines };
  }

  /** Units (records; bytes of text) that lie on the edge behind the last barrier. */
  get sequence(): number {
    return this.#note.sequence;
  }

  /** Where the log of the source has the last whole block or barrier that lies here. */
  get ordinal(): number {
    return this.#note.ordinal;
  }

  /** The sender before may have died inside a block: ends it. Sending does so too. */
  recover(): void {
    this.#endOpenChain();
  }

  /**
   * The edge begins behind what the log of the source has up to that ordinal, and what the source had published by then.
   * Passed over when something was sent here before.
   */
  startAt(ordinal: number, position: { readonly bytes: number; readonly lines: number }): void {
    const note = this.#note;
    if (!this.isUnused) return;
    note.ordinal = this.#nextOrdinal = ordinal;
    note.position = this.#nextPosition = position.bytes;
    note.lines = this.#nextLines = position.lines;
  }

  /** Nothing was ever sent here. */
  get isUnused(): boolean {
    return this.#writer.tail === Atomics.load(this.#control, BASE) && this.#note.barrier === 0;
  }

  /** @throws ERR_MILLRACE_FENCED when another sender has taken its place */
  checkFence(): void {
    this.#checkFence();
  }

  /**
   * Sends one text block of whole lines, `head` followed by `tail`. False: no room, nothing was taken.
   * @param position bytes of the source before the end of the block
   * @param log writes it down before it goes out; when that can't be now, that too is no room
   * @throws ERR_MILLRACE_RECORD_TOO_LARGE when the block is larger than a quarter of the edge
   */
  sendText(head: Uint8Array, tail: Uint8Array, position: number, log?: BlockLog): boolean {
    const bytes = head.length + tail.length;
    if (bytes > this.maxBlockBytes) throw this.#tooLarge(bytes, 'a block of text');
    if (!this.#admits(bytes, log === undefined ? 0 : this.#slack)) return false;
    const lines = this.#countLines ? lineCount(head, tail) : 0;
    if (log !== undefined && !this.#logged(log.block('text', head, tail, lines, position)))
      return false;
    this.#nextPosition = position;
    this.#nextLines = this.#note.lines + lines;
    this.#writer.load(KIND_TEXT, 0, lines, position, head, tail);
    return this.#put();
  }

  /**
   * Sends records, cut into blocks of a good size. False: no room for all of them yet; offer the same array again, and
   * it goes on where it stopped.
   * @param log writes each block down before it goes out
   * @throws ERR_MILLRACE_RECORD_TOO_LARGE when one record is larger than a quarter of the edge
   */
  sendRows(rows: readonly unknown[], log?: BlockLog): boolean {
    const slices = this.#slices;
    slices.begin(rows);
    while (slices.left > 0) {
      const bytes = slices.encode(encodeBlock);
      if (bytes === undefined) throw this.#tooLarge(slices.tooLargeBytes, 'a record');
      const { count } = slices;
      const { position } = this.#note;
      if (
        !this.#admits(bytes.length, log === undefined ? 0 : this.#slack) ||
        (log !== undefined && !this.#logged(log.block('rows', bytes, NOTHING, count, position)))
      ) {
        slices.keep();
        return false;
      }
      this.#nextLines = this.#note.lines + count;
      this.#writer.load(KIND_ROWS, 0, count, position, bytes);
      this.#put();
      slices.sent();
    }
    return true;
  }

  /**
   * Sends a block again as the log has it. False: no room, nothing was taken.
   * @throws ERR_MILLRACE_RECORD_TOO_LARGE when the edge was larger when it was logged, so that it can't take it again
   */
  sendLogged(
    form: 'text' | 'rows',
    bytes: Uint8Array,
    count: number,
    position: number,
    ordinal: number,
  ): boolean {
    if (bytes.length > this.maxBlockBytes) throw this.#tooLarge(bytes.length, 'a logged block');
    // What other frames it had then may have wrapped elsewhere: a part of the reserve is for that.
    if (!this.#admits(bytes.length, BARRIER_BYTES - this.#reserve)) {
      if (this.#isStuck)
        throw this.#tooLarge(this.usedBytes, 'what the log has between two barriers');
      return false;
    }
    this.#nextOrdinal = ordinal;
    this.#nextPosition = position;
    this.#nextLines = this.#note.lines + count;
    this.#writer.load(form === 'text' ? KIND_TEXT : KIND_ROWS, 0, count, position, bytes);
    return this.#put();
  }

  /**
   * Puts a barrier; one that lies on the edge already is passed over. False: even the reserve is used up, because no
   * recovery point was held for very long. Offer it again.
   * @param ordinal where the log of the source has it
   */
  putBarrier(barrier: Barrier, absent: readonly number[], ordinal = 0): boolean {
    if (barrier.number <= this.#note.barrier) return true;
    const bytes = encodeBarrier({ kind: 'barrier', barrier, absent });
    if (!this.#endOpenChain() || this.#writer.bytesFor(bytes.length) > this.size - this.usedBytes)
      return false;
    this.#checkFence();
    this.#nextBarrier = barrier.number;
    this.#nextAbsent = absent.length > 0;
    if (ordinal > 0) this.#nextOrdinal = ordinal;
    this.#writer.load(KIND_BARRIER, 0, 0, this.#note.position, bytes);
    this.#put();
    this.#barrierTail = this.#writer.tail;
    Atomics.store(this.#control, LAST_BARRIER, barrier.number | 0);
    return true;
  }

  /** All is read and no barrier lies here that could be held: there will never be more room. */
  get #isStuck(): boolean {
    if (this.unreadBytes > 0) return false;
    const behind = this.#barrierTail;
    if (behind === undefined) return this.#note.barrier === 0;
    return ((Atomics.load(this.#control, BASE) - behind) | 0) >= 0;
  }

  /** False: the log can't take the block now. */
  #logged(ordinal: number): boolean {
    if (ordinal > 0) this.#nextOrdinal = ordinal;
    return ordinal >= 0;
  }

  /**
   * Whether a block with this much payload may be sent now.
   * @param slack so much stays free: what was logged must fit again, wherever frames then wrap
   */
  #admits(payload: number, slack = 0): boolean {
    if (!this.#endOpenChain()) return false;
    this.#checkFence();
    const bytes = this.#writer.bytesFor(payload);
    if (bytes > this.size - this.usedBytes - this.#reserve - slack) return false;
    if (this.#fewUnread(bytes)) {
      if (this.#wanting) this.#want(0);
      return true;
    }
    // Half of it is worth a wake-up: the consumer has the other half in hand meanwhile.
    this.#want(Math.max(1, this.#maxUnread >>> 1));
    return this.#fewUnread(bytes);
  }

  #fewUnread(more: number): boolean {
    const unread = this.unreadBytes;
    return unread === 0 || unread + more <= this.#maxUnread;
  }

  #want(bytes: number): void {
    this.#wanting = bytes > 0;
    Atomics.store(this.#control, ROOM_WANTED, bytes);
  }

  #put(): boolean {
    // The caller has seen to it that there is room for all of it.
    if (!this.#writer.put(this.size - this.usedBytes))
      throw new Error('a receiver edge had less room than it said');
    this.#bell.ring();
    return true;
  }

  #endOpenChain(): boolean {
    if (!this.#note.openChain) return true;
    this.#checkFence();
    if (this.#writer.bytesFor(0) > this.size - this.usedBytes) return false;
    this.#writer.load(KIND_ABORT, 0, 0, this.#note.position, NOTHING);
    return this.#put();
  }

  #beforePublish(tail: number, open: boolean): void {
    const note = this.#note;
    note.openChain = open;
    if (!this.#writer.pending) {
      note.sequence = this.#writer.sequence;
      note.position = this.#nextPosition;
      note.lines = this.#nextLines;
      note.barrier = this.#nextBarrier;
      note.absent = this.#nextAbsent;
      note.ordinal = this.#nextOrdinal;
    }
    this.#notes.write(tail, note);
  }

  #checkFence(): void {
    const incarnation = Atomics.load(this.#control, INCARNATION);
    if (incarnation === this.#incarnation) return;
    throw millraceError(
      'ERR_MILLRACE_FENCED',
      `${this.#name}: sender ${this.#incarnation} was replaced by sender ${incarnation} and may send no more`,
      {
        context: { edge: this.#name, epoch: this.#incarnation },
      },
    );
  }

  #tooLarge(bytes: number, what: string): Error {
    return millraceError(
      'ERR_MILLRACE_RECORD_TOO_LARGE',
      `${this.#name}: ${what} of ${bytes} bytes is larger than a quarter of the edge, ${this.maxBlockBytes} bytes. Send less in one record, or raise retainBytes (${this.size} bytes).`,
      {
        context: { edge: this.#name, bytes, limitBytes: this.maxBlockBytes },
      },
    );
  }
}
