/**
 * The panes of a keyed window, as a cell of state: keys in slots, and the last panes in a ring. What a window makes of
 * them (`two-stacks.ts`, `running-totals.ts`, `group-operator.ts`) is told of each pane that comes and goes.
 *
 * Used within one task, by its thread only.
 *
 * I1  A pane's entries are written to the log once, soon after it was made, and again when it is their turn in a
 *     rewrite. What was written stands for what it was behind pane `at`: two-stacks.ts tells raw values from sums by it.
 * I2  A key has a slot while a pane has an entry of it, or while it is pinned; or its entry is in the open batch.
 * I3  Records of the open batch wait as they came until the batch ends, so it can be dropped.
 */
import { unpackColumns } from '../../actors/codec.ts';
import type { StateCell } from '../state/cell.ts';
import { ChangedKeys, type KeysLog } from './changed-keys.ts';
import type { WindowGrid } from './grid.ts';
import { KeySlots } from './key-slots.ts';
import { type OpenLog, OpenPairs } from './open-pairs.ts';
import { grown, Pane } from './pane.ts';
import { joinPieces, type Piece, pieceOf } from './pieces.ts';

type Reduce = (a: unknown, b: unknown) => unknown;

/** What the window makes of its panes. It is told in order. */
export interface PaneUser {
  /** A key has got a slot. */
  keyAdded(slot: number): void;
  /** A pane is complete. Asked for each number, also where the pane is empty. */
  paneClosed(number: number, pane: Pane | undefined): void;
  /** What must be written of keys beside the panes. */
  keyLog?: KeyLog;
  /** Panes and keys are there again: what is made of them has to be. `atOf` says behind which pane an entry was written. */
  restored(entries: RestoredEntries): void;
}

/** A column by slot that is logged along with keys. */
export interface KeyLog {
  /** Slots that have changed since the last log. */
  readonly changed: number;
  changes(): unknown;
  /** The values of the slots from `from` to before `to`. */
  rewrite(from: number, to: number): unknown;
  apply(log: unknown): void;
}

/** By pane number, entry by entry: the last pane that was closed when the entry was written. */
export type RestoredEntries = ReadonlyMap<number, Float64Array>;

interface Log extends KeysLog, OpenLog {
  readonly panes?: readonly Piece[];
  readonly user?: unknown;
  readonly closed: number;
  readonly evicted: number;
}

const NONE = -1;
/** Hand-overs that a round of rewriting may take, as task-state.ts has it, and entries that are never too many for one. */
const ROUND = 64;
const LEAST_RATE = 8192;
const NO_ENTRIES: Int32Array = new Int32Array(0);

export class KeyedPanes implements StateCell {
  readonly grid: WindowGrid;
  readonly keys: KeySlots = new KeySlots();
  /** The last pane that is complete; -1: none. */
  closed: number = NONE;
  /** The last pane that has left. */
  #evicted: number = NONE;
  readonly #user: PaneUser;
  readonly #ring: (Pane | undefined)[];
  /** By slot: entries in panes. */
  #uses: Int32Array = new Int32Array(64);
  /** By slot: the entry in the open pane, from 1; 0: none. */
  #openAt: Int32Array = new Int32Array(64);
  #open: Pane | undefined = undefined;
  #entries = 0;
  /** Entries that came since the last log, and before it. */
  #fresh = 0;
  #wasFresh = 0;
  readonly #waiting: OpenPairs = new OpenPairs();
  readonly #changedKeys: ChangedKeys;
  #rewriting: { slot: number; readonly slots: number; pane: number; at: number } | undefined =
    undefined;
  /** While logs are applied. */
  #restoring: Restoring | undefined = undefined;

  constructor(grid: WindowGrid, user: (panes: KeyedPanes) => PaneUser) {
    this.grid = grid;
    this.#changedKeys = new ChangedKeys(this.keys);
    // Those of a window, those that wait for the next firing to leave it, and the open one.
    this.#ring = Array.from({ length: grid.panes + grid.panesASlide + 1 }, () => undefined);
    this.#user = user(this);
  }

  // ── What comes ────────────────────────────────────────────────────────────────────────────────

  /** Takes pairs of the open batch. */
  take(keys: readonly unknown[], values: readonly unknown[]): void {
    this.#waiting.add({ keys, values });
  }

  drop(): void {
    this.#waiting.take();
  }

  /**
   * The batch ends in pane `number`: what waited is merged into it, pair by pair, by `reduce`.
   * @param blame throws the error of what `reduce` or a key threw
   */
  endBatch(number: number, reduce: Reduce, blame: (error: unknown, key: unknown) => never): void {
    this.ready();
    if (this.closed === NONE) this.closed = number - 1;
    if (number - 1 > this.closed) this.close(number - 1);
    const waiting = this.#waiting.take();
    if (waiting.length === 0 || !this.grid.isTaken(number)) return;
    const pane = (this.#open ??= this.#put(new Pane(number)));
    for (const { keys, values } of waiting) this.#merge(pane, keys, values, reduce, blame);
  }

  /** All panes up to `number` are complete. */
  close(number: number): void {
    this.ready();
    if (this.closed === NONE) this.closed = number - 1;
    // After a long time without batches, all that could leave has left after one turn of the ring.
    const last = Math.min(number, this.closed + this.#ring.length);
    for (let n = this.closed + 1; n <= last; n++) this.#close(n);
    if (last < number) this.#close(number);
  }

  /** The pane of that number, if it has an entry. */
  pane(number: number): Pane | undefined {
    const pane = this.#ring[number % this.#ring.length];
    return pane?.number === number ? pane : undefined;
  }

  /** A pane's place in the ring, and the pane at a place. */
  placeOf(number: number): number {
    return number % this.#ring.length;
  }

  paneIn(place: number): Pane {
    return this.#ring[place]!;
  }

  /** The pane leaves for good, and with it the keys that are in no other and that `pinned` (by slot, 1) doesn't hold. */
  evict(number: number, pinned?: Uint8Array): void {
    const pane = this.pane(number);
    if (number > this.#evicted) this.#evicted = number;
    if (pane === undefined) return;
    this.#ring[this.placeOf(number)] = undefined;
    this.#entries -= pane.count;
    const uses = this.#uses;
    const { slots, count } = pane;
    for (let i = 0; i < count; i++) {
      const slot = slots[i]!;
      if (--uses[slot]! === 0 && (pinned === undefined || pinned[slot] === 0)) this.#release(slot);
    }
  }

  /** A key isn't pinned any more. */
  unpinned(slot: number): void {
    if (this.#uses[slot] === 0) this.#release(slot);
  }

  #merge(
    pane: Pane,
    keys: readonly unknown[],
    values: readonly unknown[],
    reduce: Reduce,
    blame: (error: unknown, key: unknown) => never,
  ): void {
    const table = this.keys;
    let i = 0;
    try {
      for (; i < keys.length; i++) {
        let slot = table.find(keys[i]);
        if (slot < 0) slot = this.#add(keys[i]);
        const at = this.#openAt[slot]!;
        if (at === 0) {
          pane.add(slot, values[i]);
          this.#openAt[slot] = pane.count;
          this.#uses[slot]!++;
          this.#entries++;
          this.#fresh++;
        } else {
          pane.values[at - 1] = reduce(pane.values[at - 1], values[i]);
          if (at <= pane.logged) pane.changed.push(at - 1);
        }
      }
    } catch (error) {
      blame(error, keys[i]);
    }
  }

  #put(pane: Pane): Pane {
    this.#ring[this.placeOf(pane.number)] = pane;
    return pane;
  }

  #close(number: number): void {
    const pane = this.#open?.number === number ? this.#open : undefined;
    if (pane !== undefined) {
      this.#open = undefined;
      for (let i = 0; i < pane.count; i++) this.#openAt[pane.slots[i]!] = 0;
    }
    this.closed = number;
    this.#user.paneClosed(number, pane);
  }

  #add(key: unknown): number {
    const slot = this.keys.add(key);
    if (slot >= this.#uses.length) this.#grow(slot);
    this.#changedKeys.note(slot);
    this.#user.keyAdded(slot);
    return slot;
  }

  #release(slot: number): void {
    this.keys.release(slot);
    this.#changedKeys.note(slot);
  }

  #grow(slot: number): void {
    const size = Math.max(slot + 1, this.#uses.length * 2);
    this.#uses = grown(this.#uses, size);
    this.#openAt = grown(this.#openAt, size);
  }

  // ── The cell ──────────────────────────────────────────────────────────────────────────────────

  /**
   * Entries and keys; but no more than would be rewritten at about the rate at which entries come. Those that are not
   * leave by themselves, so a hand-over needn't cost more the longer the window is.
   */
  get size(): number {
    return Math.min(this.#entries + this.keys.size, ROUND * Math.max(this.#wasFresh, LEAST_RATE));
  }

  get changed(): number {
    return this.#fresh + (this.#user.keyLog?.changed ?? 0);
  }

  changes(): unknown {
    this.ready();
    this.#wasFresh = this.#fresh;
    this.#fresh = 0;
    const panes: Piece[] = [];
    for (const pane of this.#ring) {
      if (pane === undefined || (pane.logged === pane.count && pane.changed.length === 0)) continue;
      if (pane.changed.length > 0) panes.push(pieceOf(pane, pane.changed, this.closed));
      if (pane.logged < pane.count)
        panes.push(pieceOf(pane, { from: pane.logged, to: pane.count }, this.closed));
      pane.logged = pane.count;
      pane.changed = [];
    }
    const open = this.#waiting.log();
    const keys = this.#changedKeys.log();
    const user = this.#user.keyLog?.changes();
    if (panes.length === 0 && open === undefined && keys === undefined && user === undefined)
      return undefined;
    const log: Log = {
      ...keys,
      ...open,
      ...(panes.length > 0 ? { panes } : {}),
      ...(user === undefined ? {} : { user }),
      closed: this.closed,
      evicted: this.#evicted,
    };
    return log;
  }

  /** Keys by slot first, then panes from the newest to the oldest, most of which will have left by then. */
  rewrite(entries: number): { readonly log: unknown; readonly round: boolean } {
    this.ready();
    // A round that begins amid a batch would pass over pairs that a log has, and that no pane has yet.
    if (this.#rewriting === undefined && this.#waiting.isLogged)
      return { log: undefined, round: false };
    let left = Math.max(1, entries);
    const state = (this.#rewriting ??= {
      slot: 0,
      slots: this.keys.keys.length,
      pane: this.#open?.number ?? this.closed,
      at: 0,
    });
    const log: { -readonly [K in keyof Log]: Log[K] } = {
      closed: this.closed,
      evicted: this.#evicted,
    };
    if (state.slot < state.slots) {
      const to = Math.min(state.slots, state.slot + left);
      log.keys = this.#changedKeys.between(state.slot, to);
      const user = this.#user.keyLog?.rewrite(state.slot, to);
      if (user !== undefined) log.user = user;
      left -= to - state.slot;
      state.slot = to;
    }
    const oldest = this.#evicted;
    const panes: Piece[] = [];
    while (left > 0 && state.pane > oldest && state.pane >= 0) {
      const pane = this.pane(state.pane);
      if (pane !== undefined && state.at < pane.count) {
        const to = Math.min(pane.count, state.at + left);
        panes.push(pieceOf(pane, { from: state.at, to }, this.closed));
        left -= to - state.at;
        state.at = to;
        if (to < pane.count) break;
      }
      state.pane--;
      state.at = 0;
    }
    if (panes.length > 0) log.panes = panes;
    const round = state.slot >= state.slots && (state.pane <= oldest || state.pane < 0);
    if (round) this.#rewriting = undefined;
    return { log, round };
  }

  apply(given: unknown): void {
    const log = given as Log;
    const restoring = (this.#restoring ??= { keys: [], pieces: new Map() });
    if (log.keys !== undefined) {
      const { keys, values } = unpackColumns(log.keys);
      for (let i = 0; i < keys.length; i++) restoring.keys[values[i] as number] = keys[i];
    }
    for (const slot of log.free ?? NO_ENTRIES) restoring.keys[slot] = undefined;
    for (const piece of log.panes ?? []) {
      const pieces = restoring.pieces.get(piece.pane);
      if (pieces === undefined) restoring.pieces.set(piece.pane, [piece]);
      else pieces.push(piece);
    }
    if (log.user !== undefined) this.#user.keyLog?.apply(log.user);
    this.#waiting.apply(log);
    this.closed = log.closed;
    this.#evicted = log.evicted;
  }

  /** Makes what was applied usable; must have been called before anything is read. */
  ready(): void {
    const restoring = this.#restoring;
    if (restoring === undefined) return;
    this.#restoring = undefined;
    const keys = Array.from(restoring.keys);
    this.keys.restore(keys);
    this.#grow(keys.length);
    const entries = new Map<number, Float64Array>();
    for (const [number, pieces] of [...restoring.pieces].sort(([a], [b]) => a - b)) {
      if (number <= this.#evicted) continue;
      const { pane, at } = joinPieces(number, pieces, keys.length);
      this.#put(pane);
      entries.set(number, at);
      this.#entries += pane.count;
      for (let i = 0; i < pane.count; i++) {
        const slot = pane.slots[i]!;
        this.#uses[slot]!++;
        if (number > this.closed) this.#openAt[slot] = i + 1;
      }
      if (number > this.closed) this.#open = pane;
    }
    for (let slot = 0; slot < keys.length; slot++)
      if (keys[slot] !== undefined) this.#user.keyAdded(slot);
    this.#user.restored(entries);
  }
}

interface Restoring {
  /** By slot. */
  readonly keys: unknown[];
  readonly pieces: Map<number, Piece[]>;
}
