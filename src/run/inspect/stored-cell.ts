/**
 * Cells of state as they lie in a checkpoint, read without the job by the very classes that wrote them. Which class a cell
 * is of follows from the operator's kind and the cell's name.
 *
 * What can only be made with the job's code (the panes of a keyed window, which are cut by its length) has its bytes
 * counted, and nothing else.
 */
import { PaneCell } from '../../dstream/event-time/pane-cell.ts';
import { SessionStore } from '../../dstream/event-time/session-store.ts';
import { TimedBuffer } from '../../dstream/event-time/timed-buffer.ts';
import { Outbox } from '../../dstream/run/outbox.ts';
import type { StateCell } from '../../dstream/state/cell.ts';
import { GatherCell } from '../../dstream/state/gather-cell.ts';
import { KeyedState, LIVE, UNTIMED } from '../../dstream/state/keyed-state.ts';
import { SnapshotCell } from '../../dstream/state/snapshot-cell.ts';
import { ValueCell } from '../../dstream/state/value-cell.ts';
import { RowPanes } from '../../dstream/windows/row-panes.ts';

/** An entry of a cell that has keys, or a cell's one value. */
export interface StoredEntry {
  readonly key?: unknown;
  readonly value: unknown;
  /** When the key was touched, in ms, where that is kept. */
  readonly touchedAt?: number;
  /** Of the shape of the value. */
  readonly version: number;
}

export interface StoredCell {
  apply(log: unknown, version: number): void;
  /** All logs were applied. */
  restored(): void;
  readonly entries: number;
  /** Undefined: what it has is not given out. */
  readonly rows?: () => Iterable<StoredEntry>;
}

/** Kind of operator to the cells of it that are states by key. */
const KEYED: Readonly<Record<string, readonly string[]>> = {
  updateStateByKey: ['keys'],
  mapWithState: ['keys'],
  dedupe: ['given'],
  broadcastJoin: ['table'],
  withBroadcast: ['table'],
  eventWindow: ['keys'],
};
const GATHERED: ReadonlySet<string> = new Set(['open', 'gathered', 'arrived']);
const VALUES: ReadonlySet<string> = new Set(['watermark', 'newest', 'active', 'lastEarly']);

/** Undefined for a cell that can't be read without the job. */
export function storedCell(kind: string, cell: string): StoredCell | undefined {
  if (KEYED[kind]?.includes(cell) === true) return new StoredKeys();
  if (cell === 'outbox') return counted(new Outbox(), (outbox) => outbox.kept.length);
  if (GATHERED.has(cell)) return counted(new GatherCell(), ({ records }) => records);
  if (VALUES.has(cell)) return new StoredValue(new ValueCell<unknown>(undefined));
  if (cell === 'state' || cell === 'timers') return storedSnapshot();
  if (kind === 'eventWindow' && (cell === 'panes' || cell === 'fresh'))
    return counted(new PaneCell(), ({ size }) => size);
  if (kind === 'eventWindow' && cell === 'sessions')
    return counted(new SessionStore(), ({ size }) => size);
  if (kind === 'intervalJoin') return counted(new TimedBuffer(1), ({ size }) => size);
  if (kind === 'window' || kind === 'remember') return counted(new RowPanes(), ({ size }) => size);
  return undefined;
}

function counted<C extends StateCell>(cell: C, entries: (cell: C) => number): StoredCell {
  return {
    apply: (log, version) => cell.apply(log, version),
    restored: () => cell.restored?.(),
    get entries() {
      return entries(cell);
    },
  };
}

/** A state whose shape is taken as it was written, whatever version that is of. */
class StoredKeys implements StoredCell {
  readonly #logs: (readonly [log: unknown, version: number])[] = [];
  #state: KeyedState<Versioned> = new KeyedState(true);

  apply(log: unknown, version: number): void {
    this.#logs.push([log, version]);
  }

  restored(): void {
    // To the state all logs are of an older version. The first step keeps what it gets and its version, the others pass
    // that on.
    const newest = Math.max(1, ...this.#logs.map(([, version]) => version));
    const steps = Object.fromEntries(
      Array.from({ length: newest }, (_, n) => [
        n + 1,
        (old: unknown) => (old instanceof Versioned ? old : new Versioned(old, n + 1)),
      ]),
    );
    const state = new KeyedState<Versioned>(true, {
      version: newest + 1,
      steps,
      blame: (error) => {
        throw error;
      },
    });
    for (const [log, version] of this.#logs) state.apply(log, version);
    state.restored();
    this.#state = state;
    this.#logs.length = 0;
  }

  get entries(): number {
    return this.#state.size;
  }

  *rows(): Generator<StoredEntry> {
    const { keys, states, flags, times } = this.#state;
    for (let slot = 0; slot < keys.length; slot++) {
      if ((flags[slot]! & LIVE) === 0) continue;
      const { state, version } = states[slot]!;
      const touchedAt = times![slot]!;
      yield {
        key: keys[slot],
        value: state,
        version,
        ...(touchedAt === UNTIMED ? {} : { touchedAt }),
      };
    }
  }
}

class Versioned {
  readonly state: unknown;
  readonly version: number;

  constructor(state: unknown, version: number) {
    this.state = state;
    this.version = version;
  }
}

class StoredValue implements StoredCell {
  readonly #cell: ValueCell<unknown>;
  #version = 1;

  constructor(cell: ValueCell<unknown>) {
    this.#cell = cell;
  }

  apply(log: unknown, version: number): void {
    this.#version = version;
    this.#cell.apply(log);
  }

  restored(): void {}

  get entries(): number {
    return this.#cell.value === undefined ? 0 : 1;
  }

  *rows(): Generator<StoredEntry> {
    if (this.#cell.value !== undefined) yield { value: this.#cell.value, version: this.#version };
  }
}

/** What a stage says as a whole. */
function storedSnapshot(): StoredCell {
  let value: unknown;
  let newest = 1;
  const cell = new SnapshotCell({
    take: () => undefined,
    give: (given) => {
      value = given;
    },
  });
  return {
    apply: (log, version) => {
      newest = version;
      cell.apply(log);
    },
    restored: () => cell.restored(),
    get entries() {
      return sizeOf(value);
    },
    *rows() {
      if (value !== undefined) yield { value, version: newest };
    },
  };
}

function sizeOf(value: unknown): number {
  if (value === undefined) return 0;
  if (value instanceof Map || value instanceof Set) return value.size;
  return Array.isArray(value) ? value.length : 1;
}
