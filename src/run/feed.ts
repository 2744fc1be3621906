/**
 * A sequence that is pushed at one end and iterated at the other, by any number of iterators.
 *
 * `{ lose: n }` (events): an iterator sees what comes after it was made, and loses the oldest when it lags by n; `lost`
 * counts them.
 * `{ pushBackAbove: bytes }` (results): nothing is lost, and the first iterator also gets what came before it. Once more
 * than that many bytes wait, `push` gives a promise that settles when there is room again.
 */
export type FeedBound = { readonly lose: number } | { readonly pushBackAbove: number };

interface Entry<T> {
  readonly item: T;
  readonly bytes: number;
}

interface Reader<T> {
  queue: Entry<T>[];
  wake: (() => void) | undefined;
}

export class Feed<T> {
  readonly #bound: FeedBound;
  readonly #readers = new Set<Reader<T>>();
  #early: Entry<T>[] = [];
  #bytes = 0;
  #room: (() => void)[] = [];
  #ended = false;
  #error: Error | undefined;
  #lost = 0;

  constructor(bound: FeedBound) {
    this.#bound = bound;
  }

  get lost(): number {
    return this.#lost;
  }

  push(item: T, bytes = 0): void | Promise<void> {
    if (this.#ended) return undefined;
    const entry = { item, bytes };
    const bound = this.#bound;
    if ('lose' in bound) {
      for (const reader of this.#readers) {
        if (reader.queue.push(entry) > bound.lose) {
          reader.queue.shift();
          this.#lost++;
        }
        reader.wake?.();
      }
      return undefined;
    }
    if (this.#readers.size === 0) this.#early.push(entry);
    for (const reader of this.#readers) {
      reader.queue.push(entry);
      reader.wake?.();
    }
    this.#bytes += bytes * Math.max(1, this.#readers.size);
    if (this.#bytes <= bound.pushBackAbove) return undefined;
    return new Promise((resolve) => this.#room.push(resolve));
  }

  /** Iterators end after what they have; with an error they then throw it. */
  end(error?: Error): void {
    this.#ended = true;
    this.#error = error;
    for (const reader of this.#readers) reader.wake?.();
    this.#makeRoom();
  }

  iterate(): AsyncIterableIterator<T> {
    const reader: Reader<T> = { queue: this.#early, wake: undefined };
    this.#early = [];
    this.#readers.add(reader);
    return this.#read(reader);
  }

  async *#read(reader: Reader<T>): AsyncGenerator<T, void> {
    try {
      for (;;) {
        const entry = reader.queue.shift();
        if (entry !== undefined) {
          this.#taken(entry.bytes);
          yield entry.item;
          continue;
        }
        if (this.#ended) {
          if (this.#error !== undefined) throw this.#error;
          return;
        }
        await new Promise<void>((resolve) => {
          reader.wake = resolve;
        });
        reader.wake = undefined;
      }
    } finally {
      this.#readers.delete(reader);
      for (const { bytes } of reader.queue) this.#taken(bytes);
    }
  }

  #taken(bytes: number): void {
    this.#bytes -= bytes;
    if ('pushBackAbove' in this.#bound && this.#bytes <= this.#bound.pushBackAbove)
      this.#makeRoom();
  }

  #makeRoom(): void {
    for (const resolve of this.#room.splice(0)) resolve();
  }
}
