/**
 * The outside of a simulated job: a server of text that goes on wherever it is asked to, and lists of batches. What a
 * feed has lives outside the simulated threads; the sources made of it live in them.
 */
import type { Clock } from '../../env/env.ts';
import type { Pcg32 } from '../../env/pcg32.ts';
import type { PulledBatch, Source, SourceContext } from '../../io/source.ts';
import { QueueSource } from '../../io/queue-stream.ts';
import { splitRows } from '../../io/partitions.ts';
import type { EdgeHistory } from './history.ts';

const NOTHING = new Uint8Array(0);

/** What a feed must know of the end of a run to judge what its edges carried. */
export interface FeedEnding {
  /** Sources were cut short. */
  readonly early: boolean;
  /** Writes of the sources' thread failed. */
  readonly diskFaults: boolean;
}

export interface Feed {
  /** @param isAlive whether the thread lives in which it runs: code that it still has on its stack changes nothing here */
  create(isAlive: () => boolean): Source;
  /** All that it has lies on the edges. */
  isIn(edges: readonly EdgeHistory[]): boolean;
  /** What is wrong with what lies there. */
  check(edges: readonly EdgeHistory[], ending: FeedEnding): string[];
  /** The connection is lost, or the source throws at its next step. */
  disconnect(how: 'lost' | 'throws'): void;
  calm(): void;
  /**
   * What was on its way to the process is gone.
   * @param power so is what it had not synced
   */
  processDied?(edges: readonly EdgeHistory[], power: boolean): void;
}

export interface TextFeedOptions {
  /** Some blocks are as large as an edge takes. */
  readonly largeBlocks: boolean;
  readonly chance: Pcg32;
  /** Virtual time in which it gives all lines, about. @default a few ms a block */
  readonly spreadMs?: number | undefined;
  /** It can't be asked to go on anywhere: what it has sent it sends no more. */
  readonly isPlain?: boolean;
}

/** Lines, from any byte on. */
export class TextFeed implements Feed {
  readonly lines: readonly string[];
  readonly bytes: Uint8Array;
  /** Byte at which each line begins; one more for the end. */
  readonly starts: readonly number[];
  readonly chance: Pcg32;
  readonly largeBlocks: boolean;
  broken: 'lost' | 'throws' | undefined;
  readonly spreadMs: number | undefined;
  readonly isPlain: boolean;
  /** Of a plain one: the line that it sends next, and lines that were sent and not taken. */
  next = 0;
  onTheWay: readonly number[] = [];
  /** Lines that somebody who died may have had. */
  readonly #lost = new Set<number>();
  /** Lines of which it was said that they outlive the process. */
  readonly #safe = new Set<number>();

  constructor(lines: readonly string[], options: TextFeedOptions) {
    const { largeBlocks, chance, spreadMs, isPlain = false } = options;
    this.spreadMs = spreadMs;
    this.isPlain = isPlain;
    this.largeBlocks = largeBlocks;
    this.lines = lines;
    this.bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    const starts = [0];
    for (const line of lines) starts.push(starts.at(-1)! + Buffer.byteLength(line) + 1);
    this.starts = starts;
    this.chance = chance;
  }

  create(isAlive: () => boolean): Source {
    return new TextFeedSource(this, isAlive);
  }

  isIn(edges: readonly EdgeHistory[]): boolean {
    if (this.isPlain) return this.next >= this.lines.length && this.onTheWay.length === 0;
    return publishedOn(edges) >= this.lines.length;
  }

  check(edges: readonly EdgeHistory[], { early }: FeedEnding): string[] {
    return checkSequence(this.lines, edges, early, this.#lost);
  }

  disconnect(how: 'lost' | 'throws'): void {
    this.broken = how;
  }

  /** A connection is made: what the one before had and nobody took is gone. */
  connected(): void {
    for (const line of this.onTheWay) this.#lost.add(line);
    this.onTheWay = [];
  }

  /** They are acknowledged: whatever dies, they are there. */
  acknowledged(lines: readonly number[]): void {
    for (const line of lines) this.#safe.add(line);
  }

  processDied(edges: readonly EdgeHistory[], power: boolean): void {
    if (!this.isPlain) return;
    this.connected();
    if (!power) return;
    // What lies before a barrier is in the log, and that is synced.
    const safe = new Set(
      edges.flatMap(({ batches }) => [...batches.values()].flatMap((b) => b.records)),
    );
    for (let line = 0; line < this.next; line++)
      if (!safe.has(this.lines[line]!) && !this.#safe.has(line)) this.#lost.add(line);
  }

  calm(): void {
    this.broken = undefined;
  }
}

/** Asks for what lies behind the last published block, and sends it in blocks of some lines. */
class TextFeedSource implements Source {
  readonly #feed: TextFeed;
  readonly #isAlive: () => boolean;
  readonly rewinds: boolean;
  #context: SourceContext | undefined;
  #line = 0;
  /** A block that was refused. */
  #refused: { readonly bytes: Uint8Array; readonly lines: number } | undefined;

  constructor(feed: TextFeed, isAlive: () => boolean) {
    this.#feed = feed;
    this.#isAlive = isAlive;
    this.rewinds = !feed.isPlain;
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
    if (context === undefined || !this.#isAlive()) return;
    const feed = this.#feed;
    if (feed.isPlain) {
      feed.connected();
      this.#line = feed.next;
    } else {
      const position = context.position().bytes;
      this.#line = feed.starts.indexOf(position);
      if (this.#line < 0)
        throw new Error(`asked to go on at byte ${position}, where no line begins`);
    }
    this.#refused = undefined;
    context.state('connected');
    this.#later(context.env.clock);
  }

  #later(clock: Clock): void {
    const { spreadMs, lines, chance } = this.#feed;
    const most = spreadMs === undefined ? 8 : Math.ceil((6 * spreadMs) / lines.length);
    clock.after(1 + chance.below(most), () => {
      const context = this.#context;
      if (context === undefined) return;
      if (this.#feed.broken === 'lost') {
        this.#feed.broken = undefined;
        context.state('disconnected');
        clock.after(chance.below(40), () => this.#connect());
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
    if (context === undefined || !this.#isAlive()) return;
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
      this.#feed.next = this.#line + count;
      this.#feed.onTheWay = Array.from({ length: count }, (_, n) => this.#line + n);
    }
    const block = this.#refused;
    const end = starts[this.#line + block.lines]!;
    const split = chance.below(block.bytes.length + 1);
    const [head, tail] =
      chance.below(3) > 0
        ? [block.bytes, NOTHING]
        : [block.bytes.subarray(0, split), block.bytes.subarray(split)];
    if (!context.sendText(head, tail, end) || !this.#isAlive()) return;
    this.#refused = undefined;
    const sent = this.#feed.onTheWay;
    this.#feed.onTheWay = [];
    void context.safe?.()?.then(() => {
      if (this.#isAlive()) this.#feed.acknowledged(sent);
    });
    this.#line += block.lines;
    this.#later(context.env.clock);
  }
}

/** A list of batches; null is a time without one. By time, or one after another as a queue gives them. */
export class RowsFeed implements Feed {
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

  isIn(edges: readonly EdgeHistory[]): boolean {
    return edges.every(
      ({ barriers }) => barriers.filter(({ batch }) => batch).length >= this.batches.length,
    );
  }

  check(edges: readonly EdgeHistory[], { early, diskFaults }: FeedEnding): string[] {
    const wrong: string[] = [];
    let given = 0;
    for (const barrier of edges[0]!.barriers.filter(({ batch }) => batch)) {
      const rows = this.batchAt(barrier.time, given++);
      const want = splitRows(rows ?? [], edges.length);
      const got = edges.map(({ batches }) => batches.get(barrier.number)?.records ?? []);
      const nothing = got.every((records) => records.length === 0);
      if (JSON.stringify(got) === JSON.stringify(want)) continue;
      // A batch that intake no longer reached is empty, and one before which a queue could not note what it would give.
      // A queue then gives that later, or never.
      if (nothing && (early || barrier.last || (this.isQueue && diskFaults)))
        given -= this.isQueue ? 1 : 0;
      else
        wrong.push(
          `barrier ${barrier.number} at ${barrier.time} ms closes ${JSON.stringify(got)}, not ${JSON.stringify(want)}`,
        );
    }
    return wrong;
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

export interface RecordsFeedOptions {
  /** How many records it has. */
  readonly count: number;
  readonly at: (position: number) => unknown;
  /** Virtual time in which it gives them all, about. */
  readonly spreadMs: number;
  readonly chance: Pcg32;
  /** What a process had is not given again when it dies: at most once. */
  readonly mayLose?: boolean;
}

/** Records by position, as a source of a topology gives them. */
export class RecordsFeed implements Feed {
  readonly #options: RecordsFeedOptions;
  /** Records that were given to somebody. */
  given = 0;
  /** So many of the first ones may be gone with the process. */
  #perhapsLost = 0;

  constructor(options: RecordsFeedOptions) {
    this.#options = options;
  }

  create(isAlive: () => boolean): Source {
    return new RecordsFeedSource(this.#options, (end) => {
      if (isAlive()) this.given = Math.max(this.given, end);
    });
  }

  isIn(edges: readonly EdgeHistory[]): boolean {
    const { count, mayLose } = this.#options;
    return mayLose === true ? this.given >= count : publishedOn(edges) >= count;
  }

  check(edges: readonly EdgeHistory[], { early }: FeedEnding): string[] {
    const { at, count } = this.#options;
    return checkSequence(
      Array.from({ length: count }, (_, n) => at(n)),
      edges,
      early,
      new Set(Array.from({ length: this.#perhapsLost }, (_, n) => n)),
    );
  }

  processDied(): void {
    // The last ones that it was given may lie there in part.
    if (this.#options.mayLose === true) this.#perhapsLost = this.given + MOST_RECORDS;
  }

  disconnect(): void {}

  calm(): void {}
}

/** In one block. */
const MOST_RECORDS = 8;

class RecordsFeedSource implements Source {
  readonly rewinds = true;
  readonly #options: RecordsFeedOptions;
  #context: SourceContext | undefined;
  readonly #gave: (end: number) => void;
  #next = 0;
  #refused: unknown[] | undefined;

  constructor(options: RecordsFeedOptions, gave: (end: number) => void) {
    this.#options = options;
    this.#gave = gave;
  }

  open(context: SourceContext): void {
    this.#context = context;
    this.#next = context.position().lines;
    this.#refused = undefined;
    context.state('connected');
    this.#later();
  }

  resume(): void {
    this.#send();
  }

  close(): void {
    this.#context = undefined;
  }

  #later(): void {
    const { count, spreadMs, chance } = this.#options;
    const context = this.#context;
    if (context === undefined) return;
    context.env.clock.after(chance.below(Math.ceil((8 * spreadMs) / count)), () => this.#send());
  }

  #send(): void {
    const { count, at, chance } = this.#options;
    const context = this.#context;
    if (context === undefined) return;
    const most = Math.min(count - this.#next, 1 + chance.below(MOST_RECORDS));
    const rows = (this.#refused ??= Array.from({ length: most }, (_, n) => at(this.#next + n)));
    if (rows.length === 0 || !context.sendRows(rows)) return;
    this.#refused = undefined;
    this.#next += rows.length;
    this.#gave(this.#next);
    this.#later();
  }
}

function publishedOn(edges: readonly EdgeHistory[]): number {
  return edges.reduce((total, { published }) => total + published.length, 0);
}

/** Whether edges carry the records of a list: from its beginning, each once, on one edge in order. */
function checkSequence(
  all: readonly unknown[],
  edges: readonly EdgeHistory[],
  early: boolean,
  lost: ReadonlySet<number> = new Set(),
): string[] {
  const wrong: string[] = [];
  const shown = (record: unknown): string => JSON.stringify(record);
  // Equal records can't be told apart: the n-th one of them is taken for the n-th.
  const places = new Map<string, number[]>();
  all.forEach((record, n) => {
    const list = places.get(shown(record));
    if (list === undefined) places.set(shown(record), [n]);
    else list.push(n);
  });
  const isUnique = places.size === all.length;
  const found = new Set<number>();
  for (const { edge, published } of edges) {
    let last = -1;
    for (const record of published) {
      const place = places.get(shown(record))?.shift();
      if (place === undefined) {
        wrong.push(`edge ${edge} carries ${shown(record)} once too often`);
        continue;
      }
      found.add(place);
      if (isUnique && place < last)
        wrong.push(`edge ${edge} carries record ${place}, ${shown(record)}, behind record ${last}`);
      last = place;
    }
  }
  const missing = all.findIndex((_, n) => !found.has(n) && !lost.has(n));
  const beyond = [...found].find((n) => missing >= 0 && n > missing);
  if (beyond !== undefined)
    wrong.push(`record ${missing}, ${shown(all[missing])}, is on no edge, and record ${beyond} is`);
  const taken = edges.reduce(
    (total, { batches }) =>
      total + [...batches.values()].reduce((sum, { records }) => sum + records.length, 0),
    0,
  );
  const wanted = all.filter((_, n) => found.has(n) || !lost.has(n)).length;
  if (!early && taken !== wanted)
    wrong.push(`of ${wanted} records ${taken} lie before the last barrier`);
  return wrong.slice(0, 5);
}
