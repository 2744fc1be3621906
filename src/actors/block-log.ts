/**
 * Where the sending end of a receiver edge has its blocks written down before they go out. Implemented by the journal of
 * a source (`io/source-journal.ts`), in the same thread.
 */
export interface BlockLog {
  /**
   * A block that has room on the edge is about to go there.
   * @param head its bytes, followed by `tail`: text, or rows as the codec encoded them. Good until this returns
   * @param count lines of text if they are counted, or rows
   * @param position bytes of the source before its end
   * @returns its ordinal in the log; 0: it isn't logged; -1: it can't be logged now, and must not go out
   */
  block(
    form: 'text' | 'rows',
    head: Uint8Array,
    tail: Uint8Array,
    count: number,
    position: number,
  ): number;
}
