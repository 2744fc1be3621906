/**
 * Keys as a table has them: bytes that are equal exactly when the keys are. Pure.
 *
 *   0 UTF-8 of the canonical form     1 UTF-16 of one that UTF-8 can't tell from others     2 SHA-256 of a long one
 */
import { createHash } from 'node:crypto';

/** Tables take about 2,000; there is a time before it. */
const MAX_BYTES = 400;
const TIME_BYTES = 6;

/** @param form of `canonicalKey` */
export function keyBytes(form: string): Uint8Array {
  const isWell = !/\p{Surrogate}/u.test(form);
  const bytes = Buffer.from(`\0${form}`, isWell ? 'utf8' : 'utf16le');
  if (!isWell) bytes[0] = 1;
  if (bytes.length <= MAX_BYTES) return bytes;
  return Buffer.concat([Uint8Array.of(2), createHash('sha256').update(bytes).digest()]);
}

/** Ascends with the time: whole ms, not negative. */
export function timeKey(time: number, key: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(TIME_BYTES + key.length);
  bytes.writeUIntBE(time, 0, TIME_BYTES);
  bytes.set(key, TIME_BYTES);
  return bytes;
}

export function keyOfTime(bytes: Uint8Array): readonly [time: number, key: Uint8Array] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return [buffer.readUIntBE(0, TIME_BYTES), buffer.subarray(TIME_BYTES)];
}
