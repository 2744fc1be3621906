/**
 * What the values of each key in a window come to, for functions without an inverse, at a cost a pane that does not
 * depend on the window's length. Used within one task, by its thread only.
 *
 * It is the two-stack queue (Tangwongsan, Hirzel, Schneider and Wu, "General incremental sliding-window aggregation",
 * PVLDB 8(7), 2015), a queue for each key. A key's newer entries are summed up as they come (`back`). Its older ones, the
 * *front*, have each been replaced by the sum of themselves and all newer ones of the front, so that the oldest one's is
 * that of the whole front (`top`), and when it leaves, the next one's is. The window's value is f(top, back). Once the
 * front has emptied it is made anew of all entries: the *flip*, which costs a call for each.
 *
 * A queue flips when its front is empty, and if all keys came in one pane they would all flip in one, for ever after.
 * Here a key flips at the panes whose number is its hash modulo W, W being the panes of a window. Every pane then flips
 * about 1/W of the keys, and none is slower than another. It is always in time: between two flips of a key W panes pass,
 * so all that was in its front has just left.
 *
 * I1  f is called with the older part first, so it need not be commutative.
 * I2  How values are grouped depends on key and pane numbers alone. So a recovery gives the same sums, bit by bit.
 * I3  An entry is in the front exactly if its key has flipped since it came, and its value is then a sum. So the pane
 *     behind which it was written says what it is.
 */
import { partitionOf } from '../keys/partitioner.ts';
import type { KeyedPanes, PaneUser, RestoredEntries } from './keyed-panes.ts';
import { grown, type Pane, placeholder } from './pane.ts';

type Reduce = (a: unknown, b: unknown) => unknown;

const NONE = -1;
const HAS_TOP = 1;
const HAS_BACK = 2;
const HASHES = 0x1_0000_0000;

export class TwoStacks implements PaneUser {
  readonly #panes: KeyedPanes;
  readonly #f: Reduce;
  readonly #blame: (error: unknown, key: unknown) => never;
  /** Panes of a window. */
  readonly #length: number;
  // By slot.
  #has: Uint8Array = new Uint8Array(64);
  readonly #top: unknown[] = [];
  readonly #back: unknown[] = [];
  /** The newest entry: its pane's place in the ring, and where there. */
  #backPane: Int32Array = new Int32Array(64);
  #backAt: Int32Array = new Int32Array(64);
  #frontPane: Int32Array = new Int32Array(64);
  #frontAt: Int32Array = new Int32Array(64);
  #phase: Int32Array = new Int32Array(64);
  /** The keys of a phase are a list through `next` and `previous`, which begins at `first`. */
  #next: Int32Array = new Int32Array(64);
  #previous: Int32Array = new Int32Array(64);
  readonly #first: Int32Array;

  /** @param blame throws the error of what `f` threw */
  constructor(panes: KeyedPanes, f: Reduce, blame: (error: unknown, key: unknown) => never) {
    this.#panes = panes;
    this.#f = f;
    this.#blame = blame;
    this.#length = panes.grid.panes;
    this.#first = new Int32Array(this.#length).fill(NONE);
  }

  /** The window's keys and what each comes to. */
  result(): { readonly keys: unknown[]; readonly values: unknown[] } {
    const table = this.#panes.keys.keys;
    const has = this.#has;
    const top = this.#top;
    const back = this.#back;
    const f = this.#f;
    const keys: unknown[] = [];
    const values: unknown[] = [];
    let slot = 0;
    try {
      for (; slot < table.length; slot++) {
        const parts = has[slot]!;
        if (parts === 0) continue;
        keys.push(table[slot]);
        values.push(
          parts === HAS_TOP
            ? top[slot]
            : parts === HAS_BACK
              ? back[slot]
              : f(top[slot], back[slot]),
        );
      }
    } catch (error) {
      this.#blame(error, table[slot]);
    }
    return { keys, values };
  }

  keyAdded(slot: number): void {
    if (slot >= this.#has.length) this.#grow(slot);
    this.#has[slot] = 0;
    this.#top[slot] = undefined;
    this.#back[slot] = undefined;
    const phase = phaseOf(this.#panes.keys.keys[slot], this.#length);
    this.#phase[slot] = phase;
    const next = this.#first[phase]!;
    this.#next[slot] = next;
    this.#previous[slot] = NONE;
    if (next !== NONE) this.#previous[next] = slot;
    this.#first[phase] = slot;
  }

  paneClosed(number: number, pane: Pane | undefined): void {
    if (pane !== undefined) this.#push(pane);
    this.#pop(number - this.#length);
    for (let slot = this.#first[number % this.#length]!; slot !== NONE; slot = this.#next[slot]!)
      if ((this.#has[slot]! & HAS_BACK) !== 0) this.#flip(slot);
  }

  /** All panes at once, pane by pane, which is much faster than key by key. */
  restored(entries: RestoredEntries): void {
    const { closed } = this.#panes;
    const length = this.#length;
    const oldest = Math.max(0, closed - length + 1);
    /** By slot: the pane behind the one at which the key has flipped last. */
    const backFrom = Float64Array.from(
      this.#phase,
      (phase) => closed - mod(closed - phase, length) + 1,
    );
    for (let number = closed; number >= oldest; number--) {
      const pane = this.#panes.pane(number);
      if (pane !== undefined) this.#stack(pane, backFrom, entries.get(number)!);
    }
    for (let number = oldest; number <= closed; number++) {
      const pane = this.#panes.pane(number);
      if (pane !== undefined) this.#push(pane, backFrom);
    }
  }

  /**
   * Puts a pane's entries on top of the fronts of their keys, which have all newer ones.
   * @param writtenAt by entry: what was written behind the pane at which its key has flipped is a sum already (I3)
   */
  #stack(pane: Pane, backFrom: Float64Array, writtenAt: Float64Array): void {
    pane.makeLinks();
    const { slots, values, count, links } = pane;
    const place = this.#panes.placeOf(pane.number);
    const f = this.#f;
    let i = 0;
    try {
      for (; i < count; i++) {
        const slot = slots[i]!;
        const from = backFrom[slot]!;
        if (pane.number >= from) continue;
        if ((this.#has[slot]! & HAS_TOP) !== 0) {
          if (writtenAt[i]! < from - 1) values[i] = f(values[i], this.#top[slot]);
          links[2 * i] = this.#frontPane[slot]!;
          links[2 * i + 1] = this.#frontAt[slot]!;
        }
        this.#has[slot]! |= HAS_TOP;
        this.#top[slot] = values[i];
        this.#frontPane[slot] = place;
        this.#frontAt[slot] = i;
      }
    } catch (error) {
      this.#blame(error, this.#panes.keys.keys[slots[i]!]);
    }
  }

  /**
   * The entries of a pane that is complete.
   * @param from after a recovery, by slot: entries of panes before that number are in the front
   */
  #push(pane: Pane, from?: Float64Array): void {
    if (from === undefined) pane.makeLinks();
    const { slots, values, count, links } = pane;
    const place = this.#panes.placeOf(pane.number);
    const has = this.#has;
    const back = this.#back;
    const f = this.#f;
    let i = 0;
    try {
      for (; i < count; i++) {
        const slot = slots[i]!;
        if (from !== undefined && pane.number < from[slot]!) continue;
        if ((has[slot]! & HAS_BACK) === 0) {
          has[slot]! |= HAS_BACK;
          back[slot] = values[i];
        } else {
          back[slot] = f(back[slot], values[i]);
          links[2 * i] = this.#backPane[slot]!;
          links[2 * i + 1] = this.#backAt[slot]!;
        }
        this.#backPane[slot] = place;
        this.#backAt[slot] = i;
      }
    } catch (error) {
      this.#blame(error, this.#panes.keys.keys[slots[i]!]);
    }
  }

  /** A pane leaves: its entries are the oldest of their keys' fronts. */
  #pop(number: number): void {
    const pane = this.#panes.pane(number);
    if (pane !== undefined) {
      const { slots, count, links } = pane;
      for (let i = 0; i < count; i++) {
        const slot = slots[i]!;
        const place = links[2 * i]!;
        this.#frontPane[slot] = place;
        if (place === NONE) {
          this.#has[slot]! &= ~HAS_TOP;
          this.#top[slot] = placeholder(this.#top[slot]);
          // Neither top nor back: the key goes with its last entry.
          if (this.#has[slot] === 0) this.#unlist(slot);
        } else {
          const next = links[2 * i + 1]!;
          this.#frontAt[slot] = next;
          this.#top[slot] = this.#panes.paneIn(place).values[next];
        }
      }
    }
    this.#panes.evict(number);
  }

  /**
   * Makes the front of a key anew, of all its entries. Links pointed from newer entries to older ones; in the front they
   * point from older ones to newer ones.
   */
  #flip(slot: number): void {
    const f = this.#f;
    let nextPane = NONE;
    let nextAt = NONE;
    let place = this.#backPane[slot]!;
    let at = this.#backAt[slot]!;
    let sum: unknown;
    try {
      while (place !== NONE) {
        const pane = this.#panes.paneIn(place);
        const { values, links } = pane;
        if (nextPane === NONE) sum = values[at];
        else {
          sum = f(values[at], sum);
          values[at] = sum;
        }
        const olderPane = links[2 * at]!;
        const olderAt = links[2 * at + 1]!;
        links[2 * at] = nextPane;
        links[2 * at + 1] = nextAt;
        nextPane = place;
        nextAt = at;
        place = olderPane;
        at = olderAt;
      }
    } catch (error) {
      this.#blame(error, this.#panes.keys.keys[slot]);
    }
    this.#frontPane[slot] = nextPane;
    this.#frontAt[slot] = nextAt;
    this.#top[slot] = sum;
    this.#back[slot] = placeholder(this.#back[slot]);
    this.#has[slot] = HAS_TOP;
  }

  #unlist(slot: number): void {
    const next = this.#next[slot]!;
    const previous = this.#previous[slot]!;
    if (next !== NONE) this.#previous[next] = previous;
    if (previous === NONE) this.#first[this.#phase[slot]!] = next;
    else this.#next[previous] = next;
  }

  #grow(slot: number): void {
    const size = Math.max(slot + 1, this.#has.length * 2);
    const has = new Uint8Array(size);
    has.set(this.#has);
    this.#has = has;
    this.#backPane = grown(this.#backPane, size);
    this.#backAt = grown(this.#backAt, size);
    this.#frontPane = grown(this.#frontPane, size);
    this.#frontAt = grown(this.#frontAt, size);
    this.#phase = grown(this.#phase, size);
    this.#next = grown(this.#next, size);
    this.#previous = grown(this.#previous, size);
  }
}

function mod(a: number, length: number): number {
  return ((a % length) + length) % length;
}

/**
 * The phase of a key. The hash also says which partition has the key, so its bits are mixed: else a partition of two
 * would have even phases only.
 */
function phaseOf(key: unknown, length: number): number {
  const hash = partitionOf(key, HASHES);
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return ((mixed ^ (mixed >>> 15)) >>> 0) % length;
}
