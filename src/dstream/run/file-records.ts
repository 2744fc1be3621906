/**
 * Makes the records of a file source's pieces (`io/files-source.ts`): JSON or CSV by line, or runs of bytes of a fixed
 * length. Used by the body of the task that reads the source, on its thread.
 *
 * A piece is `[path, at, bytes]`, or `[path, at, bytes, header]` of CSV files with one. `at` is the number of lines before
 * it, or of records without lines its offset.
 *
 * I1  A record that can't be made is thrown as a coded error with file and line, or is handed to `passOver`.
 */
import { Buffer } from 'node:buffer';
import type { GraphNode } from '../../plan/graph.ts';
import { BadText } from './blame.ts';
import { CsvReader } from './csv.ts';
import { csvRecord, parseJson } from './parse.ts';

export type FilePiece = readonly [path: string, at: number, bytes: Uint8Array, header?: string];

/** Takes what is no record. Gives nothing, or throws. */
export type OnBadText = (error: BadText, text: string) => void;

const NEWLINE = 10;

export class FileRecords {
  readonly #format: string;
  readonly #recordLength: number;
  readonly #csv: CsvReader;
  readonly #header: boolean | readonly string[];
  readonly #onBad: OnBadText;
  /** Of CSV with a header in each file: the one that was read last. */
  #headerText = '';
  #names: readonly string[] = [];

  constructor({ params }: GraphNode, onBad: OnBadText) {
    this.#format = params['format'] as string;
    this.#recordLength = (params['recordLength'] as number | undefined) ?? 1;
    this.#csv = new CsvReader((params['separator'] as string | undefined) ?? ',');
    this.#header = (params['header'] as boolean | readonly string[] | undefined) ?? false;
    this.#onBad = onBad;
  }

  /** All records of some pieces. */
  records(pieces: readonly unknown[]): unknown[] {
    const into: unknown[] = [];
    for (const piece of pieces as readonly FilePiece[]) {
      if (this.#format === 'binary') this.#binary(piece, into);
      else if (this.#format === 'json') this.#json(piece, into);
      else this.#csvLines(piece, into);
    }
    return into;
  }

  /** A piece for each record of one: for who must have them one by one. */
  single(piece: unknown): readonly FilePiece[] {
    const [path, at, bytes, header] = piece as FilePiece;
    const pieces: FilePiece[] = [];
    if (this.#format === 'binary') {
      for (let from = 0; from < bytes.length; from += this.#recordLength)
        pieces.push([path, at + from, copyOf(bytes, from, from + this.#recordLength)]);
      return pieces;
    }
    // A line of CSV that is part of a record is of no use: such a piece stays as it is.
    if (this.#format === 'csv' && bytes.includes(34)) return [piece as FilePiece];
    for (let [from, line] = [0, at]; from < bytes.length; line++) {
      const newline = bytes.indexOf(NEWLINE, from);
      const end = newline < 0 ? bytes.length : newline + 1;
      const one = copyOf(bytes, from, end);
      pieces.push(header === undefined ? [path, line, one] : [path, line, one, header]);
      from = end;
    }
    return pieces;
  }

  #binary([, , bytes]: FilePiece, into: unknown[]): void {
    for (let from = 0; from < bytes.length; from += this.#recordLength)
      into.push(copyOf(bytes, from, from + this.#recordLength));
  }

  #json([path, at, bytes]: FilePiece, into: unknown[]): void {
    const text = textOf(bytes, at);
    for (let [from, line] = [0, at + 1]; from < text.length; line++) {
      const newline = text.indexOf('\n', from);
      const end = newline < 0 ? text.length : newline;
      const one = text.slice(from, end);
      from = end + 1;
      try {
        const record = parseJson(one);
        if (record !== undefined) into.push(record);
      } catch (error) {
        this.#bad(error, path, line, one);
      }
    }
  }

  #csvLines([path, at, bytes, headerText]: FilePiece, into: unknown[]): void {
    const reader = this.#csv;
    const text = textOf(bytes, at);
    const names = this.#namesOf(headerText);
    let line = at + 1;
    for (let from = 0; from < text.length;) {
      const end = reader.read(text, from);
      const [first, begins] = [line, from];
      line += newlines(text, from, end);
      from = end;
      // An empty line, or the header of the file, which is its first record.
      if (isBlank(text, begins, end) || (first === 1 && this.#header === true)) continue;
      try {
        const record = csvRecord(reader, names);
        if (record !== undefined) into.push(record);
      } catch (error) {
        this.#bad(error, path, first, text.slice(begins, end));
      }
    }
  }

  #namesOf(headerText: string | undefined): readonly string[] | undefined {
    if (typeof this.#header !== 'boolean') return this.#header;
    if (!this.#header || headerText === undefined) return undefined;
    if (headerText !== this.#headerText) {
      this.#csv.read(headerText, 0);
      this.#names = this.#csv.fields;
      this.#headerText = headerText;
    }
    return this.#names;
  }

  #bad(error: unknown, path: string, line: number, text: string): void {
    if (!(error instanceof BadText)) throw error;
    this.#onBad(new BadText(error.message, { file: path, line }), text.replace(/\r?\n$/, ''));
  }
}

/** A file may begin with a mark that says how its bytes are ordered; it is no part of its first line. */
function textOf(bytes: Uint8Array, at: number): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return at === 0 && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

function newlines(text: string, from: number, end: number): number {
  let count = 0;
  for (let at = text.indexOf('\n', from); at >= 0 && at < end; at = text.indexOf('\n', at + 1))
    count++;
  return count;
}

function isBlank(text: string, from: number, end: number): boolean {
  return end - from <= 2 && text.slice(from, end).trim() === '';
}

/** A piece may lie in memory that is used again; `slice` of a Buffer would be a view of it. */
function copyOf(bytes: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(bytes.subarray(from, to));
}
