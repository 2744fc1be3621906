/** What a source may send is bounded by its rate, whatever it offers, and nothing of it is lost or doubled. */
import { describe, expect, it } from 'vitest';
import { simEnv } from '../../src/env/sim.ts';
import { RateLimit } from '../../src/io/rate-limit.ts';
import { SourceHost, type SourceHostEvents, type SourceSpec } from '../../src/io/source-host.ts';
import type { Source, SourceContext } from '../../src/io/source.ts';
import { ListEdge } from './_list-edge.ts';

const SILENT: SourceHostEvents = {
  onPut() {},
  onRelief() {},
  onState() {},
  onEvent() {},
  onFailure(_source, error) {
    throw error;
  },
};

/** Offers blocks one after another, each until it is taken. */
class Blocks implements Source {
  readonly #offer: readonly ((context: SourceContext) => boolean)[];
  #context: SourceContext | undefined;
  #next = 0;

  constructor(offer: readonly ((context: SourceContext) => boolean)[]) {
    this.#offer = offer;
  }

  open(context: SourceContext): void {
    this.#context = context;
    this.resume();
  }

  resume(): void {
    while (this.#next < this.#offer.length && this.#offer[this.#next]!(this.#context!))
      this.#next++;
  }

  close(): void {}
}

function host(
  source: Source,
  spec: Partial<SourceSpec>,
  edges = [new ListEdge()],
): { env: ReturnType<typeof simEnv>; host: SourceHost; edges: ListEdge[] } {
  const env = simEnv(1);
  const made = new SourceHost(env, [{ id: 0, name: 's', source, edges, ...spec }], SILENT);
  made.open();
  return { env, host: made, edges };
}

const rows = (list: readonly unknown[]) => (context: SourceContext) => context.sendRows(list);
const text = (head: string, tail: string, end: number) => {
  const [a, b] = [Buffer.from(head), Buffer.from(tail)];
  return (context: SourceContext) => context.sendText(a, b, end);
};

describe('a rate', () => {
  it('I1: fills with time, saves up a tenth of a second, and no more', () => {
    const { clock } = simEnv(1);
    const limit = new RateLimit(clock, 1000);
    expect(limit.due()).toBe(0);
    clock.advance(50);
    expect(limit.due()).toBe(50);
    clock.advance(5000);
    expect(limit.due()).toBe(100);
    limit.take(100);
    expect(limit.due()).toBe(0);
    limit.rate = 10;
    clock.advance(100);
    expect(limit.due()).toBe(1);
  });

  it('holds from the first record on, for records and for lines', () => {
    const list = Array.from({ length: 1000 }, (_, n) => n);
    for (const offer of [rows(list), text('', list.map((n) => `${n}\n`).join(''), 3890)]) {
      const { env, edges } = host(new Blocks([offer]), { maxRate: 200 });
      const sent = (): number => edges[0]!.rows().length + edges[0]!.text().split('\n').length - 1;
      for (let second = 1; second <= 5; second++) {
        for (let n = 0; n < 100; n++) env.clock.advance(10);
        expect(sent()).toBeGreaterThan(200 * second - 20);
        expect(sent()).toBeLessThanOrEqual(200 * second);
      }
    }
  });

  it('cuts text where lines end, and says where each part ends', () => {
    const { env, edges } = host(
      new Blocks([text('head', ' of it\nb\nc\nd\n', 115), text('', 'e\nlast', 121)]),
      { maxRate: 100 },
    );
    const seen: [string, number][] = [];
    for (let n = 0; n < 10; n++) {
      env.clock.advance(10);
      for (const frame of edges[0]!.frames.splice(0))
        if (frame.kind === 'text') seen.push([frame.text.toString(), frame.position]);
    }
    expect(seen).toEqual([
      ['head of it\n', 109],
      ['b\n', 111],
      ['c\n', 113],
      ['d\n', 115],
      ['e\n', 117],
      ['last', 121],
    ]);
  });

  it('is the initial one until another is told, and never above maxRate', () => {
    const list = Array.from({ length: 10_000 }, (_, n) => n);
    const {
      env,
      edges,
      host: made,
    } = host(new Blocks([rows(list)]), {
      maxRate: 500,
      initialRate: 100,
    });
    const second = (): number => {
      const before = edges[0]!.rows().length;
      for (let n = 0; n < 100; n++) env.clock.advance(10);
      return edges[0]!.rows().length - before;
    };
    expect(second()).toBe(100);
    made.setRate(0, 300);
    expect(second()).toBeCloseTo(300, -2);
    made.setRate(0, 5000);
    expect(second()).toBeLessThanOrEqual(500);
    expect(edges[0]!.rows()).toEqual(list.slice(0, edges[0]!.rows().length));
  });

  it('is off once intake stops: what was taken in goes out at once', async () => {
    const list = Array.from({ length: 1000 }, (_, n) => n);
    const { edges, host: made } = host(new Blocks([rows(list)]), { maxRate: 10 });
    await made.stopIntake();
    expect(edges[0]!.rows()).toEqual(list);
  });
});
