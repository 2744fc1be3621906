/**
 * Small files of a checkpoint directory: JSON with a checksum behind it, replaced as a whole.
 *
 *   {"format":1,…}
 *   crc32 1c291ca3
 *
 * Any thread.
 *
 * I1  `unsealJson` gives what was sealed, or throws: a file that was cut or changed at any byte is never taken for one.
 * I2  `replaceDurably` has resolved: the file has the new content, whatever is lost now. It has rejected or was not
 *     awaited: the file has the old content or the new one.
 */
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Disk } from '../../env/env.ts';
import { millraceError } from '../../errors.ts';

/** "\ncrc32 ", eight digits, "\n" */
const SEAL = /^\ncrc32 [\da-f]{8}\n$/;
const SEAL_BYTES = 16;

export function sealJson(value: unknown): Uint8Array {
  const body = new TextEncoder().encode(JSON.stringify(value));
  const seal = new TextEncoder().encode(sealOf(body));
  const file = new Uint8Array(body.length + seal.length);
  file.set(body);
  file.set(seal, body.length);
  return file;
}

/**
 * What was sealed.
 * @param path of the file, for the error
 * @throws ERR_MILLRACE_CHECKPOINT_CORRUPT
 */
export function unsealJson(file: Uint8Array, path: string): unknown {
  const at = file.length - SEAL_BYTES;
  if (at < 0) throw corrupt(path, `it has ${file.length} bytes`);
  const seal = Buffer.from(file.subarray(at)).toString('latin1');
  const body = file.subarray(0, at);
  if (!SEAL.test(seal)) throw corrupt(path, 'its end is missing');
  if (seal !== sealOf(body)) throw corrupt(path, 'its checksum is wrong');
  return JSON.parse(new TextDecoder().decode(body));
}

export interface ReplaceOptions {
  /** A name beside it, which nobody else writes. */
  readonly temporary: string;
  /** Called directly before the file gets its name; a throw leaves the old one. */
  readonly check?: () => void;
  /** Called directly behind that: it may be found by whoever looks, and be lost with the machine. */
  readonly renamed?: () => void;
}

/** Replaces a file so that it outlives a power cut. Rejects with what the disk says. */
export async function replaceDurably(
  disk: Disk,
  path: string,
  bytes: Uint8Array,
  { temporary, check, renamed }: ReplaceOptions,
): Promise<void> {
  try {
    disk.write(temporary, bytes);
    await disk.sync(temporary);
    check?.();
    disk.rename(temporary, path);
  } catch (error) {
    remove(disk, temporary);
    throw error;
  }
  renamed?.();
  await disk.sync(dirname(path));
}

function remove(disk: Disk, path: string): void {
  try {
    disk.remove(path);
  } catch {
    // Whoever begins next removes it.
  }
}

function sealOf(body: Uint8Array): string {
  return `\ncrc32 ${crc32(body).toString(16).padStart(8, '0')}\n`;
}

function corrupt(path: string, why: string): Error {
  return millraceError('ERR_MILLRACE_CHECKPOINT_CORRUPT', `${path} can not be read: ${why}`, {
    context: { path },
  });
}
