/**
 * The outside of a simulated job: a server of text that goes on wherever it is asked to, and lists of batches. What a
 * feed has lives outside the simulated threads; the sources made of it live in them.
 */
import type { Clock } from '../../env/env.ts';
import type { Pcg32 } from '../../env/pcg32.ts';
import type { PulledBatch, Source, SourceContext } from '../../io/source.ts';
import { QueueSource } from '../../io/queue-stream.ts';
import { splitRows } from '../../io/partitions.ts';

const NOTHING = new Uint8Array(0);

export interface Feed {
  readonly kind: 'text' | 'rows';
  create(): Source;
  /** The connection is lost, or the source throws at its next step. */
  disconnect(how: 'lost' | 'throws'): void;
  calm(): void;
}

/** Numbered lines, from any byte on. */
export class TextFeed implements Feed {
  readonly kind = 'text';
  readonly lines: readonly string[];
  readonly bytes: Uint8Array;
  /** Byte at which each line begins; one more for the end. */
  readonly starts: readonly number[];
  readonly chance: Pcg32;
  readonly largeBlocks: boolean;
  broken: 'lost' | 'throws' | undefined;

  constructor(lines: readonly string[], largeBlocks: boolean, chance: Pcg32) {
    this.largeBlocks = largeBlocks;
    this.lines = lines;
    this.bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    const starts = [0];
    for (const line of lines) starts.push(starts.at(-1)! + Buffer.byteLength(line) + 1);
    this.starts = starts;
    this.chance = chance;
  }

  create(): Source {
    return new TextFeedSource(this);
  }

  disconnect(how: 'lost' | 'throws'): void {
    this.broken = how;
  }

  calm(): void {
    this.broken = undefined;
  }
}

/** Asks for what lies behind the last published block, and sends it in blocks of some lines. */
class TextFeedSource implements Source {
  readonly #feed: TextFeed;
  #context: SourceContext | undefined;
  #line = 0;
  /** A block that was refused. */
  #refused: { readonly bytes: Uint8Array; readonly lines: number } | undefined;

  constructor(feed: TextFeed) {
    this.#feed = feed;
  }

  open(context: SourceContext): void {
    this.#break();
    this.#context = context;
    this.#connect();
  }

  resume(): void {
    this.#break();
    this.#send();
  }

  close(): void | Promise<void> {
    const context = this.#context;
    this.#context = undefined;
    if (this.#feed.chance.below(2) === 0 || context === undefined) return undefined;
    const { clock } = context.env;
    return new Promise((resolve) => void clock.after(this.#feed.chance.below(20), resolve));
  }

  #connect(): void {
    const context = this.#context;
    if (context === undefined) return;
    const { starts } = this.#feed;
    const position = context.position().bytes;
    this.#line = starts.indexOf(position);
    if (this.#line < 0) throw new Error(`asked to go on at byte ${position}, where no line begins`);
    this.#refused = undefined;
    context.state('connected');
    this.#later(context.env.clock);
  }

  #later(clock: Clock): void {
    clock.after(1 + this.#feed.chance.below(8), () => {
      const context = this.#context;
      if (context === undefined) return;
      if (this.#feed.broken === 'lost') {
        this.#feed.broken = undefined;
        context.state('disconnected');
        clock.after(this.#feed.chance.below(40), () => this.#connect());
        return;
      }
      this.#send();
    });
  }

  /** Errors leave by way of `open` and `resume` only: there the host catches them. */
  #break(): void {
    if (this.#feed.broken !== 'throws') return;
    this.#feed.broken = undefined;
    throw new Error('the simulated source broke');
  }

  #send(): void {
    const context = this.#context;
    if (context === undefined) return;
    const { bytes, starts, lines, chance, largeBlocks } = this.#feed;
    if (this.#refused === undefined) {
      let count = Math.min(lines.length - this.#line, 1 + chance.below(6));
      if (count === 0) return;
      if (largeBlocks && chance.below(4) > 0) {
        while (
          this.#line + count < lines.length &&
          starts[this.#line + count + 1]! - starts[this.#line]! <= context.maxBlockBytes
        )
          count++;
      }
      this.#refused = {
        bytes: bytes.subarray(starts[this.#line]!, starts[this.#line + count]),
        lines: count,
      };
    }
    const block = this.#refused;
    const end = starts[this.#line + block.lines]!;
    const split = chance.below(block.bytes.length + 1);
    const [head, tail] =
      chance.below(3) > 0
        ? [block.bytes, NOTHING]
        : [block.bytes.subarray(0, split), block.bytes.subarray(split)];
    if (!context.sendText(head, tail, end)) return;
    this.#refused = undefined;
    this.#line += block.lines;
    this.#later(context.env.clock);
  }
}

/** A list of batches; null is a time without one. By time, or one after another as a queue gives them. */
export class RowsFeed implements Feed {
  readonly kind = 'rows';
  readonly batches: readonly (readonly unknown[] | null)[];
  readonly #intervalMs: number;
  readonly #chance: Pcg32;
  readonly #isAsync: boolean;
  /** One after another. */
  readonly isQueue: boolean;

  constructor(batches: readonly (readonly unknown[] | null)[], intervalMs: number, chance: Pcg32) {
    this.batches = batches;
    this.#intervalMs = intervalMs;
    this.#chance = chance;
    this.isQueue = chance.below(3) === 0;
    this.#isAsync = chance.below(2) === 0;
  }

  /** What the batch that ends at `time`, the `n`-th from 0, is to have. Behind the list batches are empty. */
  batchAt(time: number, n = 0): readonly unknown[] | null {
    const index = this.isQueue ? n : Math.round(time / this.#intervalMs) - 1;
    return index < this.batches.length ? this.batches[index]! : [];
  }

  create(): Source {
    if (this.isQueue) return new QueueSource(this.batches);
    let context: SourceContext | undefined;
    return {
      open: (given) => {
        context = given;
        context.state('connected');
      },
      pull: (time) => {
        const rows = this.batchAt(time);
        const batch: PulledBatch = {
          partitions: rows === null ? undefined : splitRows(rows, context!.partitions),
        };
        if (!this.#isAsync) return batch;
        const { clock } = context!.env;
        return new Promise(
          (resolve) => void clock.after(this.#chance.below(10), () => resolve(batch)),
        );
      },
      close: () => undefined,
    };
  }

  disconnect(): void {}

  calm(): void {}
}
