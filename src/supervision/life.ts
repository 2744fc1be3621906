/**
 * The words between a supervisor, the host that starts its children, and those who look on.
 */
import type { ExitReason } from './exit-reason.ts';

/** What the host says of one life of a child. */
export interface Life {
  /** It can work. */
  started(): void;
  /** It has nothing to do and is not there: no failure. */
  ignored(): void;
  /** It achieved something: its next backoff is the shortest again. */
  progress(): void;
  /** It ended, before it started or after. @param counted whether it counts against the limits. @default true */
  exited(reason: ExitReason, counted?: boolean): void;
}

/** One life of a child, as its supervisor holds it. */
export interface ChildHandle {
  /** Asks it to end; `exited` follows. */
  stop(): void;
  /** Makes it end; `exited` follows in any case. */
  kill(): void;
}

/** Starts children. `Start` says what. */
export interface ChildHost<Start> {
  start(child: StartedChild<Start>, life: Life): ChildHandle;
}

export interface StartedChild<Start> {
  readonly id: string;
  /** `app/db/pool`. */
  readonly path: string;
  readonly start: Start;
  /** 1 for its first life below this supervisor. */
  readonly incarnation: number;
}

/** What a supervisor did, for logs and the monitor. */
export type SupervisorEvent =
  | { readonly type: 'started'; readonly path: string; readonly incarnation: number }
  | {
      readonly type: 'exited';
      readonly path: string;
      readonly incarnation: number;
      readonly reason: ExitReason;
    }
  /** `delayMs` from now the child and those that share its fate start anew. */
  | {
      readonly type: 'restarting';
      readonly path: string;
      readonly delayMs: number;
      readonly restarts: number;
      readonly maxRestarts: number;
    }
  | { readonly type: 'gaveUp'; readonly path: string; readonly detail: string };

export interface Blamed {
  readonly id: string;
  readonly reason: ExitReason;
}

export type ChildState = 'starting' | 'up' | 'ignored' | 'stopping' | 'waiting' | 'down';

export interface ChildInfo {
  readonly id: string;
  readonly type: 'worker' | 'supervisor';
  readonly state: ChildState;
  readonly incarnation: number;
  readonly restarts: number;
}

export interface ChildCounts {
  /** Children that it knows, alive or not. */
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}
