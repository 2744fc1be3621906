/**
 * A small note that outlives the thread which wrote it: JSON in two files, written in turn.
 *
 * I1  A thread that dies while it writes leaves the note before: a file that is torn doesn't parse, and then the other
 *     one counts.
 */
import type { Disk } from '../env/env.ts';

interface Numbered {
  readonly number: number;
  readonly value: unknown;
}

export class SourceNote {
  readonly #disk: Disk;
  readonly #path: string;
  #newest: Numbered | undefined;
  #isRead = false;

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /** Undefined when nothing was written. */
  read(): unknown {
    if (!this.#isRead) {
      const [a, b] = [this.#file(0), this.#file(1)];
      this.#newest = a === undefined || (b !== undefined && b.number > a.number) ? b : a;
      this.#isRead = true;
    }
    return this.#newest?.value;
  }

  begin(value: unknown): void {
    this.write(value);
  }

  write(value: unknown): void {
    this.read();
    const number = (this.#newest?.number ?? 0) + 1;
    this.#disk.write(`${this.#path}.${number % 2}`, Buffer.from(JSON.stringify({ number, value })));
    this.#newest = { number, value };
  }

  #file(parity: number): Numbered | undefined {
    try {
      return JSON.parse(
        Buffer.from(this.#disk.read(`${this.#path}.${parity}`)).toString(),
      ) as Numbered;
    } catch {
      // Not there, or torn.
      return undefined;
    }
  }
}
