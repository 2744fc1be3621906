/**
 * Joins two streams of pairs by key and time: records `a` and `b` of a key meet when b's time lies in
 * [a's + lower, a's + upper]. Both sides wait in buffers until the watermark has passed what they could meet.
 *
 *   a  ────────●────────────────▶
 *              ├ lower ┤── upper ──┤
 *   b  ───────────────────●─────▶          the pair's time is the later of the two
 *
 * Used by one task, on its thread.
 *
 * I1  Each pair that matches is given once: by the one of its records that is taken later.
 * I2  A record before the watermark of the barrier before its batch is late: counted, and meets nobody.
 */
import type { BatchEnd, BatchOperator, Given } from '../run/batch-operator.ts';
import { GatherCell } from '../state/gather-cell.ts';
import { ValueCell } from '../state/value-cell.ts';
import { firstAt, TimedBuffer } from './timed-buffer.ts';

export interface IntervalJoinOptions {
  readonly lowerMs: number;
  readonly upperMs: number;
  readonly blame: (error: unknown, record: unknown) => never;
  readonly count: (what: string, count: number) => void;
}

const LEFT = 0;

export class IntervalJoin implements BatchOperator {
  readonly takes = 'pairs';
  readonly cells: BatchOperator['cells'];
  readonly #options: IntervalJoinOptions;
  readonly #open: GatherCell = new GatherCell();
  readonly #left: TimedBuffer;
  readonly #right: TimedBuffer;
  readonly #watermark: ValueCell<number> = new ValueCell(-Infinity);

  constructor(options: IntervalJoinOptions) {
    this.#options = options;
    const spanMs = options.upperMs - options.lowerMs;
    this.#left = new TimedBuffer(spanMs);
    this.#right = new TimedBuffer(spanMs);
    this.cells = {
      open: this.#open,
      left: this.#left,
      right: this.#right,
      watermark: this.#watermark,
    };
  }

  /** Values are `[timestamp, value]`. */
  pairs(side: number, keys: readonly unknown[], values: readonly unknown[]): void {
    this.#open.pairs(side, keys, values);
  }

  end({ watermark }: BatchEnd): Given {
    const { lowerMs, upperMs, count } = this.#options;
    const before = this.#watermark.value;
    const times: number[] = [];
    const joined: unknown[] = [];
    let late = 0;
    const blocks = this.#open.take();
    for (const side of [LEFT, 1])
      for (const block of blocks)
        if (block.side === side && 'keys' in block)
          late += this.#take(side, block.keys, block.values, before, times, joined);
    if (late > 0) count('lateRecords', late);
    const now = Math.max(before, watermark);
    this.#watermark.value = now;
    // What comes from now on is not before `now`.
    this.#left.trim(now - upperMs);
    this.#right.trim(now + lowerMs);
    return { keys: times, values: joined };
  }

  discard(): void {
    this.#open.clear();
  }

  mark(): number {
    return this.#watermark.value;
  }

  /** Gives how many were late. */
  #take(
    side: number,
    keys: readonly unknown[],
    values: readonly unknown[],
    watermark: number,
    times: number[],
    joined: unknown[],
  ): number {
    const { lowerMs, upperMs, blame } = this.#options;
    const isLeft = side === LEFT;
    const own = isLeft ? this.#left : this.#right;
    const others = isLeft ? this.#right : this.#left;
    // Of a right record, times of left ones: from its own - upper to its own - lower.
    const [from, to] = isLeft ? [lowerMs, upperMs] : [-upperMs, -lowerMs];
    let late = 0;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const timed = values[i] as readonly [number, unknown];
      const time = timed[0];
      if (time < watermark) {
        late++;
        continue;
      }
      try {
        const list = others.of(key);
        for (let at = firstAt(list, time + from); at < list.length; at++) {
          const other = list[at]!;
          if (other.time > time + to) break;
          times.push(Math.max(time, other.time));
          joined.push([key, isLeft ? [timed[1], other.value] : [other.value, timed[1]]]);
        }
        own.add(key, time, timed[1]);
      } catch (error) {
        blame(error, [key, timed[1]]);
      }
    }
    return late;
  }
}
