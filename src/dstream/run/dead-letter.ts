/**
 * Records that an operator passed over because its user asked for that (`onRecordError: 'skip'`): function and record
 * did not agree, and the batch goes on without the record.
 *
 * A box lives in the tree of a task and is used by its thread only. Any operator of the tree may put letters into it.
 *
 * I1  Letters are told at the barrier that ends their batch, with its number, so a batch that runs again tells them
 *     again and the listener knows them by it. Inside a batch they are handed over with what else the tree holds.
 * I2  A task and batch keep KEPT letters in full; all others are only counted.
 */
import type { Barrier } from '../../actors/block.ts';
import type { RecordLetter, TaskOutput } from '../../actors/task.ts';
import { toWire } from '../../errors.ts';
import type { GraphNode } from '../../plan/graph.ts';
import { blamed } from './blame.ts';

/** What becomes of a record at which an operator's function throws. */
export type OnRecordError = 'fail' | 'skip';

/** Takes a record out of the stream. */
export type PassOver = (error: unknown, node: GraphNode, record: unknown) => void;

const KEPT = 100;

export class DeadLetterBox {
  readonly #partition: number;
  #letters: RecordLetter[] = [];
  #count = 0;

  constructor(partition: number) {
    this.#partition = partition;
  }

  /** Takes a record out of the stream. A property, so that it can be handed on as a function. */
  readonly add: PassOver = (error, node, record) => {
    this.#count++;
    if (this.#letters.length >= KEPT) return;
    const blame = blamed(error, node, { partition: this.#partition, record: { value: record } });
    const { operator, kind, callSite, record: text } = blame.context;
    this.#letters.push({
      operator: String(operator),
      kind: String(kind),
      callSite: String(callSite),
      partition: this.#partition,
      record: String(text),
      error: toWire(blame),
    });
  };

  /** The batch ends: tells of its letters. */
  endBatch(out: TaskOutput, { number, time }: Barrier): void {
    if (this.#count === 0) return;
    const { letters, count } = { letters: this.#letters, count: this.#count };
    this.clear();
    void out.report({ type: 'deadLetters', barrier: number, time, count, letters });
  }

  /** What must outlive a recovery inside the batch; undefined when that is nothing. */
  held(): unknown {
    return this.#count === 0 ? undefined : [this.#count, this.#letters];
  }

  restore(held: unknown): void {
    if (held === undefined) return;
    [this.#count, this.#letters] = held as [number, RecordLetter[]];
  }

  clear(): void {
    this.#letters = [];
    this.#count = 0;
  }
}
