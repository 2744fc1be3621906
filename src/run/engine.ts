/**
 * What runs a planned job: `local.ts` in the calling thread, `threads.ts` on worker threads. Both tell what happens
 * through `EngineEvents`; neither prints, exits or installs a signal handler.
 */
import type { TaskEvent } from '../actors/task.ts';
import type { CoordinatorEvent, LeftBehind } from '../supervision/coordinator.ts';
import type { SourceState, SourceTold } from '../io/source.ts';
import type { WireError } from '../errors.ts';

export type SourceEvent =
  | {
      readonly type: 'sourceState';
      readonly source: string;
      readonly state: SourceState;
      readonly error?: WireError;
      readonly retryInMs?: number;
    }
  | { readonly type: 'possibleGap'; readonly source: string; readonly detail: string }
  | {
      readonly type: 'counted';
      readonly source: string;
      readonly what: string;
      readonly count: number;
    }
  | SourceLogTold
  | (SourceTold & { readonly source: string });

/** Said with each checkpoint. */
export interface SourceLogTold extends LogSize {
  readonly type: 'sourceLog';
  readonly source: string;
}

/** What lies in the log of a source. */
export interface LogSize {
  /** On the disk. */
  readonly bytes: number;
  /** Blocks and cuts that came behind the newest checkpoint: what a start would have to go through again. */
  readonly behind: number;
}

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
  | {
      readonly type: 'actorExited';
      readonly role: ThreadRole;
      readonly slot: number;
      readonly reason: string;
      readonly error?: unknown;
    };

export interface EngineListener {
  coordinator(event: CoordinatorEvent): void;
  /** A promise: it has enough for now (`TaskOutput.report`). */
  task(task: number, event: TaskEvent, epoch: number): void | Promise<void>;
  source(event: SourceEvent): void;
  thread(event: ThreadEvent): void;
  /** It still works, but can't for long: what was taken in is to be finished, and then the job fails with this. */
  giveUp(error: unknown): void;
}

export type KillWay = 'terminate' | 'throw' | 'exit' | 'oom' | 'spin';

/**
 * What may be done to a thread. `reject`: a promise is rejected and nobody cares. Of a worker that lives on: `task`, one
 * of its tasks throws; `corrupt`, a damaged frame is put into one of its rings.
 */
export type FaultWay = KillWay | 'reject' | 'task' | 'corrupt';

export interface Engine {
  /** Resolves when every thread is up and the first tasks have been sent out. */
  start(): Promise<void>;
  drain(): void;
  /** What isn't through yet; undefined when nobody answers. */
  left(): Promise<LeftBehind | undefined>;
  /**
   * Sees to it that what is held now is in a checkpoint, and resolves with the number of its barrier; undefined when
   * nobody answered in time, and it may be asked again.
   */
  checkpoint(): Promise<number | undefined>;
  /** Threads that were given up and may still run. */
  readonly quarantined: number;
  /** Ends everything; resolves when all threads are gone. Gives the names of those that could not be ended. */
  stop(): Promise<readonly string[]>;
  threads(): readonly ThreadInfo[];
  /** Kills a thread on purpose. */
  kill(slot: number, way: FaultWay, exitCode?: number): void;
  /** The state of a key at the operator of that name; undefined when it has none. */
  query(name: string, key: unknown): Promise<unknown>;
  /** Feeds the in-process source `name`; resolves when accepted. */
  push(name: string, records: readonly unknown[], isDurable: boolean): Promise<void>;
}
