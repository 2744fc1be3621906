/**
 * The bytes of a log's segments.
 *
 *   segment = head, frame, frame, …
 *   head    = magic "MRLG", crc, format, incarnation, first ordinal, from                                 40 bytes
 *   frame   = magic "MRFR", crc, payload bytes, kind | edge << 8, ordinal, synced, position, count        44 bytes
 *             payload: a block's bytes, or the cut packed
 *
 * Numbers are little-endian words, ordinals and positions doubles. A crc covers all that follows its field.
 *
 * I1  `synced` of a frame is the ordinal up to which the log was durable when the frame was written. So a later frame
 *     bears witness that an earlier one was safe, also when the record of the synced length was lost with the power.
 */
import { crc32 } from 'node:zlib';
import type { Barrier } from '../actors/block.ts';
import { packValue, unpackValue } from '../actors/codec.ts';
import type { LogRecord, Placed } from './log-record.ts';

const SEGMENT_MAGIC = 0x474c524d;
const FRAME_MAGIC = 0x5246524d;
/** The magic of a frame as it lies in a file. */
export const FRAME_MAGIC_BYTES: Uint8Array = Uint8Array.of(0x4d, 0x52, 0x46, 0x52);
const FORMAT = 1;
export const HEAD_BYTES = 40;
export const FRAME_BYTES = 44;
const CRC_AT = 4;
const CHECKED_AT = 8;

const TEXT = 1;
const ROWS = 2;
const CUT = 3;
const NOTHING: Uint8Array = new Uint8Array(0);

export interface SegmentHead {
  /** Which opening of the log made it. */
  readonly incarnation: number;
  /** Ordinal of its first record. */
  readonly first: number;
  /** Where that opening's own records begin: those before it are copies of what older ones wrote. */
  readonly from: number;
}

/** A frame before it is parsed; valid. */
export interface Frame {
  readonly ordinal: number;
  readonly synced: number;
  readonly isCut: boolean;
  /** Where it ends in the bytes. */
  readonly end: number;
}

export function encodeHead(head: SegmentHead): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, SEGMENT_MAGIC, true);
  view.setUint32(8, FORMAT, true);
  view.setUint32(12, head.incarnation, true);
  view.setFloat64(16, head.first, true);
  view.setFloat64(24, head.from, true);
  view.setUint32(CRC_AT, crc32(bytes.subarray(CHECKED_AT)), true);
  return bytes;
}

/** Undefined: the bytes don't begin with one. */
export function decodeHead(bytes: Uint8Array): SegmentHead | undefined {
  if (bytes.length < HEAD_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== SEGMENT_MAGIC || view.getUint32(8, true) !== FORMAT)
    return undefined;
  if (view.getUint32(CRC_AT, true) !== crc32(bytes.subarray(CHECKED_AT, HEAD_BYTES)))
    return undefined;
  return {
    incarnation: view.getUint32(12, true),
    first: view.getFloat64(16, true),
    from: view.getFloat64(24, true),
  };
}

/** The payload of a record that has none of its own: a cut's. A block's are its bytes. */
export function payloadOf(record: LogRecord): Uint8Array {
  if (record.kind === 'block') return record.bytes;
  const { barrier, absent, note } = record;
  return packValue([barrier, absent, note]);
}

/**
 * Writes a frame; `into` is exactly as long as it becomes. `tail` follows the payload.
 */
export function encodeFrame(
  into: Uint8Array,
  record: LogRecord,
  payload: Uint8Array,
  tail: Uint8Array = NOTHING,
  ordinal: number,
  synced: number,
): void {
  const view = viewOf(into);
  const isBlock = record.kind === 'block';
  view.setUint32(0, FRAME_MAGIC, true);
  view.setUint32(8, payload.length + tail.length, true);
  view.setUint32(
    12,
    isBlock ? ((record.form === 'text' ? TEXT : ROWS) | (record.edge << 8)) >>> 0 : CUT,
    true,
  );
  view.setFloat64(16, ordinal, true);
  view.setFloat64(24, synced, true);
  view.setFloat64(32, isBlock ? record.position : 0, true);
  view.setUint32(40, isBlock ? record.count : 0, true);
  into.set(payload, FRAME_BYTES);
  if (tail.length > 0) into.set(tail, FRAME_BYTES + payload.length);
  view.setUint32(CRC_AT, crc32(into.subarray(CHECKED_AT)), true);
}

/** The frame at `at` of a segment's bytes; undefined when there is no whole one. */
export function frameAt(bytes: Uint8Array, at: number): Frame | undefined {
  if (bytes.length - at < FRAME_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(at, true) !== FRAME_MAGIC) return undefined;
  const end = at + FRAME_BYTES + view.getUint32(at + 8, true);
  if (end > bytes.length) return undefined;
  if (view.getUint32(at + CRC_AT, true) !== crc32(bytes.subarray(at + CHECKED_AT, end)))
    return undefined;
  return {
    ordinal: view.getFloat64(at + 16, true),
    synced: view.getFloat64(at + 24, true),
    isCut: (view.getUint32(at + 12, true) & 0xff) === CUT,
    end,
  };
}

/** What a valid frame holds. A block's bytes are a view. */
export function decodeFrame(bytes: Uint8Array, at: number): Placed {
  const view = viewOf(bytes);
  const payload = bytes.subarray(at + FRAME_BYTES, at + FRAME_BYTES + view.getUint32(at + 8, true));
  const ordinal = view.getFloat64(at + 16, true);
  const word = view.getUint32(at + 12, true);
  const kind = word & 0xff;
  if (kind === CUT) {
    const [barrier, absent, note] = unpackValue(payload) as [Barrier, boolean, unknown];
    return {
      ordinal,
      record: { kind: 'cut', barrier, absent, ...(note === undefined ? {} : { note }) },
    };
  }
  return {
    ordinal,
    record: {
      kind: 'block',
      edge: word >>> 8,
      form: kind === TEXT ? 'text' : 'rows',
      bytes: payload,
      count: view.getUint32(at + 40, true),
      position: view.getFloat64(at + 32, true),
    },
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
