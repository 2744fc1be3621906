/**
 * All that a task hands over: its cells as logs, and a small volatile section that the newest part replaces (part.ts).
 *
 * Each hand-over appends a part with what has changed, and writes again about as much of what has not. When every cell
 * has written all it has since some part, the parts before that one are let go (`HandOver.drop`). What is kept is thus
 * about twice to three times the state, in no more than some 130 parts, and no hand-over writes everything.
 *
 * Used by its task's thread only.
 *
 * I1  `restore` with the parts that are kept gives each cell as it was at the newest of them.
 * I2  A part is dropped only when each cell has ended a round that began behind it.
 * I3  Cells are found by name. Parts may be of several tasks of an older program, each one's in order: what of them this
 *     task has not is passed over. A volatile section is another's unless the shapes of the tasks are equal, so at a
 *     batch barrier nothing that must live lies there.
 */
import type { HandOver } from '../../actors/task.ts';
import { MillraceError, millraceError } from '../../errors.ts';
import type { StateCell } from './cell.ts';
import { type CellLog, readPart, stateOf, writePart } from './part.ts';

/** A round takes so many hand-overs at most. */
const ROUND_PARTS = 64;
/** Entries that are rewritten at least. */
const LEAST_ENTRIES = 256;
const NOTHING: Uint8Array = new Uint8Array(0);

interface Member {
  readonly name: string;
  readonly cell: StateCell;
  /** The part in which its last round ended; -1: none. */
  roundEnd: number;
  /** The oldest part that it needs. */
  needs: number;
}

export class TaskState {
  readonly #members: readonly Member[];
  readonly #shape: string;
  /** Number of the oldest part that is kept, and of the next one. */
  #first = 0;
  #next = 0;
  #hadVolatile = false;

  /** @param shape tells tasks apart whose volatile sections mean different things (`OperatorTree.shape`) */
  constructor(cells: Readonly<Record<string, StateCell>>, shape = '') {
    this.#shape = shape;
    this.#members = Object.entries(cells).map(([name, cell]) => ({
      name,
      cell,
      roundEnd: -1,
      needs: 0,
    }));
  }

  /**
   * Encodes a slice of what is to be handed over; true when the rest is small. No user code may run between a call and
   * the hand-over.
   */
  prepare(): boolean {
    return this.#members.every(({ cell, name }) =>
      named(name, () => cell.prepare === undefined || cell.prepare()),
    );
  }

  /** What is new since the last hand-over; undefined when the task needs nothing at all. */
  handOver(volatile: unknown): HandOver | undefined {
    const logs: CellLog[] = [];
    const budgets = this.#members.map(({ cell, name }) => {
      const changed = cell.changed ?? 0;
      const log = named(name, () => cell.changes());
      if (log !== undefined) logs.push({ name, log, version: versionOf(cell) });
      return Math.max(changed, Math.ceil(cell.size / ROUND_PARTS), LEAST_ENTRIES);
    });
    if (logs.length === 0 && volatile === undefined && !this.#hadVolatile)
      return this.#next === this.#first ? undefined : { mode: 'keep', bytes: NOTHING };
    const part = this.#next++;
    let needed = part;
    this.#members.forEach((member, m) => {
      const { log, round } = named(member.name, () => member.cell.rewrite(budgets[m]!));
      if (log !== undefined) logs.push({ name: member.name, log, version: versionOf(member.cell) });
      if (round) {
        member.needs = member.roundEnd + 1;
        member.roundEnd = part;
      }
      needed = Math.min(needed, member.needs);
    });
    const drop = needed - this.#first;
    this.#first = needed;
    this.#hadVolatile = volatile !== undefined;
    const bytes = writePart(volatile, this.#shape, logs, named);
    return { mode: 'append', bytes, ...(drop === 0 ? {} : { drop }) };
  }

  /** Takes what hand-overs gave, oldest first; gives the volatile section of the newest, if it is of such a task. */
  restore(parts: readonly Uint8Array[]): unknown {
    const cells = new Map(this.#members.map(({ name, cell }) => [name, cell]));
    let volatile: unknown;
    for (const bytes of parts) {
      const part = readPart(bytes);
      if (part === undefined) continue;
      volatile = part.shape === this.#shape ? part.volatile : undefined;
      for (const { name, version, log } of part.logs) {
        const cell = cells.get(name);
        if (cell === undefined) continue;
        if (version > versionOf(cell)) throw tooNew(name, version, versionOf(cell));
        cell.apply(log(), version);
      }
    }
    for (const { cell } of this.#members) cell.restored?.();
    this.#first = 0;
    this.#next = parts.length;
    this.#hadVolatile = volatile !== undefined;
    for (const member of this.#members) {
      member.roundEnd = parts.length - 1;
      member.needs = 0;
    }
    return volatile;
  }
}

function versionOf(cell: StateCell): number {
  return cell.version ?? 1;
}

function tooNew(name: string, stored: number, version: number): MillraceError {
  const operator = stateOf(name);
  return millraceError(
    'ERR_MILLRACE_STATE_VERSION',
    `the state of ${operator} is of version ${stored}, which is newer than the program's ${version}. Start the newer program`,
    { context: { operator, stored, version } },
  );
}

/** Says whose state it is that can't be encoded. */
function named<T>(name: string, encode: () => T): T {
  try {
    return encode();
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'ERR_MILLRACE_NOT_ENCODABLE')
      throw error;
    const why = error.cause instanceof Error ? error.cause.message : String(error.cause);
    const operator = name.includes('/') ? stateOf(name) : name;
    throw millraceError(
      'ERR_MILLRACE_NOT_ENCODABLE',
      `the state of ${operator} can not be stored: ${why}. State is made of plain values, arrays, objects, Map, Set, Date, BigInt and typed arrays`,
      { context: { operator }, cause: error },
    );
  }
}
