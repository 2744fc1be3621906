/**
 * The newest held recovery point of a region, as a file: what a recovery starts from, also that of a new coordinator.
 *
 * Each coordinator has two files, `held.<incarnation>.<0 or 1>.json`, which it writes in turn, so a thread that dies while
 * it writes leaves the point before.
 *
 * I1  The file is written before BASE moves and before anything that only an older point needs is deleted.
 * I2  It holds the offsets too, so BASE can be set again from it: the file decides, the words follow.
 * I3  A file that is torn doesn't parse, and then the other one counts.
 * I4  Files of a later coordinator count before those of an earlier one, which may still be in the middle of a write when
 *     it has been replaced: it can't take anything back.
 */
import type { Publication } from '../actors/task.ts';
import { mayPass } from '../actors/trouble.ts';
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

/** Its place among all that were written. */
interface Numbered {
  readonly incarnation: number;
  readonly number: number;
  readonly point: HeldPoint;
}

const NAME = /^held\.(\d+)\.[01]\.json$/;

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
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #incarnation: number;
  /** Of the newest whole file of this coordinator. */
  #number = 0;

  /** @param incarnation of the coordinator that writes */
  constructor(disk: Disk, directory: string, incarnation: number = 0) {
    this.#disk = disk;
    this.#directory = directory;
    this.#incarnation = incarnation;
  }

  /** Nothing that an earlier process left counts. */
  clear(): void {
    for (const name of this.#names()) this.#disk.remove(`${this.#directory}/${name}`);
  }

  write(point: HeldPoint): void {
    const number = this.#number + 1;
    const written: Numbered = { incarnation: this.#incarnation, number, point };
    this.#disk.write(
      `${this.#directory}/held.${this.#incarnation}.${number % 2}.json`,
      new TextEncoder().encode(JSON.stringify(written)),
    );
    this.#number = number;
    if (number === 1) this.#removeOlder();
  }

  read(): HeldPoint {
    let newest: Numbered | undefined;
    for (const name of this.#names()) {
      const found = this.#parse(name);
      if (found !== undefined && (newest === undefined || isBehind(found, newest))) newest = found;
    }
    if (newest === undefined)
      throw millraceError(
        'ERR_MILLRACE_RING_CORRUPT',
        `no recovery point can be read from ${this.#directory}`,
      );
    return newest.point;
  }

  /** Should one of them come back, it counts for nothing. */
  #removeOlder(): void {
    for (const name of this.#names()) {
      if (Number(NAME.exec(name)![1]) >= this.#incarnation) continue;
      try {
        this.#disk.remove(`${this.#directory}/${name}`);
      } catch (error) {
        if (!mayPass(error)) throw error;
      }
    }
  }

  #names(): string[] {
    return this.#disk.list(this.#directory).filter((name) => NAME.test(name));
  }

  #parse(name: string): Numbered | undefined {
    try {
      const bytes = this.#disk.read(`${this.#directory}/${name}`);
      return JSON.parse(new TextDecoder().decode(bytes)) as Numbered;
    } catch {
      // Torn.
      return undefined;
    }
  }
}

function isBehind(a: Numbered, b: Numbered): boolean {
  return a.incarnation === b.incarnation ? a.number > b.number : a.incarnation > b.incarnation;
}
