/** The exit codes of the command, and what a failure comes to. Only `main.ts` exits. */

export const EXIT = {
  /** All that was taken in has passed all outputs. */
  drained: 0,
  /** The command was called wrongly: a bad flag, `--args` that isn't JSON, a file that isn't there. */
  usage: 2,
  /** The job failed. */
  failed: 70,
  /** A thread, or the process, needed more memory than it may have. */
  memory: 71,
  /**
   * It was stopped before everything that it took in was through; with a checkpoint directory, before its last checkpoint
   * was durable, so that the next start has something to run again.
   */
  undrained: 75,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What the caller of the command can mend in the call itself. */
const USAGE: ReadonlySet<unknown> = new Set([
  'ERR_MILLRACE_BAD_ARGS',
  'ERR_MILLRACE_BAD_SCRIPT',
  'ERR_MILLRACE_CHECKPOINT_MISFIT',
  'ERR_MILLRACE_DIR_IN_USE',
  'ERR_MILLRACE_JOB_FILE_MISSING',
  'ERR_MILLRACE_NO_JOB',
  'ERR_MILLRACE_NO_SCRIPT',
  'ERR_MILLRACE_STATE_DROPPED',
]);

const OUT_OF_MEMORY: ReadonlySet<unknown> = new Set([
  'ERR_WORKER_OUT_OF_MEMORY',
  'ERR_MILLRACE_RSS_LIMIT',
]);

/** The chain of causes is cut here: it may bite its tail. */
const MAX_CAUSES = 16;

export function exitCodeOf(error: unknown): ExitCode {
  if (USAGE.has(field(error, 'code'))) return EXIT.usage;
  return ranOutOfMemory(error) ? EXIT.memory : EXIT.failed;
}

function ranOutOfMemory(error: unknown): boolean {
  let at = error;
  for (let depth = 0; at !== undefined && depth < MAX_CAUSES; depth++) {
    if (OUT_OF_MEMORY.has(field(at, 'code'))) return true;
    // The supervisor names what it gave up for: `oom: its heap reached the limit`.
    const cause = field(field(at, 'context'), 'cause');
    if (typeof cause === 'string' && /^oom\b/.test(cause)) return true;
    at = field(at, 'cause');
  }
  return false;
}

function field(from: unknown, key: string): unknown {
  return typeof from === 'object' && from !== null
    ? (from as Record<string, unknown>)[key]
    : undefined;
}
