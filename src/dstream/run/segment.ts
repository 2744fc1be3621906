/**
 * What records of one place in a task's tree go through, up to the sinks: those of the root, or those that an operator
 * gave at a barrier. Used by `tree.ts`, on the task's thread.
 *
 * I1  Where only outputs, stages or one operator wait at the very beginning, they get what was given as it is: no loop, and no
 *     tuple of a pair.
 */
import type { ColumnsBlock } from '../../actors/block.ts';
import type { TaskOutput } from '../../actors/task.ts';
import type { Given } from './batch-operator.ts';
import type { Blame } from './blame.ts';
import type { ChainSegment, SinkStep, Step } from './chain.ts';
import { keysOf, valuesOf } from './columns.ts';
import type { Loop, PassOverAt, Shape } from './loop.ts';
import {
  type CollectPairsSink,
  type CollectSink,
  sendPairs,
  sendRows,
  type Sink,
} from './sinks.ts';
import type { StageSink } from './stage-sink.ts';

const NO_VALUES: readonly unknown[] = [];

export interface SegmentOptions {
  readonly chain: ChainSegment;
  /** Of the task, by slot. */
  readonly sinks: readonly Sink[];
  readonly out: TaskOutput;
  readonly loopOf: (steps: readonly Step[], shape: Shape) => Loop;
  readonly blame: Blame;
  readonly passOver: PassOverAt;
}

export class Segment {
  readonly chain: ChainSegment;
  readonly #options: SegmentOptions;
  /** Outputs at the beginning (I1), and all the rest. */
  readonly #direct: readonly SinkStep[];
  readonly #steps: readonly Step[];
  /** The one operator at the beginning, if there is nothing else. */
  readonly #sole: SinkStep | undefined;
  #rowsLoop: Loop | undefined;
  #pairsLoop: Loop | undefined;
  /** Whether it has a batch, and the watermark of that; known at batch barriers only. */
  present = false;
  watermark: number = Number.NEGATIVE_INFINITY;

  constructor(options: SegmentOptions) {
    this.#options = options;
    this.chain = options.chain;
    const { steps } = options.chain;
    const isDirect = (step: Step): step is SinkStep =>
      step.step === 'sink' &&
      (step.sink === 'output' || step.sink === 'outputPairs' || step.sink === 'stage');
    this.#direct = steps.filter(isDirect);
    this.#steps = steps.filter((step) => !isDirect(step));
    const [only] = steps;
    this.#sole =
      steps.length === 1 && only?.step === 'sink' && only.below !== undefined ? only : undefined;
  }

  /** The array is the segment's from now on. */
  rows(rows: readonly unknown[]): void {
    const { sinks, out, loopOf, blame, passOver } = this.#options;
    if (this.#sole?.sink === 'collect') {
      (sinks[this.#sole.slot] as CollectSink).take(rows);
      return;
    }
    for (const { sink, slot, send } of this.#direct) {
      if (sink === 'stage') (sinks[slot] as StageSink).take(rows);
      else sendRows(out, send!, rows);
    }
    if (this.#steps.length === 0) return;
    this.#rowsLoop ??= loopOf(this.#steps, 'rows');
    this.#rowsLoop(rows, NO_VALUES, sinks, blame, passOver);
  }

  /** Keys that are bytes become strings only for loops and operators. */
  pairs(keys: ColumnsBlock['keys'], values: ColumnsBlock['values']): void {
    const { sinks, out, loopOf, blame, passOver } = this.#options;
    if (this.#sole?.sink === 'collectPairs') {
      (sinks[this.#sole.slot] as CollectPairsSink).take(keysOf(keys), valuesOf(values));
      return;
    }
    for (const { sink, slot, send } of this.#direct) {
      if (sink === 'stage') (sinks[slot] as StageSink).takePairs(keys, values);
      else sendPairs(out, send!, keys, values);
    }
    if (this.#steps.length === 0) return;
    this.#pairsLoop ??= loopOf(this.#steps, 'pairs');
    this.#pairsLoop(keysOf(keys), values, sinks, blame, passOver);
  }

  give(given: Given): void {
    if ('rows' in given) {
      if (given.rows.length > 0) this.rows(given.rows);
    } else if ('pieces' in given) {
      for (const { keys, values } of given.pieces()) if (keys.length > 0) this.pairs(keys, values);
    } else if (given.keys.length > 0) this.pairs(given.keys, given.values);
  }
}
