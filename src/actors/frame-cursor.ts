/**
 * Reads the header of one frame and checks it against everything that a header can be checked against. It stores
 * nothing: readers of an edge and a sender's successor use it alike, each with one of their own.
 *
 * I1  After `open` has returned, the frame lies wholly before TAIL and within the data.
 * I2  Damage is ERR_MILLRACE_RING_CORRUPT and is never passed over.
 */
import { millraceError, type MillraceError } from '../errors.ts';
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
  FIRST,
  frameBytes,
  HEADER_BYTES,
  KIND_ABORT,
  KIND_PAD,
  KIND_TEXT,
  LAST,
  MAGIC,
  MAX_RING_BYTES,
  MORE,
  PAD_LENGTH,
} from './ring-layout.ts';

export class FrameCursor {
  /** Position of the frame, and that behind it. */
  at = 0;
  behind = 0;
  kind = 0;
  flags = 0;
  /** Bytes of payload, and where in the data they begin. */
  length = 0;
  start = 0;
  port = 0;
  epoch = 0;
  sequence = 0;
  position = 0;
  count = 0;
  total = 0;
  offset = 0;

  readonly #name: string;
  readonly #bytes: Uint8Array;
  readonly #ints: Int32Array;
  readonly #doubles: Float64Array;
  readonly #size: number;
  readonly #checksum: boolean;

  constructor(data: SharedArrayBuffer, checksum: boolean, name: string) {
    this.#name = name;
    this.#bytes = new Uint8Array(data);
    this.#ints = new Int32Array(data);
    this.#doubles = new Float64Array(data);
    this.#size = data.byteLength;
    this.#checksum = checksum;
  }

  /** Opens the frame at a position before `tail`; padding is a frame of kind KIND_PAD. */
  open(at: number, tail: number): void {
    const place = at & (this.#size - 1);
    const i = place >> 2;
    const ints = this.#ints;
    const length = ints[i + AT_LENGTH]!;
    const tag = ints[i + AT_TAG]!;
    const available = (tail - at) | 0;
    const toEnd = this.#size - place;
    this.at = at;
    this.kind = tag & 0xff;
    if (available <= 0 || available > this.#size || (at & 7) !== 0)
      throw this.corrupt('the words HEAD and TAIL do not fit together');
    if (tag >>> 16 !== MAGIC) throw this.corrupt('its magic is wrong');
    if (length === PAD_LENGTH) {
      if (tag !== ((MAGIC << 16) | KIND_PAD) || toEnd > available)
        throw this.corrupt('it is padding that leads beyond TAIL');
      this.behind = (at + toEnd) | 0;
      return;
    }
    const bytes = frameBytes(length);
    if (length < 0 || length > this.#size || bytes > available || bytes > toEnd)
      throw this.corrupt(`its length ${length} leads beyond TAIL`);
    const d = place >> 3;
    this.behind = (at + bytes) | 0;
    this.flags = (tag >>> 8) & 0xff;
    this.length = length;
    this.start = place + HEADER_BYTES;
    this.port = ints[i + AT_PORT]! >>> 0;
    this.epoch = ints[i + AT_EPOCH]!;
    this.sequence = this.#doubles[d + AT_SEQUENCE]!;
    this.position = this.#doubles[d + AT_POSITION]!;
    this.count = ints[i + AT_COUNT]! >>> 0;
    this.total = ints[i + AT_TOTAL]! >>> 0;
    this.offset = ints[i + AT_OFFSET]! >>> 0;
    if (this.#checksum && ints[i + AT_CRC] !== frameChecksum(this.#bytes, place, length))
      throw this.corrupt('its checksum is wrong');
    if (
      this.kind < KIND_TEXT ||
      this.kind > KIND_ABORT ||
      this.total > MAX_RING_BYTES ||
      !this.#fragmentFits()
    ) {
      throw this.corrupt('its kind, flags and lengths do not fit together');
    }
  }

  corrupt(why: string, cause?: unknown): MillraceError {
    return millraceError(
      'ERR_MILLRACE_RING_CORRUPT',
      `${this.#name}: the frame at ${this.at >>> 0} is damaged: ${why}. The memory of the edge was overwritten; the region goes back to its last recovery point on a new edge.`,
      { context: this.context(), ...(cause === undefined ? {} : { cause }) },
    );
  }

  gap(why: string): MillraceError {
    return millraceError(
      'ERR_MILLRACE_RING_GAP',
      `${this.#name}: the frame at ${this.at >>> 0} does not follow the one before: ${why}. The region goes back to its last recovery point.`,
      { context: this.context() },
    );
  }

  context(): { edge: string; position: number; epoch: number; seq: number } {
    return { edge: this.#name, position: this.at >>> 0, epoch: this.epoch, seq: this.sequence };
  }

  #fragmentFits(): boolean {
    const end = this.offset + this.length;
    switch (this.flags) {
      case 0:
        return this.offset === 0 && end === this.total;
      case FIRST:
        return this.offset === 0 && end < this.total;
      case LAST:
        return this.offset > 0 && end === this.total;
      case MORE:
        return this.offset > 0 && end < this.total;
      default:
        return false;
    }
  }
}
