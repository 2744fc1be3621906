/** What `millrace inspect` does, for programs. What it takes is loaded when it is called. */
import { realEnv } from '../../env/real.ts';
import type { Inspection } from './inspection.ts';
import type { NewEntry, StateEntry } from './transfer-state.ts';

/**
 * What lies in a checkpoint directory or a savepoint, and whether all of it is what was written. Changes nothing, and may
 * be asked while a run is at work there.
 * @throws rejects with ERR_MILLRACE_CHECKPOINT_CORRUPT when nothing of a job lies there, and what the disk says
 */
export async function inspectCheckpoint(directory: string): Promise<Inspection> {
  const { inspect } = await import('./inspection.ts');
  return inspect(realEnv().disk, directory);
}

/**
 * The state of an operator at the newest good checkpoint, entry by entry; all of it is in memory meanwhile.
 * @param operator what `named` called it, else `updateStateByKey#1` by place
 * @throws ERR_MILLRACE_CHECKPOINT_CORRUPT, ERR_MILLRACE_NO_SUCH_STATE, ERR_MILLRACE_UNSUPPORTED
 */
export async function* exportState(
  directory: string,
  operator: string,
): AsyncGenerator<StateEntry, void, void> {
  const { exportState: entries } = await import('./transfer-state.ts');
  yield* entries(realEnv().disk, directory, operator);
}

export interface ImportStateOptions {
  /** A savepoint, or a checkpoint directory on which nobody runs. */
  readonly from: string;
  /** The savepoint that is made: a directory that is new. */
  readonly to: string;
  /** Of `updateStateByKey` or `mapWithState`. */
  readonly operator: string;
  /** All that the operator is to have. */
  readonly entries: Iterable<NewEntry>;
}

/**
 * Makes a savepoint in which an operator has these entries in place of what it had; gives their number.
 * @throws rejects with ERR_MILLRACE_BAD_OPTION for an entry that can't be, or when something lies in `to`;
 *   ERR_MILLRACE_CHECKPOINT_CORRUPT, ERR_MILLRACE_NO_SUCH_STATE, ERR_MILLRACE_UNSUPPORTED
 */
export async function importState(options: ImportStateOptions): Promise<number> {
  const { importState: take } = await import('./transfer-state.ts');
  const { from, to, operator, entries } = options;
  const { disk, clock } = realEnv();
  return take({ disk, clock, from, to, uid: operator, entries });
}
