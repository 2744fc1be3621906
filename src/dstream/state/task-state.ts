/**
 * All that a task hands over: its cells as logs, and a small volatile section that the newest part replaces.
 *
 *   part = u32 length of the head, head, logs
 *   head = [volatile section, [cell, length of each piece, whether it was packed here] of each log]
 *
 * Each hand-over appends a part with what has changed, and writes again about as much of what has not. When every cell
 * has written all it has since some part, the parts before that one are let go (`HandOver.drop`). What is kept is thus
 * about twice to three times the state, in no more than some 130 parts, and no hand-over writes everything.
 *
 * Used by its task's thread only.
 *
 * I1  `restore` with the parts that are kept gives each cell as it was at the newest of them.
 * I2  A part is dropped only when each cell has ended a round that began behind it.
 */
import { packValue, unpackValue } from '../../actors/codec.ts';
import { roomFor } from '../../actors/hand-over-file.ts';
import type { HandOver } from '../../actors/task.ts';
import { MillraceError, millraceError } from '../../errors.ts';
import type { StateCell } from './cell.ts';

/** A round takes so many hand-overs at most. */
const ROUND_PARTS = 64;
/** Entries that are rewritten at least. */
const LEAST_ENTRIES = 256;
const NOTHING: Uint8Array = new Uint8Array(0);

type Head = readonly [unknown, readonly (readonly [string, readonly number[], boolean])[]];

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
  /** Number of the oldest part that is kept, and of the next one. */
  #first = 0;
  #next = 0;
  #hadVolatile = false;

  constructor(cells: Readonly<Record<string, StateCell>>) {
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
    const logs: { readonly name: string; readonly log: unknown }[] = [];
    const budgets = this.#members.map(({ cell, name }) => {
      const changed = cell.changed ?? 0;
      const log = named(name, () => cell.changes());
      if (log !== undefined) logs.push({ name, log });
      return Math.max(changed, Math.ceil(cell.size / ROUND_PARTS), LEAST_ENTRIES);
    });
    if (logs.length === 0 && volatile === undefined && !this.#hadVolatile)
      return this.#next === this.#first ? undefined : { mode: 'keep', bytes: NOTHING };
    const part = this.#next++;
    let needed = part;
    this.#members.forEach((member, m) => {
      const { log, round } = named(member.name, () => member.cell.rewrite(budgets[m]!));
      if (log !== undefined) logs.push({ name: member.name, log });
      if (round) {
        member.needs = member.roundEnd + 1;
        member.roundEnd = part;
      }
      needed = Math.min(needed, member.needs);
    });
    const drop = needed - this.#first;
    this.#first = needed;
    this.#hadVolatile = volatile !== undefined;
    return { mode: 'append', bytes: framed(volatile, logs), ...(drop === 0 ? {} : { drop }) };
  }

  /** Takes what hand-overs gave, oldest first; gives the volatile section of the newest. */
  restore(parts: readonly Uint8Array[]): unknown {
    const cells = new Map(this.#members.map(({ name, cell }) => [name, cell]));
    let volatile: unknown;
    for (const part of parts) {
      const headBytes = new DataView(part.buffer, part.byteOffset).getUint32(0, true);
      const [section, logs] = unpackValue(part.subarray(4, 4 + headBytes)) as Head;
      volatile = section;
      let at = 4 + headBytes;
      for (const [name, lengths, isPacked] of logs) {
        const pieces = lengths.map((length) => part.subarray(at, (at += length)));
        const cell = cells.get(name);
        if (cell === undefined)
          throw new TypeError(`a hand-over has ${name}, which its task has not`);
        cell.apply(isPacked ? unpackValue(pieces[0]!) : pieces);
      }
    }
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

/** A log that is a list of bytes goes as it is; anything else is packed. */
function framed(
  volatile: unknown,
  logs: readonly { readonly name: string; readonly log: unknown }[],
): Uint8Array {
  const pieces: Uint8Array[] = [];
  const entries = logs.map(({ name, log }) => {
    const isBytes = Array.isArray(log) && log.every((one) => one instanceof Uint8Array);
    const own = isBytes ? (log as Uint8Array[]) : [named(name, () => packValue(log))];
    pieces.push(...own);
    return [name, own.map(({ length }) => length), !isBytes] as const;
  });
  const head = packValue([volatile, entries] satisfies Head);
  const bytes = roomFor(pieces.reduce((sum, { length }) => sum + length, 4 + head.length));
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, head.length, true);
  bytes.set(head, 4);
  let at = 4 + head.length;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Says whose state it is that can't be encoded. */
function named<T>(name: string, encode: () => T): T {
  try {
    return encode();
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'ERR_MILLRACE_NOT_ENCODABLE')
      throw error;
    const why = error.cause instanceof Error ? error.cause.message : String(error.cause);
    const operator = name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : name;
    throw millraceError(
      'ERR_MILLRACE_NOT_ENCODABLE',
      `the state of ${operator} can not be stored: ${why}. State is made of plain values, arrays, objects, Map, Set, Date, BigInt and typed arrays`,
      { context: { operator }, cause: error },
    );
  }
}
