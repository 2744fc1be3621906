/** What a job is to the simulator: how it is built, what is fed to it, and what must come out. */
import type { ContextBuilder } from '../../dstream/context-builder.ts';
import type { Graph } from '../../plan/graph.ts';
import type { Guarantee } from '../../topology/topology-builder.ts';
import type { Scenario } from './scenario.ts';
import type { Feed } from './sim-sources.ts';
import type { SimStore } from './sim-store.ts';

/** One batch of one source: records by partition, or null when it is missing. */
export type SourceBatch = readonly (readonly unknown[])[] | null;

/** What user functions have to do with the simulation. */
export interface User {
  /** Called by user functions with the record in hand; may throw. */
  call(record: unknown): void;
  /** Whether that is asked for the first time in the run, whichever threads have died since. */
  first(what: string): boolean;
  /** From a plain sink, as it shows a record. */
  seen(output: string, row: unknown): void;
  /** From `foreachBatch`. */
  delivered(output: string, time: number, rows: readonly unknown[]): void;
  /** What transactional sinks commit to. */
  readonly store: SimStore;
  /** Some virtual time. */
  wait(): Promise<void>;
}

/** `records`: numbered ones by position, as sources of topologies give them. */
export type SourceShape = 'text' | 'rows' | 'records';

export interface SimJob {
  readonly name: string;
  /** Of each source, in the order in which the builder makes them. */
  readonly sources: readonly SourceShape[];
  /** Batches may be missing. */
  readonly absent?: boolean;
  build(ssc: ContextBuilder, user: User, batchIntervalMs: number): void;
  /** A job of somebody else: in place of `build` and of what the simulator feeds to `sources`. */
  readonly subject?: Subject;
  /** Outputs of `outputs` that are functions of the user. */
  readonly foreach?: readonly string[];
  /** By name of the output: what one batch, or all of them, comes to. */
  readonly outputs: Readonly<Record<string, OutputModel>>;
  readonly topology?: TopologyFacts;
}

export interface Subject {
  /** The graph, as one thread makes it for itself. */
  graph(): Graph;
  /** By source of the plan. */
  feeds(scenario: Scenario): readonly Feed[];
}

export interface TopologyFacts {
  readonly guarantee: Guarantee;
  /** What a batch has depends on timers, so a batch that runs again may have something else. */
  readonly timed?: boolean;
  /** Nothing may die for so long, in virtual ms, before it is drained: timers have had their time. */
  readonly settleMs?: number;
}

export interface OutputModel {
  /** In order of partitions and records, or in any. */
  readonly ordered?: boolean;
  /**
   * What a batch comes to.
   * @param batch by source and partition
   * @param before all records of each source in earlier batches
   * @param earlier those batches; one that was given up is empty
   */
  rows?(
    batch: readonly (readonly (readonly unknown[])[])[],
    before: readonly (readonly unknown[])[],
    earlier: readonly (readonly (readonly (readonly unknown[])[])[])[],
  ): readonly unknown[];
  /** What all batches come to together, in any order. @param records of each source */
  whole?(records: readonly (readonly unknown[])[]): readonly unknown[];
  /** Of a row of `whole` and of what came out: what is compared. @default the row */
  as?(row: unknown): unknown;
  /** It is no output of the run: what plain sinks have shown (`User.seen`). */
  readonly plain?: boolean;
  /** It is no output of the run: what the store has of it (`User.store`). */
  readonly stored?: boolean;
  /** It is no output of the run: the lines of files in this directory of the simulated disk. */
  readonly files?: string;
}
