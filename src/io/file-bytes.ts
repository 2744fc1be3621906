/**
 * The content of a file, from a position on, window by window: as it is, or decompressed. Used on the thread of the
 * sources by one reader; never more than a few windows are in memory.
 *
 * I1  Windows end at multiples of `windowBytes` of the content, wherever reading began; only the last one may end
 *     elsewhere. So who reads again from the middle cuts the content in the same places.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { millraceError } from '../errors.ts';

export type Compression = 'auto' | 'none' | 'gzip' | 'zstd';

export interface FileBytes {
  /** The next window, or undefined at the end of the content. A window is not written again. */
  read(): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

/** The compressed bytes are none, or are cut off. */
export class BadContent extends Error {}

const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * @param from bytes of the content that are passed over; of a compressed file they are decompressed and dropped
 * @throws ERR_MILLRACE_UNSUPPORTED for zstd, before Node 22.15
 */
export async function openFile(
  path: string,
  compression: Compression,
  from: number,
  windowBytes: number,
): Promise<FileBytes> {
  const kind = compression === 'auto' ? compressionOf(path) : compression;
  if (kind === 'none') return new PlainBytes(await open(path), from, windowBytes);
  return new StreamBytes(
    path,
    kind === 'gzip' ? zlib.createGunzip() : zstd(path),
    from,
    windowBytes,
  );
}

/** As the name of a file says. */
export function compressionOf(path: string): 'none' | 'gzip' | 'zstd' {
  if (/\.gz$/i.test(path)) return 'gzip';
  return /\.zst$/i.test(path) ? 'zstd' : 'none';
}

function zstd(path: string): Transform {
  const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Transform };
  if (createZstdDecompress !== undefined) return createZstdDecompress();
  throw millraceError(
    'ERR_MILLRACE_UNSUPPORTED',
    `${path} is compressed with zstd, which Node ${process.version} can't read: it takes Node 22.15 or 23.8. Use gzip, or a newer Node`,
    { context: { path, node: process.version } },
  );
}

class PlainBytes implements FileBytes {
  readonly #handle: FileHandle;
  readonly #windowBytes: number;
  #at: number;

  constructor(handle: FileHandle, from: number, windowBytes: number) {
    this.#handle = handle;
    this.#at = from;
    this.#windowBytes = windowBytes;
  }

  async read(): Promise<Uint8Array | undefined> {
    const length = this.#windowBytes - (this.#at % this.#windowBytes);
    const window = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(
        window,
        filled,
        length - filled,
        this.#at + filled,
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    this.#at += filled;
    return filled === 0 ? undefined : window.subarray(0, filled);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

class StreamBytes implements FileBytes {
  readonly #stream: Transform;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #windowBytes: number;
  #skip: number;
  #at: number;
  #rest: Uint8Array = NOTHING;
  #error: unknown;
  #isAtEnd = false;

  constructor(path: string, stream: Transform, from: number, windowBytes: number) {
    const file = createReadStream(path);
    file.on('error', (error) => stream.destroy(error));
    stream.on('close', () => file.destroy());
    this.#stream = file.pipe(stream);
    this.#chunks = stream[Symbol.asyncIterator]();
    this.#windowBytes = windowBytes;
    this.#skip = this.#at = from;
  }

  async read(): Promise<Uint8Array | undefined> {
    const length = this.#windowBytes - (this.#at % this.#windowBytes);
    const window = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length && (await this.#more())) {
      const some = this.#rest.subarray(0, length - filled);
      window.set(some, filled);
      filled += some.length;
      this.#rest = this.#rest.subarray(some.length);
    }
    this.#at += filled;
    if (filled > 0) return window.subarray(0, filled);
    // What came before it is good.
    if (this.#error !== undefined) throw this.#error;
    return undefined;
  }

  async close(): Promise<void> {
    this.#stream.destroy();
  }

  /** Whether there are bytes in `#rest`. */
  async #more(): Promise<boolean> {
    while (this.#rest.length === 0 && !this.#isAtEnd) {
      try {
        const { done, value } = await this.#chunks.next();
        if (done === true) this.#isAtEnd = true;
        else {
          const skipped = Math.min(this.#skip, value.length);
          this.#skip -= skipped;
          this.#rest = value.subarray(skipped);
        }
      } catch (error) {
        this.#isAtEnd = true;
        this.#error = isOfContent(error) ? new BadContent((error as Error).message) : error;
      }
    }
    return this.#rest.length > 0;
  }
}

/** A file that can't be read has another kind of code. */
function isOfContent(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^(?:Z_|ZSTD_|ERR_(?:ZLIB|ZSTD|TRAILING))/.test(code);
}
