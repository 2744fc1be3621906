/**
 * How many records came in from each source since the last batch. Used by the coordinator, on its thread.
 *
 * I1  A record is counted where it comes in, by the task that reads it, and once: what a recovery reads again is counted
 *     from what was held.
 */
import type { Wiring } from '../actors/wiring.ts';
import type { BarrierEntry, Taken } from './barrier-ledger.ts';

export class InputCounts {
  /** By task: the source that it reads. */
  readonly #sourceOf: ReadonlyMap<number, number>;
  readonly #sources: number;
  /** By source: up to the newest barrier that is held. */
  #records: number[];

  constructor(wiring: Wiring) {
    this.#sourceOf = new Map(
      wiring.sources.flatMap(({ outputs }, source) =>
        outputs.map((edge) => [wiring.edges[edge]!.to, source] as const),
      ),
    );
    this.#sources = wiring.sources.length;
    this.#records = this.#zeros();
  }

  /** A barrier is held. */
  add(taken: Iterable<Taken>): void {
    addTo(this.#records, this.#sourceOf, taken);
  }

  /** A recovery goes back to a point; undefined: to the start of a batch. */
  restore(held: readonly number[] | undefined): void {
    this.#records = held === undefined ? this.#zeros() : [...held];
  }

  /** The batch ends here: what came in for it. */
  take(): readonly number[] {
    const records = this.#records;
    this.#records = this.#zeros();
    return records;
  }

  /** Whether all that read sources have taken a barrier. */
  areIn(has: (task: number) => boolean): boolean {
    for (const task of this.#sourceOf.keys()) if (!has(task)) return false;
    return true;
  }

  /** What barriers that are open have brought so far, with what is held or without. */
  withOpen(entries: Iterable<BarrierEntry>, withHeld: boolean): readonly number[] {
    const records = withHeld ? [...this.#records] : this.#zeros();
    for (const { taken } of entries) addTo(records, this.#sourceOf, taken.values());
    return records;
  }

  #zeros(): number[] {
    return Array.from({ length: this.#sources }, () => 0);
  }
}

function addTo(
  records: number[],
  sourceOf: ReadonlyMap<number, number>,
  taken: Iterable<Taken>,
): void {
  for (const { task, records: count } of taken) {
    const source = sourceOf.get(task);
    if (source !== undefined) records[source]! += count;
  }
}
