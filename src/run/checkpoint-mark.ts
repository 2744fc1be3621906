/**
 * Notes in `run.json` that a directory has had a checkpoint, so that one that has none has lost it. Belongs to the first
 * run on the directory; later ones write it at their start.
 *
 * I1  Once it was stopped nothing is written any more: the file may be another run's.
 */
import type { Disk } from '../env/env.ts';
import type { RunRecord } from '../supervision/checkpoint/manifest.ts';
import { writeRun } from './restart-directory.ts';

export class CheckpointMark {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #record: RunRecord;
  #isSet: boolean;
  #isStopped = false;
  settled: Promise<void> = Promise.resolve();

  constructor(disk: Disk, directory: string, record: RunRecord) {
    this.#disk = disk;
    this.#directory = directory;
    this.#record = record;
    this.#isSet = record.checkpointed;
  }

  set(): void {
    if (this.#isSet || this.#isStopped) return;
    this.#isSet = true;
    const record = { ...this.#record, checkpointed: true };
    this.settled = writeRun(this.#disk, this.#directory, record, () => this.#check()).catch(() => {
      // The disk refuses it, or the run is over: the next checkpoint says it again, or the next run.
      this.#isSet = false;
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  #check(): void {
    if (this.#isStopped) throw new Error('the run is over');
  }
}
