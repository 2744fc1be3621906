import { describe, expect, test } from 'vitest';
import { EpochOrder, type EpochPort } from '../../src/run/epoch-order.ts';

/** A port in which messages wait until it is read, and which is heard one by one. */
class TestPort implements EpochPort {
  readonly waiting: (readonly [number, string])[] = [];
  closed = false;
  readonly #order: EpochOrder;
  readonly #said: string[];
  /** Called when it is read. */
  onPoll: (() => void) | undefined;

  constructor(order: EpochOrder, said: string[]) {
    this.#order = order;
    this.#said = said;
    order.add(this);
  }

  one(): void {
    const [epoch, word] = this.waiting.shift()!;
    this.#order.hear(epoch, () => this.#said.push(word));
  }

  poll(): void {
    while (this.waiting.length > 0) this.one();
    this.onPoll?.();
    this.onPoll = undefined;
  }

  close(): void {
    this.closed = true;
  }
}

function scene(): { order: EpochOrder; said: string[]; a: TestPort; b: TestPort; c: TestPort } {
  const order = new EpochOrder();
  const said: string[] = [];
  const port = (): TestPort => new TestPort(order, said);
  return { order, said, a: port(), b: port(), c: port() };
}

describe('the order of epochs', () => {
  test('I1: what an older epoch said is heard first, though it lies in a port that was not read', () => {
    const { said, a, b } = scene();
    a.waiting.push([1, 'batch 7']);
    b.waiting.push([2, 'batch 8'], [2, 'batch 9']);
    b.one();
    expect(said).toEqual(['batch 7', 'batch 8', 'batch 9']);
  });

  test('I1: it holds over several epochs, in whichever port they lie', () => {
    const { said, a, b, c } = scene();
    a.waiting.push([3, 'd'], [3, 'e']);
    b.waiting.push([1, 'a'], [4, 'f']);
    c.waiting.push([2, 'b'], [2, 'c']);
    a.one();
    expect(said).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  });

  test('I1: what is posted while ports are read comes before what followed from it', () => {
    const { said, a, b, c } = scene();
    a.waiting.push([2, 'b']);
    // Read first, port a is empty; then something of epoch 2 is said there, after which epoch 3 begins on port c.
    a.onPoll = () => undefined;
    b.onPoll = () => {
      a.waiting.push([2, 'c']);
      c.waiting.push([3, 'd']);
    };
    a.one();
    expect(said).toEqual(['b', 'c', 'd']);
  });

  test('the last words of a dead thread are heard before its port is closed', () => {
    const { order, said, a } = scene();
    a.waiting.push([1, 'a']);
    order.gone(a, false);
    expect(said).toEqual(['a']);
    expect(a.closed).toBe(true);
  });

  test('I2: the port of a lost thread stays open', () => {
    const { order, said, a, b } = scene();
    order.gone(a, true);
    expect(a.closed).toBe(false);
    a.waiting.push([1, 'a']);
    b.waiting.push([2, 'b']);
    b.one();
    expect(said).toEqual(['a', 'b']);
    order.close();
    expect([a.closed, b.closed]).toEqual([true, true]);
  });
});
