/**
 * What a simulated run did, action by action: a hash over all of it, which two runs of one seed must share, and the
 * newest actions in words for whoever has to find out why a run failed.
 */
const KEPT = 200;

export class Trace {
  #hash = 0x811c9dc5;
  #count = 0;
  readonly #recent: string[] = [];

  /** Notes something that was done or seen. All of it must be the same when the seed is run again. */
  note(text: string): void {
    let hash = this.#hash;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    this.#hash = hash;
    this.#recent[this.#count++ % KEPT] = text;
  }

  get hash(): number {
    return this.#hash >>> 0;
  }

  get count(): number {
    return this.#count;
  }

  /** The newest notes, oldest first. */
  recent(): string[] {
    const first = Math.max(0, this.#count - KEPT);
    return Array.from(
      { length: this.#count - first },
      (_, i) => `${first + i}: ${this.#recent[(first + i) % KEPT]}`,
    );
  }
}
