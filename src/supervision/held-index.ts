/**
 * The newest held recovery point of a region, as a file: what a recovery starts from, also that of a new coordinator.
 *
 * I1  The file is written before BASE moves and before anything that only an older point needs is deleted.
 * I2  It holds the offsets too, so BASE can be set again from it: the file decides, the words follow.
 */
import type { Disk } from '../env/env.ts';

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
}

export function startPoint(tasks: number): HeldPoint {
  return { barrier: 0, batchStart: 0, offsets: [], parts: Array.from({ length: tasks }, () => []), skip: [] };
}

export class HeldIndex {
  #disk: Disk;
  #path: string;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#path = `${directory}/held.json`;
  }

  write(point: HeldPoint): void {
    this.#disk.write(this.#path, new TextEncoder().encode(JSON.stringify(point)));
  }

  read(): HeldPoint {
    return JSON.parse(new TextDecoder().decode(this.#disk.read(this.#path))) as HeldPoint;
  }
}
