/**
 * A sequence that is pushed at one end and iterated at the other, by any number of iterators.
 *
 * With a bound (events) an iterator sees what comes after it was made and loses the oldest when it lags: `lost` counts
 * them. Without one (results) the first iterator also gets what came before it, and nothing is ever lost.
 */
interface Reader<T> {
  readonly queue: T[];
  wake: (() => void) | undefined;
}

export class Feed<T> {
  readonly #bound: number;
  readonly #readers = new Set<Reader<T>>();
  #early: T[] = [];
  #ended = false;
  #error: Error | undefined;
  #lost = 0;

  constructor(bound: number) {
    this.#bound = bound;
  }

  get lost(): number {
    return this.#lost;
  }

  push(item: T): void {
    if (this.#ended) return;
    if (this.#readers.size === 0 && this.#bound === Infinity) this.#early.push(item);
    for (const reader of this.#readers) {
      reader.queue.push(item);
      if (reader.queue.length > this.#bound) {
        reader.queue.shift();
        this.#lost++;
      }
      reader.wake?.();
    }
  }

  /** Iterators end after what they have; with an error they then throw it. */
  end(error?: Error): void {
    this.#ended = true;
    this.#error = error;
    for (const reader of this.#readers) reader.wake?.();
  }

  async *#read(reader: Reader<T>): AsyncGenerator<T, void> {
    try {
      for (;;) {
        while (reader.queue.length > 0) yield reader.queue.shift()!;
        if (this.#ended) {
          if (this.#error !== undefined) throw this.#error;
          return;
        }
        await new Promise<void>((resolve) => { reader.wake = resolve; });
        reader.wake = undefined;
      }
    } finally {
      this.#readers.delete(reader);
    }
  }

  iterate(): AsyncIterableIterator<T> {
    const reader: Reader<T> = { queue: this.#early, wake: undefined };
    this.#early = [];
    this.#readers.add(reader);
    return this.#read(reader);
  }
}
