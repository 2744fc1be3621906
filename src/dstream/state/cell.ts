/**
 * A part of a task's state that outlives batches, kept so that a hand-over costs what has changed, not what there is.
 *
 * A cell is written as a log: at each recovery point what has changed since the one before, and beside it some entries
 * that have not, in turn. Once every live entry has been written since some hand-over, those before that one are not
 * needed any more (`task-state.ts` lets them go). So no hand-over writes everything, and what must be read back at a
 * recovery stays within about twice the state.
 *
 * Called by the task's thread only.
 *
 * I1  Applying all logs in order, from one behind which every live entry was written, gives the cell as it was.
 * I2  A log is encoded before user code runs again, so it may refer to live values.
 */
export interface StateCell {
  /** Live entries, about; what decides how much is rewritten. */
  readonly size: number;
  /** Entries that have changed since the last call of `changes`, about. @default few */
  readonly changed?: number;
  /**
   * Encodes a bounded piece of what has changed, so that `changes` need not do it all at once; true when what is left is
   * small. @default it is always small
   */
  prepare?(): boolean;
  /**
   * What has changed since the last call, or since the start: plain data for the codec, or a list of
   * `Uint8Array`; undefined when nothing has.
   */
  changes(): unknown;
  /** Writes about so many entries again, in turn, going round. `round`: all live ones were since it last said so. */
  rewrite(entries: number): { readonly log: unknown; readonly round: boolean };
  /** Of the shape of its entries. @default 1 */
  readonly version?: number;
  /**
   * Takes what `changes` or `rewrite` gave, in the order in which they gave it; what is applied counts as unchanged.
   * @param version of the cell that gave it, which is never newer @default its own
   */
  apply(log: unknown, version?: number): void;
  /** All has been applied, if there was anything. */
  restored?(): void;
}
