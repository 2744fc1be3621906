/**
 * State by key: a table whose keys lie in slots, so that a pass over all of them is a loop over arrays, and a cell that
 * is written as a log of slots.
 *
 *   slot      0      1      2      3
 *   keys     'a'    'b'     –     'd'       a removed key leaves a hole; the next new key gets the lowest one
 *   states    3      1      –      8
 *   flags    live  live,   dirty  live      dirty: not in a log yet; written: in a log of this round
 *                  dirty
 *
 * Hot loops read `keys`, `states` and `flags` directly, and say what they have changed (`set`, `touch`).
 * Used by its task's thread only.
 *
 * I1  Slots survive a restore: order of keys and the slots of keys to come are what they would have been.
 * I2  Of each slot the newest chunk that names it counts. So a key that moved to another slot is never in two.
 * I3  A round ends when every live key was written since the one before ended.
 */
import { canonicalKey } from '../keys/canonical.ts';
import { KeyIndex, unsliced } from '../keys/key-index.ts';
import type { StateCell } from './cell.ts';
import { type Chunk, packChunk, unpackChunk } from './chunk.ts';
import { type Migration, migrated } from './migration.ts';
import { SlotHeap } from './slot-heap.ts';

export const LIVE = 1;
const DIRTY = 2;
const WRITTEN = 4;
/** Keys in a chunk of a log, at first and at most: some milliseconds to encode. Large states make for fewer. */
const CHUNK_KEYS = 4096;
const CHUNK_BYTES = 256 * 1024;
const FIRST_SLOTS = 1024;
/** The time of a key that was written when no times were kept. */
export const UNTIMED = 0;

export class KeyedState<S> extends KeyIndex implements StateCell {
  /** The keys by slot; undefined in a free one. */
  readonly keys: unknown[] = [];
  /** The states by slot. */
  readonly states: S[] = [];
  /** `flags[slot] & LIVE`. Another array once it has grown. */
  flags: Uint8Array = new Uint8Array(FIRST_SLOTS);
  /** When each slot was touched, in ms, if that is kept. Another array once it has grown. */
  times: Float64Array | undefined;
  /** Keys. */
  size = 0;
  #dirty: number[] = [];
  #ready: Uint8Array[] = [];
  /** What a restore has given so far, with its version. */
  #applied: (readonly [chunk: Uint8Array, version: number])[] = [];
  #readyKeys = 0;
  #begun = false;
  #begunIsNew = false;
  #isWholeNext = false;
  /** Free slots; undefined after a restore, until somebody asks. */
  #free: SlotHeap | undefined = new SlotHeap();
  /** WRITTEN of slots that were written in this round. */
  #parity = WRITTEN;
  #unwritten = 0;
  #cursor = 0;
  #chunkKeys = CHUNK_KEYS;

  readonly version: number;
  readonly #migration: Migration | undefined;

  /**
   * @param keepsTimes whether a key's time is kept with it
   * @param migration what makes state of today of older one
   */
  constructor(keepsTimes = false, migration?: Migration) {
    super();
    this.#migration = migration;
    this.version = migration?.version ?? 1;
    this.times = keepsTimes ? new Float64Array(FIRST_SLOTS) : undefined;
  }

  /** Whether somebody said `begin` in this life or an earlier one. */
  get begun(): boolean {
    return this.#begun;
  }

  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#begunIsNew = true;
  }

  /** Adds a key that is not there; gives its slot. */
  add(key: unknown, state: S): number {
    const free = this.#freeSlots();
    const slot = free.size > 0 ? free.pop() : this.keys.length;
    const own = this.index(key, slot);
    if (slot === this.keys.length) {
      this.keys.push(own);
      this.states.push(state);
      if (slot === this.flags.length) this.#grow(slot * 2);
    } else {
      this.keys[slot] = own;
      this.states[slot] = state;
    }
    if ((this.flags[slot]! & DIRTY) === 0) this.#dirty.push(slot);
    this.flags[slot] = LIVE | DIRTY | (this.#parity ^ WRITTEN);
    this.#unwritten++;
    this.size++;
    return slot;
  }

  set(slot: number, state: S): void {
    this.states[slot] = state;
    this.touch(slot);
  }

  /** The state in that slot, or its time, has changed. */
  touch(slot: number): void {
    const flags = this.flags[slot]!;
    if ((flags & DIRTY) !== 0) return;
    this.flags[slot] = flags | DIRTY;
    this.#dirty.push(slot);
  }

  remove(slot: number): void {
    this.touch(slot);
    const free = this.#freeSlots();
    this.#clear(slot);
    this.flags[slot] = DIRTY;
    free.push(slot);
  }

  /** Keys and states, in the order of slots, in arrays of their own. */
  columns(): { readonly keys: unknown[]; readonly values: S[] } {
    const { keys, states, flags } = this;
    if (this.size === keys.length) return { keys: keys.slice(), values: states.slice() };
    const columns = { keys: [] as unknown[], values: [] as S[] };
    for (let slot = 0; slot < keys.length; slot++) {
      if ((flags[slot]! & LIVE) === 0) continue;
      columns.keys.push(keys[slot]);
      columns.values.push(states[slot]!);
    }
    return columns;
  }

  // ── The cell ──────────────────────────────────────────────────────────────────────────────────

  get changed(): number {
    return this.#dirty.length + this.#readyKeys + (this.#begunIsNew ? 1 : 0);
  }

  prepare(): boolean {
    if (this.#dirty.length <= this.#chunkKeys) return true;
    const rest = this.#dirty.splice(this.#dirty.length - this.#chunkKeys);
    this.#readyKeys += rest.length;
    this.#ready.push(this.#encode(rest));
    return false;
  }

  changes(): readonly Uint8Array[] | undefined {
    while (!this.prepare());
    const chunks = this.#ready;
    if (this.#dirty.length > 0 || this.#begunIsNew || this.#isWholeNext)
      chunks.push(this.#encode(this.#dirty));
    this.#begunIsNew = false;
    this.#dirty = [];
    this.#ready = [];
    this.#readyKeys = 0;
    return chunks.length === 0 ? undefined : chunks;
  }

  rewrite(entries: number): {
    readonly log: readonly Uint8Array[] | undefined;
    readonly round: boolean;
  } {
    const { flags, keys } = this;
    const slots: number[] = [];
    let cursor = this.#cursor;
    for (
      ;
      cursor < keys.length && slots.length < entries && this.#unwritten > slots.length;
      cursor++
    )
      if ((flags[cursor]! & (LIVE | WRITTEN)) === (LIVE | (this.#parity ^ WRITTEN)))
        slots.push(cursor);
    this.#cursor = cursor;
    const log: Uint8Array[] = [];
    for (let from = 0; from < slots.length;) {
      const to = from + this.#chunkKeys;
      log.push(this.#encode(slots.slice(from, to)));
      from = to;
    }
    const round = this.#unwritten === 0;
    if (round) {
      this.#parity ^= WRITTEN;
      this.#unwritten = this.size;
      this.#cursor = 0;
    }
    return { log: log.length === 0 ? undefined : log, round };
  }

  apply(log: unknown, version: number = this.version): void {
    for (const chunk of log as readonly Uint8Array[]) this.#applied.push([chunk, version]);
  }

  /** The newest first: what is written over later is never made. */
  restored(): void {
    const chunks: (readonly [chunk: Chunk, version: number])[] = [];
    for (const [bytes, version] of this.#applied.toReversed()) {
      const chunk = unpackChunk(bytes);
      chunks.push([chunk, version]);
      if (chunk.isWhole) break;
    }
    if (chunks.length === 0) return;
    this.#applied = [];
    let slots = this.keys.length;
    for (const [{ slots: named }] of chunks) {
      if (named === undefined) continue;
      for (const list of [named.freed, named.used])
        for (let i = 0; i < list.length; i++) if (list[i]! >= slots) slots = list[i]! + 1;
    }
    // Only short texts have a table that grows.
    const [first] = chunks[0]![0].keys;
    this.#reserve(slots, typeof first === 'string' && first.length < 13);
    const foreign = chunks.some(([chunk]) => chunk.slots === undefined)
      ? new Set<string>()
      : undefined;
    const seen = new Uint8Array(slots);
    for (const [chunk, version] of chunks) {
      if (chunk.begun) this.#begun = true;
      if (chunk.slots === undefined) this.#restoreKeys(chunk, version, foreign!);
      else this.#restoreSlots(chunk, version, seen, foreign);
    }
    this.#free = undefined;
    if (foreign !== undefined) this.#writeWhole();
  }

  /** Empties a slot that is live. */
  #clear(slot: number): void {
    this.unindex(this.keys[slot]);
    this.keys[slot] = undefined;
    this.states[slot] = undefined as never;
    if ((this.flags[slot]! & WRITTEN) !== this.#parity) this.#unwritten--;
    this.flags[slot] = 0;
    this.size--;
  }

  /** Takes of a chunk what no newer one has. `gone`: keys that went in newer chunks of the other form. */
  #restoreSlots(chunk: Chunk, version: number, seen: Uint8Array, gone?: Set<string>): void {
    const { keys, states, times } = chunk;
    const { freed, used } = chunk.slots!;
    for (let i = 0; i < used.length; i++) {
      const slot = used[i]!;
      if (seen[slot] !== 0) continue;
      seen[slot] = 1;
      const key = keys[i];
      if (gone !== undefined && (this.find(key) >= 0 || gone.has(canonicalKey(key)))) continue;
      this.#put(slot, key, this.#migrate(states[i], version, key), times?.[i]);
    }
    for (let i = 0; i < freed.length; i++) seen[freed[i]!] = 1;
  }

  /** The same of one of the other form: keys get slots as they come. */
  #restoreKeys({ removed, keys, states, times }: Chunk, version: number, gone: Set<string>): void {
    for (const key of removed) if (this.find(key) < 0) gone.add(canonicalKey(key));
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      if (this.find(key) >= 0 || gone.has(canonicalKey(key))) continue;
      const state = this.#migrate(states[i], version, key);
      if (state === undefined) gone.add(canonicalKey(key));
      else {
        const slot = this.keys.length;
        this.#reserve(slot + 1, false);
        this.#put(slot, key, state, times?.[i]);
      }
    }
  }

  #migrate(state: unknown, version: number, key: unknown): unknown {
    return version < this.version ? migrated(this.#migration!, version, state, key) : state;
  }

  /** Fills a slot that is empty, unless the state is none. */
  #put(slot: number, key: unknown, state: unknown, time: number | undefined): void {
    if (state === undefined) return;
    // Half of the work of adding it.
    this.find(key);
    this.keys[slot] = this.index(key, slot);
    // A text from a log is a slice of the log's.
    this.states[slot] = (typeof state === 'string' ? unsliced(state) : state) as S;
    if (this.times !== undefined) this.times[slot] = time ?? UNTIMED;
    this.flags[slot] = LIVE | (this.#parity ^ WRITTEN);
    this.#unwritten++;
    this.size++;
  }

  /** Its next log has all of it, and logs before that don't count. */
  #writeWhole(): void {
    this.#isWholeNext = true;
    for (let slot = 0; slot < this.keys.length; slot++)
      if ((this.flags[slot]! & LIVE) !== 0) this.touch(slot);
  }

  #reserve(slots: number, isText: boolean): void {
    const { keys, states } = this;
    for (let slot = keys.length; slot < slots; slot++) {
      keys.push(undefined);
      states.push(undefined as never);
    }
    if (slots > this.flags.length) this.#grow(slots);
    if (isText) this.expect(slots);
  }

  /** A chunk of a log: these slots as they are now. */
  #encode(slots: readonly number[]): Uint8Array {
    const { flags, keys, states, times } = this;
    const freed: number[] = [];
    const used: number[] = [];
    const usedKeys: unknown[] = [];
    const usedStates: S[] = [];
    for (const slot of slots) {
      if ((flags[slot]! & LIVE) === 0) {
        freed.push(slot);
        flags[slot] = 0;
        continue;
      }
      used.push(slot);
      usedKeys.push(keys[slot]);
      usedStates.push(states[slot]!);
      if ((flags[slot]! & WRITTEN) !== this.#parity) this.#unwritten--;
      flags[slot] = LIVE | this.#parity;
    }
    const isWhole = this.#isWholeNext;
    this.#isWholeNext = false;
    const chunk = packChunk({
      slots: { freed: Uint32Array.from(freed), used: Uint32Array.from(used) },
      removed: [],
      keys: usedKeys,
      states: usedStates,
      times: times === undefined ? undefined : Float64Array.from(used, (slot) => times[slot]!),
      begun: this.#begun,
      isWhole,
    });
    if (chunk.length > CHUNK_BYTES) this.#chunkKeys = Math.max(1, this.#chunkKeys >> 1);
    else if (chunk.length < CHUNK_BYTES / 4 && this.#chunkKeys < CHUNK_KEYS) this.#chunkKeys <<= 1;
    return chunk;
  }

  #freeSlots(): SlotHeap {
    if (this.#free !== undefined) return this.#free;
    this.#free = new SlotHeap();
    const slots: number[] = [];
    for (let slot = 0; slot < this.keys.length; slot++)
      if ((this.flags[slot]! & LIVE) === 0) slots.push(slot);
    this.#free.fill(slots);
    return this.#free;
  }

  #grow(slots: number): void {
    const flags = new Uint8Array(slots);
    flags.set(this.flags);
    this.flags = flags;
    if (this.times === undefined) return;
    const times = new Float64Array(slots);
    times.set(this.times);
    this.times = times;
  }
}
