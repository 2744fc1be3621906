/**
 * What travels on an edge: blocks of records, and barriers between them.
 *
 * A block is part of one partition of one batch. Its payload is bytes or columns or rows:
 *   text     whole lines as UTF-8 bytes; the last line of a block may lack its `\n`
 *   columns  keys and values side by side, made by exchanges
 *   rows     an array of anything that msgpack carries
 * `port` says which input of the receiving task it is for (the planner numbers them). On an edge within a thread a
 * block is passed as it is; between threads `codec.ts` turns it into bytes and back.
 */
export interface TextBlock {
  readonly kind: 'text';
  readonly port: number;
  /** May be a view of shared memory that is valid only until the frame is released (`InEdge.advance`). */
  readonly bytes: Uint8Array;
}

export interface ColumnsBlock {
  readonly kind: 'columns';
  readonly port: number;
  readonly count: number;
  readonly keys: readonly unknown[] | ByteKeys;
  readonly values: readonly unknown[] | Float64Array;
}

/** Text keys as UTF-8 bytes, one after another: no string is made until somebody asks for one. */
export interface ByteKeys {
  readonly lengths: Uint32Array;
  readonly bytes: Uint8Array;
}

export interface RowsBlock {
  readonly kind: 'rows';
  readonly port: number;
  readonly rows: readonly unknown[];
}

export type Block = TextBlock | ColumnsBlock | RowsBlock;

/**
 * A barrier closes the data before it. Only the batcher numbers them: ascending, one at a time, the same on every edge.
 */
export interface Barrier {
  readonly number: number;
  /** Results are emitted: a batch ends here. */
  readonly batch: boolean;
  /** Every task hands over what it needs to go on behind this barrier: the barrier can be recovered to. */
  readonly point: boolean;
  /** The stream ends here. */
  readonly last: boolean;
  /** Batch time in ms (a batch is stamped with its end); on other barriers the time of the batch they lie in. */
  readonly time: number;
  /** Time of the first batch, minus the batch interval: slides count from here. */
  readonly zeroTime: number;
  /**
   * The batch was given up, and this ends its empty run: nothing of it came from sources, and no output runs. Never on an
   * edge: the task that takes the barrier knows.
   */
  readonly givenUp?: boolean;
}

/** A port, and the event time up to which all has come there, in ms; +Infinity at the end of the stream. */
export type Mark = readonly [port: number, watermarkMs: number];

export interface BarrierFrame {
  readonly kind: 'barrier';
  readonly barrier: Barrier;
  /** Ports of this edge on which the batch is missing (which is not the same as empty). Usually none. */
  readonly absent: readonly number[];
  /** Watermarks of ports of this edge, those that have one. Left out when there is none. */
  readonly marks?: readonly Mark[];
}

export type Frame = Block | BarrierFrame;

/** Records in a block; a text block's are counted by the stage that reads them. */
export function recordsIn(block: Block): number {
  return block.kind === 'rows' ? block.rows.length : block.kind === 'columns' ? block.count : 0;
}
