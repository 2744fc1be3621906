/**
 * How the files of hand-overs are called, and what stands around what they hold. A name is used once: epochs ascend, and
 * within one a task takes a barrier once. The thread is named for those who look at the directory.
 *
 *   file = u32 magic, u32 format, u64 bytes of the payload, u32 crc-32 of these 16 bytes and the payload, payload
 *
 * Any thread; a payload is sealed by the one that made it.
 *
 * I1  `unsealed` gives what `sealed` was given, or throws: a file that was cut, flipped or filled with something else is
 *     never taken for state.
 */
import { crc32 } from 'node:zlib';
import { type MillraceError, millraceError } from '../errors.ts';

const MAGIC = 0x7453_724d;
const FORMAT = 1;
const AT_CRC = 16;
const HEADER_BYTES = 20;
/** Payloads that have room for a header before them. */
const roomy: WeakSet<Uint8Array> = new WeakSet();
/** Those of them that have one by now. */
const done: WeakSet<Uint8Array> = new WeakSet();

export function handOverName(epoch: number, barrier: number, task: number, thread: string): string {
  return `handover-${epoch}-${barrier}-${task}-${thread}`;
}

/** The epoch in which a file was handed over; undefined when it is no such file. */
export function epochOfHandOver(name: string): number | undefined {
  const epoch = /^handover-(\d+)-/.exec(name)?.[1];
  return epoch === undefined ? undefined : Number(epoch);
}

/** Room for a payload that `sealed` then need not copy. */
export function roomFor(bytes: number): Uint8Array {
  const payload = new Uint8Array(HEADER_BYTES + bytes).subarray(HEADER_BYTES);
  roomy.add(payload);
  return payload;
}

/** The payload as a file has it, and no more to be changed. It may be asked for again. */
export function sealed(payload: Uint8Array): Uint8Array {
  if (done.has(payload)) return new Uint8Array(payload.buffer);
  const file = roomy.has(payload)
    ? new Uint8Array(payload.buffer)
    : new Uint8Array(HEADER_BYTES + payload.length);
  const header = new DataView(file.buffer, 0, HEADER_BYTES);
  header.setUint32(0, MAGIC, true);
  header.setUint32(4, FORMAT, true);
  header.setBigUint64(8, BigInt(payload.length), true);
  if (!roomy.has(payload)) file.set(payload, HEADER_BYTES);
  header.setUint32(AT_CRC, checksum(file), true);
  if (roomy.has(payload)) done.add(payload);
  return file;
}

/** Whether `sealed` has nothing left to do. */
export function isSealed(payload: Uint8Array): boolean {
  return done.has(payload) || !roomy.has(payload);
}

/**
 * What was sealed.
 * @param path of the file, for the error
 * @throws ERR_MILLRACE_CHECKPOINT_CORRUPT
 */
export function unsealed(file: Uint8Array, path: string): Uint8Array {
  if (file.length < HEADER_BYTES) throw corrupt(path, `it has ${file.length} bytes`);
  const header = new DataView(file.buffer, file.byteOffset, HEADER_BYTES);
  if (header.getUint32(0, true) !== MAGIC) throw corrupt(path, 'it is no hand-over');
  const format = header.getUint32(4, true);
  if (format !== FORMAT)
    throw corrupt(path, `it has format ${format}, and this version of Millrace reads ${FORMAT}`);
  const bytes = header.getBigUint64(8, true);
  if (bytes !== BigInt(file.length - HEADER_BYTES))
    throw corrupt(path, `${file.length - HEADER_BYTES} of ${bytes} bytes are there`);
  if (header.getUint32(AT_CRC, true) !== checksum(file))
    throw corrupt(path, 'its checksum is wrong');
  return file.subarray(HEADER_BYTES);
}

function checksum(file: Uint8Array): number {
  return crc32(file.subarray(HEADER_BYTES), crc32(file.subarray(0, AT_CRC)));
}

function corrupt(path: string, why: string): MillraceError {
  return millraceError(
    'ERR_MILLRACE_CHECKPOINT_CORRUPT',
    `the hand-over ${path} can not be read: ${why}`,
    { context: { path } },
  );
}
