/**
 * What a topology's builder notes of sources, stages and sinks until it is complete, and how mistakes in them are told.
 * Used by the thread that builds.
 */
import type { MigrationOptions } from '../dstream/state/migration.ts';
import { type ErrorCode, millraceError } from '../errors.ts';
import { DEFAULT_OUTPUT, type GraphNode } from '../plan/graph.ts';
import type { StageFeed } from '../plan/stage-stream.ts';

export type Guarantee = 'exactly-once' | 'at-least-once' | 'at-most-once';

/** What the whole topology has settled. */
export interface TopologySettings {
  readonly guarantee: Guarantee;
  readonly lingerMs: number;
  readonly maxPending: number;
  readonly timeoutMs: number;
}

export interface StageOptions<In> extends MigrationOptions {
  /** What the stage reads: outputs with a grouping each. */
  readonly from: StageFeed<In> | readonly StageFeed<In>[];
  /** Instances of the stage. @default 1 */
  readonly parallelism?: number;
  /** Names of outputs beside the default one. */
  readonly outputs?: readonly string[];
  /** `false` gives the stage tasks of its own even where it could run in those that it reads. @default true */
  readonly fuse?: boolean;
}

export interface SinkOptions<T> {
  readonly from: StageFeed<T> | readonly StageFeed<T>[];
  /** @default 1 */
  readonly parallelism?: number;
  /** As of a stage. @default true */
  readonly fuse?: boolean;
}

export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly callSite: string;
}

export interface Declared {
  readonly name: string;
  readonly word: 'source' | 'stage' | 'sink';
  readonly callSite: string;
  readonly feeds: readonly StageFeed<unknown>[];
  readonly outputs: readonly string[];
  readonly node: Pick<GraphNode, 'kind' | 'role' | 'params' | 'functions' | 'live'> & {
    readonly operator: string;
  };
  state: 'declared' | 'adding' | number;
  /** Outputs that somebody reads. */
  readonly read: Set<string>;
}

/** Outputs that nobody reads. */
export function unreadOutputs({ name, word, outputs, read, callSite }: Declared): Problem[] {
  const code = 'ERR_MILLRACE_OUTPUT_UNREAD';
  const unread = outputs.filter((output) => !read.has(output));
  const problems: Problem[] = [];
  for (const output of unread) {
    // A stage may have named outputs only.
    if (output === DEFAULT_OUTPUT && outputs.length > 1) continue;
    const what = output === DEFAULT_OUTPUT ? 'what it gives' : `its output ${quoted(output)}`;
    const message = `${word} ${quoted(name)}: nobody reads ${what}. Read it with from, or make a sink of a stage that gives nothing`;
    problems.push({ code, callSite, message });
  }
  if (unread.length === outputs.length && outputs.length > 1) {
    const message = `${word} ${quoted(name)}: nobody reads any of its outputs`;
    problems.push({ code, callSite, message });
  }
  return problems;
}

export function isFeed(given: unknown): given is StageFeed<unknown> {
  return typeof given === 'object' && given !== null && 'grouping' in given && 'stream' in given;
}

/** With all that is wrong, in its text and in `context.problems`. */
export function badTopology(title: string, problems: readonly Problem[]): Error {
  const lines = problems.map(
    ({ code, message, callSite }) => `  ${code} at ${callSite}: ${message}`,
  );
  const count = problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`;
  return millraceError('ERR_MILLRACE_BAD_TOPOLOGY', `${title} has ${count}:\n${lines.join('\n')}`, {
    context: { problems, callSite: problems[0]!.callSite },
  });
}

export function quoted(name: unknown): string {
  return typeof name === 'string' ? `'${name}'` : String(name);
}
