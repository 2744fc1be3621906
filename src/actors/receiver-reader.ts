/**
 * The consumer's end of a receiver edge (receiver-edge.ts says what that is). Used by the thread of the task that reads
 * it. It begins at BASE, and what it reads stays on the edge until BASE has moved behind it.
 *
 * I1  Its words are its own: a consumer that was replaced reports to words that nobody looks at any more.
 */
import type { Frame } from './block.ts';
import type { Bell } from './doorbell.ts';
import type { InEdge } from './edge.ts';
import { FrameReader } from './frame-reader.ts';
import type { ConsumerWords, ReceiverMemory } from './receiver-memory.ts';
import { BASE, CONSUMER_HEAD, CONSUMER_STARTED, ROOM_WANTED, TAIL } from './ring-layout.ts';

export interface ReceiverEdgeReaderOptions {
  readonly memory: ReceiverMemory;
  readonly words: ConsumerWords;
  /** Of the sender's thread. */
  readonly bell: Bell;
  /** Of the edge, for errors. @default 'receiver edge' */
  readonly name?: string;
}

export class ReceiverEdgeReader implements InEdge {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #reader: FrameReader;
  readonly #bell: Bell;
  #head: number;
  #frame: Frame | undefined;

  /** Begins at BASE. */
  constructor(options: ReceiverEdgeReaderOptions) {
    const { memory } = options;
    const { data, checksum } = memory;
    this.#control = new Int32Array(memory.control);
    this.#words = new Int32Array(options.words);
    this.#bell = options.bell;
    this.#head = Atomics.load(this.#control, BASE);
    this.#reader = new FrameReader({
      data,
      checksum,
      name: options.name ?? 'receiver edge',
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
    return this.#frame;
  }

  advance(): void {
    if (this.#frame === undefined) return;
    this.#frame = undefined;
    this.#reader.advance();
    this.#report();
  }

  offsetBehind(): number {
    return this.#reader.behind >>> 0;
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
