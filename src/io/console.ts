/**
 * Where printed text goes. One writer a run, on the main thread.
 *
 * I1  Text appears in the order of the calls, whole.
 * I2  A slow reader of the stream pushes back: the promise of `write` is pending until the stream has room again, and
 *     who prints waits for it.
 * I3  A reader that is gone (`millrace run … | head`) is no failure of the job: from then on text is dropped, and
 *     `broken` says so.
 */
import type { Writable } from 'node:stream';

const DONE: Promise<void> = Promise.resolve();

export class ConsoleWriter {
  /** Why text can't be written any more. */
  broken: Error | undefined;
  readonly #stream: Writable;
  #room: Promise<void> | undefined;
  #unflushed = 0;
  #flushed: (() => void)[] = [];

  /** @param stream @default process.stdout */
  constructor(stream: Writable = process.stdout) {
    this.#stream = stream;
  }

  /** Resolves when there is room for more. Never rejects. */
  write(text: string): Promise<void> {
    if (this.broken !== undefined || text === '') return DONE;
    // The stream belongs to the program: our listener is there only while our text is on its way.
    if (this.#unflushed++ === 0) this.#stream.on('error', this.#onError);
    const hasRoom = this.#stream.write(text, (error) => this.#written(error));
    if (!hasRoom && this.broken === undefined) this.#room ??= this.#nextRoom();
    return this.#room ?? DONE;
  }

  /** Resolves when all text has left, or never will. */
  flushed(): Promise<void> {
    if (this.#unflushed === 0) return DONE;
    return new Promise((resolve) => this.#flushed.push(resolve));
  }

  readonly #onError = (error: Error): void => {
    this.broken ??= error;
  };

  #written(error: Error | null | undefined): void {
    if (error) this.broken ??= error;
    if (--this.#unflushed > 0) return;
    // A broken stream emits its error after the callbacks of the writes: then the listener stays.
    if (this.broken === undefined) this.#stream.off('error', this.#onError);
    for (const resolve of this.#flushed.splice(0)) resolve();
  }

  #nextRoom(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#room = undefined;
        this.#stream.off('drain', done);
        this.#stream.off('close', done);
        this.#stream.off('error', done);
        resolve();
      };
      this.#stream.on('drain', done);
      this.#stream.on('close', done);
      this.#stream.on('error', done);
    });
  }
}
