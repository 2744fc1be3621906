/**
 * A file in hand: its content as pieces of whole records, each with how many it has, so many at a time as its reader may
 * take. Part of `files-source.ts`.
 *
 * I1  `offset` and `line` say where the next piece begins: who opens the file there goes on in the same way.
 */
import { lineCount } from '../actors/line-count.ts';
import { openFile, type Compression, type FileBytes } from './file-bytes.ts';
import type { PieceCutter } from './piece-cutter.ts';

const NEWLINE = 10;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Counts records in a piece that has no more than `most` of them, or gives the end of the first `most`. */
export type Splitter = (
  piece: Uint8Array,
  most: number,
) => { readonly end: number; readonly records: number };

export interface Piece {
  readonly bytes: Uint8Array;
  readonly records: number;
  /** Where it begins. */
  readonly offset: number;
  readonly line: number;
}

export class OpenFile {
  readonly path: string;
  readonly cutter: PieceCutter;
  /** Lines before the next piece. */
  line: number;
  readonly #bytes: FileBytes;
  readonly #split: Splitter;
  /** Cut from the file, and not taken. */
  #rest: Uint8Array = NOTHING;
  #isAtEnd = false;

  constructor(path: string, bytes: FileBytes, cutter: PieceCutter, split: Splitter, line: number) {
    this.path = path;
    this.cutter = cutter;
    this.line = line;
    this.#bytes = bytes;
    this.#split = split;
  }

  static async open(
    path: string,
    at: { readonly offset: number; readonly line: number },
    options: {
      readonly compression: Compression;
      readonly windowBytes: number;
      readonly cutter: PieceCutter;
      readonly split: Splitter;
    },
  ): Promise<OpenFile> {
    const bytes = await openFile(path, options.compression, at.offset, options.windowBytes);
    return new OpenFile(path, bytes, options.cutter, options.split, at.line);
  }

  /** Content before the next piece. */
  get offset(): number {
    return this.cutter.position - this.#rest.length;
  }

  /**
   * The next piece, of at most so many records. Undefined: it would be larger than `mostBytes`, and stays (`hasMore`); or
   * the content ends, or has a fault (`cutter.fault`).
   */
  async next(most: number, mostBytes: number): Promise<Piece | undefined> {
    if (this.#rest.length === 0) this.#rest = (await this.#more()) ?? NOTHING;
    if (this.#rest.length === 0 || this.#rest.length > mostBytes) return undefined;
    const { offset, line } = this;
    const { end, records } = this.#split(this.#rest, most);
    const bytes = this.#rest.subarray(0, end);
    this.#rest = this.#rest.subarray(end);
    this.line += lineCount(bytes, NOTHING);
    return { bytes, records, offset, line };
  }

  get hasMore(): boolean {
    return this.#rest.length > 0;
  }

  close(): Promise<void> {
    return this.#bytes.close();
  }

  async #more(): Promise<Uint8Array | undefined> {
    const { cutter } = this;
    for (;;) {
      const piece = cutter.next();
      if (piece !== undefined) return piece;
      if (this.#isAtEnd || cutter.fault !== undefined) return undefined;
      const window = await this.#bytes.read();
      if (window === undefined) {
        this.#isAtEnd = true;
        cutter.finish();
      } else cutter.feed(window);
    }
  }
}

/** Each line is a record. */
export const splitLines: Splitter = (piece, most) => {
  const records = lineCount(piece, NOTHING);
  if (records <= most) return { end: piece.length, records };
  let end = 0;
  for (let n = 0; n < most; n++) end = piece.indexOf(NEWLINE, end) + 1;
  return { end, records: most };
};

export function splitFixed(recordBytes: number): Splitter {
  return (piece, most) => {
    const records = Math.min(most, piece.length / recordBytes);
    return { end: records * recordBytes, records };
  };
}
