/**
 * What a stage, source or stream gives, as the next stage takes it: an output with a way of dealing its records out.
 *
 * Values of these classes hold no data; they name places of a graph that is being built. Used on any thread, while it
 * builds. Mistakes in them are found when the topology is complete, all at once, so nothing here throws.
 */
import type { UserFunction } from './graph.ts';
import { DEFAULT_OUTPUT, type Grouping } from './graph.ts';

/** Where records come from: a stage or source of a topology, by name, or a node of the graph. */
export type StageOrigin = { readonly stage: string } | { readonly node: number };

/** An output and how its records are dealt out to the instances of the stage that reads it. */
export interface StageFeed<T> {
  readonly stream: StageStream<T>;
  readonly grouping: Grouping;
  /** Of `byKey`. */
  readonly key?: UserFunction;
  readonly callSite: string;
}

/** One output of a stage, source or stream. */
export class StageStream<T> {
  /** @internal */
  readonly origin: StageOrigin;
  /** @internal */
  readonly outputName: string;
  /** @internal Where it was spoken of, and how to find that out. */
  readonly callSite: () => string;

  /** @internal Made by topologies and streams. */
  constructor(origin: StageOrigin, outputName: string, callSite: () => string) {
    this.origin = origin;
    this.outputName = outputName;
    this.callSite = callSite;
  }

  /** Another output of the same stage, by the name that its `outputs` give it. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  output<U = any>(name: string): StageStream<U> {
    return new StageStream<U>(this.origin, name, this.callSite);
  }

  /** Each sender deals its records out in turn, so instances have the same load. */
  shuffle(): StageFeed<T> {
    return this.#feed('shuffle');
  }

  /**
   * Records of one key go to one instance, in the order in which a sender emits them. Keys are what DStreams' keys are:
   * strings, numbers, bigints, booleans, null, arrays and plain objects of these, compared by value.
   */
  byKey(key: (record: T) => unknown): StageFeed<T> {
    return { ...this.#feed('byKey'), key };
  }

  /** Every instance gets every record. */
  all(): StageFeed<T> {
    return this.#feed('all');
  }

  /** All records go to the first instance. */
  global(): StageFeed<T> {
    return this.#feed('global');
  }

  /** Instance n sends to instance n (modulo their number). With equal numbers both run in one task: nothing is sent. */
  local(): StageFeed<T> {
    return this.#feed('local');
  }

  /** The sender says for each record which instance gets it: `out.emitTo(instance, record)`. */
  direct(): StageFeed<T> {
    return this.#feed('direct');
  }

  #feed(grouping: Grouping): StageFeed<T> {
    return { stream: this, grouping, callSite: this.callSite() };
  }
}

export function defaultOutput<T>(origin: StageOrigin, callSite: () => string): StageStream<T> {
  return new StageStream<T>(origin, DEFAULT_OUTPUT, callSite);
}
