/**
 * Where everything lies in the shared memory of edges. No other file knows an offset.
 *
 * A position is an unsigned 32-bit count of bytes since the edge was made. It wraps; sizes are powers of two, so the
 * place in the data is `position & (size - 1)`, and differences of positions stay right over the wrap because no edge
 * is larger than 1 GiB. Control words are Int32 words, each with a 64-byte line to itself, so that two threads never
 * write to the same line. Each word has one writer.
 *
 * Words of an inner ring and of a receiver edge:
 *
 * TAIL          owner: the sender. Position behind the last whole frame. Bytes behind it mean nothing, so a sender
 *               that died left at worst some bytes that the next one overwrites. Stored once a frame, after it.
 * ROOM_WANTED   owner: the sender. 0, or (ring) the free bytes, (receiver edge) the unread bytes at which the reader
 *               should ring the sender's doorbell. A dead sender may leave it set: a few rings too many.
 *
 * Words of an inner ring only:
 *
 * HEAD          owner: the reader. Position of the first frame that is still in use. A reader that died left its frame
 *               to its successor.
 *
 * Words of a receiver edge only. Main owns the memory, so they outlive sender and readers:
 *
 * BASE          owner: the coordinator. Position behind the newest held recovery point: a new reader begins here, and
 *               nothing behind it may be overwritten. A dead coordinator leaves it a little old, which is safe.
 * LAST_BARRIER  owner: the sender. Number of the last barrier put (u32, never wraps in practice: 4 billion barriers).
 *               Stored after the barrier's TAIL; the sender's notes are exact, this word is for those who watch.
 * CONSUMER_EPOCH owner: the coordinator. The epoch whose consumer may take frames, of an edge that gives nothing twice; it
 *               is stored before that consumer is opened. An older consumer finds it changed and ends.
 * INCARNATION   owner: main. The sender that may publish; another one finds it changed and ends.
 * NOTE_A, NOTE_B owner: the sender. What its successor must know, as of one TAIL. The sender fills the note that does
 *               not stand for the present TAIL, then publishes. So at any instant one of the two names the present TAIL,
 *               and it is whole. Doubles, written plainly: only a successor reads them, after the death.
 *
 * Words of one consumer of a receiver edge, in a buffer of their own; a new consumer gets new ones, so what a dying one
 * still stores reaches nobody:
 *
 * CONSUMER_HEAD    owner: the reader. As HEAD; frees nothing, but tells the sender how much is unread.
 * CONSUMER_STARTED owner: the reader. 1 when CONSUMER_HEAD is valid; before that the reader counts as being at BASE.
 */

/** Int32 words in a 64-byte line. */
const LINE = 16;

export const TAIL = 0;
export const ROOM_WANTED: number = LINE;
export const HEAD: number = 2 * LINE;
export const RING_CONTROL_BYTES: number = 3 * LINE * 4;

export const BASE: number = 2 * LINE;
export const LAST_BARRIER: number = 3 * LINE;
export const INCARNATION: number = 4 * LINE;
/** Indexes into the control words seen as doubles. */
export const NOTE_A: number = (5 * LINE) / 2;
export const NOTE_B: number = (6 * LINE) / 2;
export const CONSUMER_EPOCH: number = 7 * LINE;
export const RECEIVER_CONTROL_BYTES: number = 8 * LINE * 4;

/** Doubles of a note. */
export const NOTE_TAIL = 0;
/** Units since the last barrier. */
export const NOTE_SEQUENCE = 1;
/** Source position behind the last whole text block. */
export const NOTE_POSITION = 2;
/** Lines up to there, when they are counted. */
export const NOTE_LINES = 3;
export const NOTE_BARRIER = 4;
/** 0, or 1 + kind of the block whose fragments are not all published. */
export const NOTE_OPEN_CHAIN = 5;
/** 1 when the last barrier says that its batch is missing. */
export const NOTE_ABSENT = 6;
/** Where the log of the source has the last whole block or barrier. */
export const NOTE_ORDINAL = 7;

export const CONSUMER_HEAD = 0;
export const CONSUMER_STARTED: number = LINE;
export const CONSUMER_BYTES: number = 2 * LINE * 4;

/**
 * A frame is a header and a payload, padded to 8 bytes; the next begins behind it. Numbers are in the machine's order.
 *
 * LENGTH    i32  bytes of payload; -1: nothing here, go on at the start of the data
 * TAG       u32  MAGIC in the upper half, flags, kind
 * PORT      u32  input of the receiving task
 * EPOCH     i32  epoch of the sender (receiver edges: its incarnation)
 * SEQUENCE  f64  units (records; bytes of text) on this edge since the last barrier, before this block
 * POSITION  f64  receiver edges: position of the source behind this block
 * COUNT     u32  records in the block (text: lines, where they are counted)
 * CRC       u32  over header (with 0 here) and payload, 0 where checksums are off
 * TOTAL     u32  bytes of the whole block
 * OFFSET    u32  where in the block this fragment begins
 */
export const HEADER_BYTES = 48;
/** Indexes from the frame's start, in Int32 words and in doubles. */
export const AT_LENGTH = 0;
export const AT_TAG = 1;
export const AT_PORT = 2;
export const AT_EPOCH = 3;
export const AT_SEQUENCE = 2;
export const AT_POSITION = 3;
export const AT_COUNT = 8;
export const AT_CRC = 9;
export const AT_TOTAL = 10;
export const AT_OFFSET = 11;

export const MAGIC = 0x4d52;
export const PAD_LENGTH = -1;

export const KIND_TEXT = 1;
export const KIND_COLUMNS = 2;
export const KIND_ROWS = 3;
export const KIND_BARRIER = 4;
/** The block whose fragments came before will never be whole: it counts as not sent. */
export const KIND_ABORT = 5;
export const KIND_PAD = 6;

/** Flags; none: the frame is a whole block. */
export const FIRST = 1;
export const MORE = 2;
export const LAST = 4;

/** The least payload that any ring has room for. */
export const MIN_CHUNK_BYTES = 64;
export const MIN_RING_BYTES = 128;
export const MAX_RING_BYTES: number = 2 ** 30;

/** Bytes that a frame with this much payload takes. */
export function frameBytes(payload: number): number {
  return HEADER_BYTES + ((payload + 7) & ~7);
}

/** Payload of the largest frame that is sent in one piece: a quarter of the data, header included. */
export function chunkBytes(size: number): number {
  return Math.max(MIN_CHUNK_BYTES, (size >>> 2) - HEADER_BYTES);
}
