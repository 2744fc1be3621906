/**
 * Something that a disk refuses and that is tried again until it works: how long to wait, and what is told of it. Any
 * thread; each has its own.
 *
 * I1  It is told once when it begins and once when it is over, however many attempts lie between.
 */

/** What may pass by itself: no room, no quota, a bad moment of the device or of the process. */
const PASSING: ReadonlySet<unknown> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EROFS',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'EAGAIN',
  'EBUSY',
  'EINTR',
  'ETIMEDOUT',
  'ESTALE',
]);
const FIRST_MS = 100;
const LONGEST_MS = 2000;

/** Whether it is worth trying again. */
export function mayPass(error: unknown): boolean {
  return PASSING.has((error as { code?: unknown } | undefined)?.code);
}

export class Trouble {
  readonly #began: (error: unknown) => void;
  readonly #ended: () => void;
  #attempts = 0;

  constructor(began: (error: unknown) => void, ended: () => void) {
    this.#began = began;
    this.#ended = ended;
  }

  get isOpen(): boolean {
    return this.#attempts > 0;
  }

  /** An attempt failed. Gives the time until the next one, in ms. */
  failed(error: unknown): number {
    if (this.#attempts++ === 0) this.#began(error);
    return Math.min(LONGEST_MS, FIRST_MS * 2 ** (this.#attempts - 1));
  }

  /** An attempt has come to something. */
  over(): void {
    if (this.#attempts === 0) return;
    this.#attempts = 0;
    this.#ended();
  }
}
