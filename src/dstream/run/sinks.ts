/**
 * Where the records of a loop end up until they are sent. One sink a leaf of the task's tree; used by the task's thread.
 *
 * The loops write into the public fields directly. Everything here is dropped and built anew when a region recovers, so
 * each sink says what it holds (`held`) and takes it back (`restore`).
 *
 * I1  Tables (combine, tally) send at any barrier, or when full; reduced records (reduce, count) at batch barriers;
 *     passing sinks (group, spread, output) at any barrier and when they have gathered a good block. So a hand-over
 *     inside a batch holds what was combined once only: at the receiver.
 * I2  What is sent and in which order depends on the records alone, not on how they were cut into
 *     blocks; only a full table is sent at the end of the block that filled it.
 */
import type { ColumnsBlock } from '../../actors/block.ts';
import type { TaskOutput } from '../../actors/task.ts';
import type { Send } from '../../plan/planned.ts';
import { KeyTable } from '../keys/key-table.ts';
import { blamed } from './blame.ts';
import type { SinkStep } from './chain.ts';
import { isByteKeys } from './columns.ts';
import { emitColumns, emitRows } from './emit.ts';
import { placeAt } from './placing.ts';

/** Records that a passing sink gathers for one target before it sends them. */
export const GOOD_BLOCK_RECORDS = 16_384;
/** Keys at which a combining table is sent before its barrier. */
export const FULL_TABLE_KEYS = 1_048_576;

export interface Sink {
  /** The end of an input block. */
  endBlock(out: TaskOutput): void;
  /** A barrier inside a batch. */
  endPoint(out: TaskOutput): void;
  endBatch(out: TaskOutput): void;
  /** What must outlive a recovery to a barrier inside a batch; undefined when it holds nothing. */
  held(): unknown;
  restore(held: unknown): void;
  /** Drops what belongs to the batch. */
  clear(): void;
}

/** Combines values by key before they leave: combineByKey and countByValue. */
export class TableSink implements Sink {
  readonly table: KeyTable<unknown> = new KeyTable();
  readonly #step: SinkStep;
  readonly #placeAt: (key: unknown) => number;

  constructor(step: SinkStep) {
    this.#step = step;
    this.#placeAt = placeAt(step.node, step.send?.outputs.length ?? 1);
  }

  endBlock(out: TaskOutput): void {
    if (this.table.size >= FULL_TABLE_KEYS) this.endBatch(out);
  }

  endPoint(out: TaskOutput): void {
    this.endBatch(out);
  }

  endBatch(out: TaskOutput): void {
    const { keys, values } = this.table;
    if (keys.length === 0) return;
    this.table.clear();
    const { outputs, port } = this.#step.send!;
    if (outputs.length === 1) {
      emitColumns(out, outputs[0]!, port, keys, values);
      return;
    }
    const parts = outputs.map(() => ({ keys: [] as unknown[], values: [] as unknown[] }));
    const placeAt = this.#placeAt;
    let i = 0;
    try {
      for (; i < keys.length; i++) {
        const part = parts[placeAt(keys[i])]!;
        part.keys.push(keys[i]);
        part.values.push(values[i]);
      }
    } catch (error) {
      throw blamed(error, this.#step.node, { record: { value: keys[i] } });
    }
    parts.forEach((part, p) => emitColumns(out, outputs[p]!, port, part.keys, part.values));
  }

  held(): unknown {
    return this.table.size === 0 ? undefined : [this.table.keys, this.table.values];
  }

  restore(held: unknown): void {
    const [keys, values] = held as [unknown[], unknown[]];
    keys.forEach((key, i) => this.table.add(key, values[i]));
  }

  clear(): void {
    this.table.clear();
  }
}

/** Sends each key's values to the partition of the key, uncombined: groupByKey. */
export class GroupSink implements Sink {
  /** By target partition. */
  keys: unknown[][];
  values: unknown[][];
  readonly #step: SinkStep;

  constructor(step: SinkStep) {
    this.#step = step;
    this.keys = step.send!.outputs.map(() => []);
    this.values = step.send!.outputs.map(() => []);
  }

  endBlock(out: TaskOutput): void {
    this.#send(out, GOOD_BLOCK_RECORDS);
  }

  endPoint(out: TaskOutput): void {
    this.#send(out, 1);
  }

  endBatch(out: TaskOutput): void {
    this.#send(out, 1);
  }

  held(): unknown {
    return undefined;
  }

  restore(): void {}

  clear(): void {
    this.keys = this.keys.map(() => []);
    this.values = this.values.map(() => []);
  }

  #send(out: TaskOutput, least: number): void {
    const { outputs, port } = this.#step.send!;
    for (let p = 0; p < outputs.length; p++) {
      const keys = this.keys[p]!;
      if (keys.length < least) continue;
      emitColumns(out, outputs[p]!, port, keys, this.values[p]!);
      this.keys[p] = [];
      this.values[p] = [];
    }
  }
}

/**
 * Deals records out in turn: repartition. The n-th record of a batch goes to the n-th partition after the sender's
 * own, so small batches of several senders do not all land on the first.
 */
export class SpreadSink implements Sink {
  /** By target partition. */
  rows: unknown[][];
  /** The partition that gets the next record. */
  next: number;
  readonly #step: SinkStep;
  readonly #first: number;

  constructor(step: SinkStep, partition: number) {
    this.#step = step;
    this.rows = step.send!.outputs.map(() => []);
    this.#first = partition % this.rows.length;
    this.next = this.#first;
  }

  endBlock(out: TaskOutput): void {
    this.#send(out, GOOD_BLOCK_RECORDS);
  }

  endPoint(out: TaskOutput): void {
    this.#send(out, 1);
  }

  endBatch(out: TaskOutput): void {
    this.#send(out, 1);
    this.next = this.#first;
  }

  held(): unknown {
    return this.next === this.#first ? undefined : this.next;
  }

  restore(held: unknown): void {
    this.next = held as number;
  }

  clear(): void {
    this.rows = this.rows.map(() => []);
    this.next = this.#first;
  }

  #send(out: TaskOutput, least: number): void {
    const { outputs, port } = this.#step.send!;
    for (let p = 0; p < outputs.length; p++) {
      const rows = this.rows[p]!;
      if (rows.length < least) continue;
      emitRows(out, outputs[p]!, port, rows);
      this.rows[p] = [];
    }
  }
}

/** Reduces a partition to one record, if it has any. */
export class ReduceSink implements Sink {
  has = false;
  value: unknown = undefined;
  readonly #step: SinkStep;

  constructor(step: SinkStep) {
    this.#step = step;
  }

  endBlock(): void {}

  endPoint(): void {}

  endBatch(out: TaskOutput): void {
    if (this.has) emitRows(out, this.#step.send!.outputs[0]!, this.#step.send!.port, [this.value]);
    this.clear();
  }

  held(): unknown {
    return this.has ? [this.value] : undefined;
  }

  restore(held: unknown): void {
    this.has = true;
    this.value = (held as unknown[])[0];
  }

  clear(): void {
    this.has = false;
    this.value = undefined;
  }
}

/** Counts the records of a partition. */
export class CountSink implements Sink {
  count = 0;
  readonly #step: SinkStep;

  constructor(step: SinkStep) {
    this.#step = step;
  }

  endBlock(): void {}

  endPoint(): void {}

  endBatch(out: TaskOutput): void {
    if (this.count > 0)
      emitRows(out, this.#step.send!.outputs[0]!, this.#step.send!.port, [this.count]);
    this.clear();
  }

  held(): unknown {
    return this.count === 0 ? undefined : this.count;
  }

  restore(held: unknown): void {
    this.count = held as number;
  }

  clear(): void {
    this.count = 0;
  }
}

/** Sends records as they are: to the task of the outputs, or to partitions of an operator that get all of them. */
export class OutputSink implements Sink {
  rows: unknown[] = [];
  readonly #step: SinkStep;

  constructor(step: SinkStep) {
    this.#step = step;
  }

  endBlock(out: TaskOutput): void {
    if (this.rows.length === 0) return;
    sendRows(out, this.#step.send!, this.rows);
    this.rows = [];
  }

  endPoint(out: TaskOutput): void {
    this.endBlock(out);
  }

  endBatch(out: TaskOutput): void {
    this.endBlock(out);
  }

  held(): unknown {
    return undefined;
  }

  restore(): void {}

  clear(): void {
    this.rows = [];
  }
}

/** Sends pairs as they are, side by side. */
export class OutputPairsSink implements Sink {
  keys: unknown[] = [];
  values: unknown[] = [];
  readonly #step: SinkStep;

  constructor(step: SinkStep) {
    this.#step = step;
  }

  endBlock(out: TaskOutput): void {
    if (this.keys.length === 0) return;
    const { keys, values } = this;
    this.clear();
    sendPairs(out, this.#step.send!, keys, values);
  }

  endPoint(out: TaskOutput): void {
    this.endBlock(out);
  }

  endBatch(out: TaskOutput): void {
    this.endBlock(out);
  }

  held(): unknown {
    return undefined;
  }

  restore(): void {}

  clear(): void {
    this.keys = [];
    this.values = [];
  }
}

/** Sends records to the output, or to each one (`all`). Each receiver gets an array of its own. */
export function sendRows(out: TaskOutput, send: Send, rows: readonly unknown[]): void {
  outputsOf(send).forEach((output, n) =>
    emitRows(out, output, send.port, n === 0 ? rows : rows.slice()),
  );
}

/** The same for keys and values. */
export function sendPairs(
  out: TaskOutput,
  send: Send,
  keys: ColumnsBlock['keys'],
  values: ColumnsBlock['values'],
): void {
  outputsOf(send).forEach((output, n) => {
    if (n === 0 || isByteKeys(keys)) emitColumns(out, output, send.port, keys, values);
    else emitColumns(out, output, send.port, keys.slice(), values.slice());
  });
}

function outputsOf({ outputs, exchange }: Send): readonly number[] {
  return exchange === 'all' ? outputs : outputs.slice(0, 1);
}

/** Collects records for an operator that works a batch at a time, and gives them on at the end of each block. */
export class CollectSink implements Sink {
  rows: unknown[] = [];
  readonly #give: (rows: readonly unknown[]) => void;

  constructor(give: (rows: readonly unknown[]) => void) {
    this.#give = give;
  }

  /** Takes an array as it is, past the loop. */
  take(rows: readonly unknown[]): void {
    this.#give(rows);
  }

  endBlock(): void {
    const { rows } = this;
    if (rows.length === 0) return;
    this.rows = [];
    this.#give(rows);
  }

  endPoint(): void {
    this.endBlock();
  }

  endBatch(): void {
    this.endBlock();
  }

  held(): unknown {
    return undefined;
  }

  restore(): void {}

  clear(): void {
    this.rows = [];
  }
}

/** The same for pairs, side by side. */
export class CollectPairsSink implements Sink {
  keys: unknown[] = [];
  values: unknown[] = [];
  readonly #give: (keys: readonly unknown[], values: readonly unknown[]) => void;

  constructor(give: (keys: readonly unknown[], values: readonly unknown[]) => void) {
    this.#give = give;
  }

  /** Takes arrays as they are, past the loop. */
  take(keys: readonly unknown[], values: readonly unknown[]): void {
    this.#give(keys, values);
  }

  endBlock(): void {
    const { keys, values } = this;
    if (keys.length === 0) return;
    this.clear();
    this.#give(keys, values);
  }

  endPoint(): void {
    this.endBlock();
  }

  endBatch(): void {
    this.endBlock();
  }

  held(): unknown {
    return undefined;
  }

  restore(): void {}

  clear(): void {
    this.keys = [];
    this.values = [];
  }
}
