/**
 * Gives records their event time, and says how far it has come: a partition of `withTimestamps`.
 *
 * The watermark is the largest timestamp so far minus `maxOutOfOrderness`. It is kept here, where all records pass, so a
 * filter behind it doesn't hold it back.
 *
 * Used by one task, on its thread.
 *
 * I1  The watermark never goes back, and depends on records and batch times alone.
 * I2  A timestamp further ahead than `maxAhead` behind the batch time never moves it.
 */
import type { UserFunction } from '../../plan/graph.ts';
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import { BadRecord } from '../run/blame.ts';
import { GatherCell } from '../state/gather-cell.ts';
import { ValueCell } from '../state/value-cell.ts';

/** What becomes of a record whose timestamp is further ahead than `maxAhead`. */
export type OnAhead = 'bound' | 'skip' | 'fail';

export interface TimestampsOptions {
  readonly f: UserFunction;
  readonly maxOutOfOrdernessMs: number;
  readonly idleAfterMs: number;
  readonly maxAheadMs: number;
  readonly onAhead: OnAhead;
  /** Throws the error of a record, or passes it over. */
  readonly refuse: (error: unknown, record: unknown) => void;
  readonly passOver: (error: unknown, record: unknown) => void;
  readonly count: (what: string, count: number) => void;
}

export class Timestamps implements BatchOperator {
  readonly takes = 'rows';
  readonly cells: BatchOperator['cells'];
  readonly #options: TimestampsOptions;
  readonly #open: GatherCell = new GatherCell();
  readonly #newest: ValueCell<number> = new ValueCell(-Infinity);
  /** Time of the last batch that had records. */
  readonly #activeMs: ValueCell<number | undefined> = new ValueCell<number | undefined>(undefined);
  #mark = -Infinity;

  constructor(options: TimestampsOptions) {
    this.#options = options;
    this.cells = { open: this.#open, newest: this.#newest, active: this.#activeMs };
  }

  rows(_side: number, rows: readonly unknown[]): void {
    const { f, refuse } = this.#options;
    const times: number[] = [];
    const values: unknown[] = [];
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i];
      try {
        times.push(timestampOf(f(row), row));
        values.push(row);
      } catch (error) {
        refuse(error, row);
      }
    }
    this.#open.pairs(0, times, values);
  }

  end({ time, zeroTime, watermark, missing }: BatchEnd): Given | undefined {
    const { maxAheadMs, maxOutOfOrdernessMs, idleAfterMs } = this.#options;
    const most = time + maxAheadMs;
    const blocks = this.#open.take();
    let newest = this.#newest.value;
    let ahead = 0;
    for (const block of blocks) {
      if (!('keys' in block)) continue;
      const times = block.keys as readonly number[];
      for (let i = 0; i < times.length; i++) {
        if (times[i]! > most) ahead++;
        else if (times[i]! > newest) newest = times[i]!;
      }
    }
    this.#newest.value = newest;
    if (blocks.length > 0) this.#activeMs.value = time;
    const idle = time - (this.#activeMs.value ?? zeroTime) >= idleAfterMs;
    this.#mark =
      watermark === Infinity ? Infinity : idle ? Number.NaN : newest - maxOutOfOrdernessMs;
    return missing.length > 0 ? undefined : this.#given(blocks, ahead, most);
  }

  discard(): void {
    this.#open.clear();
  }

  mark(): number {
    return this.#mark;
  }

  #given(blocks: ReturnType<GatherCell['take']>, ahead: number, most: number): Given {
    const { onAhead, passOver, count } = this.#options;
    if (ahead > 0) count('timestampsAhead', ahead);
    const [only] = blocks;
    if (ahead === 0 && blocks.length === 1 && 'keys' in only!) return only;
    const keys: number[] = [];
    const values: unknown[] = [];
    for (const block of blocks) {
      if (!('keys' in block)) continue;
      for (let i = 0; i < block.keys.length; i++) {
        const time = block.keys[i] as number;
        const value = block.values[i];
        if (time > most && onAhead !== 'bound') {
          const error = tooFarAhead(time, most, value);
          if (onAhead === 'fail') throw error;
          passOver(error, value);
          continue;
        }
        keys.push(time > most ? most : time);
        values.push(value);
      }
    }
    return { keys, values };
  }
}

function timestampOf(given: unknown, record: unknown): number {
  const time = given instanceof Date ? given.getTime() : given;
  if (typeof time === 'number' && Number.isFinite(time)) return time;
  throw new BadRecord(
    `needs a timestamp that is a finite number of ms; its function gave ${given === null ? 'null' : typeof time === 'number' ? time : typeof given}`,
    { value: record },
    'ERR_MILLRACE_TIMESTAMP',
  );
}

function tooFarAhead(time: number, most: number, record: unknown): BadRecord {
  return new BadRecord(
    `got the timestamp ${time}, which is ${time - most} ms further ahead of the batch time than maxAhead allows`,
    { value: record },
    'ERR_MILLRACE_TIMESTAMP',
  );
}
