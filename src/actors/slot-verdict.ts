/**
 * From what was seen of a thread's end to the reason for it. A pure function: `slot.ts` gathers the
 * evidence, and asks when the thread is dead and its last message is read.
 */
import { millraceError, toWire, type WireError } from '../errors.ts';
import type { ExitReason } from './exit.ts';

/** What a slot has seen of one incarnation. */
export interface Evidence {
  /** The thread said `ready`. */
  ready: boolean;
  /** The thread said `done`. */
  done: boolean;
  /** What the thread said in `failed`. */
  failed: WireError | undefined;
  /** The thread said `exiting`. */
  exiting: boolean;
  /** The Worker's `error` event, or piscina's word for a thread that could not be made. */
  workerError: { readonly error: unknown } | undefined;
  /** The Worker's `exit` event. */
  exitCode: number | undefined;
  /** What `kill` was told. */
  killedAs: ExitReason | undefined;
  /** `startTimeoutMs` passed. */
  startTimedOutMs: number | undefined;
}

export function newEvidence(): Evidence {
  return {
    ready: false,
    done: false,
    failed: undefined,
    exiting: false,
    workerError: undefined,
    exitCode: undefined,
    killedAs: undefined,
    startTimedOutMs: undefined,
  };
}

/**
 * The thread's own word counts more than ours: one that failed a moment before it was killed has
 * failed. A thread that was terminated can say nothing and exits with code 1, so that code alone is
 * a stranger's `terminate`.
 */
export function verdict(seen: Evidence): ExitReason {
  if (seen.done) return { kind: 'normal' };
  if (!seen.ready) return bootstrapVerdict(seen);
  if (seen.failed !== undefined) return { kind: 'error', error: seen.failed };
  if (seen.workerError !== undefined) {
    const { error } = seen.workerError;
    return isOutOfMemory(error) ? { kind: 'oom' } : { kind: 'error', error: toWire(error) };
  }
  const code = seen.exitCode ?? 1;
  if (seen.exiting) return { kind: 'exit', code };
  if (seen.killedAs !== undefined) return seen.killedAs;
  return code === 1 ? { kind: 'terminated' } : { kind: 'exit', code };
}

function bootstrapVerdict(seen: Evidence): ExitReason {
  if (seen.failed !== undefined) return { kind: 'bootstrap', error: seen.failed };
  if (seen.workerError !== undefined) {
    return { kind: 'bootstrap', error: toWire(seen.workerError.error) };
  }
  if (seen.startTimedOutMs !== undefined) {
    return bootstrap(`it was not ready within ${seen.startTimedOutMs} ms`);
  }
  if (seen.killedAs !== undefined && !seen.exiting) return seen.killedAs;
  return bootstrap(`it exited with code ${seen.exitCode ?? 1} before it was ready`);
}

function bootstrap(message: string): ExitReason {
  return { kind: 'bootstrap', error: toWire(millraceError('ERR_MILLRACE_BOOTSTRAP', message)) };
}

function isOutOfMemory(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
