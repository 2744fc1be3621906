/**
 * Cuts the content of a file into pieces of whole records. Three kinds of records: lines of text, lines of CSV whose
 * quoted fields may hold line ends, and runs of a fixed length.
 *
 * Use: `feed(window)`, then `next()` until it gives none; at the end of the content `finish()`, then `next()` again.
 *
 * I1  Pieces end where the last record of a window ends, so they depend on the content and where reading began at a
 *     record, and on nothing else.
 * I2  `position` is the content before the end of the last piece, or of what was passed over behind it.
 */
import { LineCutter, type LongLinePolicy } from './line-cutter.ts';

export interface PieceCutter {
  /** Content before the end of what was given or passed over. */
  readonly position: number;
  /** What is wrong at `position`: nothing more is given. */
  readonly fault: 'tooLong' | 'remainder' | undefined;
  /** Set to 0 by who reports them. */
  linesCut: number;
  linesSkipped: number;
  /** The bytes that follow. They are not written again, so a piece may lie in them. */
  feed(window: Uint8Array): void;
  finish(): void;
  next(): Uint8Array | undefined;
}

const NEWLINE = 10;
const QUOTE = 34;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Lines; the last one gets its `\n`. */
export class LinePieces implements PieceCutter {
  readonly #cutter: LineCutter;
  #position: number;

  constructor(position: number, maxLineBytes: number, onLongLine: LongLinePolicy) {
    this.#cutter = new LineCutter(maxLineBytes, onLongLine);
    this.#cutter.start(position);
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  get fault(): 'tooLong' | undefined {
    return this.#cutter.tooLong ? 'tooLong' : undefined;
  }

  get linesCut(): number {
    return this.#cutter.linesCut;
  }

  set linesCut(count: number) {
    this.#cutter.linesCut = count;
  }

  get linesSkipped(): number {
    return this.#cutter.linesSkipped;
  }

  set linesSkipped(count: number) {
    this.#cutter.linesSkipped = count;
  }

  feed(window: Uint8Array): void {
    this.#cutter.feed(window);
  }

  finish(): void {
    this.#cutter.finish();
  }

  next(): Uint8Array | undefined {
    const cutter = this.#cutter;
    if (!cutter.next()) return undefined;
    const { head, tail, position } = cutter;
    // What the cutter carries is written again.
    const piece = head.length === 0 ? tail : Buffer.concat([head, tail]);
    cutter.taken();
    this.#position = position;
    return piece;
  }
}

/** Finds where records end; knows what came before. */
interface Ends {
  /** The end of the last record that ends in the window, or 0. Called once for each window, in order. */
  last(window: Uint8Array): number;
  /** A record begins here: what was seen before means nothing. */
  reset(): void;
}

/** Records of at most `maxBytes`, which go as they are. */
class RecordPieces implements PieceCutter {
  fault: 'tooLong' | 'remainder' | undefined;
  linesCut = 0;
  linesSkipped = 0;
  position: number;
  readonly #ends: Ends;
  readonly #options: RecordOptions;
  /** Pieces, and between them how many bytes are passed over. */
  #found: (Uint8Array | number)[] = [];
  /** Of the record that has no end yet. */
  #parts: Uint8Array[] = [];
  #bytes = 0;
  /** In a line that is too long. */
  #isSkipping = false;

  constructor(position: number, ends: Ends, options: RecordOptions) {
    this.position = position;
    this.#ends = ends;
    this.#options = options;
  }

  feed(window: Uint8Array): void {
    const rest = this.#isSkipping ? this.#skip(window) : window;
    if (rest.length === 0) return;
    const end = this.#ends.last(rest);
    if (end > 0) {
      const whole = rest.subarray(0, end);
      this.#found.push(this.#parts.length === 0 ? whole : Buffer.concat([...this.#parts, whole]));
      this.#parts = [];
      this.#bytes = 0;
    }
    if (end < rest.length) {
      this.#parts.push(rest.subarray(end));
      this.#bytes += rest.length - end;
    }
    if (this.#bytes > this.#options.maxBytes) this.#overlong();
  }

  finish(): void {
    if (this.#isSkipping) this.#found.push(this.#bytes);
    else if (this.#bytes > 0) {
      if (this.#options.isRemainderGood) this.#found.push(Buffer.concat(this.#parts));
      else this.fault = 'remainder';
    }
    this.#parts = [];
    this.#bytes = 0;
  }

  next(): Uint8Array | undefined {
    for (let found = this.#found.shift(); found !== undefined; found = this.#found.shift()) {
      if (typeof found === 'number') {
        this.position += found;
        this.linesSkipped++;
        continue;
      }
      this.position += found.length;
      return found;
    }
    return undefined;
  }

  /** The record is too long. Of CSV it may be a quote without its other half: then a line is given up, no more. */
  #overlong(): void {
    if (!this.#options.maySkip) {
      this.fault = 'tooLong';
      return;
    }
    const all = Buffer.concat(this.#parts);
    const newline = all.indexOf(NEWLINE);
    this.#ends.reset();
    this.#parts = [];
    this.#bytes = 0;
    if (newline < 0) {
      this.#isSkipping = true;
      this.#bytes = all.length;
      return;
    }
    this.#found.push(newline + 1);
    this.feed(all.subarray(newline + 1));
  }

  /** What follows the line that is passed over. */
  #skip(window: Uint8Array): Uint8Array {
    const newline = window.indexOf(NEWLINE);
    if (newline < 0) {
      this.#bytes += window.length;
      return NOTHING;
    }
    this.#isSkipping = false;
    this.#found.push(this.#bytes + newline + 1);
    this.#bytes = 0;
    return window.subarray(newline + 1);
  }
}

interface RecordOptions {
  readonly maxBytes: number;
  /** A longer one is passed over; else it is a fault. */
  readonly maySkip: boolean;
  /** What is left at the end is a record. */
  readonly isRemainderGood: boolean;
}

/** Lines that are parsed later, as those of JSON. */
export function linesFrom(position: number, maxBytes: number, maySkip: boolean): PieceCutter {
  const ends: Ends = { last: (window) => window.lastIndexOf(NEWLINE) + 1, reset() {} };
  return new RecordPieces(position, ends, { maxBytes, maySkip, isRemainderGood: true });
}

/** Lines of CSV: a line end within quotes is none. A field is quoted if it begins with the quote. */
export function csvFrom(
  position: number,
  maxBytes: number,
  maySkip: boolean,
  separator: string,
): PieceCutter {
  const ends = new CsvEnds(separator.charCodeAt(0));
  return new RecordPieces(position, ends, { maxBytes, maySkip, isRemainderGood: true });
}

/** Runs of `recordBytes` each. `position` is a multiple of it. */
export function fixedFrom(position: number, recordBytes: number): PieceCutter {
  let over = 0;
  const ends: Ends = {
    last: (window) => {
      over = (over + window.length) % recordBytes;
      return Math.max(0, window.length - over);
    },
    reset() {},
  };
  return new RecordPieces(position, ends, {
    maxBytes: Infinity,
    maySkip: false,
    isRemainderGood: false,
  });
}

/** The end of the first `most` records of a piece that begins with one. */
export function endOfCsv(
  piece: Uint8Array,
  separator: string,
  most: number,
): { readonly end: number; readonly records: number } {
  const ends = new CsvEnds(separator.charCodeAt(0));
  let [end, records] = [0, 0];
  while (records < most && end < piece.length) {
    let behind = end;
    let isWhole = false;
    while (!isWhole && behind < piece.length) {
      const newline = piece.indexOf(NEWLINE, behind);
      const next = newline < 0 ? piece.length : newline + 1;
      isWhole = ends.last(piece.subarray(behind, next)) > 0;
      behind = next;
    }
    end = behind;
    records++;
  }
  return { end, records };
}

class CsvEnds implements Ends {
  readonly #separator: number;
  #isQuoted = false;
  /** Bytes before the window; where the last quoted field was closed. Positions count from the first window. */
  #base = 0;
  #closedAt = -2;
  /** The byte before the window. */
  #before: number = NEWLINE;

  constructor(separator: number) {
    this.#separator = separator;
  }

  reset(): void {
    this.#isQuoted = false;
    this.#before = NEWLINE;
  }

  last(window: Uint8Array): number {
    let end = 0;
    for (let at = 0; at < window.length;) {
      const quote = window.indexOf(QUOTE, at);
      const until = quote < 0 ? window.length : quote;
      if (!this.#isQuoted && until > at) {
        const newline = window.lastIndexOf(NEWLINE, until - 1);
        if (newline >= at) end = newline + 1;
      }
      if (quote < 0) break;
      if (this.#isQuoted) {
        this.#isQuoted = false;
        this.#closedAt = this.#base + quote;
      } else {
        const before = quote > 0 ? window[quote - 1]! : this.#before;
        // Two quotes within a quoted field stand for one: the second one opens it again.
        this.#isQuoted =
          this.#closedAt === this.#base + quote - 1 ||
          before === this.#separator ||
          before === NEWLINE;
      }
      at = quote + 1;
    }
    this.#base += window.length;
    this.#before = window[window.length - 1]!;
    return end;
  }
}
