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
/** Entries that are rewritten in one slice. */
const SLICE_ENTRIES = 4096;
const NOTHING: Uint8Array = new Uint8Array(0);

interface Member {
  readonly name: string;
  readonly cell: StateCell;
  /** The part in which its last round ended; -1: none. */
  roundEnd: number;
  /** The oldest part that it needs. */
  needs: number;
}

/** What is to be done for a member at the hand-over that is being prepared. */
interface Work {
  readonly member: Member;
  /** What has changed is in a log. */
  isTaken: boolean;
  /** Entries that are to be written again. */
  left: number;
  /** That ended a round. */
  round: boolean;
}

interface Opened {
  readonly works: readonly Work[];
  readonly logs: CellLog[];
}

export class TaskState {
  readonly #members: readonly Member[];
  readonly #shape: string;
  /** Number of the oldest part that is kept, and of the next one. */
  #first = 0;
  #next = 0;
  #hadVolatile = false;
  /** A hand-over that has begun. */
  #open: Opened | undefined;

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
    this.#open ??= this.#begin();
    return this.#takeChanges(this.#open) && this.#rewriteSlice(this.#open);
  }

  /** What is new since the last hand-over; undefined when the task needs nothing at all. */
  handOver(volatile: unknown): HandOver | undefined {
    const open = (this.#open ??= this.#begin());
    this.#open = undefined;
    while (!this.#takeChanges(open));
    if (open.logs.length === 0 && volatile === undefined && !this.#hadVolatile)
      return this.#next === this.#first ? undefined : { mode: 'keep', bytes: NOTHING };
    const part = this.#next++;
    let needed = part;
    for (const work of open.works) {
      while (work.left > 0) this.#rewrite(work, open);
      const { member } = work;
      if (work.round) {
        member.needs = member.roundEnd + 1;
        member.roundEnd = part;
      }
      needed = Math.min(needed, member.needs);
    }
    const drop = needed - this.#first;
    this.#first = needed;
    this.#hadVolatile = volatile !== undefined;
    const bytes = writePart(volatile, this.#shape, open.logs, named);
    return { mode: 'append', bytes, ...(drop === 0 ? {} : { drop }) };
  }

  #begin(): Opened {
    return { works: this.#members.map(workOf), logs: [] };
  }

  /** False: some more slices. */
  #takeChanges({ works, logs }: Opened): boolean {
    for (const work of works) {
      if (work.isTaken) continue;
      const { name, cell } = work.member;
      if (cell.prepare !== undefined && !named(name, () => cell.prepare!())) return false;
      work.isTaken = true;
      const log = named(name, () => cell.changes());
      if (log !== undefined) logs.push({ name, log, version: versionOf(cell) });
    }
    return true;
  }

  /** Writes some entries again; false when there are more. Cells that write little at once do so in the end. */
  #rewriteSlice(open: Opened): boolean {
    // Without any change there may be nothing to hand over.
    if (open.logs.length === 0) return true;
    const work = open.works.find(
      ({ left, member }) => left > 0 && member.cell.prepare !== undefined,
    );
    if (work === undefined) return true;
    this.#rewrite(work, open);
    return false;
  }

  #rewrite(work: Work, { logs }: Opened): void {
    const { name, cell } = work.member;
    const entries = cell.prepare === undefined ? work.left : Math.min(work.left, SLICE_ENTRIES);
    const { log, round } = named(name, () => cell.rewrite(entries));
    if (log !== undefined) logs.push({ name, log, version: versionOf(cell) });
    work.left = round ? 0 : work.left - entries;
    work.round = round;
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

function workOf(member: Member): Work {
  const { changed = 0, size } = member.cell;
  const left = Math.max(changed, Math.ceil(size / ROUND_PARTS), LEAST_ENTRIES);
  return { member, isTaken: false, left, round: false };
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
