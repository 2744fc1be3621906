/** The cuts of a log that were not trimmed, by barrier number. Numbers and ordinals ascend together. */
import type { CutRecord, Placed } from './log-record.ts';

export class CutIndex {
  #cuts: Placed<CutRecord>[];

  constructor(cuts: readonly Placed<CutRecord>[]) {
    this.#cuts = [...cuts];
  }

  add(cut: Placed<CutRecord>): void {
    this.#cuts.push(cut);
  }

  cut(barrier: number): Placed<CutRecord> | undefined {
    const found = this.#cuts[this.#behind(barrier - 1)];
    return found?.record.barrier.number === barrier ? found : undefined;
  }

  cutsBehind(barrier: number): readonly Placed<CutRecord>[] {
    return this.#cuts.slice(this.#behind(barrier));
  }

  /** The newest cut at or before that barrier. */
  atOrBefore(barrier: number): Placed<CutRecord> | undefined {
    return this.#cuts[this.#behind(barrier) - 1];
  }

  /** Forgets what lies before that cut. */
  trim(barrier: number): void {
    this.#cuts = this.#cuts.slice(this.#behind(barrier - 1));
  }

  /** Index of the first cut with a greater number. */
  #behind(barrier: number): number {
    let low = 0;
    let high = this.#cuts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#cuts[middle]!.record.barrier.number <= barrier) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
