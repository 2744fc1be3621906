/**
 * Writes the hand-overs of one task to a disk that may refuse them for a while. The task waits, and nothing else does.
 *
 *   written ◀── write ──▶ refused ── its time has come (`dueMs`) ──▶ write again
 *
 * I1  What was handed over is kept until it is written: the body is not asked for it twice.
 * I2  A disk that refuses for good (the directory is gone, say) is an error.
 */
import type { Env } from '../env/env.ts';
import { toWire } from '../errors.ts';
import { sealed } from './hand-over-file.ts';
import type { TaskEvent } from './task.ts';
import { mayPass, Trouble } from './trouble.ts';

export class HandOverWriter {
  readonly #env: Env;
  readonly #trouble: Trouble;
  #dueMs = Infinity;

  constructor(env: Env, what: string, report: (event: TaskEvent) => void) {
    this.#env = env;
    this.#trouble = new Trouble(
      (error) => report({ type: 'degraded', what, error: toWire(error) }),
      () => report({ type: 'recovered', what }),
    );
  }

  /** When what was refused is to be written again; Infinity when nothing was. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** False: it is not its time, or the disk has refused. */
  write(path: string, payload: Uint8Array): boolean {
    const { disk, clock } = this.#env;
    if (this.#dueMs !== Infinity && clock.monotonic() < this.#dueMs) return false;
    try {
      disk.write(path, sealed(payload));
    } catch (error) {
      if (!mayPass(error)) throw error;
      this.#dueMs = clock.monotonic() + this.#trouble.failed(error);
      return false;
    }
    this.#dueMs = Infinity;
    this.#trouble.over();
    return true;
  }
}
