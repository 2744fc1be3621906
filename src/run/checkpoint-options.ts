/** The options of a run whose job outlives its process. Their names and defaults are in the table of `options.ts`. */
import { type Duration, durationMs } from '../dstream/duration.ts';
import { millraceError } from '../errors.ts';

export interface CheckpointOptions {
  /**
   * Directory in which all lies that the job needs to go on after its process has ended: checkpoints and logs. A start
   * on one that has a checkpoint goes on from it. It belongs to one run at a time. @default none: threads are covered,
   * the process isn't
   */
  readonly checkpointDir?: string;
  /**
   * How often a checkpoint is made, at least 500 ms; rounded up to a multiple of the batch interval. It is what a start
   * has to do again. @default '1s'
   */
  readonly checkpointInterval?: Duration;
  /**
   * State in the directory that the job has no use for any more: an operator was removed, or changed so that its state
   * doesn't fit. `true`, or the names of the operators, lets go of it for good. @default the start is refused
   */
  readonly allowDroppedState?: boolean | readonly string[];
  /** A savepoint to begin from; `checkpointDir` must be empty then, or missing. @default none */
  readonly savepoint?: string;
}

/** Given `checkpointDir`. */
export interface ResolvedCheckpoint {
  readonly directory: string;
  readonly intervalMs: number;
  readonly allowDroppedState: boolean | readonly string[];
  readonly savepoint: string | undefined;
}

const LEAST_INTERVAL_MS = 500;

/** @throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_DURATION */
export function resolveCheckpoint(
  options: Required<Pick<CheckpointOptions, 'checkpointInterval' | 'allowDroppedState'>> & {
    readonly checkpointDir?: string | undefined;
    readonly savepoint?: string | undefined;
  },
  batchIntervalMs: number,
): ResolvedCheckpoint | undefined {
  const { checkpointDir: directory, checkpointInterval, allowDroppedState, savepoint } = options;
  const wanted = durationMs(checkpointInterval, 'checkpointInterval', LEAST_INTERVAL_MS);
  if (directory === undefined) {
    if (savepoint === undefined) return undefined;
    throw millraceError(
      'ERR_MILLRACE_BAD_OPTION',
      `savepoint is ${JSON.stringify(savepoint)}, and there is no checkpointDir: a run that begins from a savepoint goes on in an empty directory of its own. Give it checkpointDir`,
      { context: { option: 'savepoint' } },
    );
  }
  return {
    directory,
    intervalMs: Math.ceil(wanted / batchIntervalMs) * batchIntervalMs,
    allowDroppedState,
    savepoint,
  };
}
