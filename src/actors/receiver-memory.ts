/**
 * The shared memory of a receiver edge, and the few words of it that others than its two ends write. Main makes it and
 * keeps it for as long as the job runs; what the words mean is said in ring-layout.ts.
 */
import {
  BASE,
  CONSUMER_BYTES,
  CONSUMER_EPOCH,
  CONSUMER_HEAD,
  CONSUMER_STARTED,
  INCARNATION,
  LAST_BARRIER,
  NOTE_A,
  NOTE_ABSENT,
  NOTE_BARRIER,
  NOTE_LINES,
  NOTE_OPEN_CHAIN,
  NOTE_ORDINAL,
  NOTE_POSITION,
  NOTE_SEQUENCE,
  NOTE_B,
  NOTE_TAIL,
  RECEIVER_CONTROL_BYTES,
  TAIL,
} from './ring-layout.ts';
import { powerOfTwo, type RingMemoryOptions } from './ring.ts';

/** A receiver edge as it crosses threads. */
export interface ReceiverMemory {
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
  readonly checksum: boolean;
}

/** The words of one consumer. Each new consumer gets new ones. */
export type ConsumerWords = SharedArrayBuffer;

/** The least size of a receiver edge; it must hold a reserve for barriers beside the data. */
export const MIN_RECEIVER_BYTES = 4096;

/** Memory of a receiver edge with at least `bytes` of data, 4 KiB to 1 GiB, rounded up to a power of two. */
export function createReceiverEdge(bytes: number, options: RingMemoryOptions = {}): ReceiverMemory {
  const control = new SharedArrayBuffer(RECEIVER_CONTROL_BYTES);
  const words = new Int32Array(control);
  const start = (options.start ?? 0) & ~7;
  words[TAIL] = words[BASE] = start;
  // Nothing was ever sent: that too is a note, so a first sender is no special case.
  const notes = new Float64Array(control);
  notes[NOTE_A + NOTE_TAIL] = start >>> 0;
  notes[NOTE_B + NOTE_TAIL] = -1;
  return {
    control,
    data: new SharedArrayBuffer(powerOfTwo(bytes, MIN_RECEIVER_BYTES)),
    checksum: options.checksum ?? false,
  };
}

export function createConsumerWords(): ConsumerWords {
  return new SharedArrayBuffer(CONSUMER_BYTES);
}

/**
 * The coordinator alone calls it, once a recovery point is held: `offset` is what the reader's `offsetBehind` gave at
 * its barrier. Everything before may be overwritten from now on.
 */
export function setBase(memory: ReceiverMemory, offset: number): void {
  Atomics.store(new Int32Array(memory.control), BASE, offset | 0);
}

/** The coordinator alone calls it, before it opens the consumer of that epoch: an older one takes nothing more. */
export function setConsumerEpoch(memory: ReceiverMemory, epoch: number): void {
  Atomics.store(new Int32Array(memory.control), CONSUMER_EPOCH, epoch);
}

export function baseOf(memory: ReceiverMemory): number {
  return Atomics.load(new Int32Array(memory.control), BASE) >>> 0;
}

/** Bytes that were sent and that the consumer with these words has not read; what it read but may read again is left out. */
export function unreadBytes(memory: ReceiverMemory, words: ConsumerWords | undefined): number {
  const control = new Int32Array(memory.control);
  const consumer = words === undefined ? undefined : new Int32Array(words);
  const started = consumer !== undefined && Atomics.load(consumer, CONSUMER_STARTED) === 1;
  const head = started ? Atomics.load(consumer, CONSUMER_HEAD) : Atomics.load(control, BASE);
  return (Atomics.load(control, TAIL) - head) >>> 0;
}

/** Main alone calls it, before it starts a sender's successor: from now on the sender before is fenced off. */
export function fenceSender(memory: ReceiverMemory): void {
  const words = new Int32Array(memory.control);
  Atomics.store(words, INCARNATION, Atomics.load(words, INCARNATION) + 1);
}

/** Number of the last barrier put, 0 before the first: for those who watch. */
export function lastBarrierOf(memory: ReceiverMemory): number {
  return Atomics.load(new Int32Array(memory.control), LAST_BARRIER) >>> 0;
}

/** What a sender's successor goes on with. */
export interface SenderNote {
  /** Units since the last barrier. */
  sequence: number;
  /** Bytes of the source up to the last whole text block. */
  position: number;
  /** Lines up to there. */
  lines: number;
  /** Number of the last barrier. */
  barrier: number;
  /** It says that its batch is missing. */
  absent: boolean;
  /** The last frame is a fragment, and more were to come. */
  openChain: boolean;
  /** Ordinal of the last whole block or barrier in the log of the source; 0 without one. */
  ordinal: number;
}

/**
 * The two notes, written in turn by the sender, each before the TAIL that it stands for.
 *
 * I1  One of them stands for TAIL at any instant, and is whole.
 */
export class SenderNotes {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #notes: Float64Array;
  /** Where the next note is written: not over the one that stands for TAIL. */
  #next: number;

  constructor(control: SharedArrayBuffer) {
    this.#words = new Int32Array(control);
    this.#notes = new Float64Array(control);
    this.#next = this.#current() === NOTE_A ? NOTE_B : NOTE_A;
  }

  read(): SenderNote {
    const at = this.#current();
    const notes = this.#notes;
    return {
      sequence: notes[at + NOTE_SEQUENCE]!,
      position: notes[at + NOTE_POSITION]!,
      lines: notes[at + NOTE_LINES]!,
      barrier: notes[at + NOTE_BARRIER]!,
      absent: notes[at + NOTE_ABSENT] !== 0,
      openChain: notes[at + NOTE_OPEN_CHAIN] !== 0,
      ordinal: notes[at + NOTE_ORDINAL]!,
    };
  }

  /** Call it right before TAIL is stored. */
  write(tail: number, note: SenderNote): void {
    const at = this.#next;
    const notes = this.#notes;
    notes[at + NOTE_TAIL] = tail >>> 0;
    notes[at + NOTE_SEQUENCE] = note.sequence;
    notes[at + NOTE_POSITION] = note.position;
    notes[at + NOTE_LINES] = note.lines;
    notes[at + NOTE_BARRIER] = note.barrier;
    notes[at + NOTE_ABSENT] = note.absent ? 1 : 0;
    notes[at + NOTE_OPEN_CHAIN] = note.openChain ? 1 : 0;
    notes[at + NOTE_ORDINAL] = note.ordinal;
    this.#next = at === NOTE_A ? NOTE_B : NOTE_A;
  }

  #current(): number {
    const tail = Atomics.load(this.#words, TAIL) >>> 0;
    return this.#notes[NOTE_A + NOTE_TAIL] === tail ? NOTE_A : NOTE_B;
  }
}
