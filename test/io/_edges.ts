/** Real receiver edges, with a consumer in the same thread that reads and holds when the test says so. */
import type { Barrier } from '../../src/actors/block.ts';
import {
  createConsumerWords,
  createReceiverEdge,
  fenceSender,
  ReceiverEdgeReader,
  ReceiverEdgeWriter,
  setBase,
  type ReceiverMemory,
} from '../../src/actors/receiver-edge.ts';

const SILENT = { ring: () => {} };

export type Seen =
  | { readonly text: string }
  | { readonly rows: readonly unknown[] }
  | { readonly barrier: number; readonly absent?: true };

export class TestEdge {
  readonly memory: ReceiverMemory;
  /** Everything that was read, in order. */
  readonly seen: Seen[] = [];
  writer: ReceiverEdgeWriter;
  #words = createConsumerWords();
  #reader: ReceiverEdgeReader;
  #behindBarrier = 0;

  constructor(bytes: number = 1 << 20) {
    this.memory = createReceiverEdge(bytes, { checksum: true });
    this.#reader = new ReceiverEdgeReader({
      memory: this.memory,
      words: this.#words,
      bell: SILENT,
    });
    this.writer = this.#newWriter();
  }

  /** The thread of the writer dies; this is its successor's. */
  replaceWriter(): ReceiverEdgeWriter {
    fenceSender(this.memory);
    return (this.writer = this.#newWriter());
  }

  /** Reads all that is there, or up to a barrier. */
  read(untilBarrier?: number): this {
    for (let frame = this.#reader.peek(); frame !== undefined; frame = this.#reader.peek()) {
      let isLast = false;
      if (frame.kind === 'text') this.seen.push({ text: Buffer.from(frame.bytes).toString() });
      else if (frame.kind === 'rows') this.seen.push({ rows: frame.rows });
      else if (frame.kind === 'barrier') {
        const { number } = frame.barrier;
        this.seen.push(
          frame.absent.length > 0 ? { barrier: number, absent: true } : { barrier: number },
        );
        this.#behindBarrier = this.#reader.offsetBehind();
        isLast = number === untilBarrier;
      }
      this.#reader.advance();
      if (isLast) break;
    }
    return this;
  }

  /** The last barrier that was read is held. */
  hold(): this {
    setBase(this.memory, this.#behindBarrier);
    return this;
  }

  get text(): string {
    return this.seen.map((each) => ('text' in each ? each.text : '')).join('');
  }

  get rows(): unknown[] {
    return this.seen.flatMap((each) => ('rows' in each ? [...each.rows] : []));
  }

  get barriers(): number[] {
    return this.seen.flatMap((each) => ('barrier' in each ? [each.barrier] : []));
  }

  #newWriter(): ReceiverEdgeWriter {
    const writer = new ReceiverEdgeWriter({ memory: this.memory, countLines: true });
    writer.setConsumer(this.#words, SILENT as never);
    return writer;
  }
}

export function barrier(number: number, flags: Partial<Barrier> = {}): Barrier {
  return {
    number,
    batch: true,
    point: true,
    last: false,
    time: number * 1000,
    zeroTime: 0,
    ...flags,
  };
}
