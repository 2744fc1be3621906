/**
 * What one hand-over of a task is, as bytes: logs of cells by name, and a small volatile section.
 *
 *   part = u32 length of the head, head, logs
 *   head = [volatile section, [cell, length of each piece, whether it was packed here, version] of each log, shape]
 *
 * A cell is called `uid[partition]/name`. Any thread.
 */
import { packValue, unpackValue } from '../../actors/codec.ts';
import { roomFor } from '../../actors/hand-over-file.ts';

type LogHead = readonly [
  name: string,
  lengths: readonly number[],
  isPacked: boolean,
  version?: number,
];
type Head = readonly [volatile: unknown, logs: readonly LogHead[], shape?: string];

/** What a cell has written. */
export interface CellLog {
  readonly name: string;
  /** Plain data for the codec, or a list of `Uint8Array`, which goes as it is. */
  readonly log: unknown;
  /** Of the shape of its entries. */
  readonly version: number;
}

/** A log as it is read. */
export interface StoredLog {
  readonly name: string;
  readonly version: number;
  /** Bytes of it. */
  readonly bytes: number;
  readonly log: () => unknown;
}

export interface Part {
  readonly volatile: unknown;
  /** Of the task that wrote it: what its volatile section means depends on that. */
  readonly shape: string;
  readonly logs: readonly StoredLog[];
}

/** @param packing wraps what may throw because a value has no form as bytes */
export function writePart(
  volatile: unknown,
  shape: string,
  logs: readonly CellLog[],
  packing: <T>(name: string, pack: () => T) => T,
): Uint8Array {
  const pieces: Uint8Array[] = [];
  const heads = logs.map(({ name, log, version }): LogHead => {
    const isBytes = Array.isArray(log) && log.every((one) => one instanceof Uint8Array);
    const own = isBytes ? (log as Uint8Array[]) : [packing(name, () => packValue(log))];
    for (const piece of own) pieces.push(piece);
    return [name, own.map(({ length }) => length), !isBytes, version];
  });
  const head = packValue([volatile, heads, shape] satisfies Head);
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

/** Undefined for an empty part: a task had something to publish and no state. */
export function readPart(part: Uint8Array): Part | undefined {
  if (part.length === 0) return undefined;
  const headBytes = new DataView(part.buffer, part.byteOffset).getUint32(0, true);
  const [volatile, heads, shape = ''] = unpackValue(part.subarray(4, 4 + headBytes)) as Head;
  let at = 4 + headBytes;
  const logs = heads.map(([name, lengths, isPacked, version = 1]): StoredLog => {
    const from = at;
    const pieces = lengths.map((length) => part.subarray(at, (at += length)));
    return {
      name,
      version,
      bytes: at - from,
      log: () => (isPacked ? unpackValue(pieces[0]!) : pieces),
    };
  });
  return { volatile, shape, logs };
}

/** The state that a cell belongs to: `uid[partition]` (`stateName`). */
export function stateOf(cell: string): string {
  return cell.slice(0, cell.lastIndexOf('/'));
}

/** Names of the states that parts have something of, for those who must know before a task is made. */
export function statesIn(parts: readonly Uint8Array[]): ReadonlySet<string> {
  return new Set(
    parts.flatMap((part) => readPart(part)?.logs.map(({ name }) => stateOf(name)) ?? []),
  );
}
