/**
 * Records that came too late for their windows: counted, and kept for the operator's side output if there is one.
 * A result then goes on the main side, a late record on the other: pairs of a side's number and a record.
 */
import type { Given } from '../run/batch-operator.ts';

export const MAIN_SIDE = 0;
export const LATE_SIDE = 1;

export class LateRecords {
  readonly #hasSide: boolean;
  #records: unknown[] = [];
  #count = 0;

  constructor(hasSide: boolean) {
    this.#hasSide = hasSide;
  }

  /** @param record made only if somebody wants it */
  add(record: () => unknown): void {
    this.#count++;
    if (this.#hasSide) this.#records.push(record());
  }

  /** Results, and with them what came late. */
  given(
    keys: readonly unknown[],
    values: readonly unknown[],
    count: (what: string, count: number) => void,
  ): Given {
    if (this.#count > 0) count('lateRecords', this.#count);
    const late = this.#records;
    this.#records = [];
    this.#count = 0;
    if (!this.#hasSide) return { keys, values };
    const sides: number[] = keys.map(() => MAIN_SIDE);
    const records: unknown[] = keys.map((key, i) => [key, values[i]]);
    for (const record of late) {
      sides.push(LATE_SIDE);
      records.push(record);
    }
    return { keys: sides, values: records };
  }
}
