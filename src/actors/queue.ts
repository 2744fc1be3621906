/**
 * An edge within one thread: a bounded queue that passes frames by reference. Both ends belong to that thread.
 *
 * I1  At most `maxFrames` frames and about `maxBytes` bytes wait in it; but an empty queue takes any frame.
 * I2  What waits here owns its bytes. Text that lies in shared memory may be overwritten once its sender lets go of it,
 *     so the queue copies it. All other blocks belong to whoever holds them and pass as they are.
 */
import type { Frame } from './block.ts';
import type { InEdge, OutEdge } from './edge.ts';

export interface LocalQueueOptions {
  /** @default 64 */
  readonly maxFrames?: number;
  /** Text counts as it is, a record of another block as 64 bytes. @default 4 MiB */
  readonly maxBytes?: number;
}

const RECORD_BYTES = 64;

export class LocalQueue implements InEdge, OutEdge {
  readonly #maxFrames: number;
  readonly #maxBytes: number;
  /** A circle; its length is a power of two. */
  #frames: (Frame | undefined)[] = Array.from({ length: 8 }, () => undefined);
  #first = 0;
  #count = 0;
  #bytes = 0;

  constructor(options: LocalQueueOptions = {}) {
    this.#maxFrames = options.maxFrames ?? 64;
    this.#maxBytes = options.maxBytes ?? 4 * 1024 * 1024;
  }

  /** Frames that wait. */
  get length(): number {
    return this.#count;
  }

  send(frame: Frame): boolean {
    const bytes = sizeOf(frame);
    if (
      this.#count > 0 &&
      (this.#count >= this.#maxFrames || this.#bytes + bytes > this.#maxBytes)
    ) {
      return false;
    }
    if (this.#count === this.#frames.length) this.#grow();
    this.#frames[(this.#first + this.#count) & (this.#frames.length - 1)] = owned(frame);
    this.#count++;
    this.#bytes += bytes;
    return true;
  }

  peek(): Frame | undefined {
    return this.#count === 0 ? undefined : this.#frames[this.#first];
  }

  advance(): void {
    const frame = this.peek();
    if (frame === undefined) return;
    this.#frames[this.#first] = undefined;
    this.#first = (this.#first + 1) & (this.#frames.length - 1);
    this.#count--;
    this.#bytes -= sizeOf(frame);
  }

  #grow(): void {
    const frames = this.#frames;
    this.#frames = [
      ...frames.slice(this.#first),
      ...frames.slice(0, this.#first),
      ...frames.map(() => undefined),
    ];
    this.#first = 0;
  }
}

function sizeOf(frame: Frame): number {
  switch (frame.kind) {
    case 'text':
      return frame.bytes.length;
    case 'columns':
      return frame.count * RECORD_BYTES;
    case 'rows':
      return frame.rows.length * RECORD_BYTES;
    case 'barrier':
      return 0;
  }
}

function owned(frame: Frame): Frame {
  if (frame.kind !== 'text' || !(frame.bytes.buffer instanceof SharedArrayBuffer)) return frame;
  return { kind: 'text', port: frame.port, bytes: new Uint8Array(frame.bytes) };
}
