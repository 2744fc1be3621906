/**
 * What runs a planned job: `local.ts` in the calling thread, `threads.ts` on worker threads. Both tell what happens
 * through `EngineEvents`; neither prints, exits or installs a signal handler.
 */
import type { TaskEvent } from '../actors/task.ts';
import type { CoordinatorEvent } from '../supervision/coordinator.ts';
import type { SourceState } from '../io/source.ts';
import type { WireError } from '../errors.ts';

export type SourceEvent =
  | { readonly type: 'sourceState'; readonly source: string; readonly state: SourceState; readonly error?: WireError; readonly retryInMs?: number }
  | { readonly type: 'possibleGap'; readonly source: string; readonly detail: string }
  | { readonly type: 'counted'; readonly source: string; readonly what: string; readonly count: number };

export type ThreadRole = 'worker' | 'coordinator' | 'sources';

export interface ThreadInfo {
  readonly slot: number;
  readonly role: ThreadRole;
  /** `spare` stands ready; `up` works; `down` is dead. */
  readonly state: 'starting' | 'spare' | 'up' | 'down';
  readonly restarts: number;
  readonly lastExit?: string;
}

export type ThreadEvent =
  | { readonly type: 'actorStarted'; readonly role: ThreadRole; readonly slot: number }
  | { readonly type: 'actorExited'; readonly role: ThreadRole; readonly slot: number; readonly reason: string; readonly error?: unknown };

export interface EngineListener {
  coordinator(event: CoordinatorEvent): void;
  /** A promise: it has enough for now (`TaskOutput.report`). */
  task(task: number, event: TaskEvent): void | Promise<void>;
  source(event: SourceEvent): void;
  thread(event: ThreadEvent): void;
}

export type KillWay = 'terminate' | 'throw' | 'exit' | 'oom' | 'spin';

export interface Engine {
  /** Resolves when every thread is up and the first tasks have been sent out. */
  start(): Promise<void>;
  drain(): void;
  /** Ends everything; resolves when all threads are gone. Gives the names of those that could not be ended. */
  stop(): Promise<readonly string[]>;
  threads(): readonly ThreadInfo[];
  /** Kills a thread on purpose. */
  kill(slot: number, way: KillWay): void;
  /** Feeds the in-process source `name`; resolves when accepted. */
  push(name: string, records: readonly unknown[]): Promise<void>;
}
