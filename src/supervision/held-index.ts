/**
 * The newest held recovery point of a region, as a file: what a recovery starts from, also that of a new coordinator.
 *
 * It lies in two files that are written in turn, so a thread that dies while it writes leaves the point before.
 *
 * I1  The file is written before BASE moves and before anything that only an older point needs is deleted.
 * I2  It holds the offsets too, so BASE can be set again from it: the file decides, the words follow.
 * I3  A file that is torn doesn't parse, and then the other one counts.
 */
import type { Publication } from '../actors/task.ts';
import type { Disk } from '../env/env.ts';
import { millraceError } from '../errors.ts';
import type { PoisonDecision } from './poison.ts';

export interface HeldPoint {
  /** Number of the held barrier; 0 is the start of the job. */
  readonly barrier: number;
  /** Last batch barrier at or before it. */
  readonly batchStart: number;
  /** Receiver edges: edge id to the offset behind the barrier. */
  readonly offsets: readonly (readonly [number, number])[];
  /** Hand-over files a task, oldest first; by task id. */
  readonly parts: readonly (readonly string[])[];
  /** Batches given up, by the batch barrier before them. */
  readonly skip: readonly number[];
  /** Records of the batch in which it lies, up to it. */
  readonly records: number;
  /** The same by source; left out where that is none. */
  readonly inputs?: readonly number[];
  /** Files that get their names now that the point counts; some may have them already. */
  readonly publish?: readonly Publication[];
  /** Records that are to be passed over behind it, and how many there were in the life of the job. */
  readonly poison?: { readonly decided: number; readonly open: readonly PoisonDecision[] };
}

interface Numbered {
  readonly number: number;
  readonly point: HeldPoint;
}

export function startPoint(tasks: number): HeldPoint {
  return {
    barrier: 0,
    batchStart: 0,
    offsets: [],
    parts: Array.from({ length: tasks }, () => []),
    skip: [],
    records: 0,
  };
}

export class HeldIndex {
  #disk: Disk;
  #path: string;
  /** Of the newest whole file; undefined before anybody looked. */
  #number: number | undefined;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#path = `${directory}/held`;
  }

  write(point: HeldPoint): void {
    const number = (this.#number ?? this.#newest()?.number ?? 0) + 1;
    this.#disk.write(
      this.#file(number),
      new TextEncoder().encode(JSON.stringify({ number, point } satisfies Numbered)),
    );
    this.#number = number;
  }

  read(): HeldPoint {
    const newest = this.#newest();
    if (newest === undefined)
      throw millraceError(
        'ERR_MILLRACE_RING_CORRUPT',
        `no recovery point can be read from ${this.#path}.0 or .1`,
      );
    this.#number = newest.number;
    return newest.point;
  }

  #newest(): Numbered | undefined {
    const [a, b] = [this.#parse(0), this.#parse(1)];
    return a === undefined || (b !== undefined && b.number > a.number) ? b : a;
  }

  #parse(parity: number): Numbered | undefined {
    try {
      return JSON.parse(new TextDecoder().decode(this.#disk.read(this.#file(parity)))) as Numbered;
    } catch {
      // Not there, or torn.
      return undefined;
    }
  }

  #file(number: number): string {
    return `${this.#path}.${number % 2}.json`;
  }
}
