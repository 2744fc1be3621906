/**
 * From one output of a stage, or from a stream, to the instances of a stage in other tasks: deals records out, and makes
 * blocks of them. A block leaves when it has become large, or when its owner says so. Used by bodies, on their threads.
 *
 * I1  What one sender gives to one instance arrives in the order in which it was emitted.
 * I2  An array that was sent is not touched any more.
 */
import type { TaskOutput } from '../../actors/task.ts';
import { NO_ROOT, type Tidings, trackedBlock } from '../../actors/tracked.ts';
import { type GraphNode, type Grouping, stageInputs, type UserFunction } from '../../plan/graph.ts';
import type { Send } from '../../plan/planned.ts';
import { partitionOf } from '../keys/partitioner.ts';
import { blamed } from './blame.ts';
import { approximateBytes } from './gathered.ts';

const BLOCK_BYTES = 256 * 1024;
const MOST_RECORDS = 65_536;
const FIRST_RECORDS = 1024;
const LEAST_RECORDS = 16;
/** Blocks that are smaller say too little about the size of a record. */
const TELLING_RECORDS = 64;

export interface RouteOptions {
  /** The stage that reads. */
  readonly node: GraphNode;
  readonly send: Send;
  readonly out: TaskOutput;
  /** Present when records are tracked. */
  readonly tracking: Tracking | undefined;
}

export interface Tracking {
  readonly tidings: Tidings;
  /** 32 random bits. */
  readonly freshBits: () => number;
}

export class Route {
  readonly grouping: Grouping;
  /** Instances that it may send to. */
  readonly width: number;
  readonly #options: RouteOptions;
  /** Of `byKey`. */
  readonly #key: UserFunction | undefined;
  #rows: unknown[][];
  #copies: number[][];
  #next = 0;
  /** Records that make a block of a good size. */
  #limit = FIRST_RECORDS;

  constructor(options: RouteOptions) {
    this.#options = options;
    const { node, send } = options;
    this.grouping = stageInputs(node)[send.port]!.grouping;
    this.#key = node.functions[`key${send.port}`];
    this.width = send.outputs.length;
    this.#rows = send.outputs.map(() => []);
    this.#copies = send.outputs.map(() => []);
  }

  /**
   * Takes records in order.
   * @param roots by record, of tracked ones
   * @param owned nobody else will look at the array
   */
  take(rows: readonly unknown[], roots: readonly number[] | undefined, owned: boolean): void {
    if (roots !== undefined) {
      for (let i = 0; i < rows.length; i++) this.#takeTracked(rows[i], roots[i]!);
      return;
    }
    const { width } = this;
    const buffers = this.#rows;
    if (width === 1) {
      if (buffers[0]!.length === 0 && owned) buffers[0] = rows as unknown[];
      else for (let i = 0; i < rows.length; i++) buffers[0]!.push(rows[i]);
      if (buffers[0]!.length >= this.#limit) this.#send(0);
      return;
    }
    switch (this.grouping) {
      case 'shuffle': {
        let next = this.#next;
        for (let i = 0; i < rows.length; i++) {
          buffers[next]!.push(rows[i]);
          next = next + 1 === width ? 0 : next + 1;
        }
        this.#next = next;
        break;
      }
      case 'byKey': {
        const key = this.#key!;
        let i = 0;
        try {
          for (; i < rows.length; i++) buffers[partitionOf(key(rows[i]), width)]!.push(rows[i]);
        } catch (error) {
          throw this.#blame(error, rows[i]);
        }
        break;
      }
      default:
        for (let to = 0; to < width; to++)
          for (let i = 0; i < rows.length; i++) buffers[to]!.push(rows[i]);
    }
    for (let to = 0; to < width; to++) if (buffers[to]!.length >= this.#limit) this.#send(to);
  }

  /** A record whose sender chose the instance. */
  takeDirect(row: unknown, to: number, root: number): void {
    if (this.#options.tracking === undefined) this.#rows[to]!.push(row);
    else this.#track(row, to, root);
    if (this.#rows[to]!.length >= this.#limit) this.#send(to);
  }

  flush(): void {
    for (let to = 0; to < this.width; to++) if (this.#rows[to]!.length > 0) this.#send(to);
  }

  /** Drops what waits to leave. */
  clear(): void {
    this.#rows = this.#rows.map(() => []);
    this.#copies = this.#copies.map(() => []);
  }

  #takeTracked(row: unknown, root: number): void {
    const { width, grouping } = this;
    if (width > 1 && grouping === 'all') {
      for (let to = 0; to < width; to++) this.#track(row, to, root);
      return;
    }
    let to = 0;
    if (width > 1 && grouping === 'byKey') to = this.#partitionOf(row);
    else if (width > 1) {
      to = this.#next;
      this.#next = to + 1 === width ? 0 : to + 1;
    }
    this.#track(row, to, root);
    if (this.#rows[to]!.length >= this.#limit) this.#send(to);
  }

  #partitionOf(row: unknown): number {
    try {
      return partitionOf(this.#key!(row), this.width);
    } catch (error) {
      throw this.#blame(error, row);
    }
  }

  #blame(error: unknown, row: unknown): Error {
    return blamed(error, this.#options.node, { record: { value: row } });
  }

  #track(row: unknown, to: number, root: number): void {
    const { tidings, freshBits } = this.#options.tracking!;
    const [high, low] = [freshBits(), freshBits()];
    this.#rows[to]!.push(row);
    this.#copies[to]!.push(root, high, low);
    if (root !== NO_ROOT) tidings.copy(root, high, low);
  }

  #send(to: number): void {
    const { send, out, tracking } = this.#options;
    const rows = this.#rows[to]!;
    this.#rows[to] = [];
    const block = { kind: 'rows', port: send.port, rows } as const;
    if (rows.length >= TELLING_RECORDS) {
      const bytes = approximateBytes(block) / rows.length;
      this.#limit = Math.max(
        LEAST_RECORDS,
        Math.min(MOST_RECORDS, Math.floor(BLOCK_BYTES / bytes)),
      );
    }
    if (tracking === undefined) {
      // One that took a whole block at once may be several good ones.
      if (rows.length <= MOST_RECORDS) out.emit(send.outputs[to]!, block);
      else
        for (let from = 0; from < rows.length; from += MOST_RECORDS)
          out.emit(send.outputs[to]!, { ...block, rows: rows.slice(from, from + MOST_RECORDS) });
      return;
    }
    const copies = this.#copies[to]!;
    this.#copies[to] = [];
    out.emit(send.outputs[to]!, trackedBlock(send.port, rows, copies));
  }
}
