/**
 * What the embedding thread and the threads of a job say to each other: the tasks that threads are started with, and
 * one union for each direction. Calls that need an answer go through `control.ts`; these need none.
 */
import type { MessagePort } from 'node:worker_threads';
import type { FromTask } from '../actors/messages.ts';
import type { ReceiverMemory } from '../actors/receiver-edge.ts';
import type { Wiring } from '../actors/wiring.ts';
import type { WireError } from '../errors.ts';
import type { BatchMode } from '../supervision/batcher.ts';
import type { CheckpointSpec } from '../supervision/checkpoint/checkpoint-spec.ts';
import type {
  CoordinatorEvent,
  CoordinatorPolicy,
  LeftBehind,
} from '../supervision/coordinator.ts';
import type { JobMemoryBuffer } from '../supervision/job-memory.ts';
import type { FaultWay, SourceEvent } from './engine.ts';
import type { JobSpec } from './job-spec.ts';
import type { StateAnswer, StateQuestion } from './state-queries.ts';

export interface WorkerTask {
  readonly role: 'worker';
  readonly slot: number;
  readonly spec: JobSpec;
  readonly main: MessagePort;
  readonly coordinator: MessagePort;
}

export interface SourcesTask {
  readonly role: 'sources';
  readonly slot: number;
  readonly spec: JobSpec;
  readonly main: MessagePort;
  readonly coordinator: MessagePort;
  /** Answers heartbeats (`heartbeat.ts`). */
  readonly pulse: MessagePort;
}

export interface CoordinatorTask {
  readonly role: 'coordinator';
  readonly slot: number;
  readonly wiring: Wiring;
  readonly memory: JobMemoryBuffer;
  readonly receivers: ReadonlyMap<number, ReceiverMemory>;
  readonly doorbells: SharedArrayBuffer;
  readonly vitals: SharedArrayBuffer;
  readonly directory: string;
  readonly checkpoint?: CheckpointSpec;
  readonly policy: CoordinatorPolicy;
  readonly hangTimeoutMs: number;
  readonly mode: BatchMode;
  readonly main: MessagePort;
  readonly pulse: MessagePort;
}

export type ThreadTaskOf = WorkerTask | SourcesTask | CoordinatorTask;

/** To a worker or the thread of the sources. */
export type ToThread =
  /** There is a new coordinator behind this port. */
  | { readonly type: 'coordinator'; readonly port: MessagePort }
  /** Die, on purpose, in this way. */
  | { readonly type: 'die'; readonly way: FaultWay; readonly exitCode?: number }
  /** Sources: records for an in-process source; answered by `pushed`. */
  | {
      readonly type: 'push';
      readonly id: number;
      readonly name: string;
      readonly records: readonly unknown[];
      /** Answered when they outlive the process. */
      readonly isDurable: boolean;
    }
  /** Workers: the state of a key; answered by `answered`. */
  | { readonly type: 'query'; readonly question: StateQuestion }
  /** There is room for another event. */
  | { readonly type: 'told' }
  | { readonly type: 'stop' };

export type FromThread =
  /** With an id other than 0 it is to be answered by `told`. `epoch` is the one in which the thread said it. */
  | (FromTask & { readonly id: number; readonly epoch: number })
  | { readonly type: 'source'; readonly event: SourceEvent }
  | { readonly type: 'pushed'; readonly id: number; readonly error?: WireError }
  | { readonly type: 'answered'; readonly id: number; readonly answer: StateAnswer }
  | { readonly type: 'hint'; readonly text: string };

export type ToCoordinator =
  | { readonly type: 'worker'; readonly slot: number; readonly port: MessagePort }
  | { readonly type: 'sources'; readonly slot: number; readonly port: MessagePort }
  | {
      readonly type: 'workerDown';
      readonly slot: number;
      readonly cause: string;
      /** Somebody ended it from outside. */
      readonly wasOrdered: boolean;
      /** It runs no more; else it was given up. */
      readonly isDead: boolean;
    }
  | { readonly type: 'drain' }
  /** What isn't through yet? Answered by `left`. */
  | { readonly type: 'left' }
  /** A checkpoint is wanted. Answered by `checkpointed`, unless the coordinator dies. */
  | { readonly type: 'checkpoint' }
  | { readonly type: 'die'; readonly way: FaultWay; readonly exitCode?: number }
  | { readonly type: 'stop' };

export type FromCoordinator =
  | { readonly type: 'event'; readonly event: CoordinatorEvent }
  | { readonly type: 'left'; readonly left: LeftBehind }
  | { readonly type: 'checkpointed'; readonly barrier: number }
  | {
      readonly type: 'hang';
      readonly slot: number;
      readonly state: string;
      readonly sinceMs: number;
    };
