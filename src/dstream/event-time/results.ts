/** Results of windows as they are made: pairs of a window, with its key, and a value. */
import type { Aggregate } from './aggregate.ts';

export class Results {
  keys: unknown[] = [];
  values: unknown[] = [];
  readonly #isKeyed: boolean;
  readonly #copy: Aggregate['copy'];

  constructor(isKeyed: boolean, copy: Aggregate['copy']) {
    this.#isKeyed = isKeyed;
    this.#copy = copy;
  }

  add(key: unknown, start: number, end: number, value: unknown): void {
    this.keys.push(this.#isKeyed ? { key, start, end } : { start, end });
    this.values.push(this.#copy === undefined ? value : this.#copy(value));
  }
}
