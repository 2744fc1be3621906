/**
 * Writes frames behind TAIL and publishes them: the sender's half that inner rings and receiver edges share. Whoever
 * owns it says how much room there is; nothing here reads another thread's words.
 *
 * A block is loaded once, then `put` publishes as many of its fragments as there is room for, and goes on at the next
 * call. A block of up to a quarter of the data is one frame.
 *
 * I1  Publishing is one store of TAIL, after header and payload are written.
 * I2  No frame wraps: where it would, the rest of the data is padded over.
 * I3  The bytes of the block in hand are read until the last fragment is published, so they must stay as they are.
 */
import { frameChecksum } from './crc.ts';
import {
  AT_COUNT,
  AT_CRC,
  AT_EPOCH,
  AT_LENGTH,
  AT_OFFSET,
  AT_PORT,
  AT_POSITION,
  AT_SEQUENCE,
  AT_TAG,
  AT_TOTAL,
  chunkBytes,
  FIRST,
  frameBytes,
  HEADER_BYTES,
  KIND_ABORT,
  KIND_BARRIER,
  KIND_PAD,
  KIND_TEXT,
  LAST,
  MAGIC,
  MORE,
  PAD_LENGTH,
  TAIL,
} from './ring-layout.ts';

const NOTHING: Uint8Array = new Uint8Array(0);

export interface FrameWriterOptions {
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly data: SharedArrayBuffer;
  readonly checksum: boolean;
  readonly epoch: number;
  /** Payload of the largest frame. @default a quarter of the data */
  readonly maxChunkBytes?: number;
  /** Called before each store of TAIL with what it will be, and whether it leaves a block in fragments open. */
  readonly beforePublish?: (tail: number, open: boolean) => void;
}

export class FrameWriter {
  /** Position behind the last published frame. */
  tail: number;
  /** Units since the last barrier, of whole blocks. */
  sequence = 0;
  /** A block is loaded and not published to its end. */
  pending = false;

  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #bytes: Uint8Array;
  readonly #ints: Int32Array;
  readonly #doubles: Float64Array;
  readonly #size: number;
  readonly #chunk: number;
  readonly #epoch: number;
  readonly #checksum: boolean;
  readonly #beforePublish: ((tail: number, open: boolean) => void) | undefined;

  #kind = 0;
  #port = 0;
  #count = 0;
  #position = 0;
  /** The payload is `#head` followed by `#rest`. */
  #head: Uint8Array = NOTHING;
  #rest: Uint8Array = NOTHING;
  #total = 0;
  #sent = 0;

  constructor(options: FrameWriterOptions) {
    const { control, data } = options;
    this.#control = control;
    this.#bytes = new Uint8Array(data);
    this.#ints = new Int32Array(data);
    this.#doubles = new Float64Array(data);
    this.#size = data.byteLength;
    this.#chunk = Math.min(chunkBytes(data.byteLength), options.maxChunkBytes ?? Infinity);
    this.#epoch = options.epoch;
    this.#checksum = options.checksum;
    this.#beforePublish = options.beforePublish;
    this.tail = Atomics.load(control, TAIL);
  }

  load(
    kind: number,
    port: number,
    count: number,
    position: number,
    head: Uint8Array,
    rest: Uint8Array = NOTHING,
  ): void {
    this.#kind = kind;
    this.#port = port;
    this.#count = count;
    this.#position = position;
    this.#head = head;
    this.#rest = rest;
    this.#total = head.length + rest.length;
    this.#sent = 0;
    this.pending = true;
  }

  /** The payload in hand moves to bytes of our own: what `from` gave may be overwritten from now on. */
  keep(): void {
    const kept = new Uint8Array(this.#total);
    kept.set(this.#head);
    kept.set(this.#rest, this.#head.length);
    this.#head = kept;
    this.#rest = NOTHING;
  }

  /** Publishes what there is room for. True when the block is out to its end. */
  put(room: number): boolean {
    for (;;) {
      const left = this.#total - this.#sent;
      const length = left < this.#chunk ? left : this.#chunk;
      const need = frameBytes(length);
      const at = this.tail & (this.#size - 1);
      const toEnd = this.#size - at;
      const pad = need > toEnd ? toEnd : 0;
      if (need + pad > room) {
        // In a very small ring padding and frame may never fit together, so the padding goes alone.
        if (pad === 0 || pad > room || need + pad <= this.#size) return false;
        this.#writePad(at);
        this.#publish(pad);
        room -= pad;
        continue;
      }
      if (pad > 0) this.#writePad(at);
      this.#writeFrame(pad > 0 ? 0 : at, length);
      this.#sent += length;
      const last = this.#sent === this.#total;
      if (last) this.#finish();
      this.#publish(pad + need);
      if (last) return true;
      room -= pad + need;
    }
  }

  /** Free bytes that the next frame takes, padding included. */
  get needed(): number {
    const left = this.#total - this.#sent;
    const need = frameBytes(left < this.#chunk ? left : this.#chunk);
    const toEnd = this.#size - (this.tail & (this.#size - 1));
    if (need <= toEnd) return need;
    return need + toEnd <= this.#size ? need + toEnd : toEnd;
  }

  /** Bytes that a block with this much payload would take from here on, all padding included. */
  bytesFor(total: number): number {
    let at = this.tail & (this.#size - 1);
    let bytes = 0;
    let left = total;
    do {
      const length = left < this.#chunk ? left : this.#chunk;
      const need = frameBytes(length);
      if (need > this.#size - at) {
        bytes += this.#size - at;
        at = 0;
      }
      bytes += need;
      at = (at + need) & (this.#size - 1);
      left -= length;
    } while (left > 0);
    return bytes;
  }

  #finish(): void {
    this.pending = false;
    this.#head = this.#rest = NOTHING;
    if (this.#kind === KIND_BARRIER) this.sequence = 0;
    else if (this.#kind === KIND_TEXT) this.sequence += this.#total;
    else if (this.#kind !== KIND_ABORT) this.sequence += this.#count;
  }

  #writePad(at: number): void {
    this.#ints[(at >> 2) + AT_LENGTH] = PAD_LENGTH;
    this.#ints[(at >> 2) + AT_TAG] = tag(KIND_PAD, 0);
  }

  #writeFrame(at: number, length: number): void {
    const ints = this.#ints;
    const doubles = this.#doubles;
    const i = at >> 2;
    const d = at >> 3;
    const from = this.#sent;
    const to = from + length;
    let flags = 0;
    if (length < this.#total) flags = from === 0 ? FIRST : to === this.#total ? LAST : MORE;
    ints[i + AT_LENGTH] = length;
    ints[i + AT_TAG] = tag(this.#kind, flags);
    ints[i + AT_PORT] = this.#port;
    ints[i + AT_EPOCH] = this.#epoch;
    doubles[d + AT_SEQUENCE] = this.sequence;
    doubles[d + AT_POSITION] = this.#position;
    ints[i + AT_COUNT] = this.#count;
    ints[i + AT_CRC] = 0;
    ints[i + AT_TOTAL] = this.#total;
    ints[i + AT_OFFSET] = from;
    this.#copy(from, to, at + HEADER_BYTES);
    if (this.#checksum) ints[i + AT_CRC] = frameChecksum(this.#bytes, at, length);
  }

  #copy(from: number, to: number, at: number): void {
    const head = this.#head;
    const split = head.length;
    if (from === 0 && to === split) {
      this.#bytes.set(head, at);
      return;
    }
    if (from < split) this.#bytes.set(head.subarray(from, to), at);
    if (to <= split) return;
    const start = from > split ? from : split;
    this.#bytes.set(this.#rest.subarray(start - split, to - split), at + start - from);
  }

  #publish(bytes: number): void {
    this.tail = (this.tail + bytes) | 0;
    if (this.#beforePublish !== undefined)
      this.#beforePublish(this.tail, this.pending && this.#sent > 0);
    Atomics.store(this.#control, TAIL, this.tail);
  }
}

function tag(kind: number, flags: number): number {
  return (MAGIC << 16) | (flags << 8) | kind;
}
