/** The checksum of a frame: CRC-32 over its header, the checksum's own field taken as 0, and its payload. */
import { crc32 } from 'node:zlib';
import { AT_CRC, HEADER_BYTES } from './ring-layout.ts';

const ZERO: Uint8Array = new Uint8Array(4);

/** `at` is the frame's place in the data, `length` that of its payload. */
export function frameChecksum(bytes: Uint8Array, at: number, length: number): number {
  const field = at + AT_CRC * 4;
  const before = crc32(ZERO, crc32(bytes.subarray(at, field)));
  return crc32(bytes.subarray(field + 4, at + HEADER_BYTES + length), before) | 0;
}
