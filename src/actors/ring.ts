/**
 * An inner edge between two threads: a ring in shared memory with one sender and one reader.
 *
 *   sender's thread                                   reader's thread
 *   send ─▶ write frame behind TAIL ─▶ store TAIL ──▶ peek: frames from HEAD to TAIL
 *        ◀──────────────── store HEAD ◀── advance: the frame is used, its room is free
 *
 * An epoch of the region makes its rings anew, so what an older epoch's threads still do to theirs reaches nobody. The
 * layout and the words' owners are in ring-layout.ts; writing and reading frames in frame-writer.ts, frame-reader.ts.
 *
 * I1  One writer a word; no word is ever held. A thread may die at any instruction and leaves the ring whole.
 * I2  A frame is seen when all of it is there (one store of TAIL) and released when it has been used (a store of HEAD).
 * I3  Neither side waits. A refused sender leaves in ROOM_WANTED how much room it wants, looks again, and is rung when
 *     there is that much: what it needs, but at least half the ring. Until then the reader has the rest to read.
 * I4  A block larger than a quarter of the ring travels in fragments, over several calls of `send` where needed, while
 *     the reader drains them. So a ring of one small frame carries blocks of any size.
 */
import { millraceError } from '../errors.ts';
import { encodeBarrier } from './barrier-bytes.ts';
import type { Frame } from './block.ts';
import { encodeBlock } from './codec.ts';
import type { Bell } from './doorbell.ts';
import type { InEdge, OutEdge } from './edge.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import {
  HEAD,
  KIND_BARRIER,
  KIND_COLUMNS,
  KIND_ROWS,
  KIND_TEXT,
  MAX_RING_BYTES,
  MIN_RING_BYTES,
  RING_CONTROL_BYTES,
  ROOM_WANTED,
  TAIL,
} from './ring-layout.ts';

/** A ring as it crosses threads. Both ends see the same options because they travel with it. */
export interface RingMemory {
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
  readonly checksum: boolean;
}

export interface RingMemoryOptions {
  /** A checksum over each frame, for tests: about 1 ns a byte. @default false */
  readonly checksum?: boolean;
  /** Position of the first frame, a multiple of 8. @default 0 */
  readonly start?: number;
}

/**
 * Memory of a ring with at least `bytes` of data, 128 bytes to 1 GiB, rounded up to a power of two.
 */
export function createRing(bytes: number, options: RingMemoryOptions = {}): RingMemory {
  const control = new SharedArrayBuffer(RING_CONTROL_BYTES);
  const words = new Int32Array(control);
  const start = (options.start ?? 0) & ~7;
  words[HEAD] = start;
  words[TAIL] = start;
  return {
    control,
    data: new SharedArrayBuffer(powerOfTwo(bytes, MIN_RING_BYTES)),
    checksum: options.checksum ?? false,
  };
}

/** Empties a ring that nobody can touch any more, for others to use. */
export function resetRing({ control }: RingMemory): void {
  const words = new Int32Array(control);
  for (const word of [HEAD, TAIL, ROOM_WANTED]) Atomics.store(words, word, 0);
}

/** Puts a damaged frame behind what was sent: a fault on purpose, by the sender's thread, which sends no more then. */
export function spoilRing(memory: RingMemory): void {
  const control = new Int32Array(memory.control);
  const words = new Int32Array(memory.data);
  const tail = Atomics.load(control, TAIL);
  for (let n = 0; n < 16; n++) words[((tail >>> 2) + n) & (words.length - 1)] = -1 - n;
  Atomics.store(control, TAIL, (tail + 64) | 0);
}

/** The size of the data of an edge that is to hold `bytes`. */
export function powerOfTwo(bytes: number, least: number): number {
  if (!(bytes >= 1 && bytes <= MAX_RING_BYTES)) {
    throw millraceError(
      'ERR_MILLRACE_BAD_OPTION',
      `an edge can not have ${bytes} bytes: it takes 1 to ${MAX_RING_BYTES} (1 GiB)`,
    );
  }
  let size = least;
  while (size < bytes) size *= 2;
  return size;
}

export interface RingWriterOptions {
  readonly memory: RingMemory;
  readonly epoch: number;
  /** Of the reader's thread. */
  readonly bell: Bell;
}

export class RingWriter implements OutEdge {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #size: number;
  readonly #writer: FrameWriter;
  readonly #bell: Bell;
  /** HEAD as it was when last looked at: the room is at least what it says. */
  #head: number;
  /** The frame in hand: refused, maybe partly on its way. */
  #frame: Frame | undefined;
  #wanting = false;

  constructor(options: RingWriterOptions) {
    const { memory, epoch, bell } = options;
    const { data, checksum } = memory;
    this.#control = new Int32Array(memory.control);
    this.#size = data.byteLength;
    this.#writer = new FrameWriter({ control: this.#control, data, checksum, epoch });
    this.#bell = bell;
    this.#head = Atomics.load(this.#control, HEAD);
    Atomics.store(this.#control, ROOM_WANTED, 0);
  }

  /** The bytes of a text frame must stay as they are until it is accepted. */
  send(frame: Frame): boolean {
    if (this.#frame === undefined) this.#load(frame);
    else if (this.#frame !== frame)
      throw new Error('a frame was offered before the one in hand was accepted');
    const before = this.#writer.tail;
    const done = this.#put();
    if (done) {
      this.#frame = undefined;
    } else if (this.#frame === undefined) {
      this.#frame = frame;
      // The encoder's bytes are good until the next block is encoded.
      if (frame.kind !== 'text') this.#writer.keep();
    }
    if (this.#writer.tail !== before) this.#bell.ring();
    return done;
  }

  /** Bytes in the ring that the reader has not released. */
  get usedBytes(): number {
    return (this.#writer.tail - Atomics.load(this.#control, HEAD)) | 0;
  }

  #load(frame: Frame): void {
    const writer = this.#writer;
    switch (frame.kind) {
      case 'text':
        writer.load(KIND_TEXT, frame.port, 0, 0, frame.bytes);
        return;
      case 'columns':
        writer.load(KIND_COLUMNS, frame.port, frame.count, 0, encodeBlock(frame));
        return;
      case 'rows':
        writer.load(KIND_ROWS, frame.port, frame.rows.length, 0, encodeBlock(frame));
        return;
      case 'barrier':
        writer.load(KIND_BARRIER, 0, 0, 0, encodeBarrier(frame));
        return;
      default:
        frame satisfies never;
    }
  }

  #put(): boolean {
    const writer = this.#writer;
    let done = writer.put(this.#room());
    if (!done) {
      // The other side is asked only when what is known of it does not do.
      this.#head = Atomics.load(this.#control, HEAD);
      done = writer.put(this.#room());
    }
    while (!done) {
      // Half a ring is worth a wake-up: the reader has the other half in hand meanwhile.
      Atomics.store(this.#control, ROOM_WANTED, Math.max(writer.needed, this.#size >>> 1));
      this.#wanting = true;
      const head = Atomics.load(this.#control, HEAD);
      if (head === this.#head) return false;
      this.#head = head;
      done = writer.put(this.#room());
    }
    if (this.#wanting) {
      this.#wanting = false;
      Atomics.store(this.#control, ROOM_WANTED, 0);
    }
    return true;
  }

  #room(): number {
    return this.#size - ((this.#writer.tail - this.#head) | 0);
  }
}

export interface RingReaderOptions {
  readonly memory: RingMemory;
  readonly epoch: number;
  /** Of the sender's thread. */
  readonly bell: Bell;
  /** Of the edge, for errors. @default 'ring' */
  readonly name?: string;
  /** Takes over from a reader that is dead, in the middle of a batch. @default false */
  readonly resume?: boolean;
}

export class RingReader implements InEdge {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #size: number;
  readonly #reader: FrameReader;
  readonly #bell: Bell;
  /** TAIL as it was when last looked at: there is at least that much. */
  #tail: number;
  /** HEAD as it is stored. */
  #head: number;
  #frame: Frame | undefined;

  constructor(options: RingReaderOptions) {
    const { memory, epoch, bell } = options;
    const { data, checksum } = memory;
    this.#control = new Int32Array(memory.control);
    this.#size = data.byteLength;
    this.#bell = bell;
    this.#head = this.#tail = Atomics.load(this.#control, HEAD);
    this.#reader = new FrameReader({
      data,
      checksum,
      name: options.name ?? 'ring',
      head: this.#head,
      epoch,
      continuous: false,
      resume: options.resume ?? false,
    });
  }

  /** Text is a view of the ring, good until `advance`; all other frames own what they hold. */
  peek(): Frame | undefined {
    if (this.#frame !== undefined) return this.#frame;
    const reader = this.#reader;
    if (reader.head === this.#tail) {
      this.#tail = Atomics.load(this.#control, TAIL);
      if (reader.head === this.#tail) return undefined;
    }
    let frame = reader.next(this.#tail);
    // Fragments free their room as they are gathered, so that the rest of their block can come.
    if (reader.head !== this.#head) this.#release();
    while (frame === undefined) {
      const tail = Atomics.load(this.#control, TAIL);
      if (tail === this.#tail) return undefined;
      this.#tail = tail;
      frame = reader.next(tail);
      if (reader.head !== this.#head) this.#release();
    }
    this.#frame = frame;
    return frame;
  }

  advance(): void {
    if (this.#frame === undefined) return;
    this.#frame = undefined;
    this.#reader.advance();
    this.#release();
  }

  /** Bytes in the ring that are not released. */
  get usedBytes(): number {
    return (Atomics.load(this.#control, TAIL) - this.#head) | 0;
  }

  #release(): void {
    const control = this.#control;
    this.#head = this.#reader.head;
    Atomics.store(control, HEAD, this.#head);
    const wanted = Atomics.load(control, ROOM_WANTED);
    if (wanted === 0) return;
    const used = (Atomics.load(control, TAIL) - this.#head) | 0;
    if (this.#size - used >= wanted) this.#bell.ring();
  }
}
