/**
 * One small value as a cell of state: a watermark, a count, a time. Written again whenever it has changed.
 * Used by its task's thread only.
 */
import type { StateCell } from './cell.ts';

export class ValueCell<T> implements StateCell {
  readonly size: number = 1;
  #value: T;
  #isChanged = false;

  constructor(first: T) {
    this.#value = first;
  }

  get value(): T {
    return this.#value;
  }

  set value(value: T) {
    if (value === this.#value) return;
    this.#value = value;
    this.#isChanged = true;
  }

  changes(): readonly [T] | undefined {
    if (!this.#isChanged) return undefined;
    this.#isChanged = false;
    return [this.#value];
  }

  rewrite(): { readonly log: readonly [T]; readonly round: boolean } {
    return { log: [this.#value], round: true };
  }

  apply(log: unknown): void {
    if (log === undefined) return;
    [this.#value] = log as readonly [T];
    this.#isChanged = false;
  }
}
