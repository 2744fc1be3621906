/** What sources with a log are fed from, and what must come of it. */
import type { Pcg32 } from '../../src/env/pcg32.ts';
import { QueueSource } from '../../src/io/queue-stream.ts';
import type { Source, SourceContext } from '../../src/io/source.ts';
import type { WorldFeed } from './_logged-world.ts';

const NOTHING = new Uint8Array(0);

/** A record with a number, of some length. */
export function record(n: number): string {
  return `${n}:${'x'.repeat((n * 37) % 90)}`;
}

export function records(count: number): string[] {
  return Array.from({ length: count }, (_, n) => record(n));
}

/** Gives each record once, to whoever takes it: what is refused is offered again, what dies in hand is gone. */
export class PlainFeed implements WorldFeed {
  /** By what it was told. */
  readonly accepted: Set<string> = new Set();
  readonly acknowledged: Set<string> = new Set();
  readonly offered: Set<string> = new Set();
  readonly #count: number;
  readonly #form: 'text' | 'rows';
  #next = 0;
  #hand: string[] | undefined;
  #context: SourceContext | undefined;

  constructor(count: number, form: 'text' | 'rows') {
    this.#count = count;
    this.#form = form;
  }

  get isOut(): boolean {
    return this.#next >= this.#count && this.#hand === undefined;
  }

  make(): Source {
    let own: SourceContext | undefined;
    return {
      open: (context) => {
        own = this.#context = context;
        context.state('connected');
      },
      resume: () => this.#offer(),
      close: () => {
        if (this.#context === own) this.#context = undefined;
      },
    };
  }

  step(chance: Pcg32): void {
    if (this.#context === undefined) return;
    if (this.#hand === undefined && this.#next < this.#count) {
      const to = Math.min(this.#count, this.#next + 1 + chance.below(8));
      this.#hand = Array.from({ length: to - this.#next }, (_, n) => record(this.#next + n));
      this.#next = to;
      for (const each of this.#hand) this.offered.add(each);
      this.#rows = this.#hand;
    }
    this.#offer();
  }

  #rows: readonly string[] = [];

  died(): void {
    this.#hand = undefined;
    this.#context = undefined;
  }

  #offer(): void {
    const context = this.#context;
    const hand = this.#hand;
    if (context === undefined || hand === undefined) return;
    if (this.#form === 'rows') {
      if (!context.sendRows(this.#rows)) return;
    } else {
      const bytes = Buffer.from(hand.map((each) => `${each}\n`).join(''));
      const split = bytes.length >>> 1;
      const end = context.position().bytes + bytes.length;
      if (!context.sendText(bytes.subarray(0, split), bytes.subarray(split), end)) return;
    }
    this.#hand = undefined;
    for (const each of hand) this.accepted.add(each);
    const safe = context.safe?.();
    void safe?.then(() => {
      for (const each of hand) this.acknowledged.add(each);
    });
  }
}

/** Goes on wherever it is asked to. */
export class SeekableFeed implements WorldFeed {
  readonly #all: readonly string[];
  readonly #form: 'text' | 'rows';
  readonly #ends: readonly number[];
  readonly #bytes: Buffer;
  #next = 0;
  #block: { readonly count: number; readonly rows: readonly string[] } | undefined;
  #context: SourceContext | undefined;

  constructor(count: number, form: 'text' | 'rows') {
    this.#all = records(count);
    this.#form = form;
    let end = 0;
    this.#ends = this.#all.map((each) => (end += each.length + 1));
    this.#bytes = Buffer.from(this.#all.map((each) => `${each}\n`).join(''));
  }

  get isOut(): boolean {
    return this.#next >= this.#all.length;
  }

  make(): Source {
    return {
      rewinds: true,
      open: (context) => {
        this.#context = context;
        this.#block = undefined;
        const { bytes, lines } = context.position();
        this.#next =
          this.#form === 'rows' ? lines : bytes === 0 ? 0 : this.#ends.indexOf(bytes) + 1;
        if (this.#form === 'text' && lines !== this.#next)
          throw new Error(`asked to go on at line ${lines}, byte ${bytes}`);
        context.state('connected');
      },
      resume: () => this.#offer(),
      close: () => {
        this.#context = undefined;
      },
    };
  }

  step(chance: Pcg32): void {
    if (this.#context === undefined) return;
    if (this.#block === undefined) {
      const count = Math.min(this.#all.length - this.#next, 1 + chance.below(12));
      if (count === 0) return;
      this.#block = { count, rows: this.#all.slice(this.#next, this.#next + count) };
    }
    this.#offer();
  }

  died(): void {
    this.#context = undefined;
    this.#block = undefined;
  }

  #offer(): void {
    const context = this.#context;
    const block = this.#block;
    if (context === undefined || block === undefined) return;
    if (this.#form === 'rows') {
      if (!context.sendRows(block.rows)) return;
    } else {
      const from = this.#next === 0 ? 0 : this.#ends[this.#next - 1]!;
      const end = this.#ends[this.#next + block.count - 1]!;
      const split = block.count % 2 === 0 ? end : from + ((end - from) >>> 2);
      const tail = split === end ? NOTHING : this.#bytes.subarray(split, end);
      if (!context.sendText(this.#bytes.subarray(from, split), tail, end)) return;
    }
    this.#next += block.count;
    this.#block = undefined;
  }
}

/** Batches from an array. */
export class QueueFeed implements WorldFeed {
  readonly #queue: readonly (readonly string[] | null)[];
  #taken = 0;

  constructor(batches: number) {
    this.#queue = Array.from({ length: batches }, (_, n) =>
      n % 7 === 3 ? null : Array.from({ length: n % 5 }, (_each, k) => `${n}.${k}`),
    );
  }

  get isOut(): boolean {
    return this.#taken >= this.#queue.length;
  }

  get all(): string[] {
    return this.#queue.flatMap((batch) => batch ?? []);
  }

  make(): Source {
    const source = new QueueSource(this.#queue);
    return {
      open: (context) => {
        source.open({
          ...context,
          note: {
            read: () => context.note!.read(),
            write: (value) => {
              this.#taken = (value as { to: number }).to;
              context.note!.write(value);
            },
          },
        });
        this.#taken = (context.note!.read() as { to: number } | undefined)?.to ?? 0;
      },
      pull: (time, note) => source.pull(time, note),
      close: () => source.close(),
    };
  }

  step(): void {}

  died(): void {
    this.#taken = 0;
  }
}
