/** What the process of the job and the one that watches it say to each other, over the channel between processes. */
import type { WireError } from '../../errors.ts';
import type { FaultWay } from '../../run/engine.ts';
import type { RunEvent, RunMetrics, StopReport } from '../../run/running.ts';
import type { PointOrder } from './fault-point.ts';
import type { Victim } from './script.ts';

export type ToJob =
  /** First: the job, its options without `faults`, and how long a drain after a signal may take. */
  | {
      readonly type: 'run';
      readonly url: string;
      readonly name: string;
      readonly options: Readonly<Record<string, unknown>>;
      readonly drainMs: number;
    }
  /** `pick` in [0, 1) chooses among several. Answered by `done` when somebody was hit. */
  | {
      readonly type: 'thread';
      readonly id: number;
      readonly victim: Victim;
      readonly way: FaultWay;
      readonly exitCode?: number;
      readonly pick: number;
    }
  | { readonly type: 'point'; readonly id: number; readonly order: PointOrder }
  | { readonly type: 'block'; readonly id: number; readonly ms: number }
  | { readonly type: 'drain'; readonly deadlineMs: number };

/** Times are the monotonic clock's, which is one in all processes of a machine. */
export type FromJob =
  | { readonly type: 'up'; readonly at: number }
  | { readonly type: 'event'; readonly at: number; readonly event: RunEvent }
  | {
      readonly type: 'batch';
      readonly name: string;
      readonly time: number;
      readonly values: readonly unknown[];
    }
  /** Resident memory, and the threads of the process. */
  | {
      readonly type: 'sample';
      readonly at: number;
      readonly bytes: number;
      readonly threads: number;
    }
  /** A fault was done; `detail` says to whom. */
  | { readonly type: 'done'; readonly id: number; readonly at: number; readonly detail: string }
  /** The run has ended. The process ends behind it. */
  | {
      readonly type: 'ended';
      readonly metrics?: RunMetrics;
      readonly report?: StopReport;
      readonly error?: WireError;
      readonly code: number;
    };
