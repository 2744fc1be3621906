/**
 * The consumer's end of a receiver edge (receiver-edge.ts says what that is). Used by the thread of the task that reads
 * it. It begins at BASE, and what it reads stays on the edge until BASE has moved behind it.
 *
 * I1  Its words are its own: a consumer that was replaced reports to words that nobody looks at any more.
 * I2  BASE passes a consumer only after it was replaced. What it has read may have been overwritten then, so it looks at
 *     BASE once more when it has used a frame, and ends (ERR_MILLRACE_FENCED).
 * I3  With `soleEpoch` it takes a frame only if no consumer of a newer epoch has been asked for. So a frame that it takes
 *     lay there before the next one was opened, and is old to that one (`isOld`): nobody takes it twice.
 */
import { millraceError } from '../errors.ts';
import type { Frame } from './block.ts';
import type { Bell } from './doorbell.ts';
import type { InEdge } from './edge.ts';
import { FrameReader } from './frame-reader.ts';
import type { ConsumerWords, ReceiverMemory } from './receiver-memory.ts';
import {
  BASE,
  CONSUMER_EPOCH,
  CONSUMER_HEAD,
  CONSUMER_STARTED,
  ROOM_WANTED,
  TAIL,
} from './ring-layout.ts';

export interface ReceiverEdgeReaderOptions {
  readonly memory: ReceiverMemory;
  readonly words: ConsumerWords;
  /** Where it begins. @default BASE as it is now */
  readonly base?: number;
  /** Of the sender's thread. */
  readonly bell: Bell;
  /** Of the edge, for errors. @default 'receiver edge' */
  readonly name?: string;
  /** Its epoch, on an edge of which no frame may be taken by two consumers. */
  readonly soleEpoch?: number;
}

export class ReceiverEdgeReader implements InEdge {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #reader: FrameReader;
  readonly #bell: Bell;
  readonly #name: string;
  readonly #tailAtOpen: number;
  readonly #soleEpoch: number | undefined;
  #head: number;
  #frame: Frame | undefined;

  constructor(options: ReceiverEdgeReaderOptions) {
    const { memory } = options;
    const { data, checksum } = memory;
    this.#control = new Int32Array(memory.control);
    this.#words = new Int32Array(options.words);
    this.#bell = options.bell;
    this.#name = options.name ?? 'receiver edge';
    this.#soleEpoch = options.soleEpoch;
    this.#tailAtOpen = Atomics.load(this.#control, TAIL);
    this.#head = options.base === undefined ? Atomics.load(this.#control, BASE) : options.base | 0;
    this.#reader = new FrameReader({
      data,
      checksum,
      name: this.#name,
      head: this.#head,
      epoch: 0,
      continuous: true,
      resume: false,
    });
    Atomics.store(this.#words, CONSUMER_HEAD, this.#head);
    Atomics.store(this.#words, CONSUMER_STARTED, 1);
  }

  /** Text is a view of the edge, good until `advance`; all other frames own what they hold. */
  peek(): Frame | undefined {
    if (this.#frame !== undefined) return this.#frame;
    this.#frame = this.#reader.next(Atomics.load(this.#control, TAIL));
    if (this.#reader.head !== this.#head) this.#report();
    if (this.#frame !== undefined) {
      this.#checkFence();
      if (this.#soleEpoch !== undefined) this.#checkSole(this.#soleEpoch);
    }
    return this.#frame;
  }

  advance(): void {
    const frame = this.#frame;
    if (frame === undefined) return;
    // It was a view. A barrier's own place may be free by now, if all others had taken it before.
    if (frame.kind === 'text') this.#checkFence();
    this.#frame = undefined;
    this.#reader.advance();
    this.#report();
  }

  offsetBehind(): number {
    return this.#reader.behind >>> 0;
  }

  #checkFence(): void {
    if (((Atomics.load(this.#control, BASE) - this.#reader.head) | 0) <= 0) return;
    throw millraceError(
      'ERR_MILLRACE_FENCED',
      `${this.#name}: a consumer at ${this.#reader.head >>> 0} was replaced, and what it reads is free to be overwritten`,
      { context: { edge: this.#name, position: this.#reader.head >>> 0 } },
    );
  }

  #checkSole(epoch: number): void {
    const now = Atomics.load(this.#control, CONSUMER_EPOCH);
    if (now === epoch) return;
    throw millraceError(
      'ERR_MILLRACE_FENCED',
      `${this.#name}: the consumer of epoch ${epoch} was replaced by one of epoch ${now}, and may take nothing more`,
      { context: { edge: this.#name, epoch } },
    );
  }

  isOld(): boolean {
    return ((this.#reader.behind - this.#tailAtOpen) | 0) <= 0;
  }

  #report(): void {
    this.#head = this.#reader.head;
    Atomics.store(this.#words, CONSUMER_HEAD, this.#head);
    const wanted = Atomics.load(this.#control, ROOM_WANTED);
    if (wanted === 0) return;
    const unread = (Atomics.load(this.#control, TAIL) - this.#head) | 0;
    if (unread <= wanted) this.#bell.ring();
  }
}
