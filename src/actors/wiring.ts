/**
 * A planned job as the engine sees it: tasks, sources and edges by number, and the worker on which each task lives.
 * Plain data: it crosses threads, and the coordinator needs nothing else of the plan.
 */
export interface Wiring {
  /** Workers that the tasks are spread over; at least 1 (`threads: 0` runs one worker in the calling thread). */
  readonly workers: number;
  readonly tasks: readonly TaskWiring[];
  readonly sources: readonly SourceWiring[];
  readonly edges: readonly EdgeWiring[];
}

export interface TaskWiring {
  /** Its index in `tasks`. */
  readonly id: number;
  readonly name: string;
  readonly worker: number;
  /** Edge ids; a body's `input` and `output` are indexes into these. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** It commits to a store what is durable, and says so; the job ends only then. @default false */
  readonly commits?: boolean;
}

export interface SourceWiring {
  readonly id: number;
  readonly name: string;
  /** Whether a recovery reads again what came since the newest recovery point. @default true */
  readonly replay?: boolean;
  /** Edge ids: one for each partition of the source's stream. */
  readonly outputs: readonly number[];
}

export interface EdgeWiring {
  readonly id: number;
  /** `receiver`: from a source (`from` is a source id). `inner`: between tasks. */
  readonly kind: 'receiver' | 'inner';
  readonly from: number;
  readonly to: number;
  /** It leads back to a task that sends to its sender: no barrier travels on it, and it holds nobody back. */
  readonly feedback?: boolean;
}
