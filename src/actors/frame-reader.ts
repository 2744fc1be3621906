/**
 * Turns the frames before TAIL into blocks and barriers, one at a time: the reader's half that inner rings and receiver
 * edges share. It stores no shared word; its owner publishes `head`.
 *
 * A block in one frame is given as it lies in the ring: text is a view, all else is decoded and owns its bytes. A
 * fragment is copied out and let go at once, so a block may be larger than its ring.
 *
 * I1  Within an epoch of the sender each block begins at the unit behind the one before, and fragments follow each
 *     other without a hole. Anything else is ERR_MILLRACE_RING_GAP.
 * I2  What an older epoch left behind is damage. A newer one begins again with unit 0, or goes on counting where the
 *     edge outlives its senders (`continuous`).
 * I3  A block whose sender died between fragments is never given: ABORT or a newer epoch drops it.
 */
import { decodeBarrier } from './barrier-bytes.ts';
import type { Frame } from './block.ts';
import { decodeColumns, decodeRows } from './codec.ts';
import { FrameCursor } from './frame-cursor.ts';
import {
  FIRST,
  KIND_ABORT,
  KIND_BARRIER,
  KIND_COLUMNS,
  KIND_PAD,
  KIND_ROWS,
  KIND_TEXT,
  LAST,
} from './ring-layout.ts';

export interface FrameReaderOptions {
  readonly data: SharedArrayBuffer;
  readonly checksum: boolean;
  /** Of the edge, for errors. */
  readonly name: string;
  /** Where to begin. */
  readonly head: number;
  /** Frames of an older epoch are damage. */
  readonly epoch: number;
  /** Units go on counting over the sender's epochs. */
  readonly continuous: boolean;
  /** The first frame may be any unit of its batch: the reader before has read up to it. */
  readonly resume: boolean;
}

export class FrameReader {
  /** Position of the frame that `next` gave, else of the one to come. */
  head: number;
  /** Position behind the frame that `next` gave. */
  behind: number;

  readonly #cursor: FrameCursor;
  readonly #data: SharedArrayBuffer;
  readonly #buffer: Buffer;
  readonly #continuous: boolean;
  #epoch: number;
  /** The unit that comes next; -1: any. */
  #expected: number;
  #lastBarrier = -1;
  /** The block whose fragments come in. */
  #parts: Buffer | undefined;
  #gathered = 0;

  constructor(options: FrameReaderOptions) {
    this.#cursor = new FrameCursor(options.data, options.checksum, options.name);
    this.#data = options.data;
    this.#buffer = Buffer.from(options.data);
    this.#continuous = options.continuous;
    this.#epoch = options.epoch;
    this.#expected = options.resume ? -1 : 0;
    this.head = this.behind = options.head;
  }

  /** The next frame before `tail`. `head` may move in any case. */
  next(tail: number): Frame | undefined {
    const cursor = this.#cursor;
    while (this.head !== tail) {
      cursor.open(this.head, tail);
      if (cursor.kind !== KIND_PAD) {
        if (cursor.epoch !== this.#epoch) this.#changeEpoch();
        const frame = this.#take();
        if (frame !== undefined) {
          this.behind = cursor.behind;
          return frame;
        }
      }
      this.head = cursor.behind;
    }
    return undefined;
  }

  /** The frame that `next` gave is used. */
  advance(): void {
    this.head = this.behind;
  }

  #changeEpoch(): void {
    const { epoch } = this.#cursor;
    if (epoch < this.#epoch) {
      throw this.#cursor.corrupt(`it is of epoch ${epoch}, and ${this.#epoch} has begun`);
    }
    this.#epoch = epoch;
    if (this.#continuous) return;
    this.#parts = undefined;
    if (this.#expected >= 0) this.#expected = 0;
  }

  #take(): Frame | undefined {
    const cursor = this.#cursor;
    const { sequence, flags } = cursor;
    if (this.#expected < 0) this.#expected = sequence;
    if (sequence !== this.#expected) {
      throw cursor.gap(`it begins with unit ${sequence}, and unit ${this.#expected} was to come`);
    }
    if (cursor.kind === KIND_ABORT) {
      if (this.#parts === undefined) throw cursor.gap('it ends a block that was not begun');
      this.#parts = undefined;
      return undefined;
    }
    if (flags === 0) {
      if (this.#parts !== undefined) throw cursor.gap('the fragments before it lack their end');
      return this.#whole(this.#buffer, cursor.start, cursor.length);
    }
    this.#gather();
    if (flags !== LAST) return undefined;
    const parts = this.#parts!;
    this.#parts = undefined;
    return this.#whole(parts, 0, parts.length);
  }

  #gather(): void {
    const { flags, offset, total, start, length } = this.#cursor;
    if (flags === FIRST) {
      if (this.#parts !== undefined)
        throw this.#cursor.gap('the fragments before it lack their end');
      this.#parts = Buffer.allocUnsafeSlow(total);
      this.#gathered = 0;
    }
    const parts = this.#parts;
    if (parts === undefined || offset !== this.#gathered || total !== parts.length) {
      throw this.#cursor.gap(
        `a fragment at byte ${offset} of ${total}, and byte ${this.#gathered} was to come`,
      );
    }
    parts.set(new Uint8Array(this.#data, start, length), offset);
    this.#gathered += length;
  }

  #whole(buffer: Buffer, start: number, length: number): Frame {
    const cursor = this.#cursor;
    const { kind, port, count } = cursor;
    switch (kind) {
      case KIND_TEXT:
        this.#expected += length;
        return { kind: 'text', port, bytes: new Uint8Array(buffer.buffer, start, length) };
      case KIND_BARRIER: {
        const frame = decodeBarrier(new Uint8Array(buffer.buffer, start, length));
        if (frame === undefined) throw cursor.corrupt('it is no barrier');
        const { number } = frame.barrier;
        if (number <= this.#lastBarrier)
          throw cursor.gap(`barrier ${number} comes after ${this.#lastBarrier}`);
        this.#lastBarrier = number;
        this.#expected = 0;
        return frame;
      }
      case KIND_COLUMNS:
      case KIND_ROWS:
        this.#expected += count;
        try {
          return kind === KIND_ROWS
            ? decodeRows(port, buffer, start, length, count)
            : decodeColumns(port, buffer, start, length, count);
        } catch (error) {
          throw cursor.corrupt('its payload can not be decoded', error);
        }
      default:
        throw cursor.corrupt(`its kind ${kind} is unknown`);
    }
  }
}
