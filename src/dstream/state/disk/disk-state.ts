/**
 * State by key in tables on disk: what `KeyedState` is in memory, for more keys than fit there. What it holds in memory is
 * what the open batch has touched, a few thousand entries at most, and what is to be handed over.
 *
 *   states   bytes of a key ─▶ key, state, time          times   time, bytes of a key ─▶ nothing, if times are kept
 *
 * What is written goes into chunks for the next hand-over in the same moment. Used by its task's thread only.
 *
 * I1  Keys lie in the order of their bytes: what comes of a pass over all is the same after a recovery.
 * I2  Of each key the newest chunk that names it counts. So nothing is read that is written over later.
 * I3  A round ends when a cursor has gone through all keys: what changed behind it is in what `changes` gave.
 */
import { packValue, unpackValue } from '../../../actors/codec.ts';
import { canonicalKey } from '../../keys/canonical.ts';
import type { StateCell } from '../cell.ts';
import { type Chunk, packChunk, unpackChunk } from '../chunk.ts';
import { type Migration, migrated } from '../migration.ts';
import { UNTIMED } from '../keyed-state.ts';
import { keyBytes, keyOfTime, timeKey } from './key-bytes.ts';
import type { Entry, Table, Tables } from './tables.ts';

/** Entries that are read, or written, at once. */
const PAGE_ENTRIES = 2048;
const NOTHING: Uint8Array = Uint8Array.of(0);
/** In place of a key that went, while a state is read back. No packed value begins so. */
const TOMBSTONE: Uint8Array = Uint8Array.of(0xc1);

type Stored<S> = readonly [key: unknown, state: S, time: number];

/** A key and its state, as the open batch sees it. */
export interface Held<S> {
  readonly key: unknown;
  /** Undefined: it has none. */
  state: S | undefined;
  /** When it was touched, in ms. */
  time: number;
  readonly at: Uint8Array;
  /** In the table: its bytes and its time. */
  readonly stored: Uint8Array | undefined;
  readonly storedTime: number;
  isChanged: boolean;
}

export class DiskState<S> implements StateCell {
  readonly version: number;
  readonly #tables: Tables;
  readonly #states: Table;
  /** Undefined: times are not kept. */
  readonly #times: Table | undefined;
  readonly #migration: Migration | undefined;
  #size = 0;
  #begun = false;
  #begunIsNew = false;
  /** What the open batch has touched, by canonical form. */
  readonly #held = new Map<string, Held<S>>();
  /** Chunks for the next hand-over, and entries in them. */
  #ready: Uint8Array[] = [];
  #readyEntries = 0;
  /** What a restore gave so far, with its version. */
  #applied: (readonly [chunk: Uint8Array, version: number])[] = [];
  /** All is to be written once, since older logs are of the other form: the last key that was. */
  #whole: { behind: Uint8Array | undefined } | undefined;
  #isWholeNext = false;
  #cursor: Uint8Array | undefined;

  constructor(tables: Tables, keepsTimes: boolean, migration?: Migration) {
    this.#tables = tables;
    this.#states = tables.table('states');
    this.#times = keepsTimes ? tables.table('times') : undefined;
    this.#migration = migration;
    this.version = migration?.version ?? 1;
  }

  get size(): number {
    return this.#size;
  }

  get begun(): boolean {
    return this.#begun;
  }

  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#begunIsNew = true;
  }

  /** What is known of a key; throws `BadKey` for what is none. Good until `flush`. */
  find(key: unknown): Held<S> {
    const name = canonicalKey(key);
    const known = this.#held.get(name);
    if (known !== undefined) return known;
    const at = keyBytes(name);
    const stored = this.#states.get(at);
    const held =
      stored === undefined
        ? heldOf<S>(key === 0 ? 0 : key, at)
        : this.#heldOf({ key: at, value: stored });
    this.#held.set(name, held);
    return held;
  }

  set(held: Held<S>, state: S, time: number): void {
    held.state = state;
    held.time = time;
    held.isChanged = true;
  }

  remove(held: Held<S>): void {
    held.state = undefined;
    held.isChanged = true;
  }

  /** Writes what has changed if that is much. To be called now and then in a batch. */
  tidy(): void {
    if (this.#held.size >= PAGE_ENTRIES) this.flush();
  }

  /** Writes what has changed. */
  flush(): void {
    const changed = [...this.#held.values()].filter(({ isChanged }) => isChanged);
    this.#held.clear();
    this.#write(changed);
  }

  /** All that have a state, in order. What is changed of a page is written before the next one is read. */
  *pages(): Generator<readonly Held<S>[]> {
    this.flush();
    let behind: Uint8Array | undefined;
    for (;;) {
      const entries = this.#states.page(behind, PAGE_ENTRIES);
      if (entries.length === 0) return;
      const page = entries.map((entry) => this.#heldOf(entry));
      behind = entries.at(-1)!.key;
      yield page;
      this.#write(page.filter(({ isChanged }) => isChanged));
      if (entries.length < PAGE_ENTRIES) return;
    }
  }

  /** Some keys that were last touched before that time, the oldest first; empty: there are none left. */
  idle(before: number): readonly Held<S>[] {
    const entries = this.#times!.page(undefined, PAGE_ENTRIES);
    return entries.flatMap(({ key }) => {
      const [time, at] = keyOfTime(key);
      if (time >= before) return [];
      return [this.#heldOf({ key: at, value: this.#states.get(at)! })];
    });
  }

  /** Writes what was changed of entries that are no part of the open batch. */
  store(entries: readonly Held<S>[]): void {
    this.#write(entries.filter(({ isChanged }) => isChanged));
  }

  // ── The cell ──────────────────────────────────────────────────────────────────────────────────

  get changed(): number {
    return this.#readyEntries + (this.#begunIsNew ? 1 : 0);
  }

  prepare(): boolean {
    this.flush();
    const whole = this.#whole;
    if (whole === undefined) return true;
    const entries = this.#states.page(whole.behind, PAGE_ENTRIES);
    if (entries.length > 0) {
      this.#ready.push(this.#pack(entries));
      whole.behind = entries.at(-1)!.key;
    }
    if (entries.length === PAGE_ENTRIES) return false;
    this.#whole = undefined;
    return true;
  }

  changes(): readonly Uint8Array[] | undefined {
    this.flush();
    while (!this.prepare());
    if (this.#ready.length === 0 && (this.#begunIsNew || this.#isWholeNext))
      this.#ready.push(this.#chunk([], []));
    const chunks = this.#ready;
    this.#begunIsNew = false;
    this.#ready = [];
    this.#readyEntries = 0;
    return chunks.length === 0 ? undefined : chunks;
  }

  rewrite(entries: number): {
    readonly log: readonly Uint8Array[] | undefined;
    readonly round: boolean;
  } {
    const page = this.#states.page(this.#cursor, entries);
    const round = page.length < entries;
    this.#cursor = round ? undefined : page.at(-1)!.key;
    return { log: page.length === 0 ? undefined : [this.#pack(page)], round };
  }

  apply(log: unknown, version: number = this.version): void {
    for (const chunk of log as readonly Uint8Array[]) this.#applied.push([chunk, version]);
  }

  /** The newest first (I2). */
  restored(): void {
    const applied = this.#applied;
    if (applied.length === 0) return;
    this.#applied = [];
    const slots = new Set<number>();
    let isForeign = false;
    let wentAny = false;
    for (let n = applied.length - 1; n >= 0; n--) {
      const [bytes, version] = applied[n]!;
      const chunk = unpackChunk(bytes);
      if (chunk.begun) this.#begun = true;
      isForeign ||= chunk.slots !== undefined;
      this.#tables.together(() => {
        if (this.#restore(chunk, version, slots)) wentAny = true;
      });
      if (chunk.isWhole) break;
    }
    if (wentAny) this.#sweep();
    if (isForeign) {
      this.#whole = { behind: undefined };
      this.#isWholeNext = true;
    }
  }

  close(): void {
    this.#tables.close();
  }

  /** Takes of a chunk what no newer one has; whether it left tombstones. */
  #restore(chunk: Chunk, version: number, seen: Set<number>): boolean {
    const { slots, removed, keys, states, times } = chunk;
    let wentAny = false;
    const goes = (at: Uint8Array): void => {
      if (this.#states.get(at) !== undefined) return;
      this.#states.put(at, TOMBSTONE);
      wentAny = true;
    };
    for (const key of removed) goes(keyBytes(canonicalKey(key)));
    for (let i = 0; i < keys.length; i++) {
      if (slots !== undefined) {
        const slot = slots.used[i]!;
        if (seen.has(slot)) continue;
        seen.add(slot);
      }
      const key = keys[i];
      const at = keyBytes(canonicalKey(key));
      if (this.#states.get(at) !== undefined) continue;
      let state = states[i];
      if (version < this.version) state = migrated(this.#migration!, version, state, key);
      if (state === undefined) {
        goes(at);
        continue;
      }
      const time = times?.[i] ?? UNTIMED;
      this.#put(at, [key, state as S, time]);
      this.#size++;
    }
    for (const slot of slots?.freed ?? []) seen.add(slot);
    return wentAny;
  }

  /** Removes tombstones. */
  #sweep(): void {
    let behind: Uint8Array | undefined;
    for (;;) {
      const page = this.#states.page(behind, PAGE_ENTRIES);
      if (page.length === 0) return;
      this.#tables.together(() => {
        for (const { key, value } of page) if (value[0] === TOMBSTONE[0]) this.#states.remove(key);
      });
      behind = page.at(-1)!.key;
    }
  }

  #put(at: Uint8Array, stored: Stored<S>): Uint8Array {
    const bytes = packValue(stored);
    this.#states.put(at, bytes);
    this.#times?.put(timeKey(stored[2], at), NOTHING);
    return bytes;
  }

  #write(changed: readonly Held<S>[]): void {
    if (changed.length === 0) return;
    const removed: unknown[] = [];
    const kept: Held<S>[] = [];
    this.#tables.together(() => {
      for (const held of changed) {
        const { key, state, time, at, stored, storedTime } = held;
        if (stored !== undefined) this.#times?.remove(timeKey(storedTime, at));
        if (state === undefined) {
          if (stored === undefined) continue;
          this.#states.remove(at);
          this.#size--;
          removed.push(key);
        } else {
          this.#put(at, [key, state, time]);
          if (stored === undefined) this.#size++;
          kept.push(held);
        }
      }
    });
    if (removed.length + kept.length === 0 || this.#whole !== undefined) return;
    this.#readyEntries += removed.length + kept.length;
    this.#ready.push(this.#chunk(removed, kept));
  }

  #pack(entries: readonly Entry[]): Uint8Array {
    return this.#chunk(
      [],
      entries.map((entry) => this.#heldOf(entry)),
    );
  }

  #chunk(removed: readonly unknown[], kept: readonly Held<S>[]): Uint8Array {
    const isWhole = this.#isWholeNext;
    this.#isWholeNext = false;
    return packChunk({
      removed,
      keys: kept.map(({ key }) => key),
      states: kept.map(({ state }) => state),
      times: this.#times === undefined ? undefined : Float64Array.from(kept, ({ time }) => time),
      begun: this.#begun,
      isWhole,
    });
  }

  #heldOf({ key: at, value }: Entry): Held<S> {
    const [key, state, time] = unpackValue(value) as Stored<S>;
    return { key, state, time, at, stored: value, storedTime: time, isChanged: false };
  }
}

function heldOf<S>(key: unknown, at: Uint8Array): Held<S> {
  return {
    key,
    state: undefined,
    time: UNTIMED,
    at,
    stored: undefined,
    storedTime: UNTIMED,
    isChanged: false,
  };
}
