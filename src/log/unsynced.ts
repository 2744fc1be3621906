/**
 * Frames that may not be on the disk yet, as they were written: after an fsync that failed they are written again,
 * since the pages that failed may be gone. Belongs to the writer of one log.
 *
 *   chunks   [ ░░░░ frame frame ] [ frame frame frame ] [ frame …     ]
 *              released                                        ▲ next
 *
 * I1  Frames are there in the order of their ordinals, without a gap: `first` … `last`.
 * I2  Bytes of a released frame may be written over: what `frame` gives is good until the next `add`.
 */
const CHUNK_BYTES = 1024 * 1024;
/** Chunks kept for later; what was needed once will be again. */
const SPARE_CHUNKS = 16;

interface Chunk {
  readonly bytes: Uint8Array;
  /** Of what isn't released. */
  start: number;
  end: number;
}

interface Place {
  readonly chunk: Chunk;
  readonly start: number;
  readonly end: number;
}

export class Unsynced {
  readonly #chunks: Chunk[] = [];
  readonly #spare: Uint8Array[] = [];
  #places: Place[] = [];
  /** Places before it are released; cut off now and then. */
  #head = 0;
  /** Ordinal of the first frame that is kept, or of the next one. */
  first: number;
  /** Of all frames that are kept. */
  byteLength = 0;

  constructor(first: number) {
    this.first = first;
  }

  get last(): number {
    return this.first + this.#places.length - this.#head - 1;
  }

  /** Room for the next frame, which the caller fills. */
  add(byteLength: number): Uint8Array {
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.bytes.length - chunk.end < byteLength) {
      chunk = { bytes: this.#buffer(byteLength), start: 0, end: 0 };
      this.#chunks.push(chunk);
    }
    const start = chunk.end;
    const end = start + byteLength;
    chunk.end = end;
    this.#places.push({ chunk, start, end });
    this.byteLength += byteLength;
    return chunk.bytes.subarray(start, end);
  }

  /** Takes the newest frame out again: it could not be written. */
  undo(): void {
    const { chunk, start, end } = this.#places.pop()!;
    chunk.end = start;
    this.byteLength -= end - start;
  }

  /** The frame with that ordinal. */
  frame(ordinal: number): Uint8Array {
    const { chunk, start, end } = this.#places[this.#head + ordinal - this.first]!;
    return chunk.bytes.subarray(start, end);
  }

  /** All that is kept, in order, in few pieces. */
  pieces(): Uint8Array[] {
    return this.#chunks
      .filter(({ start, end }) => end > start)
      .map(({ bytes, start, end }) => bytes.subarray(start, end));
  }

  /** Frames up to that ordinal are on the disk. */
  release(ordinal: number): void {
    while (this.first <= ordinal && this.#head < this.#places.length) {
      const { chunk, start, end } = this.#places[this.#head]!;
      while (this.#chunks[0] !== chunk) this.#dropChunk();
      chunk.start = end;
      this.byteLength -= end - start;
      this.#head++;
      this.first++;
    }
    if (this.#head === this.#places.length) {
      while (this.#chunks.length > 0) this.#dropChunk();
      this.#places.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#places.length) {
      this.#places = this.#places.slice(this.#head);
      this.#head = 0;
    }
  }

  #dropChunk(): void {
    const { bytes } = this.#chunks.shift()!;
    if (bytes.length === CHUNK_BYTES && this.#spare.length < SPARE_CHUNKS) this.#spare.push(bytes);
  }

  #buffer(byteLength: number): Uint8Array {
    if (byteLength > CHUNK_BYTES) return new Uint8Array(byteLength);
    return this.#spare.pop() ?? new Uint8Array(CHUNK_BYTES);
  }
}
