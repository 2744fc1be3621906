/**
 * Reads every receiver edge along with the run, and so knows what lies between any two barriers, whatever the engine
 * makes of it. Belongs to no simulated thread.
 *
 * I1  It looks after every turn, so nothing is overwritten before it has seen it.
 */
import type { Barrier } from '../../actors/block.ts';
import { FrameReader } from '../../actors/frame-reader.ts';
import { BASE, TAIL } from '../../actors/ring-layout.ts';
import type { ReceiverMemory } from '../../actors/receiver-edge.ts';

/** What one edge carried before a batch barrier and behind the one before it. */
export interface EdgeBatch {
  readonly records: readonly unknown[];
  readonly absent: boolean;
}

export class EdgeObserver {
  readonly edge: number;
  /** By the number of the batch barrier. */
  readonly batches: Map<number, EdgeBatch> = new Map();
  /** Number of each barrier, and where the frame behind it begins. */
  readonly offsets: Map<number, number> = new Map();
  readonly barriers: Barrier[] = [];
  /** All records that were ever published. */
  readonly published: unknown[] = [];
  #control: Int32Array;
  #size: number;
  #reader: FrameReader;
  #seen: number;
  #open: unknown[] = [];

  constructor(edge: number, memory: ReceiverMemory) {
    this.edge = edge;
    this.#control = new Int32Array(memory.control);
    this.#size = memory.data.byteLength;
    this.#seen = Atomics.load(this.#control, TAIL);
    this.#reader = new FrameReader({
      data: memory.data,
      checksum: memory.checksum,
      name: `edge ${edge}, as observed`,
      head: this.#seen,
      epoch: 0,
      continuous: true,
      resume: false,
    });
  }

  /** Gives what is wrong. */
  look(): string | undefined {
    const tail = Atomics.load(this.#control, TAIL);
    const base = Atomics.load(this.#control, BASE);
    const used = (tail - base) | 0;
    if (used < 0 || used > this.#size)
      return `edge ${this.edge}: BASE ${base >>> 0} and TAIL ${tail >>> 0} don't fit a size of ${this.#size}`;
    if (tail === this.#seen) return undefined;
    this.#seen = tail;
    for (
      let frame = this.#reader.next(tail);
      frame !== undefined;
      frame = this.#reader.next(tail)
    ) {
      if (frame.kind === 'text') this.#add(linesIn(frame.bytes));
      else if (frame.kind === 'rows') this.#add(frame.rows);
      else if (frame.kind === 'barrier') {
        const { barrier, absent } = frame;
        this.barriers.push(barrier);
        this.offsets.set(barrier.number, this.#reader.behind >>> 0);
        if (barrier.batch || barrier.last) {
          this.batches.set(barrier.number, { records: this.#open, absent: absent.length > 0 });
          this.#open = [];
        }
      }
      this.#reader.advance();
    }
    return undefined;
  }

  /** Records behind the last batch barrier. */
  get open(): readonly unknown[] {
    return this.#open;
  }

  #add(records: readonly unknown[]): void {
    for (const record of records) {
      this.#open.push(record);
      this.published.push(record);
    }
  }
}

function linesIn(bytes: Uint8Array): string[] {
  const text = new TextDecoder().decode(new Uint8Array(bytes));
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}
