/**
 * The segments that one opening of a log writes. Belongs to the writer of the log.
 *
 *   write ──▶ current ──(full)──▶ behind, until it is synced ──▶ closed
 *
 * I1  A frame is in a file whole or not at all: what a full disk took of it is cut off again. Where that fails, the log
 *     has to be written on in another segment (`rewrite`).
 * I2  After an fsync that failed nothing that it was for counts any more, whatever the next one says.
 */
import type { Disk, OpenFile } from '../env/env.ts';
import { encodeHead } from './log-format.ts';
import { segmentName, type SegmentPiece } from './segment-files.ts';

interface Open {
  readonly file: OpenFile;
  readonly path: string;
}

export interface SegmentWriterOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly incarnation: number;
  /** Where records of this opening begin. */
  readonly from: number;
  readonly segmentBytes: number;
  /** Grows by what is made here. */
  readonly pieces: SegmentPiece[];
}

export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  #current: Open | undefined;
  #behind: Open[] = [];
  #number = 0;
  /** Names that the directory may not have on the disk yet. */
  #isNamed = true;
  /** Files that are not needed once what replaces them is durable. */
  #replaced: string[] = [];
  /** What was written and isn't durable has to be written again. */
  isBroken = false;

  constructor(options: SegmentWriterOptions, replaced: readonly string[]) {
    this.#options = options;
    this.#replaced = [...replaced];
  }

  write(frame: Uint8Array, ordinal: number): void {
    let open = this.#current;
    if (open === undefined || open.file.size >= this.#options.segmentBytes) {
      open = this.#start(ordinal);
      const before = this.#current;
      if (before !== undefined) this.#behind.push(before);
      const piece = this.#options.pieces.at(-1);
      if (piece !== undefined) piece.last = ordinal - 1;
      this.#became(open, ordinal);
    }
    const { file } = open;
    const size = file.size;
    try {
      file.append(frame);
    } catch (error) {
      this.#cutBack(file, size);
      throw error;
    }
  }

  /** Writes all that isn't durable into a new segment; `first` is the ordinal of the first frame. */
  rewrite(frames: readonly Uint8Array[], first: number): void {
    const open = this.#start(first);
    try {
      if (frames.length > 0) open.file.append(...frames);
    } catch (error) {
      this.#giveUp(open);
      throw error;
    }
    const { pieces } = this.#options;
    for (const { file, path } of this.#open()) {
      file.close();
      // Readable all the same, should the process end before the new one is whole.
      if (pieces.some((piece) => piece.path === path && piece.first >= first))
        this.#replaced.push(path);
    }
    this.#behind = [];
    while (pieces.length > 0 && pieces.at(-1)!.first >= first) pieces.pop();
    if (pieces.length > 0) pieces.at(-1)!.last = first - 1;
    this.#became(open, first);
    this.isBroken = false;
  }

  /** Resolves when all that was written before the call is durable. */
  async sync(): Promise<void> {
    const { disk, directory } = this.#options;
    const replaced = this.#replaced;
    const behind = this.#behind;
    try {
      await Promise.all(this.#open().map(({ file }) => file.sync()));
      if (!this.#isNamed) {
        this.#isNamed = true;
        await disk.sync(directory);
      }
    } catch (error) {
      this.isBroken = true;
      throw error;
    }
    this.#behind = this.#behind.filter((each) => !behind.includes(each));
    for (const { file } of behind) file.close();
    this.#replaced = this.#replaced.filter((path) => !replaced.includes(path));
    for (const path of replaced) removeIfCan(disk, path);
  }

  close(): void {
    for (const { file } of this.#open()) file.close();
    this.#current = undefined;
    this.#behind = [];
  }

  #open(): readonly Open[] {
    return this.#current === undefined ? this.#behind : [...this.#behind, this.#current];
  }

  #became(open: Open, first: number): void {
    this.#current = open;
    this.#isNamed = false;
    this.#options.pieces.push({ path: open.path, first, last: Infinity });
  }

  #start(first: number): Open {
    const { disk, directory, incarnation, from } = this.#options;
    const path = `${directory}/${segmentName(first, incarnation, ++this.#number)}`;
    const open = { file: disk.open(path), path };
    try {
      open.file.append(encodeHead({ incarnation, first, from }));
      return open;
    } catch (error) {
      this.#giveUp(open);
      throw error;
    }
  }

  #giveUp({ file, path }: Open): void {
    file.close();
    removeIfCan(this.#options.disk, path);
  }

  #cutBack(file: OpenFile, size: number): void {
    try {
      file.truncate(size);
    } catch {
      this.isBroken = true;
    }
  }
}

/** What stays is found at the next opening. */
export function removeIfCan(disk: Disk, path: string): void {
  try {
    disk.remove(path);
  } catch {
    // It takes room and is otherwise harmless.
  }
}
